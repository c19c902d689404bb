//! One arithmetic on every core: the same pseudo-random embeddings on host and device, and a checksum over everything
//! that is computed from them.
//!
//! The embeddings come from integers alone and visit the corners of `f32`: every exponent, subnormals, ties of the
//! rounding, both zeros, NaN and infinity. A checksum changes with any single word that differs.

use cognate::template::{FullScale, L2Template};
use cognate::{
    Embedding, EmbeddingError, Gallery, ModelDigest, Policy, Score, SubjectId, Template, identify, similarity, verify,
};

/// Embeddings tried for each dimension but the greatest.
const ROUNDS: u32 = 2000;
/// For the greatest, which would take as long as all others together.
const FEW_ROUNDS: u32 = 400;

/// Templates that each probe is compared with.
const GALLERY: usize = 12;
/// In the greatest dimension: a kilobyte each.
const SMALL_GALLERY: usize = 6;
/// RAM that a board needs for the greatest one: the stack gets 34 KB deep.
const GREATEST_NEEDS: usize = 48 * 1024;

const MODEL: ModelDigest = ModelDigest::new(*b"parity self-test");

/// The scales of the Euclidean distance: one that whole numbers are ties on, and a subnormal number.
const FULL_SCALES: [f32; 2] = [254.0, 1e-40];

/// What one dimension came to. Its `Debug` and its `defmt::Format` are the same text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Parity {
    /// Elements of the embeddings.
    pub dimension: usize,
    /// How often everything happened.
    pub counts: Counts,
    /// What everything came to.
    pub sums: Sums,
}

/// How often each outcome occurred.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counts {
    /// Embeddings that were refused: not finite, or zero.
    pub refused: u32,
    /// Searches that knew the probe.
    pub known: u32,
    /// Searches that did not.
    pub unknown: u32,
    /// Claims that were accepted.
    pub accepted: u32,
    /// Claims that were not.
    pub rejected: u32,
    /// Claims to be a subject that is not enrolled.
    pub nobody: u32,
}

/// A checksum over each kind of result.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sums {
    /// Over which embeddings were refused, and why.
    pub errors: Checksum,
    /// Over the int8 codes.
    pub codes: Checksum,
    /// Over the inverse norms.
    pub norms: Checksum,
    /// Over the scores of each template and the one before it.
    pub scores: Checksum,
    /// Over the squared Euclidean distances of the same two, and how many elements were clipped.
    pub distances: Checksum,
    /// Over the verdicts, subjects and scores of each search.
    pub decisions: Checksum,
    /// Over the verdicts and scores of each claim.
    pub claims: Checksum,
}

/// Reports every dimension: the least, odd ones, whole and broken words, what encoders have, and the greatest if the
/// board's RAM has room for it.
pub fn for_each_dimension(ram_bytes: usize, mut report: impl FnMut(Parity)) {
    report(run::<1, GALLERY>(ROUNDS));
    report(run::<3, GALLERY>(ROUNDS));
    report(run::<16, GALLERY>(ROUNDS));
    report(run::<64, GALLERY>(ROUNDS));
    report(run::<100, GALLERY>(ROUNDS));
    report(run::<128, GALLERY>(ROUNDS));
    if ram_bytes >= GREATEST_NEEDS {
        report(run::<{ cognate::MAX_DIMENSION }, SMALL_GALLERY>(FEW_ROUNDS));
    }
}

/// A function of its own in the binary: the dimensions must not have their places on the stack all at once.
#[inline(never)]
fn run<const D: usize, const N: usize>(rounds: u32) -> Parity {
    let mut embeddings = Embeddings { random: Random(0x9e37_79b9 ^ D as u32), values: [0.0; D] };
    let mut gallery = Gallery::<D, N>::new(MODEL, SubjectId::FIRST);
    let mut parity = Parity { dimension: D, counts: Counts::default(), sums: Sums::default() };
    let mut before: Option<Templates<D>> = None;
    for round in 0..rounds {
        let templates = match Embedding::new(*embeddings.next(round)) {
            Ok(embedding) => Templates::new(&embedding),
            Err(error) => {
                parity.refuse(round, &error);
                continue;
            }
        };
        parity.sums.add_template(&templates.cosine);
        if let Some(before) = &before {
            parity.sums.add_pair(&templates, before);
        }
        parity.decide(&gallery, &templates.cosine);
        parity.claim(&gallery, &templates.cosine, round);
        // The first ones stay enrolled; a full gallery refuses the others.
        let _ = gallery.enroll(&[templates.cosine]);
        before = Some(templates);
    }
    parity
}

/// An embedding's templates.
struct Templates<const D: usize> {
    cosine: Template<D>,
    euclidean: [Option<L2Template<D>>; FULL_SCALES.len()],
}

impl<const D: usize> Templates<D> {
    fn new(embedding: &Embedding<D>) -> Self {
        let euclidean = FULL_SCALES
            .map(|scale| FullScale::new(scale).map(|full_scale| L2Template::new(embedding, full_scale, MODEL)));
        Self { cosine: Template::new(embedding, MODEL), euclidean }
    }
}

impl Parity {
    fn refuse(&mut self, round: u32, error: &EmbeddingError) {
        self.counts.refused += 1;
        self.sums.errors.add(round);
        self.sums.errors.add(match error {
            EmbeddingError::NotFinite { index } => *index as u32,
            EmbeddingError::Zero => u32::MAX,
            _ => u32::MAX - 1,
        });
    }

