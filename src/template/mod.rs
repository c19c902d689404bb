//! The int8 code of an embedding: what is stored, sent and compared.
//!
//! There are three forms of code, two for the cosine and one for the squared Euclidean distance; `docs/fixed-point.md`
//! defines them. The form is a value and not a type, because the bundle decides it: a firmware is written once for all.
//! [`Template`] has its dimension in the type, [`TemplateRef`] borrows a code of any.

mod quantize;

pub(crate) use quantize::integer_patterns;
pub use quantize::{quantize, quantize_integers};

use crate::arithmetic::{quotient, root};
use crate::embedding::Embedding;
use crate::kernel::Lane;
use crate::similarity::Probe;
use crate::space::{CodeForm, NORM_LIMIT, Space};
use crate::{EmbeddingError, MAX_DIMENSION};
use core::fmt;
use core::num::NonZeroU32;

/// The greatest magnitude of a code element.
pub const MAX_CODE: i8 = 127;

/// The least Σc² of a code for the cosine: a single ±127.
const LEAST_NORM_SQUARED: u32 = 127 * 127;

/// A code at an address from which words can be loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(align(4))]
struct Code<const D: usize>([i8; D]);

/// The lanes of a probe, at an address from which words can be loaded.
#[repr(align(4))]
struct Lanes<const D: usize>([Lane; D]);

/// The int8 code of an [`Embedding`], and what its length comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Template<const D: usize> {
    code: Code<D>,
    factor: u32,
    space: Space,
}

impl<const D: usize> Template<D> {
    /// The template of an embedding. In a Euclidean space, elements beyond the full scale become ±127:
    /// [`TemplateRef::clipped`] counts them.
    ///
    /// A dimension of 0 or above [`MAX_DIMENSION`] does not compile:
    ///
    /// ```compile_fail,E0080
    /// # use cognate::{Embedding, ModelDigest, Space, Template};
    /// Template::new(&Embedding::new([1.0; 1025]).unwrap(), Space::full(ModelDigest::new([0; 16])));
    /// ```
    ///
    /// ```
    /// use cognate::{Embedding, ModelDigest, Space, Template};
    /// let space = Space::full(ModelDigest::new([0; 16]));
    /// let template = Template::new(&Embedding::new([0.2, -0.1, 0.05]).unwrap(), space);
    /// assert_eq!(template.code(), &[127, -64, 32]);
    /// ```
    #[must_use]
    pub fn new(embedding: &Embedding<D>, space: Space) -> Self {
        const { assert!(D >= 1 && D <= MAX_DIMENSION, "a dimension is 1 to MAX_DIMENSION") };
        let mut code = Code([0; D]);
        quantize::quantize_checked(embedding.as_array(), space.form, &mut code.0);
        Self { factor: factor(code.0.iter().copied(), space.form), code, space }
    }

    /// The template of whole numbers: an encoder's accumulators, the output of a back end, or a sum of templates. In a
    /// Euclidean space a value stands for value · 2^exponent, with an exponent from −64 to 64.
    ///
    /// # Errors
    /// [`EmbeddingError::Zero`] when all are zero.
    pub fn from_integers(values: &[i32; D], exponent: i8, space: Space) -> Result<Self, EmbeddingError> {
        const { assert!(D >= 1 && D <= MAX_DIMENSION, "a dimension is 1 to MAX_DIMENSION") };
        let mut code = Code([0; D]);
        quantize_integers(values, exponent, space.form, &mut code.0)?;
        Ok(Self { factor: factor(code.0.iter().copied(), space.form), code, space })
    }

    /// The template with this code, such as one that was stored.
    ///
    /// # Errors
    /// [`TemplateError`] when no embedding has this code in this space.
    pub fn from_code(code: [i8; D], space: Space) -> Result<Self, TemplateError> {
        let TemplateRef { factor, .. } = TemplateRef::new(&code, space)?;
        Ok(Self { code: Code(code), factor, space })
    }

    /// A code whose factor is known, because it is that of another order and other signs of it.
    #[cfg(feature = "protection")]
    pub(crate) const fn from_parts(code: [i8; D], factor: u32, space: Space) -> Self {
        Self { code: Code(code), factor, space }
    }

    /// The code: `D` elements in −127..=127.
    #[must_use]
    pub const fn code(&self) -> &[i8; D] {
        &self.code.0
    }

    /// What goes with the code: 127 / |code| in Q0.31 for the cosine, Σc² for the Euclidean distance.
    #[must_use]
    pub const fn factor(&self) -> u32 {
        self.factor
    }

    /// The space that it is of.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.space
    }
}

/// A template of any form and dimension, borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TemplateRef<'a> {
    code: &'a [i8],
    factor: u32,
    space: Space,
}

impl<'a> TemplateRef<'a> {
    /// Checks a code of unknown origin, and computes what goes with it.
    ///
    /// # Errors
    /// [`TemplateError`] when no embedding has this code in this space.
    pub fn new(code: &'a [i8], space: Space) -> Result<Self, TemplateError> {
        Ok(Self { code, factor: checked_factor(code.iter().copied(), space.form)?, space })
    }

