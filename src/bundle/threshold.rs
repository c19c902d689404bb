//! A threshold and the evidence behind it.

use crate::Score;
use core::fmt;

/// A rate in parts per billion, 0..=10⁹: exact, ordered, without floating point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rate(u32);

impl Rate {
    /// Parts in a whole.
    pub const WHOLE: u32 = 1_000_000_000;

    /// `None` above a whole.
    #[must_use]
    pub const fn from_parts_per_billion(parts: u32) -> Option<Self> {
        if parts <= Self::WHOLE { Some(Self(parts)) } else { None }
    }

    /// Parts per billion.
    #[must_use]
    pub const fn parts_per_billion(self) -> u32 {
        self.0
    }
}

/// As a percentage with the digits that it has: `1 %`, `0.001 %`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut fraction, mut digits) = (self.0 / 10_000_000, self.0 % 10_000_000, 7);
        if fraction == 0 {
            return write!(f, "{whole} %");
        }
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{whole}.{fraction:0digits$} %")
    }
}

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
    pub(super) const BYTES: usize = 16;

    /// No number of comparisons bounds a rate at zero, and none at all bound nothing.
    const fn has_evidence(&self) -> bool {
        self.comparisons > 0 && self.fmr_upper_bound.0 > 0
    }

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let words = [self.fmr.0, self.threshold.raw().cast_unsigned(), self.comparisons, self.fmr_upper_bound.0];
        for (place, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// `None` when a value is out of its range, or the threshold has no evidence.
    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let [fmr, threshold, comparisons, bound] = bytes.as_chunks::<4>().0 else { return None };
        let entry = Self {
            fmr: Rate::from_parts_per_billion(u32::from_le_bytes(*fmr))?,
            threshold: Score::from_raw(i32::from_le_bytes(*threshold))?,
            comparisons: u32::from_le_bytes(*comparisons),
            fmr_upper_bound: Rate::from_parts_per_billion(u32::from_le_bytes(*bound))?,
        };
        entry.has_evidence().then_some(entry)
    }
}
