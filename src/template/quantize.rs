//! From numbers to an int8 code, exactly and in integers (`docs/fixed-point.md`).
//!
//! Everything works on the bit patterns of `f32`, so that a core with an FPU, one without and one that flushes subnormal
//! numbers all make the same code. Whole numbers take the same way: up to 24 bits they are `f32` patterns without rounding.

use crate::arithmetic::{quotient, root};
use crate::embedding::{self, EmbeddingError};
use crate::space::{CodeForm, NORM_LIMIT};
use crate::template::MAX_CODE;
use core::num::NonZeroU32;

/// Writes the code of `values` into `code`: the way of a template for a dimension known only at run time.
///
/// # Errors
/// [`EmbeddingError`] as for [`Embedding::new`](crate::Embedding::new); [`EmbeddingError::Length`] when the two lengths
/// differ.
pub fn quantize(values: &[f32], form: CodeForm, code: &mut [i8]) -> Result<(), EmbeddingError> {
    if values.len() != code.len() {
        return Err(EmbeddingError::Length { expected: code.len(), found: values.len() });
    }
    embedding::check(values)?;
    quantize_checked(values, form, code);
    Ok(())
}

/// The same for as many values as the code has elements, which are an embedding.
pub(super) fn quantize_checked(values: &[f32], form: CodeForm, code: &mut [i8]) {
    quantize_patterns(|index| values.get(index).map_or(0, |value| value.to_bits()), form, code);
}

/// The same for whole numbers: an encoder's accumulators, a back end's output, a sum of templates. For a Euclidean code
/// a value stands for value · 2^exponent, with an exponent from −64 to 64; the other forms have no scale.
///
/// # Errors
/// As [`quantize`].
pub fn quantize_integers(values: &[i32], exponent: i8, form: CodeForm, code: &mut [i8]) -> Result<(), EmbeddingError> {
    if values.len() != code.len() {
        return Err(EmbeddingError::Length { expected: code.len(), found: values.len() });
    }
    quantize_patterns(integer_patterns(values, exponent)?, form, code);
    Ok(())
}

/// The `f32` patterns of value · 2^exponent, each value brought to the 24 bits that a pattern holds by the same shift.
pub(crate) fn integer_patterns(values: &[i32], exponent: i8) -> Result<impl Fn(usize) -> u32, EmbeddingError> {
    let greatest = values.iter().fold(0, |greatest, value| greatest.max(value.unsigned_abs()));
    if greatest == 0 {
        return Err(EmbeddingError::Zero);
    }
    let excess = 8u32.saturating_sub(greatest.leading_zeros());
    Ok(move |index| {
        let value: i32 = values.get(index).copied().unwrap_or_default();
        let magnitude = shift_right_rounding(value.unsigned_abs(), excess);
        let sign = if value < 0 { SIGN } else { 0 };
        sign | pattern_of(magnitude, i32::from(exponent).clamp(-64, 64) + excess.cast_signed())
    })
}

/// The pattern of magnitude · 2^exponent, for a magnitude of at most 2²⁴ and an exponent from −64 to 72: a normal number of `f32`.
const fn pattern_of(magnitude: u32, exponent: i32) -> u32 {
    if magnitude == 0 {
        return 0;
    }
    let zeros = magnitude.leading_zeros();
    let mantissa = if zeros >= 8 { magnitude << (zeros - 8) } else { magnitude >> (8 - zeros) };
    let biased = 127 + 31 + exponent - zeros.cast_signed();
    (mantissa & FRACTION) | biased.cast_unsigned() << 23
}

const SIGN: u32 = 1 << 31;
const FRACTION: u32 = (1 << 23) - 1;

/// The code of as many finite patterns as it has elements, not all of them zero.
fn quantize_patterns(pattern: impl Fn(usize) -> u32, form: CodeForm, code: &mut [i8]) {
    let greatest = (0..code.len()).fold(0, |greatest, index| greatest.max(pattern(index) & !SIGN));
    match form {
        CodeForm::Full => scale_to(greatest, pattern, code),
        CodeForm::Euclidean(full_scale) => scale_to(full_scale.bits(), pattern, code),
        CodeForm::NormLimited => limit_norm(greatest, pattern, code),
    }
}

