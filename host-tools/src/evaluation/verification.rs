//! How well pairs are told apart by a threshold: the figures of ISO/IEC 19795-1.

use super::interval::{Interval, clopper_pearson, comparisons_needed};
use super::pairs::PairScores;
use crate::eer::{Crossing, EqualErrorRate};
use crate::thresholds::fraction;
use cognate::policy::Rate;

/// The figures of genuine and impostor scores. Rates are fractions.
#[derive(Clone, PartialEq, Debug)]
pub struct Verification {
    /// Pairs of one subject.
    pub genuine_pairs: u64,
    /// Pairs of two.
    pub impostor_pairs: u64,
    /// The equal error rate.
    pub eer: EqualErrorRate,
    /// The area under the ROC: the part of all genuine and impostor pairs in which the genuine one scores higher, equals
    /// counting half (Hanley and McNeil, 1982).
    pub auc: f64,
    /// The distance of the means in standard deviations, √((σ₁² + σ₂²) / 2) of the scores that there are.
    pub d_prime: f64,
    /// The mean of the genuine scores, raw, and their standard deviation.
    pub genuine: Moments,
    /// The same of the impostor scores.
    pub impostor: Moments,
    /// At the least threshold with each false match rate that was asked for.
    pub at_fmr: Vec<AtFmr>,
    /// Thresholds and their rates, ascending: as many as a drawing shows.
    pub curve: Vec<Point>,
}

/// A mean and a standard deviation.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Moments {
    /// The mean.
    pub mean: f64,
    /// The standard deviation: the root of the mean square distance from it.
    pub deviation: f64,
}

/// Rates at a threshold.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// The threshold, raw: scores at or above it are accepted.
    pub threshold: i32,
    /// The part of the impostor pairs that are accepted.
    pub fmr: f64,
    /// The part of the genuine pairs that are refused.
    pub fnmr: f64,
}

/// What a threshold for a false match rate costs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AtFmr {
    /// The rate asked for.
    pub asked: Rate,
    /// The least threshold with no higher rate.
    pub threshold: i32,
    /// Impostor pairs that are accepted.
    pub false_matches: u64,
    /// All of them.
    pub impostor_pairs: u64,
    /// Genuine pairs that are refused.
    pub false_non_matches: u64,
    /// All of them.
    pub genuine_pairs: u64,
}

impl AtFmr {
    /// What a threshold does on these scores that was chosen for a rate elsewhere.
    #[must_use]
    pub fn at_threshold(scores: &PairScores, threshold: i32, asked: Rate) -> Self {
        let refused = scores.genuine.counts().take_while(|(score, _)| *score < threshold);
        let accepted = scores.impostor.counts().filter(|(score, _)| *score >= threshold);
        Self {
            asked,
            threshold,
            false_matches: accepted.map(|(_, count)| count).sum(),
            impostor_pairs: scores.impostor.total(),
            false_non_matches: refused.map(|(_, count)| count).sum(),
            genuine_pairs: scores.genuine.total(),
        }
    }

    /// The part of the impostor pairs that are accepted.
    #[must_use]
    pub fn fmr(&self) -> f64 {
        share(self.false_matches, self.impostor_pairs)
    }

    /// The part of the genuine pairs that are refused.
    #[must_use]
    pub fn fnmr(&self) -> f64 {
        share(self.false_non_matches, self.genuine_pairs)
    }

    /// The exact interval of the false match rate, if pairs were independent.
    #[must_use]
    pub fn fmr_interval(&self) -> Interval {
        clopper_pearson(self.false_matches, self.impostor_pairs)
    }

    /// The same of the false non-match rate.
    #[must_use]
    pub fn fnmr_interval(&self) -> Interval {
        clopper_pearson(self.false_non_matches, self.genuine_pairs)
    }

    /// Whether there are pairs enough to speak of such a rate, by the rule of three.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        self.impostor_pairs >= self.needed()
    }

    /// The impostor pairs that it takes.
    #[must_use]
    pub fn needed(&self) -> u64 {
        comparisons_needed(fraction(self.asked))
    }
}

/// A part of a whole.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Points are one in a drawing whose FMR and FNMR are no farther apart than a fortieth of a decade, 10^(1/40), or this much of
/// FNMR.
const STEP: f64 = 1.059_253_725_177_289;
const STEP_OF_FNMR: f64 = 0.0025;

impl Verification {
    /// The figures of these scores, with thresholds for these rates. `None` without pairs of either kind.
    #[must_use]
    pub fn new(scores: &PairScores, rates: &[Rate]) -> Option<Self> {
        let (genuine_pairs, impostor_pairs) = (scores.genuine.total(), scores.impostor.total());
        let mut curve = Curve::default();
        let (mut genuine_below, mut impostor_below) = (0, 0);
        let steps = scores.steps().inspect(|&(threshold, genuine, impostor)| {
            let fmr = share(impostor_pairs - impostor_below, impostor_pairs);
            curve.note(Point { threshold, fmr, fnmr: share(genuine_below, genuine_pairs) });
            genuine_below += genuine;
            impostor_below += impostor;
        });
        let found = Self::without_curve(genuine_pairs, impostor_pairs, steps, rates)?;
        Some(Self { curve: curve.finish(), ..found })
    }

