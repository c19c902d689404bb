//! Samples in memory, in the form that the trainer takes and that the encoder's preprocessing describes.

use crate::file::FileError;
use crate::preprocessing::{Layout, Preprocessing, PreprocessingProblem};
use crate::samples::{Form, SampleProblem, SampleSet};
use cognate_train::{Labeled, Samples, SamplesError, Shape};
use std::path::Path;

/// The names of a trained encoder's input and output.
const TENSORS: [&str; 2] = ["sample", "embedding"];

/// All samples.
#[derive(Debug)]
pub struct Data {
    /// How the encoder's samples become its input.
    pub preprocessing: Preprocessing,
    /// The shape of each.
    pub shape: Shape,
    /// One after another.
    values: Vec<f32>,
    /// The number of each sample's subject, where they are known.
    classes: Option<Vec<usize>>,
    /// The subjects by their numbers.
    pub subjects: Vec<String>,
}

/// Samples, parted by whether training sees them.
#[derive(Debug)]
pub struct Parts {
    /// What training sees with its labels; empty when it sees none.
    pub labeled: Labeled,
    /// What training sees without; empty when it sees labels.
    pub instances: Samples,
    /// Subjects that training does not see, if any are held out.
    pub held_out: Option<Labeled>,
}

impl Data {
    /// Reads all samples: as a preprocessing file says, or as the first of them is.
    ///
    /// # Errors
    /// [`DataProblem`] names the file and what to do.
    pub fn load(
        path: &Path,
        samples: &SampleSet,
        preprocessing: Option<&Path>,
        resize: bool,
    ) -> Result<Self, DataProblem> {
        let mut preprocessing = match preprocessing {
            Some(path) => read(path)?,
            None => propose(path, samples.form()?)?,
        };
        preprocessing.rename(Some(TENSORS[0]), Some(TENSORS[1]));
        let shape = shape(&preprocessing).ok_or(DataProblem::Shape { axes: preprocessing.sample_shape() })?;
        let by_subject = samples.labels().by_subject();
        let mut classes = vec![usize::MAX; samples.len()];
        for (class, (_, rows)) in by_subject.iter().enumerate() {
            rows.iter().for_each(|row| classes[*row] = class);
        }
        Ok(Self {
            shape,
            values: samples.load(0..samples.len(), &preprocessing, resize)?,
            preprocessing,
            classes: Some(classes).filter(|classes| !classes.contains(&usize::MAX)),
            subjects: by_subject.iter().map(|(name, _)| (*name).to_owned()).collect(),
        })
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.shape.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether every sample has a subject.
    #[must_use]
    pub fn has_labels(&self) -> bool {
        self.classes.is_some()
    }

    /// Whether all values are in 0..=1, as those of pictures are.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.values.iter().all(|value| (0.0..=1.0).contains(value))
    }

    /// Parts the samples: so many subjects, chosen by the seed, are held out, and training sees the labels of the others or not.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn parts(&self, held_out: usize, seed: u64, with_labels: bool) -> Result<Parts, SamplesError> {
        let mut order: Vec<usize> = (0..self.subjects.len()).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut order);
        let hidden = &order[..held_out.min(order.len())];
        let is_hidden = |row: usize| self.classes.as_ref().is_some_and(|classes| hidden.contains(&classes[row]));
        let (apart, seen): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|row| is_hidden(*row));
        let (labeled, instances) = if with_labels { (&seen[..], &[][..]) } else { (&[][..], &seen[..]) };
        Ok(Parts {
            labeled: self.labeled(labeled)?,
            instances: self.samples(instances)?,
            held_out: if apart.is_empty() { None } else { Some(self.labeled(&apart)?) },
        })
    }

    fn samples(&self, rows: &[usize]) -> Result<Samples, SamplesError> {
        let size = self.shape.len();
        Samples::new(self.shape, rows.iter().flat_map(|row| &self.values[row * size..][..size]).copied().collect())
    }

    fn labeled(&self, rows: &[usize]) -> Result<Labeled, SamplesError> {
        let class = |row: &usize| self.classes.as_ref().map_or(*row, |classes| classes[*row]);
        Labeled::new(self.samples(rows)?, rows.iter().map(class).collect())
    }
}

fn read(path: &Path) -> Result<Preprocessing, FileError<PreprocessingProblem>> {
    let bytes = crate::file::read(path)
        .map_err(|error| FileError::new(path, PreprocessingProblem::Unreadable(error.problem)))?;
    Preprocessing::parse(&String::from_utf8_lossy(&bytes)).map_err(|problem| FileError::new(path, problem))
}

/// Gray pictures of values in 0..=1, or arrays as they are.
fn propose(path: &Path, form: Form) -> Result<Preprocessing, DataProblem> {
    let [input, output] = TENSORS;
    let names = format!("input = \"{input}\"\noutput = \"{output}\"\nnormalize = true\n");
    let text = match form {
        Form::Picture { width, height } => format!(
            "kind = \"image\"\nwidth = {width}\nheight = {height}\nchannels = \"gray\"\nlayout = \"nchw\"\n\
             scale = {:?}\nmean = [0.0]\nstd = [1.0]\n{names}",
            1.0 / 255.0
        ),
        Form::Tensor(axes) => {
            let Shape { channels, height, width } =
                of_axes(&axes).ok_or_else(|| DataProblem::Shape { axes: axes.clone() })?;
            format!("kind = \"tensor\"\nshape = [{channels}, {height}, {width}]\n{names}")
        }
        Form::Recording => return Err(FileError::new(path, RecordingProblem).into()),
    };
    Ok(Preprocessing::parse(&text).map_err(|problem| FileError::new(path, problem))?)
}

/// The shape of a sample; `None` where it has other axes than an encoder of convolutions.
fn shape(preprocessing: &Preprocessing) -> Option<Shape> {
    match preprocessing {
        Preprocessing::Image(image) if image.layout == Layout::Nhwc => None,
        other => of_axes(&other.sample_shape()),
    }
}

/// One axis is a series, two are times of features, three are channels of either.
fn of_axes(axes: &[usize]) -> Option<Shape> {
    match *axes {
        [width] => Some(Shape { channels: 1, height: 1, width }),
        [height, width] => Some(Shape { channels: 1, height, width }),
        [channels, height, width] => Some(Shape { channels, height, width }),
        _ => None,
    }
}

/// Why samples cannot be trained on.
#[derive(Debug, thiserror::Error)]
pub enum DataProblem {
    /// A sample is not what it should be.
    #[error(transparent)]
    Sample(#[from] FileError<SampleProblem>),
    /// The file that says how they are read.
    #[error(transparent)]
    Preprocessing(#[from] FileError<PreprocessingProblem>),
    /// Recordings without a file that says how they are read.
    #[error(transparent)]
    Recording(#[from] FileError<RecordingProblem>),
    /// Axes that convolutions do not run over.
    #[error(
        "samples have axes {axes:?}, but an encoder takes a series (one axis), times × features (two), or channels × height × \
         width (three; of pictures: layout = \"nchw\")"
    )]
    Shape {
        /// The axes of a sample.
        axes: Vec<usize>,
    },
}

/// Recordings of which nobody said how they become an input.
#[derive(Debug, thiserror::Error)]
#[error(
    "these are recordings: give --preprocessing a file of kind = \"audio\", with [log_mel] to train on features, or make other \
     features of them and give those as .npy"
)]
pub struct RecordingProblem;
