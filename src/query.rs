//! Arithmetic with templates: sums and differences as a query, and the mean of a subject's samples.

use crate::space::{CodeForm, Space, SpaceMismatch};
use crate::template::{MAX_CODE, Template};
use core::fmt;

/// A weighted sum of templates of `D` elements, as a template of its own: "king − man + woman" of the word embeddings
/// (Mikolov, Yih and Zweig, 2013), or the centroid of several samples.
///
/// For the cosine every term has the same length, whatever its code's: c · 127 / |c| in steps of 2⁻¹⁵, rounded half up. The
/// sum is then coded as an embedding is. In a Euclidean space the sum is of the codes, divided by the sum of the weights
/// where that is above zero (so that equal weights give the mean), and cut at ±127.
///
/// ```
/// use cognate::{Embedding, ModelDigest, Query, Space, Template, similarity::cosine};
/// let space = Space::full(ModelDigest::new([7; 16]));
/// let template = |values: [f32; 3]| Template::new(&Embedding::new(values).unwrap(), space);
/// let (royal, man, woman) = (template([0.1, 0.9, 0.0]), template([0.9, 0.1, 0.0]), template([0.0, 0.1, 0.9]));
/// let king = Query::new(space).plus(&royal)?.plus(&man)?.template()?;
/// let queen = Query::new(space).plus(&king)?.minus(&man)?.plus(&woman)?.template()?;
/// let expected = Query::new(space).plus(&royal)?.plus(&woman)?.template()?;
/// assert!(cosine(&queen, &expected)? > cosine(&queen, &king)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Query<const D: usize> {
    sums: [i32; D],
    weight: i32,
    space: Space,
}

impl<const D: usize> Query<D> {
    /// A sum without terms.
    #[must_use]
    pub const fn new(space: Space) -> Self {
        Self { sums: [0; D], weight: 0, space }
    }

    /// Adds a template.
    ///
    /// # Errors
    /// [`QueryError::Space`] when it is of another space.
    pub fn plus(self, template: &Template<D>) -> Result<Self, QueryError> {
        self.weighted(template, 1)
    }

    /// Subtracts a template.
    ///
    /// # Errors
    /// As for [`Query::plus`].
    pub fn minus(self, template: &Template<D>) -> Result<Self, QueryError> {
        self.weighted(template, -1)
    }

    /// Adds a template so many times. All weights together, without sign, may come to 500; beyond that the sum saturates.
    ///
    /// # Errors
    /// As for [`Query::plus`].
    pub fn weighted(mut self, template: &Template<D>, weight: i16) -> Result<Self, QueryError> {
        self.space.require(template.space()).map_err(QueryError::Space)?;
        for (sum, element) in self.sums.iter_mut().zip(template.code()) {
            *sum = sum
                .saturating_add(term(*element, template.factor(), self.space.form).saturating_mul(i32::from(weight)));
        }
        self.weight = self.weight.saturating_add(i32::from(weight));
        Ok(self)
    }

    /// The template of the sum.
    ///
    /// # Errors
    /// [`QueryError::Zero`] when the terms cancel each other out, or there are none.
    pub fn template(&self) -> Result<Template<D>, QueryError> {
        if self.space.form.is_cosine() {
            return Template::from_integers(&self.sums, 0, self.space).map_err(|_| QueryError::Zero);
        }
        let divisor = self.weight.max(1);
        let code = self.sums.map(|sum| {
            let magnitude = (sum.unsigned_abs() + divisor.unsigned_abs() / 2) / divisor.unsigned_abs();
            let magnitude = magnitude.min(u32::from(MAX_CODE.unsigned_abs())) as i8;
            if sum < 0 { -magnitude } else { magnitude }
        });
        Template::from_code(code, self.space).map_err(|_| QueryError::Zero)
    }
}

/// An element as it is summed.
fn term(element: i8, factor: u32, form: CodeForm) -> i32 {
    match form {
        CodeForm::Full | CodeForm::NormLimited => ((i64::from(element) * i64::from(factor) + (1 << 15)) >> 16) as i32,
        CodeForm::Euclidean(_) => i32::from(element),
    }
}

/// Why there is no query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum QueryError {
    /// A template of another space: make it in the query's.
    Space(SpaceMismatch),
    /// The terms cancel each other out, or there are none: nothing is left to look for.
    Zero,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(mismatch) => mismatch.fmt(f),
            Self::Zero => f.write_str("the terms of the query cancel each other out: nothing is left to look for"),
        }
    }
}

impl core::error::Error for QueryError {}
