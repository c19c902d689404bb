//! An int8 encoder on the host: the core crate runs it, so that a device gets the same integers.

use crate::encoder::{EncodeError, Encoder};
use crate::file::{self, FileError, Unreadable};
use crate::quantization::relayout::{self, RelayoutError};
use cognate::ModelDigest;
use cognate::encoder::{Encoder as Device, EncoderError, FilterLayout, InputForm, Sample};
use rayon::prelude::*;
use std::fmt;
use std::path::Path;

/// The file of an int8 encoder, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncoderFile {
    bytes: Vec<u8>,
}

impl EncoderFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`EncoderFileProblem`] when a device would refuse it, or its digest is not that of its contents.
    pub fn open(path: &Path) -> Result<Self, FileError<EncoderFileProblem>> {
        let bytes =
            file::read(path).map_err(|error| FileError::new(path, EncoderFileProblem::Unreadable(error.problem)))?;
        Self::new(bytes).map_err(|problem| FileError::new(path, problem))
    }

    /// Takes the bytes of a file.
    ///
    /// # Errors
    /// As [`EncoderFile::open`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, EncoderFileProblem> {
        let found = <Device<'_>>::new_checked(&bytes).map_err(EncoderFileProblem::Refused)?.digest();
        let plain = relayout::to_layout(&bytes, FilterLayout::Plain).map_err(EncoderFileProblem::Relayout)?;
        let expected = crate::quantization::lower::digest(&plain);
        if found == expected { Ok(Self { bytes }) } else { Err(EncoderFileProblem::Digest { expected, found }) }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The encoder.
    ///
    /// # Panics
    /// Never: it was checked.
    #[must_use]
    pub fn device(&self) -> Device<'_> {
        Device::new_checked(&self.bytes).expect("it was checked when it was read")
    }

    /// The model that its embeddings are of.
    #[must_use]
    pub fn digest(&self) -> ModelDigest {
        self.device().digest()
    }

    /// Runs a sample and shows what each step wrote.
    ///
    /// # Errors
    /// [`EncodeError::Run`] when the sample is not one that the encoder takes.
    pub fn run(&self, sample: Sample<'_>, observe: impl FnMut(usize, &[u8])) -> Result<Vec<f32>, EncodeError> {
        let device = self.device();
        // An address that every element can be loaded from.
        let needed = device.arena_bytes();
        let mut memory = vec![0; needed + 15];
        let start = memory.as_ptr().align_offset(16);
        let output = device.run_observed(sample, &mut memory[start..][..needed], observe);
        let output = output.map_err(|error| EncodeError::Run(error.to_string()))?;
        let mut embedding = vec![0.0; output.values().len()];
        output.copy_to(&mut embedding).map_err(|error| EncodeError::Run(error.to_string()))?;
        Ok(embedding)
    }
}

/// An int8 encoder, ready to run samples as the files have them: pixels as they are, or features that become int16.
#[derive(Clone, Debug)]
pub struct Int8Encoder {
    file: EncoderFile,
    sample_shape: Vec<usize>,
    /// The place in the device's sample of each element.
    places: Vec<usize>,
    /// What one step of an int16 sample stands for.
    step: f64,
}

impl Int8Encoder {
    /// An encoder that takes samples of a shape, without the batch's axis, and wants each of their elements at one of `places`.
    /// Features become int16 in steps of `step`.
    #[must_use]
    pub const fn new(file: EncoderFile, sample_shape: Vec<usize>, places: Vec<usize>, step: f64) -> Self {
        Self { file, sample_shape, places, step }
    }

    /// Encodes one sample and shows what each step wrote.
    ///
    /// # Errors
    /// [`EncodeError::Run`] when the encoder does not take it.
    pub fn encode_one(&self, sample: &[f32], observe: impl FnMut(usize, &[u8])) -> Result<Vec<f32>, EncodeError> {
        let mut placed = vec![0.0; sample.len()];
        self.places.iter().zip(sample).for_each(|(&place, &value)| placed[place] = value);
        match self.file.device().input_form() {
            InputForm::Uint8 { .. } => {
                let pixels: Vec<u8> = placed.iter().map(|&value| value.round() as u8).collect();
                self.file.run(Sample::Uint8(&pixels), observe)
            }
            InputForm::Int16 { .. } => {
                let series: Vec<i16> =
                    placed.iter().map(|&value| (f64::from(value) / self.step).round() as i16).collect();
                self.file.run(Sample::Int16(&series), observe)
            }
            InputForm::Int8 => {
                let elements: Vec<i8> = placed.iter().map(|&value| value.round() as i8).collect();
                self.file.run(Sample::Int8(&elements), observe)
            }
        }
    }
}

impl Encoder for Int8Encoder {
    fn sample_shape(&self) -> &[usize] {
        &self.sample_shape
    }

    fn dimension(&self) -> usize {
        self.file.device().dimension()
    }

    fn encode(&self, batch: &[f32]) -> Result<Vec<f32>, EncodeError> {
        let sample = self.places.len();
        if sample == 0 || !batch.len().is_multiple_of(sample) {
            return Err(EncodeError::Length { sample, found: batch.len() });
        }
        let encode = |sample| self.encode_one(sample, |_, _| ());
        let embeddings: Vec<Vec<f32>> = batch.par_chunks(sample).map(encode).collect::<Result<_, _>>()?;
        Ok(embeddings.concat())
    }
}

/// Why a file is not an encoder that can be used.
#[derive(Debug)]
pub enum EncoderFileProblem {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// A device would refuse it.
    Refused(EncoderError),
    /// It cannot be laid out as it is for its digest.
    Relayout(RelayoutError),
    /// It was changed, and kept its digest.
    Digest {
        /// That of its contents.
        expected: ModelDigest,
        /// The one that it claims.
        found: ModelDigest,
    },
}

impl fmt::Display for EncoderFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
            Self::Relayout(error) => error.fmt(f),
            Self::Digest { expected, found } => {
                write!(f, "the encoder says that it is model {found}, and its contents are {expected}: quantize again")
            }
        }
    }
}
