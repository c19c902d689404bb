//! Why a network does not become an encoder.

use cognate::encoder::{PackError, WriteError};
use std::fmt;

/// Why a network does not become an encoder.
#[derive(Clone, PartialEq, Debug)]
pub struct LowerError {
    /// The layer, by the name of its ONNX tensor.
    pub layer: String,
    /// What is wrong.
    pub problem: LowerProblem,
}

/// What is wrong with a layer.
#[derive(Clone, PartialEq, Debug)]
pub enum LowerProblem {
    /// A frame of another value than 0 that is not part of a convolution.
    PadValue(f32),
    /// Sizes or sums that are beyond what the device has.
    TooLarge,
    /// Constants that cannot be laid out.
    Pack(PackError),
    /// A device would refuse it.
    Write(WriteError),
}

impl fmt::Display for LowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer `{}`: ", self.layer)?;
        match &self.problem {
            LowerProblem::PadValue(value) => {
                write!(
                    f,
                    "it is padded with {value}, and the device pads with 0: pad with 0 and export the model again"
                )
            }
            LowerProblem::TooLarge => {
                f.write_str("its sizes or sums are beyond what the device computes with: make the layer smaller")
            }
            LowerProblem::Pack(error) => error.fmt(f),
            LowerProblem::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LowerError {}
