//! All samples in one `.npy` array: pictures of bytes, or tensors of floats.

use super::{SampleProblem, SampleSet, SampleSetError, SetProblem, Source, picture};
use crate::file::FileError;
use crate::labels::{Labels, LabelsProblem};
use crate::npy::{self, Array, Numbers};
use crate::preprocessing::{AudioInput, ImageInput, Preprocessing};
use image::{DynamicImage, GrayImage, RgbImage};
use rayon::prelude::*;
use std::ops::Range;
use std::path::Path;

/// The samples of an array, with labels where a file of them is given.
pub(super) fn open(path: &Path, labels: Option<&Path>) -> Result<SampleSet, SampleSetError> {
    let numbers = npy::read(path)?;
    let [count, _, ..] = *numbers.shape() else {
        return Err(FileError::new(path, SetProblem::NoSampleAxis { found: numbers.shape().to_vec() }).into());
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let labels = match labels {
        Some(labels) => Labels { model: None, ..read_labels(labels, count, &name)?.named(&name) },
        None => Labels::unknown(&name, count),
    };
    Ok(SampleSet { labels, source: Source::Array { path: path.to_owned(), numbers } })
}

fn read_labels(path: &Path, expected: usize, of: &str) -> Result<Labels, FileError<LabelsProblem>> {
    let labels = Labels::read(path)?;
    let found = labels.rows.len();
    if found == expected {
        Ok(labels)
    } else {
        Err(FileError::new(path, LabelsProblem::Count { expected, found, of: of.to_owned() }))
    }
}

/// Brings these samples of an array into the model's input form.
pub(super) fn load(
    numbers: &Numbers,
    range: Range<usize>,
    preprocessing: &Preprocessing,
    resize: bool,
) -> Result<Vec<f32>, SampleProblem> {
    match (numbers, preprocessing) {
        (Numbers::U8(array), Preprocessing::Image(input)) => load_pictures(array, range, input, resize),
        (Numbers::F32(array), Preprocessing::Tensor(input)) => load_tensors(array, range, &input.shape),
        (Numbers::F32(array), Preprocessing::Audio(input)) => load_recordings(array, range, input),
        (Numbers::U8(_), Preprocessing::Tensor(_) | Preprocessing::Audio(_)) => Err(SampleProblem::PixelsForTensor),
        (Numbers::F32(_), Preprocessing::Image(_)) => Err(SampleProblem::FloatsForPicture),
    }
}

fn load_pictures(
    array: &Array<u8>,
    range: Range<usize>,
    input: &ImageInput,
    resize: bool,
) -> Result<Vec<f32>, SampleProblem> {
    let sample = array.shape.get(1..).unwrap_or_default();
    let unexpected = || SampleProblem::Shape {
        expected: vec![input.height as usize, input.width as usize, input.channels.count()],
        found: sample.to_vec(),
    };
    let (height, width, channels) = match *sample {
        [height, width] => (height, width, 1),
        [height, width, channels @ (1 | 3)] => (height, width, channels),
        _ => return Err(unexpected()),
    };
    let (Ok(columns), Ok(rows)) = (u32::try_from(width), u32::try_from(height)) else { return Err(unexpected()) };
    let pixels = height * width * channels;
    let samples = array.values[range.start * pixels..range.end * pixels].par_chunks(pixels.max(1)).map(|pixels| {
        let picture = if channels == 1 {
            GrayImage::from_raw(columns, rows, pixels.to_vec()).map(DynamicImage::ImageLuma8)
        } else {
            RgbImage::from_raw(columns, rows, pixels.to_vec()).map(DynamicImage::ImageRgb8)
        };
        picture::input(&picture.ok_or_else(unexpected)?, None, input, resize)
    });
    Ok(samples.collect::<Result<Vec<_>, _>>()?.concat())
}

fn load_tensors(array: &Array<f32>, range: Range<usize>, shape: &[usize]) -> Result<Vec<f32>, SampleProblem> {
    let sample = array.shape.get(1..).unwrap_or_default();
    if !same_axes(sample, shape) {
        return Err(SampleProblem::Shape { expected: shape.to_vec(), found: sample.to_vec() });
    }
    let elements: usize = sample.iter().product();
    Ok(array.values[range.start * elements..range.end * elements].to_vec())
}

/// Rows of an array are waveforms, −1..1 at the model's rate.
fn load_recordings(array: &Array<f32>, range: Range<usize>, input: &AudioInput) -> Result<Vec<f32>, SampleProblem> {
    let found = array.shape.get(1..).unwrap_or_default().iter().product();
    let fit = |row: usize| {
        let points = &array.values[row * found..][..found];
        input.apply(points).ok_or(SampleProblem::Duration { expected: input.points(), found })
    };
    Ok(range.map(fit).collect::<Result<Vec<_>, _>>()?.concat())
}

/// Whether two shapes are the same but for axes of one element, which change nothing in memory.
pub(super) fn same_axes(a: &[usize], b: &[usize]) -> bool {
    let long = |shape: &[usize]| shape.iter().copied().filter(|&length| length != 1).collect::<Vec<_>>();
    long(a) == long(b)
}
