//! How a sample becomes a model's input, and which output is the embedding: the small TOML file beside a model.

mod audio;

pub(crate) use audio::MAX_RATE;
pub use audio::{AudioInput, Features, Fit};

use crate::file::{self, FileError, Unreadable};
use crate::int8::{EncoderFile, Int8Encoder};
use cognate::frontend::SoundForm;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The most elements of a sample: beyond any encoder, and few enough that their number never overflows.
const MAX_ELEMENTS: usize = 1 << 31;

/// What the TOML file beside a model says.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum Preprocessing {
    /// Samples are pictures.
    Image(ImageInput),
    /// Samples are recordings.
    Audio(AudioInput),
    /// Samples are arrays that the model takes as they are.
    Tensor(TensorInput),
}

/// How a picture becomes an input.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageInput {
    kind: ImageKind,
    /// The name of the model's input.
    pub input: String,
    /// The name of the output that is the embedding.
    pub output: String,
    /// Columns of pixels.
    pub width: u32,
    /// Rows of pixels.
    pub height: u32,
    /// The colors, in the model's order.
    pub channels: Channels,
    /// The order of the axes.
    pub layout: Layout,
    /// What a pixel, 0..=255, is multiplied by first.
    pub scale: f64,
    /// Subtracted after that; one value a channel, in the model's order.
    pub mean: Vec<f64>,
    /// Divided by at last; one value a channel, in the model's order.
    pub std: Vec<f64>,
    /// Whether embeddings are brought to unit length.
    pub normalize: bool,
}

/// How an array becomes an input.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorInput {
    kind: TensorKind,
    /// The name of the model's input.
    pub input: String,
    /// The name of the output that is the embedding.
    pub output: String,
    /// The axes of one sample, without the batch's.
    pub shape: Vec<usize>,
    /// Whether embeddings are brought to unit length.
    pub normalize: bool,
    /// For an int8 encoder: what one step of its int16 samples stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// For an int8 encoder: whether it takes samples with their first axis, that of the channels, innermost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels_last: Option<bool>,
}

/// What `kind` says, read before the rest so that errors in the rest can name the line.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Image,
    Audio,
    Tensor,
}

/// The part of the file that is read first.
#[derive(Deserialize)]
struct Beginning {
    kind: Kind,
}

/// The one thing that `kind` says in the file of an [`ImageInput`].
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ImageKind {
    Image,
}

/// The one thing that `kind` says in the file of a [`TensorInput`].
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TensorKind {
    Tensor,
}

/// The colors of a pixel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One: luminance.
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

impl Channels {
    /// How many values a pixel has.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb | Self::Bgr => 3,
        }
    }

    /// Where a channel of the model stands in a pixel of a file, which is gray or red, green, blue.
    const fn in_file(self, channel: usize) -> usize {
        match self {
            Self::Gray | Self::Rgb => channel,
            Self::Bgr => 2 - channel,
        }
    }
}

/// The order of the axes of an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channel, row, column.
    Nchw,
    /// Batch, row, column, channel.
    Nhwc,
}

impl Preprocessing {
    /// Where the file of a model is: `model.toml` for `model.onnx`, `model.encoder.toml` for `model.encoder`.
    #[must_use]
    pub fn path_for(model: &Path) -> PathBuf {
        let is_encoder = model.extension().is_some_and(|extension| extension == "encoder");
        model.with_extension(if is_encoder { "encoder.toml" } else { "toml" })
    }

    /// Takes other tensors of the model as its input and its embedding, where they are named.
    pub fn rename(&mut self, input: Option<&str>, output: Option<&str>) {
        let names = match self {
            Self::Image(image) => (&mut image.input, &mut image.output),
            Self::Audio(audio) => (&mut audio.input, &mut audio.output),
            Self::Tensor(tensor) => (&mut tensor.input, &mut tensor.output),
        };
        if let Some(input) = input {
            input.clone_into(names.0);
        }
        if let Some(output) = output {
            output.clone_into(names.1);
        }
    }

