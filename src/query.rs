//! Arithmetic with templates: sums and differences as a query, and the mean of a subject's samples.

use crate::space::{CodeForm, Space, SpaceMismatch};
use crate::template::{AsTemplate, MAX_CODE, Template, TemplateRef, quantize_integers};
use core::fmt;

/// A weighted sum of templates of `D` elements, as a template of its own: "king − man + woman" of the word embeddings
/// (Mikolov, Yih and Zweig, 2013), or the centroid of several samples.
///
/// For the cosine every term has the same length, whatever its code's: c · 127 / |c| in steps of 2⁻¹⁵, ties away from zero. The
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
        add(template.as_ref(), weight, self.space, &mut self.sums)?;
        self.weight = self.weight.saturating_add(i32::from(weight));
        Ok(self)
    }

    /// The template of the sum.
    ///
    /// # Errors
    /// [`QueryError::Zero`] when the terms cancel each other out, or there are none.
    pub fn template(&self) -> Result<Template<D>, QueryError> {
        let mut code = [0; D];
        finish(&self.sums, self.weight, self.space, &mut code)?;
        Template::from_code(code, self.space).map_err(|_| QueryError::Zero)
    }
}

/// Writes the code of a weighted sum: [`Query`] for a dimension known only at run time. `sums` is what it computes in, and as
/// long as the code.
///
/// # Errors
/// As for [`Query`], and [`QueryError::Dimension`] when a term, `sums` or `code` has another length.
pub fn combine(
    terms: &[(TemplateRef<'_>, i16)],
    space: Space,
    sums: &mut [i32],
    code: &mut [i8],
) -> Result<(), QueryError> {
    let expected = code.len();
    let lengths = terms.iter().map(|(template, _)| template.dimension()).chain([sums.len()]);
    for found in lengths {
        if found != expected {
            return Err(QueryError::Dimension { expected, found });
        }
    }
    sums.fill(0);
    for (template, weight) in terms {
        add(*template, *weight, space, sums)?;
    }
    let weight = terms.iter().fold(0i32, |sum, (_, weight)| sum.saturating_add(i32::from(*weight)));
    finish(sums, weight, space, code)
}

/// Adds a template to sums of the same length.
fn add(template: TemplateRef<'_>, weight: i16, space: Space, sums: &mut [i32]) -> Result<(), QueryError> {
    space.require(template.space()).map_err(QueryError::Space)?;
    for (sum, element) in sums.iter_mut().zip(template.code()) {
        let term = match space.form {
            CodeForm::Full | CodeForm::NormLimited => {
                // By magnitude: the opposite of a template has the opposite term.
                let magnitude = u64::from(element.unsigned_abs()) * u64::from(template.factor());
                let term = ((magnitude + (1 << 15)) >> 16) as i32;
                if *element < 0 { -term } else { term }
            }
            CodeForm::Euclidean(_) => i32::from(*element),
        };
        *sum = sum.saturating_add(term.saturating_mul(i32::from(weight)));
    }
    Ok(())
}

/// The code of sums of the same length.
fn finish(sums: &[i32], weight: i32, space: Space, code: &mut [i8]) -> Result<(), QueryError> {
    if space.form.is_cosine() {
        return quantize_integers(sums, 0, space.form, code).map_err(|_| QueryError::Zero);
    }
    let divisor = weight.max(1).unsigned_abs();
    for (element, sum) in code.iter_mut().zip(sums) {
        let magnitude = (sum.unsigned_abs() + divisor / 2) / divisor;
        let magnitude = magnitude.min(u32::from(MAX_CODE.unsigned_abs())) as i8;
        *element = if *sum < 0 { -magnitude } else { magnitude };
    }
    if code.iter().all(|element| *element == 0) { Err(QueryError::Zero) } else { Ok(()) }
}

/// Why there is no query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum QueryError {
    /// A template of another space: make it in the query's.
    Space(SpaceMismatch),
    /// A template of another dimension: use templates of one model.
    Dimension {
        /// Elements of the query.
        expected: usize,
        /// Elements of what it was given.
        found: usize,
    },
    /// The terms cancel each other out, or there are none: nothing is left to look for.
    Zero,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(mismatch) => mismatch.fmt(f),
            Self::Dimension { expected, found } => {
                write!(f, "{found} elements do not go with the {expected} of the query: use templates of one model")
            }
            Self::Zero => f.write_str("the terms of the query cancel each other out: nothing is left to look for"),
        }
    }
}

impl core::error::Error for QueryError {}
