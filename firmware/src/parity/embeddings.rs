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
        match round % 10 {
            0 => self.fill(None, Random::next), // any pattern: NaN and infinity too
            1 => self.fill_integers(|random| (random.next().cast_signed()) >> 8),
            2 => self.fill(Some(1.0), |random| 0.7f32.to_bits() | random.next() & SIGN), // equal magnitudes
            3 => self.fill(Some(1e-40), |random| random.next() & (SIGN | FRACTION)),     // subnormals
            4 => self.fill(Some(f32::MAX), |random| random.next() & (SIGN | FRACTION) | 254 << 23),
            5 => self.fill_one(),
            6 => self.fill(None, |random| random.next() & SIGN), // both zeros
            7 => self.fill_not_finite(),
            8 => self.fill_integers(|random| (random.next().cast_signed() % 254) | 1), // ties, see `fill_integers`
            _ => self.fill(Some(1.0), |random| random.next() & !(0b11 << 29) | 0b01 << 29), // exponents from 64 to 127
        }
    }

    /// Bit patterns, but for the first value where one is given so that not all of them are zero.
    fn fill(&mut self, first: Option<f32>, mut pattern: impl FnMut(&mut Random) -> u32) -> &[f32; D] {
        for value in &mut self.values {
            *value = f32::from_bits(pattern(&mut self.random));
        }
        if let Some(first) = first {
            self.values[0] = first;
        }
        &self.values
    }

    /// Whole numbers, which `f32` holds exactly. With 254 as the full scale, an odd one is a tie of the rounding.
    fn fill_integers(&mut self, mut integer: impl FnMut(&mut Random) -> i32) -> &[f32; D] {
        for value in &mut self.values {
            *value = integer(&mut self.random) as f32;
        }
        self.values[D - 1] = 254.0;
        &self.values
    }

    fn fill_one(&mut self) -> &[f32; D] {
        self.values = [0.0; D];
        let place = self.random.below(D);
        self.values[place] = f32::from_bits(self.random.next() & (SIGN | FRACTION) | 1);
        &self.values
    }

    fn fill_not_finite(&mut self) -> &[f32; D] {
        self.fill(Some(1.0), |random| 0.5f32.to_bits() | random.next() & SIGN);
        let place = self.random.below(D);
        self.values[place] = f32::from_bits(self.random.next() | f32::INFINITY.to_bits());
        &self.values
    }
}
