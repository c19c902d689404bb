//! Statistics of the field without biometrics: how scores are distributed where a device is used, and nothing of whose they
//! are.
//!
//! A threshold is chosen on samples of a calibration; a sensor that ages or another light moves the scores. So a device
//! counts, in a few hundred bytes: scores of whoever was accepted, of the most alike other subject (which is an impostor's, of
//! a probe whose owner is known), of whoever was rejected, and margins. There are no templates, ids or times in it. The
//! host compares it with what the thresholds promise (`cognate drift`).

use crate::bundle::BundleView;
use crate::policy::{Decision, Evidence};
use crate::similarity::Score;
use core::num::NonZeroU32;

/// Bins of a histogram.
pub const BINS: usize = 64;

/// The first bytes of statistics; the last of them is the version.
const MAGIC: [u8; 4] = *b"CGS\x01";

/// Where the bins of scores are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scale {
    /// The least score of the first bin, which has what is below, too.
    least: i32,
    /// Raw scores of a bin.
    width: NonZeroU32,
}

/// The bins of cosines.
impl Default for Scale {
    fn default() -> Self {
        let width = NonZeroU32::new((1 << Score::FRACTION_BITS) / BINS as u32);
        Self { least: 0, width: width.unwrap_or(NonZeroU32::MIN) }
    }
}

impl Scale {
    /// Bins for the scores of a bundle: cosines from 0 to 1, normalized scores from 0 to 8 deviations, squared distances
    /// around the threshold.
    #[must_use]
    pub fn of(bundle: &BundleView<'_>) -> Self {
        const ONE: u32 = 1 << Score::FRACTION_BITS;
        let (least, width) = if !bundle.space().form.is_cosine() {
            let least = bundle.operating_point().threshold.raw().saturating_mul(2);
            (least, least.unsigned_abs() / BINS as u32)
        } else if bundle.cohort().is_some() {
            (0, ONE / 8)
        } else {
            (0, ONE / BINS as u32)
        };
        Self { least, width: NonZeroU32::new(width).unwrap_or(NonZeroU32::MIN) }
    }

    /// The bin of a score; what is beyond the last is in it.
    #[must_use]
    pub fn bin(&self, score: Score) -> usize {
        let above = score.above(Score::from_raw(self.least));
        ((above / self.width) as usize).min(BINS - 1)
    }

    /// The least score of a bin; what is below that of the first is in the first, too.
    #[must_use]
    pub fn least_of(&self, bin: usize) -> Score {
        let offset = (self.width.get() as u64).saturating_mul(bin as u64);
        let raw = i64::from(self.least).saturating_add_unsigned(offset);
        Score::from_raw(i32::try_from(raw).unwrap_or(i32::MAX))
    }
}

/// Counts of scores. When one of its counts is full, all are halved: what came last counts most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Histogram([u16; BINS]);

impl Histogram {
    const NONE: Self = Self([0; BINS]);

    /// The counts.
    #[must_use]
    pub const fn counts(&self) -> &[u16; BINS] {
        &self.0
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0.iter().map(|count| u32::from(*count)).sum()
    }

    fn add(&mut self, bin: usize) {
        if self.0.get(bin) == Some(&u16::MAX) {
            self.0.iter_mut().for_each(|count| *count /= 2);
        }
        if let Some(count) = self.0.get_mut(bin) {
            *count = count.saturating_add(1);
        }
    }
}

/// What a device has decided, as counts.
///
/// ```
/// use cognate::statistics::FieldStatistics;
/// assert_eq!(FieldStatistics::BYTES, 536);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldStatistics {
    scale: Scale,
    /// Decisions: known, ambiguous, unknown.
    decisions: [u32; 3],
    /// Best scores of who was known.
    accepted: Histogram,
    /// Scores of the most alike other subject, of who was known or ambiguous.
    others: Histogram,
    /// Best scores of who was unknown.
    rejected: Histogram,
    /// How far the best was ahead.
    margins: Histogram,
}

impl FieldStatistics {
    /// Bytes that they are sent as.
    pub const BYTES: usize = 24 + 4 * 2 * BINS;

