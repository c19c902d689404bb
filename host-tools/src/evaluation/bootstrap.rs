//! Intervals that know that the pairs of a subject are not independent: subjects are drawn anew, not pairs.
//!
//! Each of many replicates draws as many subjects as there are, with replacement. A genuine pair counts as often as its subject
//! was drawn, an impostor pair as often as its two subjects together; two copies of one subject are no impostors of each other
//! (Bolle, Ratha and Pankanti, 2004). What lies between the percentiles of the replicates is the interval.
//!
//! The replicates go through every pair again and again. Where there are more than [`MOST_PAIRS`], they draw from some of the
//! subjects, picked by chance, and the interval is made narrower by the root of the part that these are of all (the m out of n
//! bootstrap, Bickel, Götze and van Zwet, 1997).

use super::interval::{CONFIDENCE, Interval};
use super::pairs::{ScoredPair, Visitor, visit_pairs};
use super::rows::Rows;
use super::verification::Verification;
use cognate::policy::Rate;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Replicates, unless the user says otherwise.
pub const REPLICATES: u32 = 500;

/// More pairs than this are not kept.
pub const MOST_PAIRS: u64 = 500_000;

/// The pairs of some subjects, from the least score to the greatest.
#[derive(Clone, Debug)]
pub struct PairSample {
    pairs: Vec<ScoredPair>,
    /// The subject of each row, counted from 0.
    subjects: Vec<u32>,
    /// How many subjects there are.
    count: u32,
    /// How many there are of whom these were picked.
    of: u32,
}

/// The intervals of figures.
#[derive(Clone, PartialEq, Debug)]
pub struct Intervals {
    /// Of the equal error rate.
    pub eer: Interval,
    /// Of the area under the ROC.
    pub auc: Interval,
    /// Of the false non-match rate at each rate asked for, its threshold chosen anew.
    pub fnmr_at_fmr: Vec<Interval>,
    /// Of the false match rate at the thresholds that all pairs gave.
    pub fmr: Vec<Interval>,
    /// How many subjects were drawn from.
    pub subjects: u32,
    /// Replicates.
    pub replicates: u32,
}

impl PairSample {
    /// The pairs of all subjects, or of as many as [`MOST_PAIRS`] allows.
    #[must_use]
    pub fn of(rows: &Rows, seed: u64) -> Self {
        let ranges = rows.by_subject();
        let mut order: Vec<usize> = (0..ranges.len()).filter(|&subject| !ranges[subject].is_empty()).collect();
        let of = order.len() as u32;
        fastrand::Rng::with_seed(seed).shuffle(&mut order);
        let mut taken = 0u64;
        let fits = order.iter().take_while(|&&subject| {
            taken += ranges[subject].len() as u64;
            taken * taken.saturating_sub(1) / 2 <= MOST_PAIRS
        });
        let mut picked: Vec<usize> = order[..fits.count()].to_vec();
        picked.sort_unstable();
        let wanted: Vec<usize> = picked.iter().flat_map(|&subject| ranges[subject].clone()).collect();
        let some = rows.select(&wanted);
        let pairs = Mutex::new(Vec::new());
        visit_pairs(&some, || Collector { all: &pairs, pairs: Vec::new() }, &|_| ());
        let mut pairs = pairs.into_inner().unwrap_or_else(PoisonError::into_inner);
        pairs.par_sort_unstable();
        let place = |subject: u32| picked.binary_search(&(subject as usize)).unwrap_or(0) as u32;
        let subjects = some.subjects().iter().map(|&subject| place(subject)).collect();
        Self { pairs, subjects, count: picked.len() as u32, of }
    }

    /// How many subjects these pairs are of.
    #[must_use]
    pub const fn subjects(&self) -> u32 {
        self.count
    }

