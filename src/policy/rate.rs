//! Rates without floating point.

use crate::arithmetic::{high_product, quotient};
use core::fmt;
use core::num::NonZeroU32;

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
        // Fractions of 2⁶³. Every step rounds the rate of no event down.
        const ONE: u64 = 1 << 63;
        let product = |a: u64, b: u64| high_product(a, b) << 1 | a.wrapping_mul(b) >> 63;
        let mut base = ONE - self.in_fractions();
        let (mut none, mut left) = (ONE, times);
        while left > 0 {
            if left & 1 == 1 {
                none = product(none, base);
            }
            base = product(base, base);
            left >>= 1;
        }
        // The exact rate of 1 and 0 times is itself and 0, whatever the rounding.
        match times {
            0 => Self(0),
            1 => self,
            _ => {
                let (any, whole) = (ONE - none, u64::from(Self::WHOLE));
                let rounded_up = u64::from(any.wrapping_mul(whole) << 1 != 0);
                Self(((product(any, whole) + rounded_up) as u32).min(Self::WHOLE))
            }
        }
    }

    /// ⌈rate · 2⁶³⌉, by long division: 32 bits of the quotient at a time.
    fn in_fractions(self) -> u64 {
        let Some(whole) = NonZeroU32::new(Self::WHOLE) else { return 0 };
        let rest = |dividend, quotient| dividend - quotient * u64::from(Self::WHOLE);
        let dividend = u64::from(self.0) << 31;
        let high = quotient(dividend, whole);
        let dividend = rest(dividend, high) << 32;
        let low = quotient(dividend, whole);
        (high << 32) + low + u64::from(rest(dividend, low) != 0)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The same with 128 bits, of which it is the definition.
    fn in_any_of(rate: Rate, times: usize) -> u32 {
        const ONE: u64 = 1 << 63;
        let product = |a: u64, b: u64| ((u128::from(a) * u128::from(b)) >> 63) as u64;
        let base = ONE - (u128::from(rate.0) << 63).div_ceil(Rate::WHOLE.into()) as u64;
        let mut none = ONE;
        let mut power = base;
        for bit in 0..usize::BITS - times.leading_zeros() {
            none = if times >> bit & 1 == 1 { product(none, power) } else { none };
            power = product(power, power);
        }
        let parts = (u128::from(ONE - none) * u128::from(Rate::WHOLE)).div_ceil(ONE.into()) as u32;
        match times {
            0 => 0,
            1 => rate.0,
            _ => parts.min(Rate::WHOLE),
        }
    }

    #[test]
    fn rates_are_those_of_wider_integers() {
        for parts in [0, 1, 7, 1_000, 999_999, 1_000_000, 123_456_789, 500_000_000, 999_999_999, Rate::WHOLE] {
            let rate = Rate(parts);
            for times in (0..70).chain([100, 1000, 4095, 65_536, 1 << 20, usize::MAX]) {
                assert_eq!(rate.in_any_of(times).0, in_any_of(rate, times), "{parts} in {times}");
            }
        }
    }
}
