//! The int8 code of an embedding: what is stored, sent and compared.
//!
//! An element becomes c = round(127 · x / full scale), ties away from zero. For the cosine the full scale is the
//! embedding's own greatest magnitude ([`Template`]); for the Euclidean distance it is one value for all
//! ([`L2Template`]). The rounding is exact and done in integers on the `f32` bit patterns (`docs/fixed-point.md`), so
//! that every core makes the same template, with an FPU or without.

use crate::embedding::{self, Embedding, EmbeddingError};
use crate::{MAX_DIMENSION, ModelDigest, kernel};
use core::fmt;
use core::num::{NonZeroU32, NonZeroU64};

/// The greatest magnitude of a code element.
pub const MAX_CODE: i8 = 127;

/// The int8 code of an [`Embedding`], with the reciprocal of its length: what the cosine is computed from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Template<const D: usize> {
    code: [i8; D],
    inverse_norm: u32,
    model: ModelDigest,
}

impl<const D: usize> Template<D> {
    /// The template of an embedding that `model` made.
    ///
    /// A dimension of 0 or above [`MAX_DIMENSION`] does not compile:
    ///
    /// ```compile_fail,E0080
    /// # use cognate::{Embedding, ModelDigest, Template};
    /// Template::new(&Embedding::new([1.0; 1025]).unwrap(), ModelDigest::new([0; 16]));
    /// ```
    ///
    /// ```
    /// use cognate::{Embedding, ModelDigest, Template};
    /// let template = Template::new(&Embedding::new([0.2, -0.1, 0.05]).unwrap(), ModelDigest::new([0; 16]));
    /// assert_eq!(template.code(), &[127, -64, 32]);
    /// ```
    #[must_use]
    pub fn new(embedding: &Embedding<D>, model: ModelDigest) -> Self {
        const { assert!(D >= 1 && D <= MAX_DIMENSION, "a dimension is 1 to MAX_DIMENSION") };
        let values = embedding.as_array();
        let full_scale = greatest_magnitude(values);
        let code = values.map(|value| code_of(value.to_bits(), full_scale));
        Self { code, inverse_norm: inverse_norm(&code), model }
    }

    /// The code: `D` elements in −127..=127, at least one of them ±127.
    #[must_use]
    pub const fn code(&self) -> &[i8; D] {
        &self.code
    }

    /// 2³⁶ / |code|, as `docs/fixed-point.md` rounds it.
    #[must_use]
    pub const fn inverse_norm(&self) -> u32 {
        self.inverse_norm
    }

    /// The model that made the embedding.
    #[must_use]
    pub const fn model(&self) -> ModelDigest {
        self.model
    }

    /// The template without its dimension in the type.
    #[must_use]
    pub const fn as_ref(&self) -> TemplateRef<'_> {
        TemplateRef { code: &self.code, inverse_norm: self.inverse_norm, model: self.model }
    }
}

/// A template of any dimension, borrowed: from a [`Template`], a gallery's row or a bundle in flash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TemplateRef<'a> {
    code: &'a [i8],
    inverse_norm: u32,
    model: ModelDigest,
}

impl<'a> TemplateRef<'a> {
    /// Checks a code of unknown origin, and computes what goes with it.
    ///
    /// # Errors
    /// [`TemplateError`] when no embedding has this code.
    pub fn new(code: &'a [i8], model: ModelDigest) -> Result<Self, TemplateError> {
        check_code(code)?;
        Ok(Self { code, inverse_norm: inverse_norm(code), model })
    }

    /// A row whose code and inverse norm were checked when it was stored.
    pub(crate) const fn from_checked(code: &'a [i8], inverse_norm: u32, model: ModelDigest) -> Self {
        Self { code, inverse_norm, model }
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

    /// 2³⁶ / |code|, as `docs/fixed-point.md` rounds it.
    #[must_use]
    pub const fn inverse_norm(&self) -> u32 {
        self.inverse_norm
    }

    /// The model that made the embedding.
    #[must_use]
    pub const fn model(&self) -> ModelDigest {
        self.model
    }
}

/// The int8 code of an [`Embedding`] on a scale that all templates share, for the Euclidean distance.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct L2Template<const D: usize> {
    code: [i8; D],
    full_scale: FullScale,
    model: ModelDigest,
}

impl<const D: usize> L2Template<D> {
    /// The template of an embedding that `model` made. Elements beyond the full scale become ±127:
    /// [`L2Template::clipped`] counts them.
    #[must_use]
    pub fn new(embedding: &Embedding<D>, full_scale: FullScale, model: ModelDigest) -> Self {
        const { assert!(D >= 1 && D <= MAX_DIMENSION, "a dimension is 1 to MAX_DIMENSION") };
        let code = embedding.as_array().map(|value| code_of(value.to_bits(), full_scale.bits()));
        Self { code, full_scale, model }
    }

    /// The code: `D` elements in −127..=127.
    #[must_use]
    pub const fn code(&self) -> &[i8; D] {
        &self.code
    }

    /// How many elements stand at ±127, where the embedding may have been beyond the scale.
    #[must_use]
    pub fn clipped(&self) -> usize {
        self.code.iter().filter(|element| element.unsigned_abs() == MAX_CODE.unsigned_abs()).count()
    }