/// round(127 · x / full scale), ties away from zero; what is beyond the full scale becomes ±127.
fn scale_to(full_scale: u32, pattern: impl Fn(usize) -> u32, code: &mut [i8]) {
    for (index, element) in code.iter_mut().enumerate() {
        let value = pattern(index);
        // For finite patterns the order of magnitudes is the order of the patterns without sign.
        let magnitude = match value & !SIGN {
            beyond if beyond >= full_scale => MAX_CODE,
            within => ratio_of_127(within, full_scale),
        };
        *element = if value & SIGN == 0 { magnitude } else { -magnitude };
    }
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

/// Fractional bits of the factor of [`limit_norm`].
const FACTOR_BITS: u32 = 23;

/// The greatest code, in length, of which rounding cannot bring Σc² above [`NORM_LIMIT`], and none beyond ±127.
///
/// The elements become integers x of at most 15 bits first, then c = round(x · factor / 2²³).
fn limit_norm(greatest: u32, pattern: impl Fn(usize) -> u32, code: &mut [i8]) {
    let integer = |index| {
        let value = pattern(index);
        (fifteen_bits(value & !SIGN, greatest), value & SIGN != 0)
    };
    let norm_squared: u64 = (0..code.len()).map(|index| u64::from(integer(index).0 * integer(index).0)).sum();
    // The rounding of each element adds at most ½, so the length at most √D / 2.
    let target = u64::from(root((NORM_LIMIT as u64) << 16) - rounded_up_root((code.len() as u64) << 14));
    let divided = |numerator, by| NonZeroU32::new(by).map_or(0, |by| quotient(numerator, by));
    let by_norm = divided(target << (FACTOR_BITS - 8), root(norm_squared).saturating_add(1));
    let by_element = divided(u64::from(MAX_CODE.unsigned_abs()) << FACTOR_BITS, fifteen_bits(greatest, greatest));
    let factor = by_norm.min(by_element) as u32; // below 2¹⁷: x is at least 2¹⁴ somewhere
    for (index, element) in code.iter_mut().enumerate() {
        let (magnitude, negative) = integer(index);
        let magnitude = shift_right_rounding(magnitude * factor, FACTOR_BITS) as i8;
        *element = if negative { -magnitude } else { magnitude };
    }
}

/// ⌈√x⌉
const fn rounded_up_root(x: u64) -> u32 {
    let root = root(x);
    if root as u64 * root as u64 == x { root } else { root + 1 }
}

/// A magnitude as an integer, on the scale on which the greatest has 15 bits; rounded half up.
const fn fifteen_bits(value: u32, greatest: u32) -> u32 {
    let (mantissa, exponent) = mantissa_and_exponent(value);
    let (greatest_mantissa, greatest_exponent) = mantissa_and_exponent(greatest);
    let bits = 32 - greatest_mantissa.leading_zeros();
    // The exponent of the value is not above that of the greatest.
    let down = greatest_exponent - exponent + bits;
    if down >= 15 { shift_right_rounding(mantissa, down - 15) } else { mantissa << (15 - down) }
}

/// x / 2^shift, rounded half up; for x below 2³¹.
const fn shift_right_rounding(x: u32, shift: u32) -> u32 {
    match shift {
        0 => x,
        1..32 => (x >> shift) + (x >> (shift - 1) & 1),
        _ => 0,
    }
}

/// A finite pattern without sign as mantissa · 2^(exponent − 150).
const fn mantissa_and_exponent(pattern: u32) -> (u32, u32) {
    let (fraction, exponent) = (pattern & FRACTION, pattern >> 23);
    if exponent == 0 { (fraction, 1) } else { (fraction | 1 << 23, exponent) }
}
