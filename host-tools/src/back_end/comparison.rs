//! What each back end buys, on subjects that it was not fitted on.

use super::{FitError, Kind, LEAST_SUBJECTS};
use crate::calibration::{CalibrationError, Coded, Comparisons, Draw, Plan, coder};
use crate::eer::equal_error_rate;
use crate::embeddings::Embeddings;
use cognate::ModelDigest;
use cognate::policy::Rate;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How often the subjects are parted in those to fit on and those to judge on.
const SPLITS: u64 = 10;

/// The false match rate at which false non-matches are counted.
const FMR: u32 = Rate::WHOLE / 100;

/// How well templates behind a back end tell subjects apart that it was not fitted on. Rates are fractions, over all splits.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The back end, as the command line has it.
    pub back_end: String,
    /// Elements of a template, of the first split.
    pub dimension: usize,
    /// The equal error rate.
    pub eer: f64,
    /// The false non-match rate at a false match rate of 1 %; absent when no threshold gives it.
    pub fnmr_at_fmr_1_percent: Option<f64>,
}

/// Fits a back end on one half of the subjects and judges it on the other half, again and again, with what else the plan says.
/// `None` when it cannot be fitted on this data.
///
/// # Errors
/// [`FitError::Unjudgeable`] with fewer than four subjects, and [`CalibrationError`] when a half cannot be enrolled and probed.
pub fn compare(
    kind: Kind,
    embeddings: &Embeddings,
    encoder: ModelDigest,
    plan: &Plan<'_>,
) -> Result<Option<Comparison>, CalibrationError> {
    let subjects: Vec<Vec<usize>> = embeddings.labels().by_subject().into_iter().map(|(_, rows)| rows).collect();
    if subjects.len() < LEAST_SUBJECTS {
        return Err(FitError::Unjudgeable { found: subjects.len() }.into());
    }
    match judge(kind, embeddings, encoder, &subjects, plan) {
        Err(CalibrationError::Fit(_)) => Ok(None),
        other => other.map(Some),
    }
}

fn judge(
    kind: Kind,
    embeddings: &Embeddings,
    encoder: ModelDigest,
    subjects: &[Vec<usize>],
    plan: &Plan<'_>,
) -> Result<Comparison, CalibrationError> {
    let plan = Plan { back_end: kind, ..plan.clone() };
    let splits: Vec<(Coded, Draw)> = (0..SPLITS)
        .into_par_iter()
        .map(|split| {
            let mut order: Vec<usize> = (0..subjects.len()).collect();
            let seed = plan.seed.wrapping_add(split);
            fastrand::Rng::with_seed(seed).shuffle(&mut order);
            let (fitted_on, judged) = order.split_at(subjects.len() / 2);
            let fitted_on: Vec<Vec<usize>> = fitted_on.iter().map(|&subject| subjects[subject].clone()).collect();
            let judged: Vec<(usize, &[usize])> =
                judged.iter().map(|&subject| (subject, subjects[subject].as_slice())).collect();
            let coder = coder(plan.back_end, plan.form, embeddings, encoder, &fitted_on)?;
            let coded = Coded::new(coder, embeddings, plan.fusion, plan.cohort)?;
            let draw = Draw::new(&coded, &judged, plan.enroll, seed)?;
            Ok((coded, draw))
        })
        .collect::<Result<_, CalibrationError>>()?;
    let (first, _) = splits.first().expect("there are splits");
    let all = Comparisons::of(splits.iter().map(|(_, draw)| draw), |_| true);
    let rate = Rate::from_parts_per_billion(FMR).unwrap_or(Rate::ALL);
    let threshold = all.threshold(rate, first.least_score(), first.greatest_score());
    Ok(Comparison {
        back_end: kind.to_string(),
        dimension: first.codes.first().map_or(0, Vec::len),
        eer: equal_error_rate(&all.genuine, &all.impostor).unwrap_or(1.0),
        fnmr_at_fmr_1_percent: threshold.map(|threshold| all.false_non_match_rate(threshold)),
    })
}
