//! The probes in the form that the firmware reads: pixels.

use super::{PROBES, PROBES_CSV, SHEETS};
use crate::in_repository;
use anyhow::{Context, Result, ensure};
use image::GrayImage;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Bytes of a picture, which has 28 rows of 28 pixels.
pub const BYTES: usize = 28 * 28;

/// The columns of a label file that say where in a sheet a picture is.
#[derive(Deserialize)]
struct Place {
    file: String,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

/// Writes the pictures of all probes, in their order.
///
/// # Errors
/// When labels or sheets cannot be read, or the pixels cannot be written.
pub fn write_probes() -> Result<()> {
    let labels = fs::read(in_repository(PROBES_CSV)).with_context(|| format!("cannot read {PROBES_CSV}"))?;
    let pixels = pixels(&labels, &in_repository(SHEETS))?;
    ensure!(pixels.len().is_multiple_of(BYTES), "{PROBES_CSV} has a picture that is not of {BYTES} pixels");
    fs::write(in_repository(PROBES), pixels).with_context(|| format!("cannot write {PROBES}"))
}

/// The pixels of every picture that a label file names, one picture after the other.
///
/// # Errors
/// When labels or sheets cannot be read.
pub fn pixels(labels: &[u8], folder: &Path) -> Result<Vec<u8>> {
    let mut sheets: BTreeMap<String, GrayImage> = BTreeMap::new();
    let mut pixels = Vec::new();
    for place in csv::Reader::from_reader(labels).into_deserialize() {
        let Place { file, x, y, width, height } = place.context("a label without a place in a sheet")?;
        if !sheets.contains_key(&file) {
            let path = folder.join(&file);
            let sheet = image::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
            sheets.insert(file.clone(), sheet.into_luma8());
        }
        pixels.extend_from_slice(image::imageops::crop_imm(&sheets[&file], x, y, width, height).to_image().as_raw());
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_cut_out_of_their_sheets_in_order() {
        let folder = std::env::temp_dir().join(format!("cognate-pictures-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        GrayImage::from_fn(4, 2, |x, y| image::Luma([(10 * y + x) as u8])).save(folder.join("a.png")).unwrap();
        let labels = "file,subject,x,y,width,height\na.png,5,2,0,2,2\na.png,5,0,1,2,1\n";
        assert_eq!(pixels(labels.as_bytes(), &folder).unwrap(), [2, 3, 12, 13, 10, 11]);
        assert!(pixels(b"file,subject\na.png,5\n", &folder).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