    /// An int8 encoder, ready to run samples that are read for it.
    #[must_use]
    pub fn int8_encoder(&self, file: EncoderFile) -> Int8Encoder {
        let shape = self.sample_shape();
        let elements: usize = shape.iter().product();
        let (step, places) = match self {
            Self::Tensor(TensorInput { step, channels_last: Some(true), .. }) => {
                let channels = shape.first().copied().unwrap_or(1);
                let places = elements / channels.max(1);
                (*step, (0..elements).map(|at| at % places * channels + at / places).collect())
            }
            Self::Tensor(tensor) => (tensor.step, (0..elements).collect()),
            Self::Audio(audio) => (audio.step(), (0..elements).collect()),
            Self::Image(_) => (None, (0..elements).collect()),
        };
        Int8Encoder::new(file, shape, places, step.unwrap_or(1.0))
    }

    /// Reads the file of a model.
    ///
    /// # Errors
    /// [`PreprocessingProblem`] when there is none, a key is unknown or missing, or a value makes no sense.
    pub fn of_model(model: &Path) -> Result<Self, FileError<PreprocessingProblem>> {
        let path = Self::path_for(model);
        let bytes = file::read(&path).map_err(|error| {
            let missing = error.problem.0.kind() == io::ErrorKind::NotFound;
            let problem = if missing {
                PreprocessingProblem::Missing { model: model.to_owned() }
            } else {
                PreprocessingProblem::Unreadable(error.problem)
            };
            FileError::new(&path, problem)
        })?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text).map_err(|problem| FileError::new(&path, problem))
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// [`PreprocessingProblem`] when a key is unknown or missing, or a value makes no sense.
    pub fn parse(text: &str) -> Result<Self, PreprocessingProblem> {
        let parsed = match toml::from_str::<Beginning>(text)?.kind {
            Kind::Image => toml::from_str(text).map(Self::Image)?,
            Kind::Audio => toml::from_str(text).map(Self::Audio)?,
            Kind::Tensor => toml::from_str(text).map(Self::Tensor)?,
        };
        parsed.check().map_err(|problem| problem.located(text))?;
        Ok(parsed)
    }

    fn check(&self) -> Result<(), PreprocessingProblem> {
        let elements = self.sample_shape().into_iter().try_fold(1, usize::checked_mul);
        if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
            let key = if matches!(self, Self::Image(_)) { "height" } else { "shape" };
            return Err(PreprocessingProblem::value(key, "gives a sample more than 2^31 elements"));
        }
        match self {
            Self::Image(image) => image.check(),
            Self::Audio(audio) => audio.check(),
            Self::Tensor(tensor) => tensor.check(),
        }
    }

    /// The one text for this preprocessing, whatever the order, spacing and comments of the file that it came from.
    /// It is part of the model's digest.
    #[must_use]
    pub fn canonical_text(&self) -> String {
        toml::to_string(self).expect("strings, numbers and lists of numbers can be written as TOML")
    }

    /// The name of the model's input.
    #[must_use]
    pub fn input(&self) -> &str {
        match self {
            Self::Image(image) => &image.input,
            Self::Audio(audio) => &audio.input,
            Self::Tensor(tensor) => &tensor.input,
        }
    }

    /// The name of the output that is the embedding.
    #[must_use]
    pub fn output(&self) -> &str {
        match self {
            Self::Image(image) => &image.output,
            Self::Audio(audio) => &audio.output,
            Self::Tensor(tensor) => &tensor.output,
        }
    }

    /// Whether embeddings are brought to unit length.
    #[must_use]
    pub const fn normalize(&self) -> bool {
        match self {
            Self::Image(image) => image.normalize,
            Self::Audio(audio) => audio.normalize,
            Self::Tensor(tensor) => tensor.normalize,
        }
    }

    /// The sound that samples are features of, where they are made as on a device.
    #[must_use]
    pub fn sound(&self) -> Option<SoundForm> {
        match self {
            Self::Audio(audio) => audio.sound(),
            Self::Image(_) | Self::Tensor(_) => None,
        }
    }

    /// The axes of one sample as the model takes it, without the batch's.
    #[must_use]
    pub fn sample_shape(&self) -> Vec<usize> {
        match self {
            Self::Image(ImageInput { width, height, channels, layout, .. }) => match layout {
                Layout::Nchw => vec![channels.count(), *height as usize, *width as usize],
                Layout::Nhwc => vec![*height as usize, *width as usize, channels.count()],
            },
            Self::Audio(AudioInput { shape, .. }) | Self::Tensor(TensorInput { shape, .. }) => shape.clone(),
        }
    }
}

