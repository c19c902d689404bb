//! One arithmetic on every core: the same pseudo-random embeddings on host and device, and a checksum over everything
//! that is computed from them.
//!
//! The embeddings come from integers alone and visit the corners of `f32`: every exponent, subnormals, ties of the
//! rounding, both zeros, NaN and infinity. A checksum changes with any single word that differs.

use cognate::{Embedding, Gallery, ModelDigest, Policy, Score, SubjectId, Template, identify, similarity};
use core::fmt;

/// Embeddings tried for each dimension.
pub const ROUNDS: u32 = 2000;

/// Templates that each probe is compared with.
const GALLERY: usize = 12;

const MODEL: ModelDigest = ModelDigest::new(*b"parity self-test");

/// What one dimension came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parity {
    /// Elements of the embeddings.
    pub dimension: usize,
    /// Embeddings that were accepted; the others were not finite, or zero.
    pub accepted: u32,
    /// Over why the others were refused, and which.
    pub errors: u32,
    /// Over the int8 codes.
    pub codes: u32,
    /// Over the inverse norms.
    pub norms: u32,
    /// Over the scores of each template and the one before it.
    pub scores: u32,
    /// Over the verdicts, subjects and scores of each search.
    pub decisions: u32,
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dimension, accepted, errors, codes, norms, scores, decisions } = self;
        write!(f, "parity {dimension} {accepted} {errors:08x} {codes:08x} {norms:08x} {scores:08x} {decisions:08x}")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Parity {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { dimension, accepted, errors, codes, norms, scores, decisions } = self;
        defmt::write!(f, "parity {=usize} {=u32} {=u32:08x} ", dimension, accepted, errors);
        defmt::write!(f, "{=u32:08x} {=u32:08x} {=u32:08x} {=u32:08x}", codes, norms, scores, decisions);
    }
}

/// Reports every dimension: the least, odd ones, whole and broken words, and what encoders have.
pub fn for_each_dimension(mut report: impl FnMut(Parity)) {
    report(run::<1>());
    report(run::<3>());
    report(run::<16>());
    report(run::<64>());
    report(run::<100>());
    report(run::<128>());
}

fn run<const D: usize>() -> Parity {
    let mut embeddings = Embeddings { random: Random(0x9e37_79b9 ^ D as u32), values: [0.0; D] };
    let mut gallery = Gallery::<D, GALLERY>::new(MODEL, SubjectId::FIRST);
    let mut sums = Sums::default();
    let mut before: Option<Template<D>> = None;
    for round in 0..ROUNDS {
        let embedding = match Embedding::new(*embeddings.next(round)) {
            Ok(embedding) => embedding,
            Err(error) => {
                sums.errors.add_error(round, &error);
                continue;
            }
        };
        let template = Template::new(&embedding, MODEL);
        sums.add_template(&template);
        if let Some(before) = before.replace(template) {
            sums.scores.add_signed(similarity::cosine(&template.as_ref(), &before.as_ref()).raw());
        }
        sums.add_decision(&gallery, &template);
        // The first ones stay enrolled; a full gallery refuses the others.
        let _ = gallery.enroll(&[template]);
    }
    sums.parity(D)
}

/// The checksums while they grow.
#[derive(Default)]
struct Sums {
    accepted: u32,
    errors: Checksum,
    codes: Checksum,
    norms: Checksum,
    scores: Checksum,
    decisions: Checksum,
}

impl Sums {
    fn add_template<const D: usize>(&mut self, template: &Template<D>) {
        self.accepted += 1;
        for element in template.code() {
            self.codes.add_signed(i32::from(*element));
        }
        self.norms.add(template.inverse_norm());
    }

