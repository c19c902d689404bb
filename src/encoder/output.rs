//! What a run gives.

use crate::embedding::{Embedding, EmbeddingError};
use crate::template::integer_patterns;

/// The outputs of a run, all on one scale; they lie in the arena until the next run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Output<'m> {
    pub(super) values: &'m [i32],
    pub(super) exponent: i8,
}

impl<'m> Output<'m> {
    /// The values; v stands for v · 2^[`Output::exponent`].
    #[must_use]
    pub const fn values(&self) -> &'m [i32] {
        self.values
    }

    /// The scale, from −64 to 64.
    #[must_use]
    pub const fn exponent(&self) -> i8 {
        self.exponent
    }

    /// The embedding: each value rounded to as many bits as an `f32` holds, by the same number of bits for all, so that a
    /// template of it is that of the values themselves.
    ///
    /// # Errors
    /// [`EmbeddingError::Length`] when the encoder has another dimension; [`EmbeddingError::Zero`] when all values are zero.
    pub fn embedding<const D: usize>(&self) -> Result<Embedding<D>, EmbeddingError> {
        let mut elements = [0.0; D];
        self.copy_to(&mut elements)?;
        Embedding::new(elements)
    }

    /// The same for a dimension known only at run time: into as many elements as there are values.
    ///
    /// # Errors
    /// As [`Output::embedding`].
    pub fn copy_to(&self, out: &mut [f32]) -> Result<(), EmbeddingError> {
        if out.len() != self.values.len() {
            return Err(EmbeddingError::Length { expected: out.len(), found: self.values.len() });
        }
        let pattern = integer_patterns(self.values, self.exponent)?;
        out.iter_mut().enumerate().for_each(|(index, place)| *place = f32::from_bits(pattern(index)));
        Ok(())
    }
}
