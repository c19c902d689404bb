//! Thresholds for false match rates, from labeled embeddings of subjects that are not enrolled later.
//!
//! A draw enrolls K samples of each subject, picked by chance, and takes the others as probes: against their own
//! subject they are genuine comparisons, against each other subject impostor comparisons. A score is what the device
//! would see: the greatest of the integer scores of the K templates.
//!
//! Several draws make a threshold depend less on which samples were picked, but they compare the same samples again:
//! they are not independent. So the counts and confidence bounds that are reported are those of one draw.

mod bound;
mod draw;
mod held_out;

pub use bound::upper_bound;
pub use draw::{Comparisons, Draw};
pub use held_out::HeldOut;

use crate::labels::Labels;
use crate::thresholds::Entry;
use cognate::bundle::Rate;
use cognate::{Score, TemplateRef};
use rayon::prelude::*;

/// How thresholds are chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Samples that are enrolled of each subject.
    pub enroll: usize,
    /// The false match rates asked for.
    pub rates: Vec<Rate>,
    /// How often the enrolled samples are picked anew.
    pub draws: u32,
    /// What the picks begin from: the same seed picks the same.
    pub seed: u64,
}

/// Chooses a threshold for each rate of the plan: the least for which the false match rate over all draws is not
/// above it. The entries are in the order of the plan's rates.
///
/// # Errors
/// [`CalibrationError`] when the data cannot support a rate, or cannot be enrolled and probed at all.
pub fn calibrate(templates: &[TemplateRef<'_>], labels: &Labels, plan: &Plan) -> Result<Vec<Entry>, CalibrationError> {
    let subjects = labels.by_subject();
    check_subjects(&subjects, plan.enroll)?;
    let subjects: Vec<Vec<usize>> = subjects.into_iter().map(|(_, rows)| rows).collect();
    let counts = Counts::of_one_draw(&subjects, plan.enroll);
    for &rate in &plan.rates {
        check_support(rate, counts.impostor)?;
    }
    let draws: Vec<Draw> = (0..plan.draws)
        .into_par_iter()
        .map(|number| Draw::new(templates, &subjects, plan.enroll, plan.seed.wrapping_add(u64::from(number))))
        .collect();
    let all = Comparisons::of(&draws, |_| true);
    plan.rates.iter().map(|&rate| entry(rate, counts, &all, &draws, subjects.len(), plan.seed)).collect()
}

/// Comparisons of one draw.
#[derive(Clone, Copy)]
struct Counts {
    genuine: u64,
    impostor: u64,
}

impl Counts {
    fn of_one_draw(subjects: &[Vec<usize>], enroll: usize) -> Self {
        let genuine: u64 = subjects.iter().map(|rows| (rows.len() - enroll) as u64).sum();
        Self { genuine, impostor: genuine * (subjects.len() as u64 - 1) }
    }
}

fn check_subjects(subjects: &[(&str, Vec<usize>)], enroll: usize) -> Result<(), CalibrationError> {
    if subjects.len() < 2 {
        return Err(CalibrationError::Subjects { found: subjects.len() });
    }
    match subjects.iter().find(|(_, rows)| rows.len() <= enroll) {
        Some((name, rows)) => {
            Err(CalibrationError::Samples { subject: (*name).to_owned(), found: rows.len(), needed: enroll + 1 })
        }
        None => Ok(()),
    }
}

/// The rule of three (Hanley and Lippman-Hand, 1983): when no error is seen in n comparisons, the 95 % upper bound of
/// the rate is about 3 / n, so fewer than 3 / rate comparisons say nothing of the rate.
fn check_support(rate: Rate, comparisons: u64) -> Result<(), CalibrationError> {
    let parts = u64::from(rate.parts_per_billion());
    if parts == 0 {
        return Err(CalibrationError::ZeroRate);
    }
    let whole = u64::from(Rate::WHOLE);
    let needed = (3 * whole).div_ceil(parts);
    if comparisons >= needed {
        return Ok(());
    }
    let least = (3 * whole).div_ceil(comparisons.max(1)).min(whole) as u32;
    Err(CalibrationError::TooFew { rate, needed, comparisons, least: Rate::from_parts_per_billion(least) })
}

fn entry(
    rate: Rate,
    counts: Counts,
    all: &Comparisons,
    draws: &[Draw],
    subjects: usize,
    seed: u64,
) -> Result<Entry, CalibrationError> {
    let threshold = all.threshold(rate).ok_or(CalibrationError::NoThreshold { rate })?;
    let fmr = all.false_match_rate(threshold);
    // The false matches of a draw on average, rounded up so that the bound is not too low.
    let errors = (all.false_matches(threshold) as u64).div_ceil(draws.len() as u64);
    Ok(Entry {
        fmr: rate,
        threshold,
        observed_fmr: fmr,
        observed_fnmr: all.false_non_match_rate(threshold),
        comparisons: counts.impostor,
        genuine_comparisons: counts.genuine,
        fmr_upper_bound: upper_bound(errors, counts.impostor),
        held_out: HeldOut::check(rate, draws, subjects, seed),
    })
}

/// The least threshold with no more than `allowed` of these impostor scores at or above it; `None` when even the
/// greatest score there is does not do. Sorts the scores.
#[must_use]
pub fn least_threshold(scores: &mut [Score], allowed: usize) -> Option<Score> {
    scores.sort_unstable_by(|a, b| b.cmp(a));
    match scores.get(allowed) {
        Some(first_to_refuse) => Score::from_raw(first_to_refuse.raw() + 1),
        None => Some(Score::MIN),
    }
}

/// Why there is no threshold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CalibrationError {
    /// Nobody to be an impostor.
    #[error("there are samples of {found} subjects, and a false match needs at least 2: add subjects")]
    Subjects {
        /// How many there are.
        found: usize,
    },
    /// A subject that cannot be enrolled and probed.
    #[error(
        "subject `{subject}` has {found} samples, and at least {needed} are needed, one more than are enrolled: add \
         samples, leave the subject out, or lower --enroll"
    )]
    Samples {
        /// The subject's name.
        subject: String,
        /// How many samples it has.
        found: usize,
        /// How many it needs.
        needed: usize,
    },
    /// A rate that no data supports.
    #[error("a false match rate of 0 cannot be shown by any number of comparisons: ask for a rate above 0")]
    ZeroRate,
    /// A rate that this data does not support.
    #[error(
        "a false match rate of {rate} needs at least {needed} impostor comparisons (3 / rate), and this data has \
         {comparisons}: add subjects or samples, or ask for {} or more",
        .least.map_or_else(String::new, |least| least.to_string())
    )]
    TooFew {
        /// The rate asked for.
        rate: Rate,
        /// Comparisons that it needs.
        needed: u64,
        /// Comparisons that there are.
        comparisons: u64,
        /// The least rate that they support.
        least: Option<Rate>,
    },
    /// Impostors who score as high as can be.
    #[error(
        "no threshold keeps the false match rate at {rate}: samples of different subjects are the same to the model; \
         look for a sample that is there under two names"
    )]
    NoThreshold {
        /// The rate asked for.
        rate: Rate,
    },
}

#[cfg(test)]
mod tests;
