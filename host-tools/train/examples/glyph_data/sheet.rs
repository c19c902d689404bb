//! Sheets: many tiles in one PNG, and the CSV that says where each sample is.

use std::error::Error;
use std::fs;
use std::path::Path;

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

/// Tiles in a row of a sheet.
const COLUMNS: usize = 20;

/// Square gray pixels by rows, ink bright on black.
pub type Tile = Vec<u8>;

/// One PNG: its file stem and its samples in order, each a subject with its pixels.
pub struct Sheet {
    pub name: String,
    /// Width and height of a tile, pixels.
    pub side: usize,
    pub samples: Vec<(String, Tile)>,
}

/// Writes every sheet and `samples.csv` into `folder`; returns the bytes written.
pub fn write_set(folder: &Path, sheets: &[Sheet]) -> Result<usize, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["file", "subject", "x", "y", "width", "height"])?;
    let mut bytes = 0;
    for sheet in sheets {
        let file = format!("{}.png", sheet.name);
        let png = smallest_png(sheet)?;
        fs::write(folder.join(&file), &png)?;
        bytes += png.len();
        for (index, (subject, _)) in sheet.samples.iter().enumerate() {
            let (x, y) = corner(index, sheet.side);
            let [x, y, side] = [x, y, sheet.side].map(|value| value.to_string());
            csv.write_record([&file, subject, &x, &y, &side, &side])?;
        }
    }
    let csv = csv.into_inner()?;
    fs::write(folder.join("samples.csv"), &csv)?;
    Ok(bytes + csv.len())
}

/// Left and top edge of a sheet's tile, pixels.
fn corner(index: usize, side: usize) -> (usize, usize) {
    (index % COLUMNS * side, index / COLUMNS * side)
}

/// Encodes the sheet with each filter and keeps the smallest file.
fn smallest_png(sheet: &Sheet) -> Result<Vec<u8>, Box<dyn Error>> {
    let Sheet { side, .. } = *sheet;
    let width = COLUMNS * side;
    let height = sheet.samples.len().div_ceil(COLUMNS) * side;
    let mut pixels = vec![0; width * height];
    for (index, (_, tile)) in sheet.samples.iter().enumerate() {
        let (x, y) = corner(index, side);
        for (row, line) in tile.chunks_exact(side).enumerate() {
            let start = (y + row) * width + x;
            pixels[start..start + side].copy_from_slice(line);
        }
    }
    let mut best: Option<Vec<u8>> = None;
    for filter in [Filter::NoFilter, Filter::Sub, Filter::Up, Filter::Avg, Filter::Paeth, Filter::Adaptive] {
        let file = encode(&pixels, width, height, filter)?;
        if best.as_ref().is_none_or(|best| file.len() < best.len()) {
            best = Some(file);
        }
    }
    Ok(best.expect("at least one filter was tried"))
}

/// Encodes 8-bit gray pixels.
fn encode(pixels: &[u8], width: usize, height: usize, filter: Filter) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::High);
    encoder.set_filter(filter);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(file)
}
