//! Thresholds and the evidence behind them.

use super::Rate;
use crate::gallery::Fusion;
use crate::normalization::Method;
use crate::similarity::Score;

/// The threshold for a false match rate, as calibration found it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ThresholdEntry {
    /// The false match rate (FMR) asked for: a probe of somebody else against one enrolled subject.
    pub fmr: Rate,
    /// The least score to accept.
    pub threshold: Score,
    /// The impostor comparisons that it was chosen from.
    pub comparisons: u32,
    /// The upper end of the one-sided 95 % confidence interval of the FMR at this threshold.
    pub fmr_upper_bound: Rate,
}

impl ThresholdEntry {
    /// Bytes of an entry in a bundle.
    pub const BYTES: usize = 16;

    /// The entry as a bundle has it: four words, little-endian, in the order of the fields.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let words = [
            self.fmr.parts_per_billion(),
            self.threshold.raw().cast_unsigned(),
            self.comparisons,
            self.fmr_upper_bound.parts_per_billion(),
        ];
        let mut bytes = [0; Self::BYTES];
        for (place, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// `None` when a rate is above a whole, or the threshold has no evidence.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let [fmr, threshold, comparisons, bound] = bytes.as_chunks::<4>().0 else { return None };
        let entry = Self {
            fmr: Rate::from_parts_per_billion(u32::from_le_bytes(*fmr))?,
            threshold: Score::from_raw(i32::from_le_bytes(*threshold)),
            comparisons: u32::from_le_bytes(*comparisons),
            fmr_upper_bound: Rate::from_parts_per_billion(u32::from_le_bytes(*bound))?,
        };
        entry.has_evidence().then_some(entry)
    }

    /// No number of comparisons bounds a rate at zero, and none at all bound nothing.
    const fn has_evidence(&self) -> bool {
        self.comparisons > 0 && self.fmr_upper_bound.parts_per_billion() > 0
    }
}

/// What scores a table of thresholds is for. With another fusion, another normalization or more templates a subject, false
/// matches would be more or less likely than the table says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Calibration {
    /// How a subject's templates were fused.
    pub fusion: Fusion,
    /// How many templates a subject had, at least 1.
    pub templates: u16,
    /// How scores were normalized against the bundle's cohort, if they were.
    pub normalization: Option<Method>,
}

/// Thresholds from the greatest false match rate to the least: from a score to a rate, and back.
#[derive(Clone, Copy, Debug)]
pub struct ThresholdTable<'a> {
    entries: &'a [[u8; ThresholdEntry::BYTES]],
    calibration: Calibration,
}

impl<'a> ThresholdTable<'a> {
    /// Entries as [`ThresholdEntry::to_bytes`] makes them. `None` unless there is at least one, each has evidence, rates fall
    /// from one to the next and thresholds do not, and a subject has a template.
    #[must_use]
    pub fn new(entries: &'a [[u8; ThresholdEntry::BYTES]], calibration: Calibration) -> Option<Self> {
        let mut previous: Option<ThresholdEntry> = None;
        for entry in entries {
            let entry = ThresholdEntry::from_bytes(entry)?;
            if previous.is_some_and(|before| before.fmr <= entry.fmr || before.threshold > entry.threshold) {
                return None;
            }
            previous = Some(entry);
        }
        (previous.is_some() && calibration.templates > 0).then_some(Self { entries, calibration })
    }

    /// The scores that the thresholds are for.
    #[must_use]
    pub const fn calibration(&self) -> Calibration {
        self.calibration
    }

    /// Every threshold, from the greatest false match rate to the least.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = ThresholdEntry> + Clone + use<'a> {
        self.entries.iter().map(|entry| {
            // They were checked.
            let nothing = ThresholdEntry {
                fmr: Rate::NONE,
                threshold: Score::from_raw(i32::MAX),
                comparisons: 0,
                fmr_upper_bound: Rate::NONE,
            };
            ThresholdEntry::from_bytes(entry).unwrap_or(nothing)
        })
    }

    /// The least strict threshold whose false match rate is at most this.
    #[must_use]
    pub fn at_fmr(&self, fmr: Rate) -> Option<ThresholdEntry> {
        self.entries().find(|entry| entry.fmr <= fmr)
    }

    /// The least strict threshold that a stranger reaches for any of so many subjects at most at this rate (FPIR).
    #[must_use]
    pub fn at_fpir(&self, fpir: Rate, subjects: usize) -> Option<ThresholdEntry> {
        self.entries().find(|entry| entry.fmr.in_any_of(subjects) <= fpir)
    }

    /// The false match rate of a threshold at this score: that of the strictest entry which the score reaches, a whole where
    /// it reaches none.
    #[must_use]
    pub fn fmr_at(&self, score: Score) -> Rate {
        let reached = self.entries().take_while(|entry| entry.threshold <= score);
        reached.last().map_or(Rate::ALL, |entry| entry.fmr)
    }

    /// The least false match rate that there is a threshold for.
    #[must_use]
    pub fn least_fmr(&self) -> Rate {
        self.entries().last().map_or(Rate::ALL, |entry| entry.fmr)
    }
}
