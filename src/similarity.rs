//! The similarity of two templates, in integers.

use crate::MatchError;
use crate::arithmetic::{floor_quotient, quotient};
use crate::gallery::PassedOver;
use crate::kernel::{self, Finish, Lane};
use crate::space::{CodeForm, Space};
use crate::template::{AsTemplate, TemplateRef};
use core::fmt;
use core::num::NonZeroU32;

/// How much a probe is like a template or a subject: greater is more alike.
///
/// What a raw value is worth depends on what is compared, and a threshold is always of the same kind:
///
/// | compared | raw |
/// | --- | --- |
/// | cosines ([`CodeForm::Full`], [`CodeForm::NormLimited`]) | the cosine · 2²³, from −2²³ to 2²³ − 1 |
/// | cosines normalized against a [`Cohort`](crate::Cohort) | standard deviations · 2²³ |
/// | Euclidean distances ([`CodeForm::Euclidean`]) | minus the squared distance in steps of the code, 0 to −2²⁷ |
///
/// Every raw cosine is exactly an `f32`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Score(i32);

impl Score {
    /// Bits behind the binary point of a cosine, and of a normalized one.
    pub const FRACTION_BITS: u32 = 23;
    /// The cosine −1: opposite directions.
    pub const MIN: Self = Self(-(1 << Self::FRACTION_BITS));
    /// The cosine 1 − 2⁻²³: the same direction.
    pub const MAX: Self = Self((1 << Self::FRACTION_BITS) - 1);

    /// The score with this raw value.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Self {
        Self(raw)
    }

    /// The cosine numerator / denominator rounded down, within the range of a cosine: a threshold written in source.
    ///
    /// A denominator of zero gives [`Score::MAX`], the threshold that accepts least.
    ///
    /// ```
    /// assert_eq!(cognate::Score::from_ratio(3, 4).to_string(), "0.7500");
    /// ```
    #[must_use]
    pub const fn from_ratio(numerator: i32, denominator: u32) -> Self {
        match ((numerator as i64) << Self::FRACTION_BITS).checked_div_euclid(denominator as i64) {
            Some(raw) => Self::saturating_cosine(raw),
            None => Self::MAX,
        }
    }

    /// The score of a squared Euclidean distance in steps of the code.
    #[must_use]
    pub const fn from_squared_distance(squared_distance: u32) -> Self {
        Self(0i32.saturating_sub_unsigned(squared_distance))
    }

    /// The cosine with this raw value, or the nearest that there is.
    const fn saturating_cosine(raw: i64) -> Self {
        if raw < Self::MIN.0 as i64 {
            Self::MIN
        } else if raw > Self::MAX.0 as i64 {
            Self::MAX
        } else {
            Self(raw as i32)
        }
    }

    /// The raw value.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// The cosine, or the standard deviations, to show a person or a plot; exact for a cosine.
    #[must_use]
    pub fn to_f32(self) -> f32 {
        self.0 as f32 / (1u32 << Self::FRACTION_BITS) as f32
    }

    /// The squared Euclidean distance in steps of the code.
    #[must_use]
    pub const fn squared_distance(self) -> u32 {
        self.0.saturating_neg().cast_unsigned()
    }

    /// How far this score is above another; 0 where it is below.
    #[must_use]
    pub const fn above(self, other: Self) -> u32 {
        if self.0 > other.0 { self.0.abs_diff(other.0) } else { 0 }
    }
}

/// A cosine, or standard deviations, with four decimals, the last rounded half up.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = (u64::from(self.0.unsigned_abs()) * 10_000 + (1 << 22)) >> Self::FRACTION_BITS;
        let sign = if self.0 < 0 && magnitude != 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:04}", magnitude / 10_000, magnitude % 10_000)
    }
}

/// A template prepared for a search: its length taken apart into a shift and a factor, its elements spread out as the
/// core's kernels take them.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    template: TemplateRef<'a>,
    kernel: kernel::Probe<'a>,
    factor: i32,
}

impl<'a> Probe<'a> {
    /// A probe whose code lies as it is stored: some cores search slower with it.
    #[must_use]
    pub(crate) fn new(template: TemplateRef<'a>) -> Self {
        let (finish, factor) = finish(template);
        Self { template, kernel: kernel::Probe::new(template.code(), finish), factor }
    }

    /// A probe spread out into as many lanes as it has elements.
    pub(crate) fn spread(template: TemplateRef<'a>, lanes: &'a mut [Lane]) -> Self {
        let (finish, factor) = finish(template);
        Self { template, kernel: kernel::Probe::spread(template.code(), lanes, finish), factor }
    }