    /// The squared Euclidean distance in steps of the code; one step is the full scale / 127.
    ///
    /// # Errors
    /// [`TemplateError::Model`] or [`TemplateError::FullScale`] when the two cannot be compared.
    pub fn squared_distance(&self, other: &Self) -> Result<u32, TemplateError> {
        if self.model != other.model {
            return Err(TemplateError::Model { expected: self.model, found: other.model });
        }
        if self.full_scale != other.full_scale {
            return Err(TemplateError::FullScale);
        }
        Ok(kernel::squared_distance(&self.code, &other.code))
    }
}

/// The magnitude that an [`L2Template`] stores as 127: finite and above zero.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FullScale(f32);

impl FullScale {
    /// `None` unless the value is finite and above zero.
    #[must_use]
    pub fn new(value: f32) -> Option<Self> {
        // On the bits, as everything here: an FPU may take subnormal numbers for zero.
        (value.is_finite() && (1..SIGN).contains(&value.to_bits())).then_some(Self(value))
    }

    const fn bits(self) -> u32 {
        self.0.to_bits()
    }
}

/// Writes the code of `values` into `code`: the way of [`Template::new`] for a dimension known only at run time.
///
/// # Errors
/// [`EmbeddingError`] as for [`Embedding::new`]; [`EmbeddingError::Length`] when the two lengths differ.
pub fn quantize(values: &[f32], code: &mut [i8]) -> Result<(), EmbeddingError> {
    if values.len() != code.len() {
        return Err(EmbeddingError::Length { expected: code.len(), found: values.len() });
    }
    embedding::check(values)?;
    let full_scale = greatest_magnitude(values);
    for (element, value) in code.iter_mut().zip(values) {
        *element = code_of(value.to_bits(), full_scale);
    }
    Ok(())
}

const SIGN: u32 = 1 << 31;

/// The bit pattern of max |x|. For finite `f32` the order of magnitudes is the order of the patterns without sign.
fn greatest_magnitude(values: &[f32]) -> u32 {
    values.iter().fold(0, |greatest, value| greatest.max(value.to_bits() & !SIGN))
}

/// round(127 · x / full scale), ties away from zero, for finite bit patterns and a full scale above zero.
fn code_of(value: u32, full_scale: u32) -> i8 {
    let magnitude = match value & !SIGN {
        beyond if beyond >= full_scale => MAX_CODE,
        within => ratio_of_127(within, full_scale),
    };
    if value & SIGN == 0 { magnitude } else { -magnitude }
}

/// round(127 · x / full), ties up, for bit patterns 0 ≤ x < full: exact, in 32 bits.
fn ratio_of_127(value: u32, full_scale: u32) -> i8 {
    let (value_mantissa, value_exponent) = mantissa_and_exponent(value);
    let (full_mantissa, full_exponent) = mantissa_and_exponent(full_scale);
    let shift = full_exponent.saturating_sub(value_exponent);
    if shift > 8 {
        return 0; // 127 · 2²⁴ / (2²³ · 2⁹) < ½
    }
    let numerator = 127 * value_mantissa; // < 2³¹
    let Some(denominator) = NonZeroU32::new(full_mantissa << shift) else { return 0 }; // < 2³²
    let (quotient, remainder) = (numerator / denominator, numerator % denominator);
    let rounds_up = remainder >= denominator.get() - remainder;
    (quotient as i8).saturating_add(i8::from(rounds_up))
}

/// A finite pattern without sign as mantissa · 2^(exponent − 150).
const fn mantissa_and_exponent(pattern: u32) -> (u32, u32) {
    let (fraction, exponent) = (pattern & 0x007f_ffff, pattern >> 23);
    if exponent == 0 { (fraction, 1) } else { (fraction | 1 << 23, exponent) }
}

/// floor(2⁵⁵ / floor(2¹⁹ · |code|)): 2³⁶ / |code| to a relative error below 2⁻²⁴.
pub(crate) fn inverse_norm(code: &[i8]) -> u32 {
    let norm_squared = u64::from(kernel::dot(code, code).unsigned_abs());
    let Some(norm) = NonZeroU64::new((norm_squared << 38).isqrt()) else { return 0 };
    ((1u64 << 55) / norm) as u32
}

/// Whether an embedding can have this code.
pub(crate) fn check_code(code: &[i8]) -> Result<(), TemplateError> {
    if code.is_empty() || code.len() > MAX_DIMENSION {
        return Err(TemplateError::Dimension { found: code.len() });
    }
    let greatest = code.iter().map(|element| element.unsigned_abs()).max();
    if greatest == Some(MAX_CODE.unsigned_abs()) { Ok(()) } else { Err(TemplateError::Code) }
}

/// Why a code is not a template, or two templates cannot be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TemplateError {
    /// No elements, or more than [`MAX_DIMENSION`].
    Dimension {
        /// The number of elements given.
        found: usize,
    },
    /// An element is −128, or none is ±127: the code was damaged, or made by something else.
    Code,
    /// The templates come from different models.
    Model {
        /// The model of this template.
        expected: ModelDigest,
        /// The model of the other.
        found: ModelDigest,
    },
    /// The templates have different full scales.
    FullScale,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension { found } => {
                write!(f, "a template has 1 to {MAX_DIMENSION} elements, not {found}: use a smaller model")
            }
            Self::Code => {
                f.write_str("the template's code is damaged: its greatest magnitude must be 127; enroll again")
            }
            Self::Model { expected, found } => {
                write!(
                    f,
                    "the template was made by model {found} where {expected} is expected: enroll again with that model"
                )
            }
            Self::FullScale => f.write_str("the templates have different full scales: make both with one"),
        }
    }
}

impl core::error::Error for TemplateError {}