impl ImageInput {
    /// The input for a picture's pixels: rows from the top, gray or red, green, blue, as a file holds them.
    ///
    /// `pixels` has height × width × channels elements.
    #[must_use]
    pub fn apply(&self, pixels: &[u8]) -> Vec<f32> {
        let count = self.channels.count();
        let places = self.width as usize * self.height as usize;
        let mut input = vec![0.0; places * count];
        for channel in 0..count {
            let (scale, mean, std) = (self.scale as f32, self.mean[channel] as f32, self.std[channel] as f32);
            let source = pixels.iter().skip(self.channels.in_file(channel)).step_by(count);
            for (place, &pixel) in source.enumerate() {
                let index = match self.layout {
                    Layout::Nchw => channel * places + place,
                    Layout::Nhwc => place * count + channel,
                };
                input[index] = (f32::from(pixel) * scale - mean) / std;
            }
        }
        input
    }

    /// The same pictures as pixels, rows from the top, the model's channels side by side: what an int8 encoder takes.
    #[must_use]
    pub fn pixels(&self) -> Self {
        let channels = self.channels.count();
        Self {
            layout: Layout::Nhwc,
            scale: 1.0,
            mean: vec![0.0; channels],
            std: vec![1.0; channels],
            normalize: false,
            ..self.clone()
        }
    }

    fn check(&self) -> Result<(), PreprocessingProblem> {
        let channels = self.channels.count();
        for (key, pixels) in [("width", self.width), ("height", self.height)] {
            if pixels == 0 {
                return Err(PreprocessingProblem::value(key, "has to be at least 1"));
            }
        }
        for (key, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != channels {
                return Err(PreprocessingProblem::value(key, "needs one value for each channel"));
            }
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            return Err(PreprocessingProblem::value("scale", "has to be finite, and not 0"));
        }
        if !self.mean.iter().all(|mean| mean.is_finite()) {
            return Err(PreprocessingProblem::value("mean", "has to be finite"));
        }
        if !self.std.iter().all(|std| std.is_finite() && *std > 0.0) {
            return Err(PreprocessingProblem::value("std", "has to be finite and above 0"));
        }
        Ok(())
    }
}

impl TensorInput {
    fn check(&self) -> Result<(), PreprocessingProblem> {
        if self.shape.is_empty() || self.shape.contains(&0) {
            return Err(PreprocessingProblem::value("shape", "needs at least one axis, and each at least 1"));
        }
        if self.step.is_some_and(|step| !(step.is_finite() && step > 0.0)) {
            return Err(PreprocessingProblem::value("step", "has to be finite and above 0"));
        }
        Ok(())
    }
}

/// Why there is no preprocessing.
#[derive(Debug)]
pub enum PreprocessingProblem {
    /// The model has no such file.
    Missing {
        /// The model.
        model: PathBuf,
    },
    /// It cannot be read.
    Unreadable(Unreadable),
    /// Not TOML, or a key that is unknown, missing or of another type; in the parser's words.
    Syntax(String),
    /// A value that makes no sense.
    Value {
        /// The key that has it.
        key: &'static str,
        /// The line of the key, counted from 1; 0 where it is not written plainly.
        line: usize,
        /// What the value has to be.
        reason: &'static str,
    },
}

impl PreprocessingProblem {
    const fn value(key: &'static str, reason: &'static str) -> Self {
        Self::Value { key, line: 0, reason }
    }

    /// The same problem with the line of its key in this text.
    fn located(self, text: &str) -> Self {
        let Self::Value { key, reason, .. } = self else { return self };
        let assigns = |line: &str| line.split_once('=').is_some_and(|(left, _)| left.trim().trim_matches('"') == key);
        let line = text.lines().position(assigns).map_or(0, |index| index + 1);
        Self::Value { key, line, reason }
    }
}

impl From<toml::de::Error> for PreprocessingProblem {
    fn from(error: toml::de::Error) -> Self {
        Self::Syntax(error.to_string().trim().to_owned())
    }
}

impl fmt::Display for PreprocessingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { model } => write!(
                f,
                "the model's preprocessing is not there: propose one with `cognate inspect {} --write`, then check it",
                model.display()
            ),
            Self::Unreadable(error) => error.fmt(f),
            Self::Syntax(reason) => write!(f, "this is not a preprocessing file:\n{reason}"),
            Self::Value { key, line: 0, reason } => write!(f, "`{key}` {reason}"),
            Self::Value { key, line, reason } => write!(f, "line {line}: `{key}` {reason}"),
        }
    }
}

#[cfg(test)]
#[path = "preprocessing/tests.rs"]
mod tests;
