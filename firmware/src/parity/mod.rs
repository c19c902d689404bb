//! One arithmetic on every core: the same pseudo-random numbers on host and device, and a checksum over everything that is
//! computed from them.
//!
//! The embeddings come from integers alone and visit the corners of `f32`: every exponent, subnormals, ties of the
//! rounding, both zeros, NaN and infinity. A checksum changes with any single word that differs.

mod derived;
mod embeddings;
mod encoders;
mod filters;
mod front_ends;
mod kernels;
mod layers;
mod recognition;
#[cfg(test)]
mod tests;

pub use derived::{Derived, for_each_form};
pub use encoders::{Encoders, for_each_encoder};
pub use filters::{Filters, for_each_filter};
pub use front_ends::{FrontEnds, Sound};
pub use kernels::{Kernels, for_each_kernel};
pub use layers::{Layers, for_each_layer};
pub use recognition::{Counts, Recognition, Sums, for_each_dimension};

use cognate::ModelDigest;

/// RAM that a board needs for the greatest dimension: the stack gets deep.
const GREATEST_NEEDS: usize = 48 * 1024;

const MODEL: ModelDigest = ModelDigest::new(*b"parity self-test");

/// FNV-1a over words (Fowler, Noll, Vo 1991). Each step is a bijection of the sum and of the word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Checksum(u32);

impl Default for Checksum {
    fn default() -> Self {
        Self(0x811c_9dc5)
    }
}

impl Checksum {
    /// Of these elements.
    #[must_use]
    pub fn of(elements: &[i16]) -> Self {
        let mut sum = Self::default();
        elements.iter().for_each(|element| sum.add_signed(i32::from(*element)));
        sum
    }

    fn add(&mut self, word: u32) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0193).rotate_left(7);
    }

    fn add_signed(&mut self, word: i32) {
        self.add(word.cast_unsigned());
    }

    fn add_code(&mut self, code: &[i8]) {
        code.iter().for_each(|element| self.add_signed(i32::from(*element)));
    }
}

/// xorshift32 (Marsaglia 2003): the same numbers on every core.
#[derive(Debug)]
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }
}
