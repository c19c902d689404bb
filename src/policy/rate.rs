//! Rates without floating point.

use core::fmt;

/// A rate in parts per billion, 0..=10⁹: exact, ordered, without floating point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rate(u32);

impl Rate {
    /// Parts in a whole.
    pub const WHOLE: u32 = 1_000_000_000;
    /// 0: never.
    pub const NONE: Self = Self(0);
    /// 1: always.
    pub const ALL: Self = Self(Self::WHOLE);

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

    /// 1 − (1 − rate)^times, rounded up to a part per billion: the rate of at least one event in so many comparisons, each
    /// with this rate. For the false match rate of a subject it is the false-positive identification rate (FPIR) of a gallery
    /// of `times` subjects, if their comparisons are independent (ISO/IEC 19795-1).
    ///
    /// ```
    /// use cognate::policy::Rate;
    /// let one_in_a_thousand = Rate::from_parts_per_billion(1_000_000).unwrap();
    /// assert_eq!(one_in_a_thousand.in_any_of(1), one_in_a_thousand);
    /// assert_eq!(one_in_a_thousand.in_any_of(100).to_string(), "9.5207853 %");
    /// ```
    #[must_use]
    pub fn in_any_of(self, times: usize) -> Self {
        const ONE: u64 = 1 << 63;
        // Every step rounds the rate of no event down.
        let mut base = ONE - ((u128::from(self.0) << 63).div_ceil(Self::WHOLE as u128)) as u64;
        let (mut none, mut left) = (ONE, times);
        while left > 0 {
            if left & 1 == 1 {
                none = product(none, base);
            }
            base = product(base, base);
            left >>= 1;
        }
        // Below 2⁹³; the exact rate of 1 and 0 times is itself and 0, whatever the rounding.
        let parts = (u128::from(ONE - none) * u128::from(Self::WHOLE) + u128::from(ONE - 1)) >> 63;
        match times {
            0 => Self(0),
            1 => self,
            _ => Self((parts as u32).min(Self::WHOLE)),
        }
    }
}

/// The product of two fractions of 2⁶³, rounded down.
const fn product(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> 63) as u64
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
