//! A model as it is used: an ONNX file or an int8 encoder, and the preprocessing beside it.

use crate::encoder::Encoder;
use crate::file::FileError;
use crate::int8::{EncoderFile, EncoderFileProblem};
use crate::onnx::{OnnxFile, OnnxProblem, TensorInfo};
use crate::preprocessing::{Preprocessing, PreprocessingProblem};
use crate::runtime::{RuntimeError, TractEncoder};
use cognate::ModelDigest;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;

/// A model file with its preprocessing, which go together.
#[derive(Debug)]
pub struct Model {
    source: Source,
    preprocessing: Preprocessing,
    /// Whether an int8 encoder leaves out that embeddings are brought to unit length.
    leaves_out_length: bool,
}

/// What runs.
#[derive(Debug)]
enum Source {
    /// In f32, by a runtime of the host.
    Onnx(Box<OnnxFile>),
    /// As on the device.
    Int8(EncoderFile),
}

impl Model {
    /// Reads a model, an ONNX file or what `cognate quantize` wrote, and the TOML file beside it.
    ///
    /// # Errors
    /// [`ModelError`] when one of them cannot be used, or the two do not go together.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if is_int8(path) {
            let file = EncoderFile::open(path)?;
            let preprocessing = Preprocessing::of_model(path)?;
            let leaves_out_length = preprocessing.normalize();
            let preprocessing = for_device(preprocessing);
            let found: usize = preprocessing.sample_shape().iter().product();
            let expected = file.device().input().extent.elements();
            if found != expected {
                return Err(FileError::new(path, InputProblem::Elements { expected, found }).into());
            }
            if file.device().sound() != preprocessing.sound() {
                return Err(FileError::new(path, InputProblem::Sound).into());
            }
            return Ok(Self { source: Source::Int8(file), preprocessing, leaves_out_length });
        }
        let onnx = OnnxFile::open(path)?;
        let preprocessing = Preprocessing::of_model(path)?;
        check_input(&onnx, &preprocessing).map_err(|problem| FileError::new(path, problem))?;
        Ok(Self { source: Source::Onnx(Box::new(onnx)), preprocessing, leaves_out_length: false })
    }

    /// How samples become the model's input.
    #[must_use]
    pub const fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// Of an ONNX file the first 16 bytes of the SHA-256 of the file followed by the preprocessing's canonical text: a changed
    /// preprocessing makes other embeddings, so it makes another model. An int8 encoder carries its own, and does its
    /// preprocessing itself.
    #[must_use]
    pub fn digest(&self) -> ModelDigest {
        match &self.source {
            Source::Onnx(onnx) => digest(onnx, &self.preprocessing),
            Source::Int8(file) => file.digest(),
        }
    }

    /// The int8 encoder, if it is one.
    #[must_use]
    pub const fn int8(&self) -> Option<&EncoderFile> {
        match &self.source {
            Source::Onnx(_) => None,
            Source::Int8(file) => Some(file),
        }
    }

    /// Whether it is an int8 encoder of a model whose embeddings have unit length, which it leaves out: a cosine does not see it,
    /// a distance does.
    #[must_use]
    pub const fn leaves_out_length(&self) -> bool {
        self.leaves_out_length
    }

    /// Prepares the model to be run.
    ///
    /// # Errors
    /// [`ModelError::Runtime`] when the runtime lacks an operator, or the shapes do not go together.
    pub fn encoder(&self) -> Result<Box<dyn Encoder>, ModelError> {
        let onnx = match &self.source {
            Source::Onnx(onnx) => onnx,
            Source::Int8(file) => return Ok(Box::new(self.preprocessing.int8_encoder(file.clone()))),
        };
        let (input, output) = (self.preprocessing.input(), self.preprocessing.output());
        let encoder = TractEncoder::new(onnx, input, output, &self.preprocessing.sample_shape());
        let encoder = encoder.map_err(|problem| FileError::new(onnx.path(), problem))?;
        Ok(Box::new(encoder))
    }
}

/// Whether a file is an int8 encoder by its name.
#[must_use]
pub fn is_int8(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "encoder")
}

/// How samples are read for an int8 encoder: pixels as they are, and embeddings as it gives them.
fn for_device(preprocessing: Preprocessing) -> Preprocessing {
    match preprocessing {
        Preprocessing::Image(image) => Preprocessing::Image(image.pixels()),
        Preprocessing::Audio(mut audio) => {
            audio.normalize = false;
            Preprocessing::Audio(audio)
        }
        Preprocessing::Tensor(mut tensor) => {
            tensor.normalize = false;
            Preprocessing::Tensor(tensor)
        }
    }
}

