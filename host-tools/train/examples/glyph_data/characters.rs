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

/// How characters are drawn, and what is made of them.
pub struct Style {
    /// Longest side of a character's bounding box, tile pixels.
    longest: f64,
    /// Width of the pen, tile pixels.
    pen: f64,
    /// Whether each also makes one that is mirrored, and some with another one at its right.
    makes_more: bool,
}

/// As digits are.
pub const LIKE_DIGITS: Style = Style { longest: 18.0, pen: 2.6, makes_more: false };
/// So that strokes of characters with many of them stay apart, and with four times as many classes to learn from, which differ by
/// finer strokes.
pub const FINE: Style = Style { longest: 22.0, pen: 2.0, makes_more: true };

/// Width of Omniglot's pen, pixels of its own 105 × 105 images.
const OMNIGLOT_PEN: f64 = 5.0;
/// Canvas pixels along one tile pixel.
const SCALE: usize = 4;
/// A character is paired with those that come so many after it in its alphabet.
const NEIGHBORS: [usize; 2] = [3, 6];
/// Side of the canvas.
const CANVAS: usize = SIDE * SCALE;

/// A character with a drawing by each writer.
pub struct Character {
    name: String,
    drawings: Vec<Ink>,
}

/// The ink of a black-on-white image.
struct Ink {
    /// Column and row of each dark pixel's center.
    points: Vec<(f64, f64)>,
    /// Left, top, right and bottom edge.
    bounds: [f64; 4],
}

/// The characters of each alphabet, by its name.
pub type Alphabets = BTreeMap<String, Vec<Character>>;

/// Reads an Omniglot archive, characters and writers in the order of their names.
///
/// Its files are `set/Alphabet/characterNN/NNNN_WW.png`; the subject is `Alphabet/characterNN`.
pub fn read(path: &Path) -> Result<Alphabets, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut archive = ZipArchive::new(BufReader::new(file))?;
    let mut names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    names.sort_unstable();
    let mut alphabets = Alphabets::new();
    for name in names.iter().filter(|name| name.ends_with(".png")) {
        let parts: Vec<&str> = name.split('/').collect();
        let &[_, alphabet, character, _] = parts.as_slice() else {
            return Err(format!("{name}: not set/Alphabet/character/file").into());
        };
        let mut bytes = Vec::new();
        archive.by_name(name)?.read_to_end(&mut bytes)?;
        let drawing = ink(bytes).map_err(|error| format!("{name}: {error}"))?;
        let characters = alphabets.entry(alphabet.into()).or_default();
        match characters.last_mut().filter(|last| last.name == character) {
            Some(last) => last.drawings.push(drawing),
            None => characters.push(Character { name: character.into(), drawings: vec![drawing] }),
        }
    }
    Ok(alphabets)
}

/// One sheet an alphabet.
pub fn sheets(alphabets: &Alphabets, style: &Style) -> Vec<Sheet> {
    alphabets.iter().map(|(name, characters)| sheet(name, characters, style)).collect()
}

/// An alphabet's characters, and what is made of them.
fn sheet(alphabet: &str, characters: &[Character], style: &Style) -> Sheet {
    let mut samples = Vec::new();
    let mut push = |character: &str, drawings: &[Ink]| {
        samples.extend(drawings.iter().map(|ink| (format!("{alphabet}/{character}"), draw(ink, style))));
    };
    for (index, own) in characters.iter().enumerate() {
        push(&own.name, &own.drawings);
        if !style.makes_more {
            continue;
        }
        push(&format!("{}-mirrored", own.name), &own.drawings.iter().map(Ink::mirrored).collect::<Vec<_>>());
        for distance in NEIGHBORS {
            let other = &characters[(index + distance) % characters.len()];
            let both = own.drawings.iter().zip(&other.drawings).map(|(own, other)| own.beside(other));
            push(&format!("{}-{}", own.name, other.name), &both.collect::<Vec<_>>());
        }
    }
    Sheet { name: alphabet.into(), samples }
}

impl Ink {
    /// From the centers of its dark pixels, at least one.
    fn of(points: Vec<(f64, f64)>) -> Self {
        let mut bounds = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        for (x, y) in &points {
            let [left, top, right, bottom] = bounds;
            bounds = [left.min(x - 0.5), top.min(y - 0.5), right.max(x + 0.5), bottom.max(y + 0.5)];
        }
        Self { points, bounds }
    }

    /// Left for right.
    fn mirrored(&self) -> Self {
        Self::of(self.points.iter().map(|(x, y)| (-x, *y)).collect())
    }

    /// Another one to the right of it, at the same height, a pen apart.
    fn beside(&self, other: &Self) -> Self {
        let ([_, top, right, bottom], [left, other_top, _, other_bottom]) = (self.bounds, other.bounds);
        let (across, down) = (right - left + OMNIGLOT_PEN, (top + bottom - other_top - other_bottom) / 2.0);
        let moved = other.points.iter().map(|(x, y)| (x + across, y + down));
        Self::of(self.points.iter().copied().chain(moved).collect())
    }
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
    for (y, line) in pixels.chunks_exact(frame.line_size).enumerate() {
        let dark = line.iter().enumerate().filter(|(_, gray)| **gray < 128);
        points.extend(dark.map(|(x, _)| (x as f64 + 0.5, y as f64 + 0.5)));
    }
    if points.is_empty() {
        return Err("no ink".into());
    }
    Ok(Ink::of(points))
}

/// Draws the ink with the wanted pen on the fine canvas, then averages it down to a tile.
fn draw(ink: &Ink, style: &Style) -> Tile {
    let [left, top, right, bottom] = ink.bounds;
    let scale = style.longest * SCALE as f64 / (right - left).max(bottom - top);
    let center = ((left + right) / 2.0, (top + bottom) / 2.0);
    // The centers of a stroke's pixels span its pen less one pixel; a disc around each adds the rest, and at least
    // closes the gaps between pixels that the scale has pulled apart.
    let missing = (style.pen * SCALE as f64 - (OMNIGLOT_PEN - 1.0) * scale) / 2.0;
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
        let (x, y) = (index % SIDE * SCALE, index / SIDE * SCALE);
        let inked = (0..SCALE * SCALE).filter(|fine| canvas[(y + fine / SCALE) * CANVAS + x + fine % SCALE]).count();
        *gray = (inked * 255 / (SCALE * SCALE)) as u8;
    }
    tile
}
