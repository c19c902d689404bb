//! What runs a model.

use std::fmt;

/// A model that is ready to run: samples in, embeddings out.
///
/// Implementations choose how to spread the samples of a batch over the machine. The one that there is,
/// [`TractEncoder`](crate::runtime::TractEncoder), runs them one a thread.
pub trait Encoder: Send + Sync {
    /// The axes of one sample, without the batch's.
    fn sample_shape(&self) -> &[usize];

    /// Elements of an embedding.
    fn dimension(&self) -> usize;

    /// Encodes samples that lie one after the other in `batch`, and returns their embeddings in the same order, as
    /// the model gives them.
    ///
    /// # Errors
    /// [`EncodeError::Length`] when `batch` is not a whole number of samples; [`EncodeError::Run`] when the runtime
    /// fails.
    fn encode(&self, batch: &[f32]) -> Result<Vec<f32>, EncodeError>;
}

/// Why samples were not encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EncodeError {
    /// Not a whole number of samples.
    Length {
        /// Elements of one sample.
        sample: usize,
        /// Elements given.
        found: usize,
    },
    /// The runtime failed; in its words.
    Run(String),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { sample, found } => {
                write!(f, "{found} elements are not a whole number of samples of {sample} elements")
            }
            Self::Run(reason) => write!(f, "the model cannot be run: {reason}"),
        }
    }
}

impl std::error::Error for EncodeError {}
