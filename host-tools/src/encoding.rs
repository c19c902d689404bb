//! Samples in, embeddings out.

use crate::embeddings::{Embeddings, EmbeddingsProblem};
use crate::encoder::{EncodeError, Encoder};
use crate::file::FileError;
use crate::labels::Labels;
use crate::model::Model;
use crate::samples::{SampleProblem, SampleSet};

/// Samples that are loaded and encoded together: enough to keep every core busy, few enough to keep memory small.
const CHUNK: usize = 64;

/// Encodes samples in order. `progress` is called with the number of samples done, now and then.
///
/// # Errors
/// [`EncodingError`] when a sample is not what the model takes, or the model gives no embedding for it.
pub fn encode(
    model: &Model,
    encoder: &dyn Encoder,
    samples: &SampleSet,
    resize: bool,
    progress: &dyn Fn(usize),
) -> Result<Embeddings, EncodingError> {
    let mut values = Vec::with_capacity(samples.len() * encoder.dimension());
    for begin in (0..samples.len()).step_by(CHUNK) {
        let end = samples.len().min(begin + CHUNK);
        let batch = samples.load(begin..end, model.preprocessing(), resize)?;
        values.extend(encoder.encode(&batch)?);
        progress(end);
    }
    let labels = Labels { model: Some(model.digest()), ..samples.labels().clone() };
    let mut embeddings = Embeddings::new(encoder.dimension(), values, labels)?;
    if model.preprocessing().normalize() {
        embeddings = embeddings.normalized();
    }
    Ok(embeddings)
}

impl Embeddings {
    /// The same embeddings, each at unit length.
    #[must_use]
    fn normalized(self) -> Self {
        let dimension = self.dimension();
        let values = self.rows().flat_map(normalize).collect();
        Self::new(dimension, values, self.labels().clone()).expect("unit length is neither infinite nor zero")
    }
}

/// A finite row that is not zero, at unit length. In `f64`, where no square of an `f32` over- or underflows.
fn normalize(row: &[f32]) -> Vec<f32> {
    let length = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    row.iter().map(|&value| (f64::from(value) / length) as f32).collect()
}

/// Why samples were not encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodingError {
    /// A sample is not what the model takes.
    #[error(transparent)]
    Sample(#[from] FileError<SampleProblem>),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] EncodeError),
    /// What the model gave is not an embedding.
    #[error("the model's output is not an embedding")]
    Embedding(#[from] EmbeddingsProblem),
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn lengths_that_f32_cannot_square_are_normalized() {
        for scale in [1.0, 1e-38, 1e38] {
            let row = normalize(&[3.0 * scale, -2.0 * scale]);
            let expected = [3.0 / 13f32.sqrt(), -2.0 / 13f32.sqrt()];
            assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{row:?}");
        }
    }
}
