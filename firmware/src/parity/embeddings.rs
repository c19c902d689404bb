//! Numbers for embeddings.

use super::Random;

const SIGN: u32 = 1 << 31;
const FRACTION: u32 = (1 << 23) - 1;

/// Makes the values of one embedding after the other.
pub(super) struct Embeddings<const D: usize> {
    random: Random,
    values: [f32; D],
}

impl<const D: usize> Embeddings<D> {
    pub(super) const fn new() -> Self {
        Self { random: Random(0x9e37_79b9 ^ D as u32), values: [0.0; D] }
    }

    /// The values of a round, whose number says what they look like.
    pub(super) fn next(&mut self, round: u32) -> &[f32; D] {
        fill_round(&mut self.random, &mut self.values, round);
        &self.values
    }
}

/// Not inlined, so that it is in flash once and not for every dimension.
#[inline(never)]
fn fill_round(random: &mut Random, values: &mut [f32], round: u32) {
    match round % 10 {
        0 => fill(values, None, || random.next()), // any pattern: NaN and infinity too
        1 => fill_integers(values, || random.next().cast_signed() >> 8),
        2 => fill(values, Some(1.0), || 0.7f32.to_bits() | random.next() & SIGN), // equal magnitudes
        3 => fill(values, Some(1e-40), || random.next() & (SIGN | FRACTION)),     // subnormals
        4 => fill(values, Some(f32::MAX), || random.next() & (SIGN | FRACTION) | 254 << 23),
        5 => {
            values.fill(0.0);
            let place = random.below(values.len());
            values[place] = f32::from_bits(random.next() & (SIGN | FRACTION) | 1);
        }
        6 => fill(values, None, || random.next() & SIGN), // both zeros
        7 => {
            fill(values, Some(1.0), || 0.5f32.to_bits() | random.next() & SIGN);
            let place = random.below(values.len());
            values[place] = f32::from_bits(random.next() | f32::INFINITY.to_bits()); // not finite
        }
        8 => fill_integers(values, || (random.next().cast_signed() % 254) | 1), // ties, see `fill_integers`
        _ => fill(values, Some(1.0), || random.next() & !(0b11 << 29) | 0b01 << 29), // exponents from 64 to 127
    }
}

/// Bit patterns, but for the first value where one is given so that not all of them are zero.
fn fill(values: &mut [f32], first: Option<f32>, mut pattern: impl FnMut() -> u32) {
    values.iter_mut().for_each(|value| *value = f32::from_bits(pattern()));
    if let Some(first) = first {
        values[0] = first;
    }
}

/// Whole numbers, which `f32` holds exactly. With 254 as the full scale, an odd one is a tie of the rounding.
fn fill_integers(values: &mut [f32], mut integer: impl FnMut() -> i32) {
    values.iter_mut().for_each(|value| *value = integer() as f32);
    values[values.len() - 1] = 254.0;
}
