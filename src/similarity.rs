//! The cosine of two templates, in integers.

use crate::{MatchError, ModelDigest, TemplateRef, kernel};
use core::fmt;

/// A cosine similarity as a signed fraction of 23 bits: the value is raw / 2²³, from −1 to just below 1.
///
/// Every raw score is exactly an `f32`. Greater is more alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Score(i32);

impl Score {
    /// Bits behind the binary point.
    pub const FRACTION_BITS: u32 = 23;
    /// −1: opposite directions.
    pub const MIN: Self = Self(-(1 << Self::FRACTION_BITS));
    /// 1 − 2⁻²³: the same direction.
    pub const MAX: Self = Self((1 << Self::FRACTION_BITS) - 1);

    /// The score with this raw value, or the nearest that there is.
    #[must_use]
    pub const fn saturating_from_raw(raw: i64) -> Self {
        if raw < Self::MIN.0 as i64 {
            Self::MIN
        } else if raw > Self::MAX.0 as i64 {
            Self::MAX
        } else {
            Self(raw as i32)
        }
    }

    /// The score with this raw value, if there is one.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Option<Self> {
        if raw < Self::MIN.0 || raw > Self::MAX.0 { None } else { Some(Self(raw)) }
    }

    /// numerator / denominator rounded down, within the range of a score: a threshold written in source.
    ///
    /// A denominator of zero gives [`Score::MAX`], the threshold that accepts least.
    ///
    /// ```
    /// assert_eq!(cognate::Score::from_ratio(3, 4).to_string(), "0.7500");
    /// ```
    #[must_use]
    pub const fn from_ratio(numerator: i32, denominator: u32) -> Self {
        match ((numerator as i64) << Self::FRACTION_BITS).checked_div_euclid(denominator as i64) {
            Some(raw) => Self::saturating_from_raw(raw),
            None => Self::MAX,
        }
    }

    /// The raw value, −2²³..2²³.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// The value to show a person or a plot; exact.
    #[must_use]
    pub fn to_f32(self) -> f32 {
        self.0 as f32 / (1u32 << Self::FRACTION_BITS) as f32
    }
}

/// Four decimals, the last rounded half up.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = (u64::from(self.0.unsigned_abs()) * 10_000 + (1 << 22)) >> Self::FRACTION_BITS;
        let sign = if self.0 < 0 && magnitude != 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:04}", magnitude / 10_000, magnitude % 10_000)
    }
}

/// The cosine of a probe and an enrolled template of the same dimension and model.
///
/// Within two units (2⁻²²) of the exact cosine of the two codes (`docs/fixed-point.md`, tested against `f64`).
///
/// # Errors
/// [`MatchError::Model`] or [`MatchError::Dimension`] when the two cannot be compared.
///
/// ```
/// use cognate::{Embedding, MatchError, ModelDigest, Template, similarity::cosine};
/// let template = |model| Template::new(&Embedding::new([0.6, 0.8]).unwrap(), ModelDigest::new([model; 16]));
/// assert_eq!(cosine(&template(1).as_ref(), &template(1).as_ref())?.to_string(), "1.0000");
/// assert!(matches!(cosine(&template(1).as_ref(), &template(2).as_ref()), Err(MatchError::Model { .. })));
/// # Ok::<(), MatchError>(())
/// ```
pub fn cosine(probe: &TemplateRef<'_>, template: &TemplateRef<'_>) -> Result<Score, MatchError> {
    check_comparable(probe, template.model(), template.dimension())?;
    Ok(score(probe, template))
}

/// Whether a probe can be compared with templates of this model and dimension.
pub(crate) fn check_comparable(
    probe: &TemplateRef<'_>,
    model: ModelDigest,
    dimension: usize,
) -> Result<(), MatchError> {
    if model != probe.model() {
        return Err(MatchError::Model { expected: model, found: probe.model() });
    }
    if dimension != probe.dimension() {
        return Err(MatchError::Dimension { expected: dimension, found: probe.dimension() });
    }
    Ok(())
}

/// The cosine of templates that are known to be comparable: a search checks once, not for each row.
pub(crate) fn score(probe: &TemplateRef<'_>, template: &TemplateRef<'_>) -> Score {
    score_of_dot(kernel::dot(probe.code(), template.code()), probe.inverse_norm(), template.inverse_norm())
}

/// The dot product brought to the product of the lengths: two multiplications of 32 bits that keep 64 and 32.
fn score_of_dot(dot: i32, probe_inverse_norm: u32, template_inverse_norm: u32) -> Score {
    // |dot| ≤ |probe| · |template|, so this is at most |template| · 2¹⁹ < 2³¹.
    let over_probe = (i64::from(dot) * i64::from(probe_inverse_norm)) >> 17;
    let rounded = (over_probe * i64::from(template_inverse_norm) + (1 << 31)) >> 32;
    Score::saturating_from_raw(rounded)
}
