//! Integer arithmetic that can neither panic nor, as the general forms of `core` do, take a kilobyte of flash.

use core::num::NonZeroU32;

/// ⌊√x⌋, a bit at a time (Woo, 1985): at most a few hundred instructions, where a template takes thousands.
#[must_use]
pub(crate) const fn root(x: u64) -> u32 {
    // The greatest power of four that is not above x.
    let first = 1u64 << ((63 - (x | 1).leading_zeros()) & !1);
    let (mut rest, mut root, mut bit) = (x, 0, first);
    while bit != 0 {
        let trial = root + bit;
        root >>= 1;
        if rest >= trial {
            rest -= trial;
            root += bit;
        }
        bit >>= 2;
    }
    root as u32
}

/// ⌊numerator / denominator⌋, two digits of 16 bits at a time (Knuth, 1969): a core divides 32 bits by 32, if at all.
#[must_use]
#[inline(never)]
pub(crate) fn quotient(numerator: u64, denominator: NonZeroU32) -> u64 {
    let (high, low) = ((numerator >> 32) as u32, numerator as u32);
    let (high_quotient, rest) = (high / denominator, high % denominator);
    // So that the denominator fills 32 bits.
    let shift = denominator.leading_zeros();
    let denominator = denominator.get() << shift;
    let rest = (u64::from(rest) << 32 | u64::from(low)) << shift;
    let (first, rest_of_first) = digit((rest >> 32) as u32, (rest >> 16) as u16, denominator);
    let (second, _) = digit(rest_of_first, rest as u16, denominator);
    u64::from(high_quotient) << 32 | u64::from(first << 16 | second)
}

/// A digit of 16 bits of the quotient of `high` and another digit, and the rest; for a denominator of 32 bits above `high`.
const fn digit(high: u32, next: u16, denominator: u32) -> (u32, u32) {
    let (divisor, low) = (denominator >> 16, denominator & 0xffff);
    let Some(mut digit) = high.checked_div(divisor) else { return (0, 0) };
    let mut rest = high - digit * divisor;
    // At most two too large.
    while rest <= 0xffff && (digit > 0xffff || digit * low > (rest << 16 | next as u32)) {
        digit -= 1;
        rest += divisor;
    }
    (digit, (high << 16 | next as u32).wrapping_sub(digit.wrapping_mul(denominator)))
}

/// ⌊numerator / denominator⌋, saturated.
#[must_use]
pub(crate) fn floor_quotient(numerator: i64, denominator: NonZeroU32) -> i32 {
    let magnitude = numerator.unsigned_abs();
    if numerator >= 0 {
        quotient(magnitude, denominator).min(i32::MAX as u64) as i32
    } else {
        let rounded_up = quotient(magnitude.saturating_add(u64::from(denominator.get() - 1)), denominator);
        0i32.saturating_sub_unsigned(rounded_up.min(1 << 31) as u32)
    }
}

/// ⌊a · b / 2⁶⁴⌋
#[must_use]
pub(crate) const fn high_product(a: u64, b: u64) -> u64 {
    let (a_high, a_low) = (a >> 32, a & u32::MAX as u64);
    let (b_high, b_low) = (b >> 32, b & u32::MAX as u64);
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 32);
    let other_middle = a_low * b_high + (middle & u32::MAX as u64);
    a_high * b_high + (middle >> 32) + (other_middle >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of all sizes, and both sides of powers of two and of squares.
    fn numbers() -> impl Iterator<Item = u64> {
        let mut random = 1u64;
        let any = (0..20_000).map(move |index| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random >> (index % 64)
        });
        let edges = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let squares = (0..32).map(|bit| (1u64 << bit) + 12_345).flat_map(|x| [x * x - 1, x * x, x * x + 1]);
        any.chain(edges).chain(squares).chain([0, u64::MAX])
    }

    #[test]
    fn roots_are_those_of_core() {
        for x in numbers() {
            assert_eq!(u64::from(root(x)), x.isqrt(), "{x}");
        }
    }

    #[test]
    fn quotients_are_those_of_core() {
        for (a, b) in numbers().zip(numbers().skip(7)) {
            for b in [b, b >> 16, b >> 32, b >> 48] {
                let Some(denominator) = NonZeroU32::new(b as u32) else { continue };
                assert_eq!(quotient(a, denominator), a / u64::from(denominator.get()), "{a} / {denominator}");
                for numerator in
                    [a.cast_signed(), (a >> 20).cast_signed(), -(a >> 1).cast_signed(), -(a >> 30).cast_signed()]
                {
                    let expected = i128::from(numerator).div_euclid(i128::from(denominator.get()));
                    let expected = expected.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
                    assert_eq!(floor_quotient(numerator, denominator), expected, "{numerator} / {denominator}");
                }
            }
        }
    }

    #[test]
    fn products_are_those_of_128_bits() {
        for (a, b) in numbers().zip(numbers().skip(11)) {
            assert_eq!(u128::from(high_product(a, b)), (u128::from(a) * u128::from(b)) >> 64, "{a} · {b}");
        }
    }
}
