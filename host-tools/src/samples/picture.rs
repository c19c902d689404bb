//! Pictures: decoding, cropping, and fitting to the model's size and colors.

use super::SampleProblem;
use crate::file;
use crate::preprocessing::{Channels, ImageInput};
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader};
use std::fmt;
use std::io::Cursor;
use std::path::Path;

/// A rectangle inside a picture, in pixels from its upper left corner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crop {
    /// The first column.
    pub x: u32,
    /// The first row.
    pub y: u32,
    /// Columns, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
}

impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{} at ({}, {})", self.width, self.height, self.x, self.y)
    }
}

/// Decodes a PNG, JPEG, BMP or PGM file, turned upright where a camera noted how it was held.
pub(super) fn decode(path: &Path) -> Result<DynamicImage, SampleProblem> {
    let bytes = file::read(path).map_err(|error| SampleProblem::Unreadable(error.problem))?;
    decode_bytes(bytes).map_err(|error| SampleProblem::NotPicture(error.to_string()))
}

fn decode_bytes(bytes: Vec<u8>) -> image::ImageResult<DynamicImage> {
    let mut decoder = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The model's input for a picture, or for a part of it. Transparency is ignored; gray is the luminance (ITU-R BT.709).
pub(super) fn input(
    picture: &DynamicImage,
    crop: Option<Crop>,
    input: &ImageInput,
    resize: bool,
) -> Result<Vec<f32>, SampleProblem> {
    match crop {
        Some(crop) => fit(&cut(picture, crop)?, input, resize),
        None => fit(picture, input, resize),
    }
}

fn cut(picture: &DynamicImage, crop: Crop) -> Result<DynamicImage, SampleProblem> {
    let Crop { x, y, width, height } = crop;
    let inside = |begin: u32, length: u32, end: u32| begin.checked_add(length).is_some_and(|sum| sum <= end);
    if inside(x, width, picture.width()) && inside(y, height, picture.height()) {
        Ok(picture.crop_imm(x, y, width, height))
    } else {
        Err(SampleProblem::CropOutside { crop, picture: (picture.width(), picture.height()) })
    }
}

fn fit(picture: &DynamicImage, input: &ImageInput, resize: bool) -> Result<Vec<f32>, SampleProblem> {
    let found = (picture.width(), picture.height());
    let expected = (input.width, input.height);
    if found == expected {
        return Ok(input.apply(&pixels(picture, input.channels)));
    }
    if !resize {
        return Err(SampleProblem::Size { expected, found });
    }
    let resized = picture.resize_exact(expected.0, expected.1, FilterType::Triangle);
    Ok(input.apply(&pixels(&resized, input.channels)))
}

fn pixels(picture: &DynamicImage, channels: Channels) -> Vec<u8> {
    match channels {
        Channels::Gray => picture.to_luma8().into_raw(),
        Channels::Rgb | Channels::Bgr => picture.to_rgb8().into_raw(),
    }
}
