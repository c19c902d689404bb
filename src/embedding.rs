//! What an encoder says about a sample, in `f32`: the way in, and the reference that the integers are held against.

use core::fmt;
use micromath::F32Ext;

/// An encoder's output of `D` elements: finite, and not all zero.
///
/// It need not have unit length. The `f32` measures here are the reference for the integer ones of
/// [`similarity`](crate::similarity), which alone decide.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Embedding<const D: usize>([f32; D]);

impl<const D: usize> Embedding<D> {
    /// Checks the elements.
    ///
    /// # Errors
    /// [`EmbeddingError::NotFinite`] names the first element that is NaN or infinite; [`EmbeddingError::Zero`] when
    /// every element is zero, so that there is no direction to compare.
    ///
    /// ```
    /// use cognate::{Embedding, EmbeddingError};
    /// assert!(Embedding::new([0.6, -0.8]).is_ok());
    /// assert_eq!(Embedding::new([0.6, f32::NAN]), Err(EmbeddingError::NotFinite { index: 1 }));
    /// assert_eq!(Embedding::new([0.0, -0.0]), Err(EmbeddingError::Zero));
    /// ```
    pub fn new(values: [f32; D]) -> Result<Self, EmbeddingError> {
        check(&values).map(|()| Self(values))
    }

    /// The same from a slice, such as an encoder's output buffer.
    ///
    /// # Errors
    /// As [`Embedding::new`], and [`EmbeddingError::Length`] when the slice does not have `D` elements.
    pub fn from_slice(values: &[f32]) -> Result<Self, EmbeddingError> {
        let found = values.len();
        let values = values.try_into().map_err(|_| EmbeddingError::Length { expected: D, found })?;
        Self::new(values)
    }

    /// The elements as they were given.
    #[must_use]
    pub const fn as_array(&self) -> &[f32; D] {
        &self.0
    }

    /// The embedding at unit length, to `f32` rounding.
    ///
    /// The elements are first divided by the greatest magnitude, so that no square over- or underflows.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let scaled = self.scaled_to_one();
        let length = libm::sqrtf(sum_of_products(&scaled, &scaled));
        Self(scaled.map(|value| value / length))
    }

    /// The elements at about unit length, for a first look or a display: the length is off by up to 3.5 %.
    ///
    /// micromath's reciprocal square root needs neither a division nor an FPU's square root. Its error is far above a
    /// template's rounding, so what comes out is no [`Embedding`], and cannot be stored or decided with;
    /// [`Embedding::normalized`] can.
    #[must_use]
    pub fn normalized_quick(&self) -> [f32; D] {
        let scaled = self.scaled_to_one();
        let factor = F32Ext::invsqrt(sum_of_products(&scaled, &scaled));
        scaled.map(|value| value * factor)
    }

    /// The cosine similarity, −1..1 up to `f32` rounding.
    ///
    /// ```
    /// let a = cognate::Embedding::new([3.0, 0.0]).unwrap();
    /// let b = cognate::Embedding::new([1.0, 1.0]).unwrap();
    /// assert!((a.cosine(&b) - 0.5f32.sqrt()).abs() < 1e-6);
    /// ```
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        sum_of_products(&self.normalized().0, &other.normalized().0)
    }

    /// The squared Euclidean distance of the elements as they were given; infinite where `f32` cannot hold it.
    #[must_use]
    pub fn squared_l2(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    fn scaled_to_one(&self) -> [f32; D] {
        let greatest = self.0.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
        self.0.map(|value| value / greatest)
    }
}

/// Finite everywhere and not zero everywhere.
pub(crate) fn check(values: &[f32]) -> Result<(), EmbeddingError> {
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(EmbeddingError::NotFinite { index });
    }
    // On the bits: an FPU that flushes subnormal numbers takes them for zero when it compares.
    if values.iter().all(|value| value.to_bits() << 1 == 0) {
        return Err(EmbeddingError::Zero);
    }
    Ok(())
}

fn sum_of_products(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Why numbers are not an embedding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EmbeddingError {
    /// Another number of elements than the dimension: is this the output of the right model?
    Length {
        /// The dimension.
        expected: usize,
        /// The number of elements given.
        found: usize,
    },
    /// An element is NaN or infinite: the encoder overflowed, or its input was not a sample.
    NotFinite {
        /// The first such element.
        index: usize,
    },
    /// Every element is zero: the encoder saw nothing, and there is no direction to compare.
    Zero,
}

impl fmt::Display for EmbeddingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(
                    f,
                    "the embedding has {found} elements where the dimension is {expected}: use the model that it is meant for"
                )
            }
            Self::NotFinite { index } => {
                write!(f, "element {index} of the embedding is NaN or infinite: check the sample and the encoder")
            }
            Self::Zero => f.write_str("every element of the embedding is zero: check the sample and the encoder"),
        }
    }
}

impl core::error::Error for EmbeddingError {}
