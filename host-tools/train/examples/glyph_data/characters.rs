//! Omniglot characters, redrawn to look like pen on paper in a small tile.
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

use crate::digits;
use crate::sheet::{Sheet, Tile};

/// How characters are drawn, and what is made of them.
pub struct Style {
    /// Width and height of a tile, pixels.
    side: usize,
    /// Longest side of a character's bounding box, tile pixels.
    longest: f64,
    /// Width of the pen, tile pixels.
    pen: f64,
    /// Whether the shorter side of the bounding box is drawn longer, so that its share of the longer one is the square root of what it was:
    /// wide characters get some height (Liu et al., 2000, *Aspect ratio adaptive normalization*).
    evens: bool,
    /// Whether each also makes others: mirrored, with one or two more at its right, with another one over it.
    makes_more: bool,
}

/// As digits are.
pub const LIKE_DIGITS: Style = Style { side: digits::SIDE, longest: 18.0, pen: 2.6, evens: false, makes_more: false };
/// So that strokes of characters with many of them stay apart, and with eight times as many classes to learn from, which differ by
/// finer strokes.
pub const FINE: Style = Style { side: 40, longest: 32.0, pen: 2.4, evens: true, makes_more: true };

/// Width of Omniglot's pen, pixels of its own 105 × 105 images.
const OMNIGLOT_PEN: f64 = 5.0;
/// Canvas pixels along one tile pixel.
const SCALE: usize = 4;
/// A character is written beside those that come so many after it in its alphabet.
const BESIDE: [&[usize]; 4] = [&[3], &[6], &[1, 2], &[2, 5]];
/// A character is written over those that come so many after it in its alphabet.
const OVER: [usize; 2] = [2, 7];
/// The most that evening out stretches the shorter side: by a single straight stroke it would have no end.
const STRETCH: f64 = 2.5;

/// A character with a drawing by each writer.
pub struct Character {
    name: String,
    drawings: Vec<Ink>,
}

/// The ink of a black-on-white image.
#[derive(Clone)]
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
        let after = |distance: usize| &characters[(index + distance) % characters.len()];
        for distances in BESIDE {
            let (mut name, mut drawings) = (own.name.clone(), own.drawings.clone());
            for other in distances.iter().map(|distance| after(*distance)) {
                name = format!("{name}-{}", other.name);
                drawings = both(&drawings, &other.drawings, Ink::beside);
            }
            push(&name, &drawings);
        }
        for other in OVER.map(after) {
            push(&format!("{}-over-{}", own.name, other.name), &both(&own.drawings, &other.drawings, Ink::over));
        }
    }
    Sheet { name: alphabet.into(), side: style.side, samples }
}

/// Two drawings of each writer in one.
fn both(some: &[Ink], others: &[Ink], join: impl Fn(&Ink, &Ink) -> Ink) -> Vec<Ink> {
    some.iter().zip(others).map(|(own, other)| join(own, other)).collect()
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
        let across = self.bounds[2] - other.bounds[0] + OMNIGLOT_PEN;
        let down = self.center()[1] - other.center()[1];
        let moved = other.points.iter().map(|(x, y)| (x + across, y + down));
        Self::of(self.points.iter().copied().chain(moved).collect())
    }

    /// Over another one, which is brought to its size and place.
    fn over(&self, other: &Self) -> Self {
        let (center, from) = (self.center(), other.center());
        let scale = self.longest() / other.longest();
        let moved =
            other.points.iter().map(|(x, y)| ((x - from[0]) * scale + center[0], (y - from[1]) * scale + center[1]));
        Self::of(self.points.iter().copied().chain(moved).collect())
    }

    /// Across and down.
    fn sides(&self) -> [f64; 2] {
        let [left, top, right, bottom] = self.bounds;
        [right - left, bottom - top]
    }

    fn longest(&self) -> f64 {
        let [across, down] = self.sides();
        across.max(down)
    }

    fn center(&self) -> [f64; 2] {
        let [left, top, right, bottom] = self.bounds;
        [(left + right) / 2.0, (top + bottom) / 2.0]
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
    let (center, sides, longest) = (ink.center(), ink.sides(), ink.longest());
    let even = |side: f64| if style.evens { (longest / side).sqrt().min(STRETCH) } else { 1.0 };
    let scales = sides.map(|side| style.longest * SCALE as f64 / longest * even(side));
    // The centers of a stroke's pixels span its pen less one pixel; an ellipse around each adds the rest, and at least
    // closes the gaps between pixels that the scale has pulled apart.
    let missing = |scale: f64| (style.pen * SCALE as f64 - (OMNIGLOT_PEN - 1.0) * scale) / 2.0;
    let radii = scales.map(|scale| missing(scale).max(0.75 * scale));
    let mut canvas = Canvas::new(style.side * SCALE);
    let middle = canvas.side as f64 / 2.0;
    for (x, y) in &ink.points {
        canvas.stamp([(x - center[0]) * scales[0] + middle, (y - center[1]) * scales[1] + middle], radii);
    }
    canvas.average()
}

/// Which of its square's pixels have ink.
struct Canvas {
    side: usize,
    inked: Vec<bool>,
}

impl Canvas {
    fn new(side: usize) -> Self {
        Self { side, inked: vec![false; side * side] }
    }

    /// Inks every pixel whose center is within an ellipse of these radii, across and down.
    fn stamp(&mut self, [x, y]: [f64; 2], [across, down]: [f64; 2]) {
        let range = |center: f64, radius: f64| {
            let low = (center - radius).floor().max(0.0) as usize;
            let high = ((center + radius).ceil() as usize).min(self.side);
            low..high
        };
        for row in range(y, down) {
            for column in range(x, across) {
                let distance = ((column as f64 + 0.5 - x) / across).hypot((row as f64 + 0.5 - y) / down);
                self.inked[row * self.side + column] |= distance <= 1.0;
            }
        }
    }

    /// The share of ink under each tile pixel, as gray.
    fn average(&self) -> Tile {
        let side = self.side / SCALE;
        let gray = |index: usize| {
            let (x, y) = (index % side * SCALE, index / side * SCALE);
            let fine = (0..SCALE * SCALE).map(|fine| (y + fine / SCALE) * self.side + x + fine % SCALE);
            (fine.filter(|place| self.inked[*place]).count() * 255 / (SCALE * SCALE)) as u8
        };
        (0..side * side).map(gray).collect()
    }
}
