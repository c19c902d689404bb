//! Omniglot characters, redrawn to look like pen on paper at 28 × 28.
//!
//! Omniglot's strokes are five pixels wide on 105 × 105 whatever the size of the character. Scaled to the
//! digits' size they would be thin and of varying width, and an encoder would learn the wrong pen. So each
//! character is fitted into a common box first and given a pen of one width afterwards.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use zip::ZipArchive;

use crate::sheet::{SIDE, Sheet, Tile};

/// Longest side of the character's bounding box, tile pixels.
const BOX: f64 = 18.0;
/// Width of the pen, tile pixels.
const PEN: f64 = 2.6;
/// Width of Omniglot's pen, pixels of its own 105 × 105 images.
const OMNIGLOT_PEN: f64 = 5.0;
/// Canvas pixels along one tile pixel.
const FINE: usize = 4;
/// Side of the canvas.
const CANVAS: usize = SIDE * FINE;

/// The ink of a black-on-white image.
struct Ink {
    /// Column and row of each dark pixel's center.
    points: Vec<(f64, f64)>,
    /// Left, top, right and bottom edge.
    bounds: [f64; 4],
}

/// Reads an Omniglot archive: one sheet an alphabet, characters and writers in the order of their names.
///
/// Its files are `set/Alphabet/characterNN/NNNN_WW.png`; the subject is `Alphabet/characterNN`.
pub fn read(path: &Path) -> Result<Vec<Sheet>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut archive = ZipArchive::new(BufReader::new(file))?;
    let mut names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    names.sort_unstable();
    let mut alphabets: BTreeMap<String, Sheet> = BTreeMap::new();
    for name in names.iter().filter(|name| name.ends_with(".png")) {
        let parts: Vec<&str> = name.split('/').collect();
        let &[_, alphabet, character, _] = parts.as_slice() else {
            return Err(format!("{name}: not set/Alphabet/character/file").into());
        };
        let mut bytes = Vec::new();
        archive.by_name(name)?.read_to_end(&mut bytes)?;
        let tile = draw(&ink(bytes).map_err(|error| format!("{name}: {error}"))?);
        let sheet =
            alphabets.entry(alphabet.into()).or_insert_with(|| Sheet { name: alphabet.into(), samples: Vec::new() });
        sheet.samples.push((format!("{alphabet}/{character}"), tile));
    }
    Ok(alphabets.into_values().collect())
}

/// Finds the ink of a 1-bit or 8-bit gray PNG.
fn ink(bytes: Vec<u8>) -> Result<Ink, Box<dyn Error>> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("an image too large")?];
    let frame = reader.next_frame(&mut pixels)?;
    if frame.color_type != png::ColorType::Grayscale {
        return Err("not a gray image".into());
    }
    let mut points = Vec::new();
    let mut bounds = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
    for (y, line) in pixels.chunks_exact(frame.line_size).enumerate() {
        for (x, _) in line.iter().enumerate().filter(|(_, gray)| **gray < 128) {
            let (x, y) = (x as f64, y as f64);
            points.push((x + 0.5, y + 0.5));
            let [left, top, right, bottom] = bounds;
            bounds = [left.min(x), top.min(y), right.max(x + 1.0), bottom.max(y + 1.0)];
        }
    }
    if points.is_empty() {
        return Err("no ink".into());
    }
    Ok(Ink { points, bounds })
}

/// Draws the ink with the wanted pen on the fine canvas, then averages it down to a tile.
fn draw(ink: &Ink) -> Tile {
    let [left, top, right, bottom] = ink.bounds;
    let scale = BOX * FINE as f64 / (right - left).max(bottom - top);
    let center = ((left + right) / 2.0, (top + bottom) / 2.0);
    // The centers of a stroke's pixels span its pen less one pixel; a disc around each adds the rest, and at least
    // closes the gaps between pixels that the scale has pulled apart.
    let missing = (PEN * FINE as f64 - (OMNIGLOT_PEN - 1.0) * scale) / 2.0;
    let radius = missing.max(0.75 * scale);
    let mut canvas = [false; CANVAS * CANVAS];
    for (x, y) in &ink.points {
        let middle = CANVAS as f64 / 2.0;
        let x = (x - center.0) * scale + middle;
        let y = (y - center.1) * scale + middle;
        stamp(&mut canvas, x, y, radius);
    }
    average(&canvas)
}

/// Inks every canvas pixel whose center is within `radius` of a point.
fn stamp(canvas: &mut [bool; CANVAS * CANVAS], x: f64, y: f64, radius: f64) {
    let range = |center: f64| {
        let low = (center - radius).floor().max(0.0) as usize;
        let high = ((center + radius).ceil() as usize).min(CANVAS);
        low..high
    };
    for row in range(y) {
        for column in range(x) {
            let distance = (column as f64 + 0.5 - x).hypot(row as f64 + 0.5 - y);
            canvas[row * CANVAS + column] |= distance <= radius;
        }
    }
}

/// The share of ink under each tile pixel, as gray.
fn average(canvas: &[bool; CANVAS * CANVAS]) -> Tile {
    let mut tile = [0; SIDE * SIDE];
    for (index, gray) in tile.iter_mut().enumerate() {
        let (x, y) = (index % SIDE * FINE, index / SIDE * FINE);
        let inked = (0..FINE * FINE).filter(|fine| canvas[(y + fine / FINE) * CANVAS + x + fine % FINE]).count();
        *gray = (inked * 255 / (FINE * FINE)) as u8;
    }
    tile
}
