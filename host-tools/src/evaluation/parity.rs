//! Float against device: what the templates' rounding does to scores and to decisions.

use super::pairs::{Visitor, score_rows, visit_pairs};
use super::rows::Rows;
use std::sync::{Mutex, PoisonError};

/// More pairs than this are thinned out, by leaving out subjects.
const MOST_PAIRS: u64 = 20_000_000;

/// How the two paths differ. Scores are raw.
#[derive(Clone, PartialEq, Debug)]
pub struct Parity {
    /// Pairs that were compared.
    pub pairs: u64,
    /// The mean of device score − float score.
    pub mean: f64,
    /// The root of its mean square.
    pub root_mean_square: f64,
    /// Its greatest magnitude.
    pub greatest: u32,
    /// Decisions of the float path that the device takes otherwise, for each pair of thresholds.
    pub flips: Vec<Flips>,
}

/// Decisions that differ when each path has its own threshold for the same false match rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flips {
    /// Accepted in float alone.
    pub to_refused: u64,
    /// Accepted on the device alone.
    pub to_accepted: u64,
}

/// Compares the scores of both paths, and the decisions at each pair of thresholds (float, device). Both have the same rows.
#[must_use]
pub fn parity(float: &Rows, device: &Rows, thresholds: &[(i32, i32)]) -> Parity {
    let wanted = thinned(float);
    let (float, device) = (float.select(&wanted), device.select(&wanted));
    let sums = Mutex::new(Sums::new(thresholds));
    let visitor =
        || Comparer { device: &device, thresholds, scores: Vec::new(), part: Sums::new(thresholds), sums: &sums };
    visit_pairs(&float, visitor, &|_| ());
    sums.into_inner().unwrap_or_else(PoisonError::into_inner).finish()
}

/// Every row, or those of every so manieth subject.
fn thinned(rows: &Rows) -> Vec<usize> {
    let of_pairs = |rows: u64| rows * rows.saturating_sub(1) / 2;
    let mut step = 1;
    while of_pairs(rows.len() as u64 / step) > MOST_PAIRS {
        step += 1;
    }
    let ranges = rows.by_subject();
    ranges.into_iter().filter(|range| !range.is_empty()).step_by(step as usize).flatten().collect()
}

struct Comparer<'a> {
    device: &'a Rows,
    thresholds: &'a [(i32, i32)],
    scores: Vec<i32>,
    part: Sums,
    sums: &'a Mutex<Sums>,
}

impl Visitor for Comparer<'_> {
    fn visit(&mut self, probe: usize, first: usize, genuine: &[i32], impostor: &[i32]) {
        let range = first..first + genuine.len() + impostor.len();
        if range.is_empty() {
            return;
        }
        score_rows(self.device, &[probe], self.device, range, &mut self.scores);
        for (&float, &device) in genuine.iter().chain(impostor).zip(&self.scores) {
            self.part.note(float, device, self.thresholds);
        }
    }
}

impl Drop for Comparer<'_> {
    fn drop(&mut self) {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).add(&self.part);
    }
}

/// Sums of differences, exact.
struct Sums {
    pairs: u64,
    differences: i128,
    squares: u128,
    greatest: u32,
    flips: Vec<Flips>,
}

impl Sums {
    fn new(thresholds: &[(i32, i32)]) -> Self {
        Self { pairs: 0, differences: 0, squares: 0, greatest: 0, flips: vec![Flips::default(); thresholds.len()] }
    }

    fn note(&mut self, float: i32, device: i32, thresholds: &[(i32, i32)]) {
        let difference = i64::from(device) - i64::from(float);
        self.pairs += 1;
        self.differences += i128::from(difference);
        self.squares += u128::from(difference.unsigned_abs()).pow(2);
        self.greatest = self.greatest.max(device.abs_diff(float));
        for (flips, (of_float, of_device)) in self.flips.iter_mut().zip(thresholds) {
            let (by_float, by_device) = (float >= *of_float, device >= *of_device);
            flips.to_refused += u64::from(by_float && !by_device);
            flips.to_accepted += u64::from(!by_float && by_device);
        }
    }

    fn add(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.differences += other.differences;
        self.squares += other.squares;
        self.greatest = self.greatest.max(other.greatest);
        for (flips, other) in self.flips.iter_mut().zip(&other.flips) {
            flips.to_refused += other.to_refused;
            flips.to_accepted += other.to_accepted;
        }
    }

    fn finish(self) -> Parity {
        let pairs = self.pairs.max(1) as f64;
        Parity {
            pairs: self.pairs,
            mean: self.differences as f64 / pairs,
            root_mean_square: (self.squares as f64 / pairs).sqrt(),
            greatest: self.greatest,
            flips: self.flips,
        }
    }
}