    /// Nothing counted.
    #[must_use]
    pub const fn new(scale: Scale) -> Self {
        let none = Histogram::NONE;
        Self { scale, decisions: [0; 3], accepted: none, others: none, rejected: none, margins: none }
    }

    /// Counts a decision. A gallery with a filter does not tell of other subjects that are far behind: search it
    /// [unfiltered](crate::GalleryView::unfiltered) where these statistics are to say something of thresholds.
    pub fn count(&mut self, decision: &Decision) {
        let place = match decision {
            Decision::Known(evidence) => {
                self.accepted.add(self.scale.bin(evidence.best.score));
                self.count_others(evidence);
                0
            }
            Decision::Ambiguous(evidence) => {
                self.count_others(evidence);
                1
            }
            Decision::Unknown(evidence) => {
                if let Some(evidence) = evidence {
                    self.rejected.add(self.scale.bin(evidence.best.score));
                }
                2
            }
        };
        if let Some(count) = self.decisions.get_mut(place) {
            *count = count.saturating_add(1);
        }
    }

    fn count_others(&mut self, evidence: &Evidence) {
        if let (Some(other), Some(margin)) = (evidence.runner_up, evidence.margin()) {
            self.others.add(self.scale.bin(other.score));
            self.margins.add(((margin / self.scale.width) as usize).min(BINS - 1));
        }
    }

    /// Where the bins are.
    #[must_use]
    pub const fn scale(&self) -> &Scale {
        &self.scale
    }

    /// Decisions that somebody was known, that it was not for sure who, and that it was nobody.
    #[must_use]
    pub const fn decisions(&self) -> [u32; 3] {
        self.decisions
    }

    /// Best scores of who was known.
    #[must_use]
    pub const fn accepted(&self) -> &Histogram {
        &self.accepted
    }

    /// Scores of the most alike other subject, of who was known or ambiguous: impostors.
    #[must_use]
    pub const fn others(&self) -> &Histogram {
        &self.others
    }

    /// Best scores of who was unknown.
    #[must_use]
    pub const fn rejected(&self) -> &Histogram {
        &self.rejected
    }

    /// How far the best was ahead of the others, in widths of a bin.
    #[must_use]
    pub const fn margins(&self) -> &Histogram {
        &self.margins
    }

    /// The bytes that go to the host, little-endian: `CGS` and the version, 1; the least score and the width of a bin, the three
    /// counts of decisions, words of 32 bits; four histograms of 64 counts of 16 bits, in the order of the methods here.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let [known, ambiguous, unknown] = self.decisions;
        let head = [u32::from_le_bytes(MAGIC), self.scale.least.cast_unsigned(), self.scale.width.get()];
        let words = head.into_iter().chain([known, ambiguous, unknown]);
        let (begin, rest) = bytes.split_at_mut(24);
        begin.as_chunks_mut().0.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_le_bytes());
        let counts =
            [self.accepted, self.others, self.rejected, self.margins].into_iter().flat_map(|histogram| histogram.0);
        rest.as_chunks_mut().0.iter_mut().zip(counts).for_each(|(place, count)| *place = count.to_le_bytes());
        bytes
    }

    /// The statistics in bytes that a device sent; `None` when they are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (head, counts) = bytes.split_first_chunk::<24>()?;
        let mut words = [0; 6];
        words.iter_mut().zip(head.as_chunks().0).for_each(|(place, word)| *place = u32::from_le_bytes(*word));
        let [magic, least, width, decisions @ ..] = words;
        let mut histograms = [Histogram::NONE; 4];
        let places = histograms.iter_mut().flat_map(|histogram| &mut histogram.0);
        places.zip(counts.as_chunks().0).for_each(|(place, count)| *place = u16::from_le_bytes(*count));
        let [accepted, others, rejected, margins] = histograms;
        let scale = Scale { least: least.cast_signed(), width: NonZeroU32::new(width)? };
        let known = magic == u32::from_le_bytes(MAGIC);
        known.then_some(Self { scale, decisions, accepted, others, rejected, margins })
    }
}
