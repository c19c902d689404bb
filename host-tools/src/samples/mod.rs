//! Labeled samples: where they are, and how they become a model's input.
//!
//! Samples come as a folder with one folder a subject, as a CSV manifest, or as one array of all.

mod array;
pub mod audio;
mod folder;
mod form;
mod manifest;
mod picture;

use crate::file::{self, FileError, Unreadable};
use crate::labels::{Label, Labels, LabelsProblem};
use crate::npy::{self, NpyProblem, Numbers};
use crate::preprocessing::{Preprocessing, TensorInput};
pub use form::Form;
use picture::Crop;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Samples and their labels.
#[derive(Debug)]
pub struct SampleSet {
    labels: Labels,
    source: Source,
}

/// Where samples are.
#[derive(Debug)]
enum Source {
    /// Each in a file, or in a part of one.
    Files(Vec<SampleFile>),
    /// All in one array, the first axis counting them.
    Array { path: PathBuf, numbers: Numbers },
}

/// A file that holds a sample.
#[derive(Clone, PartialEq, Debug)]
struct SampleFile {
    path: PathBuf,
    crop: Option<Crop>,
}

impl SampleSet {
    /// Finds the samples at a path: a folder, a `.csv` manifest, or an `.npy` or `.npz` array. Only an array has its labels in
    /// another file.
    ///
    /// # Errors
    /// [`SampleSetError`] when there are none, or the labels do not go with them.
    pub fn open(path: &Path, labels: Option<&Path>) -> Result<Self, SampleSetError> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_array = ["npy", "npz"].iter().any(|kind| extension.eq_ignore_ascii_case(kind)) && !path.is_dir();
        if let (Some(labels), false) = (labels, is_array) {
            return Err(FileError::new(labels, SetProblem::LabelsTwice).into());
        }
        let set = if is_array {
            array::open(path, labels)?
        } else if path.is_dir() {
            folder::open(path)?
        } else if extension.eq_ignore_ascii_case("csv") {
            manifest::open(path)?
        } else {
            file::read(path).map_err(|error| FileError::new(path, SetProblem::Unreadable(error.problem)))?;
            return Err(FileError::new(path, SetProblem::Kind).into());
        };
        if set.is_empty() { Err(FileError::new(path, SetProblem::Empty).into()) } else { Ok(set) }
    }

    /// These files, each a sample of the same subject.
    #[must_use]
    pub fn of_files(paths: &[PathBuf], subject: &str) -> Self {
        let label = |path: &PathBuf| Label {
            file: path.display().to_string(),
            subject: subject.to_owned(),
            metadata: Vec::new(),
        };
        let file = |path: &PathBuf| SampleFile { path: path.clone(), crop: None };
        Self {
            labels: Labels { rows: paths.iter().map(label).collect(), ..Labels::default() },
            source: Source::Files(paths.iter().map(file).collect()),
        }
    }

    /// The samples' labels.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// How many samples there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.labels.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.labels.rows.is_empty()
    }

    /// Brings these samples into the model's input form, one after the other. Pictures of another size are an error
    /// unless `resize` is set.
    ///
    /// # Errors
    /// One of the samples that are not what the model takes.
    pub fn load(
        &self,
        range: Range<usize>,
        preprocessing: &Preprocessing,
        resize: bool,
    ) -> Result<Vec<f32>, FileError<SampleProblem>> {
        match (&self.source, preprocessing) {
            (Source::Files(files), Preprocessing::Image(input)) => {
                let files = &files[range];
                let pictures = decode_each_once(files)?;
                let samples = files.par_iter().map(|file| {
                    let sample = picture::input(&pictures[file.path.as_path()], file.crop, input, resize);
                    sample.map_err(|problem| FileError::new(&file.path, problem))
                });
                Ok(samples.collect::<Result<Vec<_>, _>>()?.concat())
            }
            (Source::Files(files), Preprocessing::Audio(input)) => {
                each_file(&files[range], |file| audio::input(&file.path, input))
            }
            (Source::Files(files), Preprocessing::Tensor(input)) => {
                each_file(&files[range], |file| tensor_sample(&file.path, input))
            }
            (Source::Array { path, numbers }, preprocessing) => {
                array::load(numbers, range, preprocessing, resize).map_err(|problem| FileError::new(path, problem))
            }
        }
    }
}

/// The inputs of samples that are files of their own, one after the other.
fn each_file(
    files: &[SampleFile],
    input: impl Fn(&SampleFile) -> Result<Vec<f32>, SampleProblem> + Sync,
) -> Result<Vec<f32>, FileError<SampleProblem>> {
    let samples = files.par_iter().map(|file| {
        let sample = if file.crop.is_some() { Err(SampleProblem::CropOfOther) } else { input(file) };
        sample.map_err(|problem| FileError::new(&file.path, problem))
    });
    Ok(samples.collect::<Result<Vec<_>, _>>()?.concat())
}

/// The pictures of these files. A sheet of many samples is decoded once, not once a sample.
fn decode_each_once(files: &[SampleFile]) -> Result<HashMap<&Path, image::DynamicImage>, FileError<SampleProblem>> {
    let paths: BTreeSet<&Path> = files.iter().map(|file| file.path.as_path()).collect();
    let decode = |path: &Path| picture::decode(path).map_err(|problem| FileError::new(path, problem));
    paths.into_par_iter().map(|path| Ok((path, decode(path)?))).collect()
}