    fn decide<const D: usize, const N: usize>(&mut self, gallery: &Gallery<D, N>, probe: &Template<D>) {
        let Ok(decision) = identify(probe.as_ref(), &[gallery], &policy(D)) else {
            return self.sums.decisions.add(0);
        };
        let known = decision.subject().is_some();
        *if known { &mut self.counts.known } else { &mut self.counts.unknown } += 1;
        self.sums.decisions.add(u32::from(known));
        let ranking = decision.ranking();
        for candidate in core::iter::once(ranking.best).chain(ranking.runner_up) {
            self.sums.decisions.add(candidate.subject.number());
            self.sums.decisions.add_signed(candidate.score.raw());
        }
    }

    /// The claim goes through all subjects, and one number more that is nobody's.
    fn claim<const D: usize, const N: usize>(&mut self, gallery: &Gallery<D, N>, probe: &Template<D>, round: u32) {
        let claimed = SubjectId::new(1 + round % (N as u32 + 1));
        let Ok(verification) = verify(probe.as_ref(), claimed, &[gallery], &policy(D)) else {
            self.counts.nobody += 1;
            return self.sums.claims.add(0);
        };
        let accepted = verification.accepted;
        *if accepted { &mut self.counts.accepted } else { &mut self.counts.rejected } += 1;
        self.sums.claims.add(u32::from(accepted));
        self.sums.claims.add_signed(verification.score.raw());
    }
}

/// Scores of embeddings that have nothing in common scatter by about 1 / √D: near it there are both verdicts.
const fn policy(dimension: usize) -> Policy {
    Policy::new(Score::from_ratio(1, dimension.isqrt() as u32 + 1))
}

impl Sums {
    fn add_template<const D: usize>(&mut self, template: &Template<D>) {
        for element in template.code() {
            self.codes.add_signed(i32::from(*element));
        }
        self.norms.add(template.inverse_norm());
    }

    fn add_pair<const D: usize>(&mut self, templates: &Templates<D>, before: &Templates<D>) {
        let score = similarity::cosine(&templates.cosine.as_ref(), &before.cosine.as_ref());
        // An error would be the same on both sides, and still differ from what the tests expect.
        self.scores.add_signed(score.map_or(i32::MIN, Score::raw));
        for pair in templates.euclidean.iter().zip(&before.euclidean) {
            let (Some(template), Some(before)) = pair else {
                self.distances.add(u32::MAX);
                continue;
            };
            self.distances.add(template.squared_distance(before).unwrap_or(u32::MAX));
            self.distances.add(template.clipped() as u32);
        }
    }
}

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
    fn add(&mut self, word: u32) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0193).rotate_left(7);
    }

    fn add_signed(&mut self, word: i32) {
        self.add(word.cast_unsigned());
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
        for_each_dimension(usize::MAX, |parity| {
            let Counts { refused, known, unknown, accepted, rejected, nobody } = parity.counts;
            for count in [refused, known, unknown, accepted, rejected, nobody] {
                assert!(count > 0, "{parity:?}");
            }
        });
    }

    /// Dimension, then the sums in the order of [`Sums`]. The arithmetic is a promise (docs/fixed-point.md): when host and
    /// device change together, this is what notices.
    const EXPECTED: [(usize, [u32; 7]); 7] = [
        (1, [0x6407_5df8, 0xeeff_b29e, 0x2238_1f3d, 0x9f22_3e62, 0x9a82_f010, 0x9d21_add9, 0x6a6e_e6c4]),
        (3, [0xb05e_6bdc, 0xcc90_91fd, 0x7284_32fb, 0xb18a_8327, 0x9c8f_5976, 0xb69f_1519, 0x7f44_1592]),
        (16, [0x3b03_0f82, 0xb183_1e39, 0xcd9b_6d00, 0xdf98_ab83, 0x03b8_d1d7, 0x586e_0d7d, 0xf5b7_3266]),
        (64, [0x7681_0337, 0xf641_2193, 0xfd61_f70e, 0x4d0e_9e21, 0x1df8_3914, 0x1feb_d78a, 0x274a_11f4]),
        (100, [0x28ec_b2bc, 0x646f_2c7b, 0x2228_41bb, 0x152e_a114, 0x6aa6_1922, 0x7bd8_bc26, 0x0f24_cb0c]),
        (128, [0x62d0_1250, 0x6a61_0818, 0xcd51_d577, 0x00e7_8ec6, 0x6246_de4c, 0x5339_631c, 0xf301_388f]),
        (1024, [0xd749_8612, 0xe161_b585, 0x368d_a732, 0xd408_8f67, 0x9864_2a11, 0xa588_97b6, 0x90e4_7d09]),
    ];

    #[test]
    fn the_sums_are_what_they_were() {
        let mut expected = EXPECTED.iter();
        for_each_dimension(usize::MAX, |Parity { dimension, sums, .. }| {
            let Sums { errors, codes, norms, scores, distances, decisions, claims } = sums;
            let found = [errors, codes, norms, scores, distances, decisions, claims].map(|sum| sum.0);
            assert_eq!(Some(&(dimension, found)), expected.next());
        });
        assert_eq!(expected.next(), None);
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
