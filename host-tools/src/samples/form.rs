//! What samples are before any model says how it takes them: told from the first.

use super::picture;
use super::{SampleProblem, SampleSet, Source};
use crate::file::FileError;
use crate::npy::{self, Numbers};

/// The form of a sample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Form {
    /// A picture of so many columns and rows.
    Picture {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// An array of floats with these axes.
    Tensor(Vec<usize>),
    /// A recording.
    Recording,
}

impl SampleSet {
    /// The form of the first sample.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn form(&self) -> Result<Form, FileError<SampleProblem>> {
        match &self.source {
            Source::Array { path, numbers } => {
                let axes = numbers.shape().get(1..).unwrap_or_default();
                of_array(numbers, axes).map_err(|problem| FileError::new(path, problem))
            }
            Source::Files(files) => {
                let file = &files[0];
                let is = |kind: &str| file.path.extension().is_some_and(|own| own.eq_ignore_ascii_case(kind));
                let form = if is("wav") {
                    Ok(Form::Recording)
                } else if is("npy") || is("npz") {
                    let numbers = npy::read(&file.path);
                    numbers
                        .map_err(|error| SampleProblem::Array(error.problem))
                        .and_then(|numbers| of_array(&numbers, numbers.shape()))
                } else if let Some(crop) = file.crop {
                    Ok(Form::Picture { width: crop.width, height: crop.height })
                } else {
                    picture::decode(&file.path)
                        .map(|picture| Form::Picture { width: picture.width(), height: picture.height() })
                };
                form.map_err(|problem| FileError::new(&file.path, problem))
            }
        }
    }
}

/// Bytes are pixels, of rows, columns and perhaps colors.
fn of_array(numbers: &Numbers, axes: &[usize]) -> Result<Form, SampleProblem> {
    match (numbers, axes) {
        (Numbers::F32(_), axes) => Ok(Form::Tensor(axes.to_vec())),
        (Numbers::U8(_), [height, width] | [height, width, 1 | 3]) => {
            let side = |length: &usize| u32::try_from(*length).unwrap_or(u32::MAX);
            Ok(Form::Picture { width: side(width), height: side(height) })
        }
        (Numbers::U8(_), _) => Err(SampleProblem::PixelsForTensor),
    }
}