    /// The template.
    #[must_use]
    pub const fn template(&self) -> TemplateRef<'a> {
        self.template
    }

    /// The probe as the kernels take it.
    #[must_use]
    pub const fn kernel(&self) -> &kernel::Probe<'a> {
        &self.kernel
    }

    /// The score that a key of a search with this probe stands for.
    #[must_use]
    #[inline]
    pub fn score(&self, key: i32) -> Score {
        if self.template.space().form.is_cosine() {
            Score(kernel::multiply_high(key, self.factor)).clamp(Score::MIN, Score::MAX)
        } else {
            Score(key)
        }
    }

    /// What cannot be within a margin of a subject whose score reaches a threshold.
    pub(crate) fn passed_over(&self, threshold: Score, margin: u32) -> PassedOver {
        let below = self.least_key(Score(threshold.0.saturating_sub_unsigned(margin)));
        PassedOver { below, behind: self.keys_apart(margin) }
    }

    /// The least key whose score is at or above this one.
    fn least_key(&self, score: Score) -> i32 {
        if !self.template.space().form.is_cosine() {
            return score.0;
        }
        if score <= Score::MIN {
            return i32::MIN;
        }
        // score ≤ (key · factor + 2³¹) / 2³²
        let numerator = (i64::from(score.0) << 32) - (1 << 31);
        floor_quotient(-numerator, self.divisor()).saturating_neg()
    }

    /// A difference of keys from which on their scores differ by at least this much.
    fn keys_apart(&self, scores: u32) -> u32 {
        if !self.template.space().form.is_cosine() {
            return scores;
        }
        // The roundings of both scores together come to less than one.
        let keys = quotient((u64::from(scores.min(1 << 25)) + 1) << 32, self.divisor()) + 1;
        keys.min(i32::MAX as u64) as u32
    }

    /// The factor to divide by: of a cosine it is never 0.
    fn divisor(&self) -> NonZeroU32 {
        NonZeroU32::new(self.factor.unsigned_abs()).unwrap_or(NonZeroU32::MIN)
    }

    /// Whether this probe can be compared with templates of this space and dimension.
    ///
    /// # Errors
    /// [`MatchError::Space`] or [`MatchError::Dimension`].
    pub(crate) fn require(&self, space: Space, dimension: usize) -> Result<(), MatchError> {
        require(self.template, space, dimension)
    }
}

fn require(probe: TemplateRef<'_>, space: Space, dimension: usize) -> Result<(), MatchError> {
    space.require(probe.space()).map_err(MatchError::Space)?;
    if dimension != probe.dimension() {
        return Err(MatchError::Dimension { expected: dimension, found: probe.dimension() });
    }
    Ok(())
}

/// ⌊2⁴⁵ / 127²⌋
const RECIPROCAL_OF_16129: u64 = (1 << 45) / (127 * 127);

/// What makes keys of this probe's dot products, and the factor that makes scores of the keys.
fn finish(probe: TemplateRef<'_>) -> (Finish, i32) {
    // 2⁴⁵ · 127 / |code| / 127², in Q0.31: 58 to 62 bits, for |code| is from 127 to 4064.
    let reciprocal = u64::from(probe.factor()) * RECIPROCAL_OF_16129;
    match probe.space().form {
        CodeForm::Full => {
            // 31 bits of it; what is left of 2²⁵ · 127 / |code| / 127² is the shift. The greatest dot product then just fits.
            let zeros = ((reciprocal >> 32) as u32).leading_zeros() & 31;
            (Finish::Cosine { shift: 13u32.wrapping_sub(zeros) & 31 }, (reciprocal << zeros >> 33) as i32)
        }
        CodeForm::NormLimited => (Finish::NORM_LIMITED, (reciprocal >> 36) as i32),
        CodeForm::Euclidean(_) => (Finish::Distance { norm: probe.factor() }, 0),
    }
}

/// The cosine of a probe and a template of the same space and dimension.
///
/// Within two units (2⁻²²) of the exact cosine of the two codes, and within 2⁻¹⁵ where they are norm-limited
/// (`docs/fixed-point.md`, tested against `f64`).
///
/// # Errors
/// [`MatchError::Space`] or [`MatchError::Dimension`] when the two cannot be compared, [`MatchError::Metric`] in a
/// Euclidean space.
///
/// ```
/// use cognate::{Embedding, MatchError, ModelDigest, Space, Template, similarity::cosine};
/// let template = |model| Template::new(&Embedding::new([0.6, 0.8]).unwrap(), Space::full(ModelDigest::new([model; 16])));
/// assert_eq!(cosine(&template(1), &template(1))?.to_string(), "1.0000");
/// assert!(matches!(cosine(&template(1), &template(2)), Err(MatchError::Space(_))));
/// # Ok::<(), MatchError>(())
/// ```
pub fn cosine(probe: &impl AsTemplate, template: &impl AsTemplate) -> Result<Score, MatchError> {
    let space = probe.as_ref().space();
    if space.form.is_cosine() { score(probe, template) } else { Err(MatchError::Metric { found: space.form }) }
}

/// The squared Euclidean distance of two templates of the same Euclidean space and dimension, in steps of the code; one
/// step is the full scale / 127.
///
/// # Errors
/// As for [`cosine`], but [`MatchError::Metric`] in a space of cosines.
pub fn squared_distance(probe: &impl AsTemplate, template: &impl AsTemplate) -> Result<u32, MatchError> {
    let space = probe.as_ref().space();
    if space.form.is_cosine() {
        return Err(MatchError::Metric { found: space.form });
    }
    score(probe, template).map(Score::squared_distance)
}

/// The score of a probe and a template: what a search gives a subject with this template alone.
///
/// # Errors
/// [`MatchError::Space`] or [`MatchError::Dimension`] when the two cannot be compared.
pub fn score(probe: &impl AsTemplate, template: &impl AsTemplate) -> Result<Score, MatchError> {
    let (probe, template) = (probe.as_ref(), template.as_ref());
    require(probe, template.space(), template.dimension())?;
    let probe = Probe::new(probe);
    let dot = kernel::dot(probe.template.code(), template.code());
    Ok(probe.score(kernel::key(dot, template.factor(), probe.kernel.finish())))
}