    /// How often each subject is drawn in a replicate.
    pub(super) fn draw(&self, replicate: u64) -> Vec<u64> {
        let mut chance = fastrand::Rng::with_seed(replicate.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut times = vec![0; self.count as usize];
        for _ in 0..self.count {
            times[chance.usize(..self.count as usize)] += 1;
        }
        times
    }

    /// Each score that there is with the genuine and impostor pairs that have it, each as often as its subjects.
    pub(super) fn steps<'a>(&'a self, times: &'a [u64]) -> impl Iterator<Item = (i32, u64, u64)> + 'a {
        self.pairs.chunk_by(|a, b| a.score == b.score).map(|equal| {
            let (mut genuine, mut impostor) = (0, 0);
            for pair in equal {
                let (a, b) = (self.subjects[pair.probe as usize], self.subjects[pair.template as usize]);
                if a == b {
                    genuine += times[a as usize];
                } else {
                    impostor += times[a as usize] * times[b as usize];
                }
            }
            (equal[0].score, genuine, impostor)
        })
    }

    /// The intervals around the figures of all pairs. `None` when there is one subject only, or none has two samples.
    #[must_use]
    pub fn intervals(&self, figures: &Verification, rates: &[Rate], replicates: u32, seed: u64) -> Option<Intervals> {
        let replicate = |number: u32| {
            let times = self.draw(seed.wrapping_add(1 + u64::from(number)));
            let steps: Vec<(i32, u64, u64)> = self.steps(&times).collect();
            let (genuine, impostor) = steps.iter().fold((0, 0), |sums, step| (sums.0 + step.1, sums.1 + step.2));
            let found = Verification::without_curve(genuine, impostor, steps.iter().copied(), rates)?;
            // The steps ascend: what is at or above a threshold is a tail of them.
            let fmr = figures.at_fmr.iter().map(|at| {
                let from = steps.partition_point(|step| step.0 < at.threshold);
                steps[from..].iter().map(|step| step.2).sum::<u64>() as f64 / impostor as f64
            });
            let fmr = fmr.collect();
            let fnmr = found.at_fmr.iter().map(super::AtFmr::fnmr).collect();
            Some(Replicate { eer: found.eer.interpolated, auc: found.auc, fnmr, fmr })
        };
        let found: Vec<Replicate> = (0..replicates).into_par_iter().filter_map(replicate).collect();
        let whole = self.steps(&vec![1; self.count as usize]).collect::<Vec<_>>();
        let (genuine, impostor) = whole.iter().fold((0, 0), |sums, step| (sums.0 + step.1, sums.1 + step.2));
        let center = Verification::without_curve(genuine, impostor, whole.into_iter(), rates)?;
        if found.len() < 2 || self.count < 2 {
            return None;
        }
        let narrow = (f64::from(self.count) / f64::from(self.of)).sqrt();
        let interval = |value: &dyn Fn(&Replicate) -> f64, center: f64, all: f64| {
            let Interval { low, high } = percentiles(found.iter().map(value).collect());
            Interval { low: all + (low - center) * narrow, high: all + (high - center) * narrow }.within_rates()
        };
        let each = 0..rates.len();
        let fnmr = |place: usize| {
            let (center, all) = (center.at_fmr[place].fnmr(), figures.at_fmr[place].fnmr());
            interval(&|replicate| replicate.fnmr[place], center, all)
        };
        let fmr = |place: usize| {
            let all = figures.at_fmr[place].fmr();
            interval(&|replicate| replicate.fmr[place], all, all)
        };
        Some(Intervals {
            eer: interval(&|replicate| replicate.eer, center.eer.interpolated, figures.eer.interpolated),
            auc: interval(&|replicate| replicate.auc, center.auc, figures.auc),
            fnmr_at_fmr: each.clone().map(fnmr).collect(),
            fmr: each.map(fmr).collect(),
            subjects: self.count,
            replicates,
        })
    }
}

struct Replicate {
    eer: f64,
    auc: f64,
    fnmr: Vec<f64>,
    fmr: Vec<f64>,
}

/// What lies between the percentiles that leave equal parts of the values outside.
pub(super) fn percentiles(mut values: Vec<f64>) -> Interval {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let place = part * (values.len() - 1) as f64;
        let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
        below + (above - below) * place.fract()
    };
    let outside = (1.0 - CONFIDENCE) / 2.0;
    Interval { low: at(outside), high: at(1.0 - outside) }
}

struct Collector<'a> {
    all: &'a Mutex<Vec<ScoredPair>>,
    pairs: Vec<ScoredPair>,
}

impl Visitor for Collector<'_> {
    fn visit(&mut self, probe: usize, first: usize, genuine: &[i32], impostor: &[i32]) {
        let scores = genuine.iter().chain(impostor).enumerate();
        self.pairs.extend(scores.map(|(place, &score)| ScoredPair {
            score,
            probe: probe as u32,
            template: (first + place) as u32,
        }));
    }
}

impl Drop for Collector<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.pairs);
    }
}
