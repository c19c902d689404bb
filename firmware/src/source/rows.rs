//! Embeddings recorded on the host.

use super::SampleSource;
use cognate::{Embedding, EmbeddingError, ModelDigest};
use core::fmt;

/// Embeddings recorded on the host: the digest of the model that made them, then rows of `D` little-endian `f32`, one after
/// the other, with nothing between or behind them.
#[derive(Clone, Debug)]
pub struct Rows<'a, const D: usize> {
    model: ModelDigest,
    rest: &'a [u8],
    next: u32,
}

impl<'a, const D: usize> Rows<'a, D> {
    /// The rows in these bytes. What is not a whole row at the end is an error when it is reached.
    ///
    /// # Errors
    /// [`RowsError::NoModel`] when the bytes end before the model's digest does.
    pub fn new(bytes: &'a [u8]) -> Result<Self, RowsError> {
        let (model, rest) = bytes.split_first_chunk().ok_or(RowsError::NoModel { found: bytes.len() })?;
        Ok(Self { model: ModelDigest::new(*model), rest, next: 0 })
    }

    fn take_row(&mut self) -> Result<[f32; D], RowsError> {
        let row = self.next;
        self.next += 1;
        let Some((bytes, rest)) = self.rest.split_at_checked(D * size_of::<f32>()) else {
            let found = core::mem::take(&mut self.rest).len();
            return Err(RowsError::Incomplete { row, found });
        };
        self.rest = rest;
        let mut values = [0.0; D];
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        Ok(values)
    }
}

impl<const D: usize> SampleSource<D> for Rows<'_, D> {
    type Error = RowsError;

    fn model(&self) -> ModelDigest {
        self.model
    }

    fn next_sample(&mut self) -> Result<Option<Embedding<D>>, RowsError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let row = self.next;
        let values = self.take_row()?;
        Embedding::new(values).map(Some).map_err(|error| RowsError::Embedding { row, error })
    }
}

/// Why recorded bytes are not samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RowsError {
    /// The bytes end before the digest of the model does.
    NoModel {
        /// The bytes that there are.
        found: usize,
    },
    /// The bytes end inside a row: the file was cut, or has another dimension.
    Incomplete {
        /// The row, from 0.
        row: u32,
        /// The bytes that are left of it.
        found: usize,
    },
    /// The row's numbers are not an embedding.
    Embedding {
        /// The row, from 0.
        row: u32,
        /// What is wrong with it.
        error: EmbeddingError,
    },
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoModel { found } => {
                write!(f, "{found} bytes do not hold a model's digest: write it in front of the rows")
            }
            Self::Incomplete { row, found } => {
                write!(f, "row {row} ends after {found} bytes: write the rows again with the bundle's dimension")
            }
            Self::Embedding { row, error } => write!(f, "row {row}: {error}"),
        }
    }
}

impl core::error::Error for RowsError {}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: [u8; ModelDigest::BYTES] = *b"0123456789abcdef";

    fn bytes<const N: usize>(values: [f32; N]) -> impl Iterator<Item = u8> {
        MODEL.into_iter().chain(values.into_iter().flat_map(f32::to_le_bytes))
    }

    #[test]
    fn rows_come_in_order_after_the_model_and_end() {
        let recorded: heapless::Vec<u8, 64> = bytes([1.0, 0.0, -0.5, 2.0]).collect();
        let mut rows = Rows::<2>::new(&recorded).expect("the model is there");
        assert_eq!(rows.model(), ModelDigest::new(MODEL));
        assert_eq!(rows.next_sample(), Ok(Embedding::new([1.0, 0.0]).ok()));
        assert_eq!(rows.next_sample(), Ok(Embedding::new([-0.5, 2.0]).ok()));
        assert_eq!(rows.next_sample(), Ok(None));
        assert_eq!(rows.next_sample(), Ok(None));
    }

    #[test]
    fn a_cut_row_is_an_error_once() {
        let recorded: heapless::Vec<u8, 64> = bytes([1.0, 0.0, 3.0]).collect();
        let mut rows = Rows::<2>::new(&recorded).expect("the model is there");
        assert!(matches!(rows.next_sample(), Ok(Some(_))));
        assert_eq!(rows.next_sample(), Err(RowsError::Incomplete { row: 1, found: 4 }));
        assert_eq!(rows.next_sample(), Ok(None));
    }

    #[test]
    fn a_bad_row_is_named_and_the_next_one_still_comes() {
        let recorded: heapless::Vec<u8, 64> = bytes([0.0, -0.0, f32::NAN, 1.0, 4.0, 5.0]).collect();
        let mut rows = Rows::<2>::new(&recorded).expect("the model is there");
        assert_eq!(rows.next_sample(), Err(RowsError::Embedding { row: 0, error: EmbeddingError::Zero }));
        let not_finite = EmbeddingError::NotFinite { index: 0 };
        assert_eq!(rows.next_sample(), Err(RowsError::Embedding { row: 1, error: not_finite }));
        assert_eq!(rows.next_sample(), Ok(Embedding::new([4.0, 5.0]).ok()));
    }

    #[test]
    fn bytes_without_a_whole_digest_are_no_rows() {
        for found in [0, 15] {
            assert_eq!(Rows::<2>::new(&MODEL[..found]).err(), Some(RowsError::NoModel { found }));
        }
        let mut none = Rows::<2>::new(&MODEL).expect("the model is there");
        assert_eq!(none.next_sample(), Ok(None));
    }
}
