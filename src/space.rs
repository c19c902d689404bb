//! What makes two templates comparable: the same model, and the same form of code.

use crate::ModelDigest;
use core::fmt;

/// The most that Σc² of a norm-limited code comes to: below 2¹⁵, so that a dot product fits into 16 bits.
pub const NORM_LIMIT: u32 = 32_760;

/// How an embedding becomes an int8 code. A bundle has one form, and all its templates and probes have it.
///
/// The form changes the code, and with it the scores a little; it never depends on the core that computes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CodeForm {
    /// Cosine; the greatest magnitude of a code is 127. The finest code, for every core.
    Full,
    /// Cosine; Σc² ≤ [`NORM_LIMIT`]. Coarser by a little, and a multiplication of a core without DSP instructions
    /// does two elements at once.
    NormLimited,
    /// Squared Euclidean distance, on one scale for all templates.
    Euclidean(FullScale),
}

impl CodeForm {
    /// Whether scores are cosines.
    #[must_use]
    pub const fn is_cosine(self) -> bool {
        !matches!(self, Self::Euclidean(_))
    }
}

impl fmt::Display for CodeForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::NormLimited => f.write_str("norm-limited"),
            Self::Euclidean(scale) => write!(f, "Euclidean with full scale {}", scale.value()),
        }
    }
}

/// The magnitude that a Euclidean code stores as 127: finite and above zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FullScale(u32);

impl FullScale {
    /// `None` unless the value is finite and above zero.
    #[must_use]
    pub const fn new(value: f32) -> Option<Self> {
        Self::from_bits(value.to_bits())
    }

    /// The same from the bits of an `f32`. An FPU may take subnormal numbers for zero: so everything here is done on bits.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        if bits > 0 && bits < f32::INFINITY.to_bits() { Some(Self(bits)) } else { None }
    }

    /// The bits of the `f32`.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The magnitude.
    #[must_use]
    pub const fn value(self) -> f32 {
        f32::from_bits(self.0)
    }
}

/// Templates of one space can be compared; those of two have nothing in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Space {
    /// Which model, preprocessing and back end made the embeddings.
    pub model: ModelDigest,
    /// How they were coded.
    pub form: CodeForm,
}

impl Space {
    /// Cosines of full codes: what to take unless something speaks for another.
    #[must_use]
    pub const fn full(model: ModelDigest) -> Self {
        Self { model, form: CodeForm::Full }
    }

    /// Cosines of norm-limited codes.
    #[must_use]
    pub const fn norm_limited(model: ModelDigest) -> Self {
        Self { model, form: CodeForm::NormLimited }
    }

    /// Squared Euclidean distances.
    #[must_use]
    pub const fn euclidean(model: ModelDigest, full_scale: FullScale) -> Self {
        Self { model, form: CodeForm::Euclidean(full_scale) }
    }

    /// Whether templates of the other space can be compared with those of this one.
    ///
    /// # Errors
    /// [`SpaceMismatch`] says in what the two differ.
    pub fn require(&self, other: Self) -> Result<(), SpaceMismatch> {
        if !self.model.is(&other.model) {
            Err(SpaceMismatch::Model { expected: self.model, found: other.model })
        } else if self.form != other.form {
            Err(SpaceMismatch::Form { expected: self.form, found: other.form })
        } else {
            Ok(())
        }
    }
}

/// Templates of two spaces met: a score between them would mean nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SpaceMismatch {
    /// They come from different models.
    Model {
        /// The model of what they are compared with or enrolled in.
        expected: ModelDigest,
        /// The template's model.
        found: ModelDigest,
    },
    /// They have different forms of code.
    Form {
        /// The form of what they are compared with or enrolled in.
        expected: CodeForm,
        /// The template's form.
        found: CodeForm,
    },
}

impl fmt::Display for SpaceMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model { expected, found } => {
                write!(f, "the template is of model {found} where {expected} is expected: encode with that model")
            }
            Self::Form { expected, found } => write!(
                f,
                "the template has the code form {found} where {expected} is expected: make it in the bundle's space"
            ),
        }
    }
}

impl core::error::Error for SpaceMismatch {}