    fn add_decision<const D: usize>(&mut self, gallery: &Gallery<D, GALLERY>, probe: &Template<D>) {
        // High enough that there are both verdicts in every dimension.
        const POLICY: Policy = Policy::new(Score::from_ratio(1, 2));
        let Ok(decision) = identify(probe.as_ref(), &[gallery], &POLICY) else {
            return self.decisions.add(0);
        };
        self.decisions.add(u32::from(decision.subject().is_some()));
        let ranking = decision.ranking();
        for candidate in core::iter::once(ranking.best).chain(ranking.runner_up) {
            self.decisions.add(candidate.subject.number());
            self.decisions.add_signed(candidate.score.raw());
        }
    }

    const fn parity(&self, dimension: usize) -> Parity {
        Parity {
            dimension,
            accepted: self.accepted,
            errors: self.errors.0,
            codes: self.codes.0,
            norms: self.norms.0,
            scores: self.scores.0,
            decisions: self.decisions.0,
        }
    }
}

/// FNV-1a over words (Fowler, Noll, Vo 1991). Each step is a bijection of the sum and of the word.
struct Checksum(u32);

impl Default for Checksum {
    fn default() -> Self {
        Self(0x811c_9dc5)
    }
}

impl Checksum {
    fn add(&mut self, word: u32) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0193).rotate_left(7);
    }

    fn add_signed(&mut self, word: i32) {
        self.add(word.cast_unsigned());
    }

    fn add_error(&mut self, round: u32, error: &cognate::EmbeddingError) {
        use cognate::EmbeddingError::{Length, NotFinite, Zero};
        self.add(round);
        self.add(match error {
            NotFinite { index } => *index as u32,
            Zero => u32::MAX,
            Length { .. } => u32::MAX - 1,
        });
    }
}

/// xorshift32 (Marsaglia 2003): the same numbers on every core.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn sign(&mut self) -> u32 {
        self.next() & SIGN
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }
}

const SIGN: u32 = 1 << 31;
const FRACTION: u32 = (1 << 23) - 1;

/// Makes the values of one embedding after the other.
struct Embeddings<const D: usize> {
    random: Random,
    values: [f32; D],
}

impl<const D: usize> Embeddings<D> {
    /// The values of a round, whose number says what they look like.
    fn next(&mut self, round: u32) -> &[f32; D] {
        match round % 10 {
            0 => self.fill(None, Random::next), // any pattern: NaN and infinity too
            1 => self.fill_integers(|random| (random.next().cast_signed()) >> 8),
            2 => self.fill(Some(1.0), |random| 0.7f32.to_bits() | random.sign()), // equal magnitudes
            3 => self.fill(Some(1e-40), |random| random.next() & (SIGN | FRACTION)), // subnormals
            4 => self.fill(Some(f32::MAX), |random| random.next() & (SIGN | FRACTION) | 254 << 23),
            5 => self.fill_one(),
            6 => self.fill(None, Random::sign), // both zeros
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
        self.fill(Some(1.0), |random| 0.5f32.to_bits() | random.sign());
        let place = self.random.below(D);
        self.values[place] = f32::from_bits(self.random.next() | f32::INFINITY.to_bits());
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_meets_both_verdicts_and_refusals() {
        for_each_dimension(|parity| {
            let refused = ROUNDS - parity.accepted;
            assert!(refused >= ROUNDS / 10, "{parity}");
            assert!(parity.accepted >= ROUNDS / 2, "{parity}");
        });
    }

    #[test]
    fn the_same_sums_come_out_again() {
        assert_eq!(run::<16>(), run::<16>());
    }

    #[test]
    fn a_single_word_changes_a_checksum() {
        let sum_of = |words: [u32; 3]| {
            let mut sum = Checksum::default();
            words.iter().for_each(|word| sum.add(*word));
            sum.0
        };
        assert_ne!(sum_of([1, 2, 3]), sum_of([1, 2, 4]));
        assert_ne!(sum_of([1, 2, 3]), sum_of([2, 1, 3]));
        assert_ne!(sum_of([1, 2, 3]), sum_of([0, 2, 3]));
    }
}
