//! Who is wronged by a threshold: the rates at the same thresholds within each group of samples, as in NIST's reports on
//! demographic differentials (FRTE part 3).
//!
//! A group is the samples with the same value in a column of the labels. Its pairs are those of two of its samples. How many times
//! the best group's rate the worst one's is gets an interval by drawing subjects anew within each group.

use super::bootstrap::{PairSample, percentiles};
use super::interval::{Interval, comparisons_needed};
use super::pairs::PairScores;
use super::rows::Rows;
use super::verification::{AtFmr, share};
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use crate::thresholds::fraction;

/// Fewer subjects than this say little of a group, however many their pairs are.
pub const LEAST_SUBJECTS: usize = 10;
/// Fewer genuine pairs than this say little of its false non-match rate.
pub const LEAST_GENUINE: u64 = 30;

/// The groups of a column at a threshold.
#[derive(Clone, PartialEq, Debug)]
pub struct Groups {
    /// The column.
    pub column: String,
    /// One a value, in order of first appearance.
    pub groups: Vec<Group>,
    /// By how many times the false match rate of the worst group exceeds that of the best; `None` when the best has none.
    pub fmr_ratio: Option<Ratio>,
    /// The same of the false non-match rate.
    pub fnmr_ratio: Option<Ratio>,
}

/// A group at a threshold.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// The value in the column.
    pub value: String,
    /// Its samples.
    pub samples: usize,
    /// Its subjects.
    pub subjects: usize,
    /// Its rates at the threshold; `asked` is the rate that the threshold has over all.
    pub at: AtFmr,
    /// Why it is too small to say, if it is.
    pub too_small: Option<String>,
}

/// How many times the least rate the greatest is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ratio {
    /// The ratio.
    pub ratio: f64,
    /// Its interval; `None` when in some replicates the best group has no error.
    pub interval: Option<Interval>,
}

/// The rates of each group of a column at a threshold that was chosen on all pairs.
///
/// # Errors
/// [`EmbeddingsProblem::NoColumn`] when the labels have no such column.
pub fn groups(
    embeddings: &Embeddings,
    rows: &Rows,
    column: &str,
    at: &AtFmr,
    replicates: u32,
    seed: u64,
) -> Result<Groups, EmbeddingsProblem> {
    let labels = embeddings.labels();
    let place = labels.columns.iter().position(|name| name == column);
    let place = place
        .ok_or_else(|| EmbeddingsProblem::NoColumn { asked: column.to_owned(), known: labels.columns.join(", ") })?;
    let mut members: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for row in 0..rows.len() {
        let value = labels.rows[rows.origin(row)].metadata[place].as_str();
        let group = *places.entry(value).or_insert_with(|| {
            members.push((value, Vec::new()));
            members.len() - 1
        });
        members[group].1.push(row);
    }
    let of_group: Vec<Rows> = members.iter().map(|(_, wanted)| rows.select(wanted)).collect();
    let groups: Vec<Group> =
        members.iter().zip(&of_group).map(|((value, _), rows)| Group::new(value, rows, at)).collect();
    let samples: Vec<PairSample> = of_group.iter().map(|rows| PairSample::of(rows, seed)).collect();
    let mut fmr = Vec::new();
    let mut fnmr = Vec::new();
    for replicate in 0..replicates {
        let rates: Vec<(Option<f64>, Option<f64>)> =
            samples.iter().map(|sample| rates(sample, at.threshold, seed.wrapping_add(u64::from(replicate)))).collect();
        fmr.push(ratio(rates.iter().filter_map(|rates| rates.0)));
        fnmr.push(ratio(rates.iter().filter_map(|rates| rates.1)));
    }
    let with_interval = |found: Option<f64>, replicates: Vec<Option<f64>>| {
        let all: Option<Vec<f64>> = replicates.into_iter().collect();
        found.map(|ratio| Ratio { ratio, interval: all.filter(|all| !all.is_empty()).map(percentiles) })
    };
    let of = |rate: fn(&AtFmr) -> f64, pairs: fn(&AtFmr) -> u64| {
        ratio(groups.iter().filter(|group| pairs(&group.at) > 0).map(|group| rate(&group.at)))
    };
    Ok(Groups {
        column: column.to_owned(),
        fmr_ratio: with_interval(of(AtFmr::fmr, |at| at.impostor_pairs), fmr),
        fnmr_ratio: with_interval(of(AtFmr::fnmr, |at| at.genuine_pairs), fnmr),
        groups,
    })
}

impl Group {
    fn new(value: &str, rows: &Rows, at: &AtFmr) -> Self {
        let at = AtFmr::at_threshold(&PairScores::of(rows, &|_| ()), at.threshold, at.asked);
        let AtFmr { genuine_pairs, impostor_pairs, .. } = at;
        let subjects = rows.by_subject().iter().filter(|range| !range.is_empty()).count();
        let needed = comparisons_needed(fraction(at.asked));
        let too_small = if subjects < LEAST_SUBJECTS {
            Some(format!("{subjects} subjects, {LEAST_SUBJECTS} needed"))
        } else if genuine_pairs < LEAST_GENUINE {
            Some(format!("{genuine_pairs} genuine pairs, {LEAST_GENUINE} needed"))
        } else if impostor_pairs < needed {
            Some(format!("{impostor_pairs} impostor pairs, {needed} needed"))
        } else {
            None
        };
        Self { value: value.to_owned(), samples: rows.len(), subjects, at, too_small }
    }
}

/// FMR and FNMR at a threshold, in a replicate; `None` without pairs.
fn rates(sample: &PairSample, threshold: i32, replicate: u64) -> (Option<f64>, Option<f64>) {
    let times = sample.draw(replicate);
    let (mut genuine, mut impostor, mut refused, mut accepted) = (0, 0, 0, 0);
    for (score, of_one, of_two) in sample.steps(&times) {
        genuine += of_one;
        impostor += of_two;
        if score < threshold {
            refused += of_one;
        } else {
            accepted += of_two;
        }
    }
    ((impostor > 0).then(|| share(accepted, impostor)), (genuine > 0).then(|| share(refused, genuine)))
}

/// The greatest of rates over the least; `None` when that is none.
fn ratio(rates: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let (least, greatest) = (rates.clone().fold(f64::INFINITY, f64::min), rates.fold(0.0, f64::max));
    (least > 0.0 && least.is_finite()).then(|| greatest / least)
}