/// A sample that is an `.npy` file of its own.
fn tensor_sample(path: &Path, input: &TensorInput) -> Result<Vec<f32>, SampleProblem> {
    match npy::read(path).map_err(|error| SampleProblem::Array(error.problem))? {
        Numbers::F32(array) if array::same_axes(&array.shape, &input.shape) => Ok(array.values),
        Numbers::F32(array) => Err(SampleProblem::Shape { expected: input.shape.clone(), found: array.shape }),
        Numbers::U8(_) => Err(SampleProblem::PixelsForTensor),
    }
}

/// Why there are no samples.
#[derive(Debug, thiserror::Error)]
pub enum SampleSetError {
    /// The samples' file or folder.
    #[error(transparent)]
    Set(#[from] FileError<SetProblem>),
    /// Their labels.
    #[error(transparent)]
    Labels(#[from] FileError<LabelsProblem>),
    /// The array that they are in.
    #[error(transparent)]
    Array(#[from] FileError<NpyProblem>),
}

/// Why a path has no samples.
#[derive(Debug, thiserror::Error)]
pub enum SetProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// Neither a folder nor a known kind of file.
    #[error(
        "samples are a folder with one folder a subject, a .csv manifest or an .npy or .npz array, and this is none of them"
    )]
    Kind,
    /// Labels for samples that have theirs.
    #[error("--labels is for samples in an array: a folder or a manifest has its labels itself")]
    LabelsTwice,
    /// Nothing there.
    #[error("there are no samples in it: add some")]
    Empty,
    /// A file beside the subjects' folders.
    #[error("this is not in a subject's folder: move it into a folder with the subject's name")]
    OutsideSubject,
    /// A folder within a subject's folder.
    #[error("this is a folder inside a subject's folder: put the samples directly into the subject's folder")]
    TooDeep,
    /// Text that is not Unicode.
    #[error("its name is not Unicode: rename it")]
    Name,
    /// A manifest without files.
    #[error("it has no column `file`, or line {line} names none: name each sample's file there")]
    NoFile {
        /// The first such line.
        line: u64,
    },
    /// Some of the crop columns, not all.
    #[error("it has some of the columns x, y, width, height but not all four: give the rectangle whole, or not at all")]
    PartOfCrop,
    /// A crop that is not a rectangle.
    #[error(
        "line {line} has `{found}` in the column `{column}`: x, y, width and height are whole numbers, width and \
         height at least 1"
    )]
    Crop {
        /// The line.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there.
        found: String,
    },
    /// An array whose first axis does not count samples.
    #[error("it has shape {found:?}: the first axis counts the samples, and at least one more is the sample")]
    NoSampleAxis {
        /// Its shape.
        found: Vec<usize>,
    },
}

/// Why a sample is not what the model takes.
#[derive(Debug)]
pub enum SampleProblem {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// Not a picture; in the decoder's words.
    NotPicture(String),
    /// A picture of another size.
    Size {
        /// Columns and rows that the model takes.
        expected: (u32, u32),
        /// Columns and rows of the sample.
        found: (u32, u32),
    },
    /// The rectangle is not inside the picture.
    CropOutside {
        /// The rectangle.
        crop: Crop,
        /// Columns and rows of the picture.
        picture: (u32, u32),
    },
    /// A rectangle cut from something that is not a picture.
    CropOfOther,
    /// Not a recording; in the decoder's words.
    NotRecording(String),
    /// A recording of another length, and none is to be cut or filled up.
    Duration {
        /// Points that the model takes.
        expected: usize,
        /// Points of the recording, at the model's rate.
        found: usize,
    },
    /// Not an array.
    Array(NpyProblem),
    /// An array of another shape.
    Shape {
        /// The shape of a sample as the model takes it.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// Bytes for a model that takes tensors.
    PixelsForTensor,
    /// Floats for a model that takes pictures.
    FloatsForPicture,
}

impl fmt::Display for SampleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::NotPicture(reason) => {
                write!(f, "this is not a PNG, JPEG, BMP or PGM picture ({reason}): replace or remove it")
            }
            Self::Size { expected, found } => write!(
                f,
                "it is {}×{} pixels where the model takes {}×{}: crop it, or give --resize to have it stretched",
                found.0, found.1, expected.0, expected.1
            ),
            Self::CropOutside { crop, picture } => write!(
                f,
                "the rectangle {crop} is not inside the picture of {}×{} pixels: correct the manifest",
                picture.0, picture.1
            ),
            Self::NotRecording(reason) => write!(
                f,
                "this is not a WAV file of integers or floats ({reason}): convert it, for example with \
                 `ffmpeg -i FILE FILE.wav`, or remove it"
            ),
            Self::Duration { expected, found } => write!(
                f,
                "it has {found} points at the model's rate where the model takes {expected}: cut it, or set `fit` in the \
                 model's .toml file to \"center\" or \"start\""
            ),
            Self::CropOfOther => f.write_str("only pictures can be cropped: leave x, y, width and height out"),
            Self::Array(problem) => problem.fmt(f),
            Self::Shape { expected, found } => write!(
                f,
                "its samples have shape {found:?} where the model takes {expected:?}: prepare them as the model was \
                 trained"
            ),
            Self::PixelsForTensor => {
                f.write_str("it holds uint8 where the model takes tensors: save the samples as float32")
            }
            Self::FloatsForPicture => {
                f.write_str("it holds float32 where the model takes pictures: save the pixels as uint8, 0 to 255")
            }
        }
    }
}

#[cfg(test)]
mod tests;