/// The digest of a model and a preprocessing; see [`Model::digest`].
#[must_use]
pub fn digest(onnx: &OnnxFile, preprocessing: &Preprocessing) -> ModelDigest {
    let hash = Sha256::new().chain_update(onnx.bytes()).chain_update(preprocessing.canonical_text()).finalize();
    let mut bytes = [0; ModelDigest::BYTES];
    bytes.copy_from_slice(&hash[..ModelDigest::BYTES]);
    ModelDigest::new(bytes)
}

/// Whether the model has one input, and it takes what the preprocessing makes.
fn check_input(onnx: &OnnxFile, preprocessing: &Preprocessing) -> Result<(), InputProblem> {
    let inputs = onnx.inputs();
    let [input] = inputs.as_slice() else {
        return Err(InputProblem::Inputs { names: inputs.into_iter().map(|input| input.name).collect() });
    };
    if input.name != preprocessing.input() {
        return Err(InputProblem::Name { model: input.name.clone(), asked: preprocessing.input().to_owned() });
    }
    if input.element != "float" {
        return Err(InputProblem::Element { found: input.element.clone() });
    }
    let asked = preprocessing.sample_shape();
    if fits(input, &asked) { Ok(()) } else { Err(InputProblem::Shape { model: input.shape_text(), asked }) }
}

/// Whether a sample of this shape, in a batch of one, fits every axis that the model fixes.
fn fits(input: &TensorInfo, sample: &[usize]) -> bool {
    let asked = std::iter::once(&1).chain(sample);
    input.shape.len() == sample.len() + 1
        && input.shape.iter().zip(asked).all(|(axis, asked)| axis.fixed().is_none_or(|fixed| fixed == *asked))
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The ONNX file.
    #[error(transparent)]
    Onnx(#[from] FileError<OnnxProblem>),
    /// The TOML file.
    #[error(transparent)]
    Preprocessing(#[from] FileError<PreprocessingProblem>),
    /// The two together.
    #[error(transparent)]
    Input(#[from] FileError<InputProblem>),
    /// What runs the model.
    #[error(transparent)]
    Runtime(#[from] FileError<RuntimeError>),
    /// The int8 encoder.
    #[error(transparent)]
    Int8(#[from] FileError<EncoderFileProblem>),
}

/// Why a model does not take what its preprocessing makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InputProblem {
    /// Not just one input.
    Inputs {
        /// The names of the inputs.
        names: Vec<String>,
    },
    /// Another name.
    Name {
        /// The model's name for it.
        model: String,
        /// The preprocessing's.
        asked: String,
    },
    /// Not of 32-bit floats.
    Element {
        /// The type of its elements.
        found: String,
    },
    /// Another shape.
    Shape {
        /// The model's shape.
        model: String,
        /// The preprocessing's shape of a sample.
        asked: Vec<usize>,
    },
    /// An int8 encoder for samples of another size.
    Elements {
        /// Elements of a sample that it takes.
        expected: usize,
        /// Those that the preprocessing makes.
        found: usize,
    },
    /// An int8 encoder of other features, or of those of another sound.
    Sound,
}

impl fmt::Display for InputProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inputs { names } => write!(
                f,
                "the model has {} inputs ({}) where an encoder has one: export the encoder alone",
                names.len(),
                names.join(", ")
            ),
            Self::Name { model, asked } => {
                write!(f, "the model's input is `{model}`, its .toml file says `{asked}`: correct the .toml file")
            }
            Self::Element { found } => {
                write!(f, "the model's input has elements of type {found}: export it with an input of float32")
            }
            Self::Shape { model, asked } => write!(
                f,
                "the model's input is {model} (batch first), its .toml file makes samples of shape {asked:?}: \
                 correct the .toml file"
            ),
            Self::Elements { expected, found } => write!(
                f,
                "the encoder takes samples of {expected} elements, its .toml file makes such of {found}: keep the file that \
                 `cognate quantize` wrote beside it"
            ),
            Self::Sound => f.write_str(
                "the encoder was made for other features of sound than its .toml file makes, in rate, fit or [log_mel]: keep the \
                 file that `cognate quantize` wrote beside it, or quantize again",
            ),
        }
    }
}