    /// The figures of each score that there is, ascending, with the genuine and impostor pairs that have it.
    pub(super) fn without_curve(
        genuine_pairs: u64,
        impostor_pairs: u64,
        steps: impl Iterator<Item = (i32, u64, u64)>,
        rates: &[Rate],
    ) -> Option<Self> {
        if genuine_pairs == 0 || impostor_pairs == 0 {
            return None;
        }
        let mut crossing = Crossing::new(genuine_pairs, impostor_pairs);
        let mut asked: Vec<Asked> = rates.iter().map(|&rate| Asked::new(rate, impostor_pairs)).collect();
        let (mut genuine_sums, mut impostor_sums) = (Sums::default(), Sums::default());
        // Twice the pairs in which the genuine one is above, equals counting one.
        let mut above = 0u128;
        let (mut genuine_below, mut impostor_below) = (0u64, 0u64);
        for (score, genuine, impostor) in steps {
            crossing.note(genuine, impostor);
            above += u128::from(genuine) * (2 * u128::from(impostor_below) + u128::from(impostor));
            genuine_sums.add(score, genuine);
            impostor_sums.add(score, impostor);
            genuine_below += genuine;
            impostor_below += impostor;
            for asked in &mut asked {
                asked.note(score.saturating_add(1), impostor_pairs - impostor_below, genuine_below);
            }
        }
        let (genuine, impostor) = (genuine_sums.moments(genuine_pairs), impostor_sums.moments(impostor_pairs));
        let spread = f64::midpoint(genuine.deviation.powi(2), impostor.deviation.powi(2)).sqrt();
        Some(Self {
            genuine_pairs,
            impostor_pairs,
            eer: crossing.finish(),
            auc: above as f64 / 2.0 / (genuine_pairs as f64 * impostor_pairs as f64),
            d_prime: if spread > 0.0 { (genuine.mean - impostor.mean) / spread } else { 0.0 },
            genuine,
            impostor,
            at_fmr: asked.into_iter().map(|asked| asked.finish(genuine_pairs, impostor_pairs)).collect(),
            curve: Vec::new(),
        })
    }
}

/// The least threshold with no more false matches than a rate allows.
struct Asked {
    rate: Rate,
    allowed: u64,
    found: Option<(i32, u64, u64)>,
}

impl Asked {
    fn new(rate: Rate, impostor_pairs: u64) -> Self {
        // In integers: a rate of 1 % of 300 pairs allows 3, whatever 0.01 is in binary.
        let allowed = u128::from(impostor_pairs) * u128::from(rate.parts_per_billion()) / u128::from(Rate::WHOLE);
        // A rate of one accepts everything.
        let found = (u128::from(impostor_pairs) <= allowed).then_some((i32::MIN, impostor_pairs, 0));
        Self { rate, allowed: allowed as u64, found }
    }

    fn note(&mut self, threshold: i32, false_matches: u64, false_non_matches: u64) {
        if false_matches <= self.allowed && self.found.is_none() {
            self.found = Some((threshold, false_matches, false_non_matches));
        }
    }

    fn finish(self, genuine_pairs: u64, impostor_pairs: u64) -> AtFmr {
        let (threshold, false_matches, false_non_matches) = self.found.unwrap_or((i32::MAX, 0, genuine_pairs));
        AtFmr { asked: self.rate, threshold, false_matches, impostor_pairs, false_non_matches, genuine_pairs }
    }
}

/// Sums of scores and of their squares, exact.
#[derive(Default)]
struct Sums {
    scores: i128,
    squares: i128,
}

impl Sums {
    fn add(&mut self, score: i32, count: u64) {
        let (score, count) = (i128::from(score), i128::from(count));
        self.scores += score * count;
        self.squares += score * score * count;
    }

    fn moments(&self, count: u64) -> Moments {
        let whole = i128::from(count);
        // count² · variance, before anything is rounded.
        let spread = (self.squares * whole - self.scores * self.scores) as f64;
        Moments { mean: self.scores as f64 / count as f64, deviation: spread.sqrt() / count as f64 }
    }
}

/// Picks the points that a drawing shows.
#[derive(Default)]
struct Curve {
    points: Vec<Point>,
    last: Option<Point>,
}

impl Curve {
    fn note(&mut self, point: Point) {
        let is_new = self.points.last().is_none_or(|shown| {
            point.fmr < shown.fmr && point.fmr * STEP <= shown.fmr
                || point.fnmr >= shown.fnmr + STEP_OF_FNMR
                || point.fnmr > shown.fnmr && point.fnmr >= shown.fnmr * STEP
        });
        if is_new {
            // The end of a flat stretch belongs to the line too.
            self.points.extend(self.last.take());
            self.points.push(point);
        } else {
            self.last = Some(point);
        }
    }

    fn finish(mut self) -> Vec<Point> {
        self.points.extend(self.last);
        self.points
    }
}