    /// A row whose code and factor were checked when it was stored.
    pub(crate) const fn from_checked(code: &'a [i8], factor: u32, space: Space) -> Self {
        Self { code, factor, space }
    }

    /// The code, −127..=127.
    #[must_use]
    pub const fn code(&self) -> &'a [i8] {
        self.code
    }

    /// The number of elements.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.code.len()
    }

    /// What goes with the code: 127 / |code| in Q0.31 for the cosine, Σc² for the Euclidean distance.
    #[must_use]
    pub const fn factor(&self) -> u32 {
        self.factor
    }

    /// The space that it is of.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.space
    }

    /// How many elements stand at ±127.
    #[must_use]
    pub fn clipped(&self) -> usize {
        self.code.iter().filter(|element| element.unsigned_abs() == MAX_CODE.unsigned_abs()).count()
    }
}

/// A template that can be enrolled and compared: [`Template`] or [`TemplateRef`].
pub trait AsTemplate: sealed::Sealed {
    /// The template without its dimension in the type.
    fn as_ref(&self) -> TemplateRef<'_>;

    /// Calls `search` with the template as a probe. One whose dimension is in the type is first spread out as the core's
    /// kernels take it, once for a whole search.
    fn with_probe<T>(&self, search: impl FnOnce(&Probe<'_>) -> T) -> T;
}

mod sealed {
    pub trait Sealed {}
}

impl<const D: usize> sealed::Sealed for Template<D> {}
impl sealed::Sealed for TemplateRef<'_> {}

impl<const D: usize> AsTemplate for Template<D> {
    fn as_ref(&self) -> TemplateRef<'_> {
        TemplateRef { code: &self.code.0, factor: self.factor, space: self.space }
    }

    fn with_probe<T>(&self, search: impl FnOnce(&Probe<'_>) -> T) -> T {
        search(&Probe::spread(self.as_ref(), &mut Lanes([Lane::default(); D]).0))
    }
}

impl AsTemplate for TemplateRef<'_> {
    fn as_ref(&self) -> TemplateRef<'_> {
        *self
    }

    fn with_probe<T>(&self, search: impl FnOnce(&Probe<'_>) -> T) -> T {
        search(&Probe::new(*self))
    }
}

/// What a row keeps beside its code. For the cosine ⌊127 · 2⁵⁰ / ⌊√(Σc² · 2³⁸)⌋⌋ below 2³¹, which is 127 / |c| in Q0.31 to
/// a relative 2⁻²⁵; of a norm-limited code, rounded to 16 bits. For the Euclidean distance Σc². 0 for a code of zeros.
pub(crate) fn factor(code: impl Iterator<Item = i8>, form: CodeForm) -> u32 {
    factor_of(code.map(|element| u32::from(element.unsigned_abs()).pow(2)).sum(), form)
}

fn factor_of(norm_squared: u32, form: CodeForm) -> u32 {
    let Some(norm) = NonZeroU32::new(root(u64::from(norm_squared) << 38)) else { return 0 };
    let reciprocal = quotient(127 << 50, norm).min(i32::MAX as u64) as u32;
    match form {
        CodeForm::Full => reciprocal,
        CodeForm::NormLimited => (reciprocal.wrapping_add(1 << 14) >> 15).min(0xffff) << 15,
        CodeForm::Euclidean(_) => norm_squared,
    }
}

/// The same of a code that an embedding can have: in one pass, for a start checks every template in flash.
pub(crate) fn checked_factor(code: impl ExactSizeIterator<Item = i8>, form: CodeForm) -> Result<u32, TemplateError> {
    if code.len() == 0 || code.len() > MAX_DIMENSION {
        return Err(TemplateError::Dimension { found: code.len() });
    }
    let (greatest, norm_squared) = code.fold((0, 0), |(greatest, norm_squared), element| {
        let magnitude = element.unsigned_abs();
        (magnitude.max(greatest), norm_squared + u32::from(magnitude).pow(2))
    });
    let can_be = match form {
        CodeForm::Full => greatest == MAX_CODE.unsigned_abs(),
        CodeForm::NormLimited => {
            greatest <= MAX_CODE.unsigned_abs() && (LEAST_NORM_SQUARED..=NORM_LIMIT).contains(&norm_squared)
        }
        CodeForm::Euclidean(_) => (1..=MAX_CODE.unsigned_abs()).contains(&greatest),
    };
    if can_be { Ok(factor_of(norm_squared, form)) } else { Err(TemplateError::Code) }
}

/// Why there is no template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TemplateError {
    /// No elements, or more than [`MAX_DIMENSION`].
    Dimension {
        /// The number of elements given.
        found: usize,
    },
    /// No embedding has this code: it was damaged, or made by something else.
    Code,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension { found } => {
                write!(f, "a template has 1 to {MAX_DIMENSION} elements, not {found}: use a smaller model")
            }
            Self::Code => f.write_str("no embedding has this code: it was damaged, or has another form; enroll again"),
        }
    }
}

impl core::error::Error for TemplateError {}
