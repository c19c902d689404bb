//! Thresholds for false match rates, from labeled embeddings of subjects that are not enrolled later.
//!
//! A draw enrolls K samples of each subject, picked by chance, and takes the others as probes: against their own
//! subject they are genuine comparisons, against each other subject impostor comparisons. A score is what the device
//! would see: integers, behind the back end, fused over the K templates.
//!
//! Several draws make a threshold depend less on which samples were picked, but they compare the same samples again:
//! they are not independent. So the counts and confidence bounds that are reported are those of one draw. The bounds are of
//! false matches by thresholds that were chosen without the two subjects compared ([`CrossValidation`]).
//!
//! A back end that was fitted on a subject tells it apart too well. So the subjects are parted in two halves, and each half is
//! compared behind a back end that was fitted on the other; the one that the bundle gets is fitted on all.

mod bound;
mod coded;
mod cross_validation;
mod draw;
mod held_out;
mod preset;

pub use bound::upper_bound;
pub use coded::Coded;
pub use cross_validation::{CrossValidated, CrossValidation};
pub use draw::{Comparisons, Draw};
pub use held_out::HeldOut;
pub use preset::{Preset, Verdict};

use crate::back_end::{FitError, FittedBackEnd, Kind, LEAST_SUBJECTS, fit};
use crate::bundle::{CohortCodes, EnrollError};
use crate::choices::Form;
use crate::coder::Coder;
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use crate::thresholds::Entry;
use cognate::bundle::{MAX_THRESHOLDS, WriteError};
use cognate::normalization::{MAX_COHORT, Method};
use cognate::policy::Rate;
use cognate::{Fusion, MatchError, ModelDigest, Score, Space};
use rayon::prelude::*;

/// How thresholds are chosen.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Samples that are enrolled of each subject.
    pub enroll: usize,
    /// The false match rates asked for.
    pub rates: Vec<Rate>,
    /// How often the enrolled samples are picked anew.
    pub draws: u32,
    /// What the picks begin from: the same seed picks the same.
    pub seed: u64,
    /// The form of the templates.
    pub form: Form,
    /// What is done to embeddings first.
    pub back_end: Kind,
    /// How a subject's templates are fused.
    pub fusion: Fusion,
    /// What scores are normalized against, and how.
    pub cohort: Option<(Method, &'a Embeddings)>,
    /// Whether rates that the data does not support are written down all the same.
    pub claim: bool,
}

/// What a calibration found.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// How embeddings become templates.
    pub coder: Coder,
    /// Elements of a template.
    pub dimension: usize,
    /// What scores are normalized against.
    pub cohort: Option<CohortCodes>,
    /// A threshold for each rate that was asked for, in their order, and then for those of a ladder that the data supports.
    pub entries: Vec<Entry>,
}

/// Chooses a threshold for each rate of the plan: the least for which the false match rate over all draws is not
/// above it. So that an identification can be as strict as its gallery needs, those of a ladder of rates follow, down to
/// the least that the data supports.
///
/// # Errors
/// [`CalibrationError`] when the data cannot support a rate of the plan, or cannot be enrolled and probed at all.
pub fn calibrate(
    embeddings: &Embeddings,
    encoder: ModelDigest,
    plan: &Plan<'_>,
) -> Result<Calibration, CalibrationError> {
    let named = embeddings.labels().by_subject();
    check_subjects(&named, plan.enroll)?;
    let subjects: Vec<Vec<usize>> = named.into_iter().map(|(_, rows)| rows).collect();
    let parts = parts(subjects.len(), plan)?;
    let counts = Counts::of_one_draw(&subjects, &parts, plan.enroll);
    for &rate in &plan.rates {
        match check_support(rate, counts.impostor) {
            Err(CalibrationError::TooFew { .. }) if plan.claim => {}
            supported => supported?,
        }
    }
    let draws = draws(embeddings, encoder, &subjects, &parts, plan)?;
    let coder = coder(plan.back_end, plan.form, embeddings, encoder, &subjects)?;
    let coded = Coded::new(coder, embeddings, plan.fusion, plan.cohort)?;
    let judge = Judge {
        coded: &coded,
        all: Comparisons::of(&draws, |_| true),
        cross_validation: CrossValidation::new(&draws, plan.draws, subjects.len(), plan.seed),
        draws: &draws,
        counts,
        plan,
    };
    let mut entries = Vec::new();
    for &rate in &plan.rates {
        entries.push(judge.entry(rate, subjects.len())?);
    }
    for rate in ladder(&plan.rates, counts.impostor) {
        entries.extend(judge.entry(rate, subjects.len()).ok());
    }
    let dimension = coded.codes.first().map_or(0, Vec::len);
    Ok(Calibration { coder: coded.coder, dimension, cohort: coded.cohort, entries })
}

/// Subjects that are compared with each other, behind a back end that was fitted on others.
struct Part {
    judged: Vec<usize>,
    fitted_on: Vec<usize>,
}

/// All subjects together, or two halves where something is fitted.
fn parts(subjects: usize, plan: &Plan<'_>) -> Result<Vec<Part>, CalibrationError> {
    let mut order: Vec<usize> = (0..subjects).collect();
    if plan.back_end == Kind::None {
        return Ok(vec![Part { judged: order, fitted_on: Vec::new() }]);
    }
    if subjects < LEAST_SUBJECTS {
        return Err(FitError::Unjudgeable { found: subjects }.into());
    }
    fastrand::Rng::with_seed(plan.seed).shuffle(&mut order);
    let (first, second) = order.split_at(subjects / 2);
    let part = |judged: &[usize], fitted_on: &[usize]| {
        let sorted = |subjects: &[usize]| {
            let mut subjects = subjects.to_vec();
            subjects.sort_unstable();
            subjects
        };
        Part { judged: sorted(judged), fitted_on: sorted(fitted_on) }
    };
    Ok(vec![part(first, second), part(second, first)])
}

/// The draws of all parts.
fn draws(
    embeddings: &Embeddings,
    encoder: ModelDigest,
    subjects: &[Vec<usize>],
    parts: &[Part],
    plan: &Plan<'_>,
) -> Result<Vec<Draw>, CalibrationError> {
    let mut draws = Vec::new();
    for part in parts {
        let fitted_on: Vec<Vec<usize>> = part.fitted_on.iter().map(|&subject| subjects[subject].clone()).collect();
        let coder = coder(plan.back_end, plan.form, embeddings, encoder, &fitted_on)?;
        let coded = Coded::new(coder, embeddings, plan.fusion, plan.cohort)?;
        let judged: Vec<(usize, &[usize])> =
            part.judged.iter().map(|&subject| (subject, subjects[subject].as_slice())).collect();
        let of_part: Vec<Draw> = (0..plan.draws)
            .into_par_iter()
            .map(|number| Draw::new(&coded, &judged, plan.enroll, plan.seed.wrapping_add(u64::from(number))))
            .collect::<Result<_, _>>()?;
        draws.extend(of_part);
    }
    Ok(draws)
}

/// What makes templates: a form, behind a back end that is fitted on these subjects.
///
/// # Errors
/// [`CalibrationError::Fit`] when it cannot be fitted on them.
pub fn coder(
    back_end: Kind,
    form: Form,
    embeddings: &Embeddings,
    encoder: ModelDigest,
    fitted_on: &[Vec<usize>],
) -> Result<Coder, CalibrationError> {
    let fit = fit(back_end, embeddings, fitted_on)?;
    let greatest = embeddings.rows().flatten().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
    let back_end = fit.map(|fit| FittedBackEnd::quantize(&fit, encoder, greatest.into())).transpose()?;
    let model = back_end.as_ref().map_or(encoder, FittedBackEnd::model);
    let scale = match &back_end {
        None => greatest,
        Some(back_end) => {
            let outputs = embeddings.rows().flat_map(|row| back_end.project_f64(row));
            outputs.fold(0.0f64, |greatest, value| greatest.max(value.abs())) as f32
        }
    };
    let form = form.with_scale(scale).ok_or(FitError::Constant)?;
    Ok(Coder::new(Space { model, form }, back_end))
}

/// Rates in steps of 1, 2, 5 from a tenth down, and the least that the comparisons support, without those that were asked
/// for; as many as a bundle has room for.
fn ladder(asked: &[Rate], comparisons: u64) -> Vec<Rate> {
    let least = least_supported(comparisons);
    let decades = (0..9).map(|decade| 10u32.pow(8 - decade));
    let steps = decades.flat_map(|tenth| [tenth, tenth / 2, tenth / 5]).chain(least.map(Rate::parts_per_billion));
    let rates = steps.filter_map(Rate::from_parts_per_billion);
    let mut rates: Vec<Rate> = rates
        .filter(|rate| least.is_some_and(|least| *rate >= least) && *rate < Rate::ALL && !asked.contains(rate))
        .collect();
    rates.sort_unstable();
    rates.dedup();
    rates.reverse();
    rates.truncate(MAX_THRESHOLDS.saturating_sub(asked.len()));
    rates
}

/// Comparisons of one draw.
#[derive(Clone, Copy)]
struct Counts {
    genuine: u64,
    impostor: u64,
}

impl Counts {
    fn of_one_draw(subjects: &[Vec<usize>], parts: &[Part], enroll: usize) -> Self {
        let mut counts = Self { genuine: 0, impostor: 0 };
        for part in parts {
            let genuine: u64 = part.judged.iter().map(|&subject| (subjects[subject].len() - enroll) as u64).sum();
            counts.genuine += genuine;
            counts.impostor += genuine * (part.judged.len() as u64 - 1);
        }
        counts
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
    let needed = (3 * u64::from(Rate::WHOLE)).div_ceil(parts);
    if comparisons >= needed {
        return Ok(());
    }
    Err(CalibrationError::TooFew { rate, needed, comparisons, least: least_supported(comparisons) })
}

/// The least rate that so many comparisons support.
fn least_supported(comparisons: u64) -> Option<Rate> {
    let whole = u64::from(Rate::WHOLE);
    Rate::from_parts_per_billion((3 * whole).div_ceil(comparisons.max(1)).min(whole) as u32)
}

/// What entries are made from.
struct Judge<'a> {
    coded: &'a Coded,
    all: Comparisons,
    cross_validation: Option<CrossValidation>,
    draws: &'a [Draw],
    counts: Counts,
    plan: &'a Plan<'a>,
}

impl Judge<'_> {
    fn entry(&self, rate: Rate, subjects: usize) -> Result<Entry, CalibrationError> {
        let Self { coded, all, cross_validation, draws, counts, plan } = self;
        let (least, greatest) = (coded.least_score(), coded.greatest_score());
        let threshold = all.threshold(rate, least, greatest).ok_or(CalibrationError::NoThreshold { rate })?;
        let cross_validated = cross_validation.as_ref().and_then(|validation| validation.judge(rate, least, greatest));
        // Too few subjects to leave any out: the false matches of a draw on average, rounded up so that the bound is not too low.
        let of_all = || (all.false_matches(threshold) as u64).div_ceil(u64::from(plan.draws));
        let errors = cross_validated.map_or_else(of_all, |found| found.false_matches);
        Ok(Entry {
            fmr: rate,
            threshold,
            observed_fmr: all.false_match_rate(threshold),
            observed_fnmr: all.false_non_match_rate(threshold),
            comparisons: counts.impostor,
            genuine_comparisons: counts.genuine,
            fmr_upper_bound: upper_bound(errors, counts.impostor),
            claimed: check_support(rate, counts.impostor).is_err(),
            cross_validated,
            held_out: HeldOut::check(rate, coded, draws, subjects, plan.seed),
        })
    }
}

/// The least threshold, from `least` to `greatest`, with no more than `allowed` of these impostor scores at or above it;
/// `None` when even the greatest does not do. Sorts the scores.
#[must_use]
pub fn least_threshold(scores: &mut [Score], allowed: usize, least: Score, greatest: Score) -> Option<Score> {
    scores.sort_unstable_by(|a, b| b.cmp(a));
    match scores.get(allowed) {
        Some(first_to_refuse) if *first_to_refuse < greatest => Some(Score::from_raw(first_to_refuse.raw() + 1)),
        Some(_) => None,
        None => Some(least),
    }
}

/// Why there is no threshold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CalibrationError {
    /// An embedding has no template.
    #[error(transparent)]
    Embeddings(#[from] EmbeddingsProblem),
    /// The back end cannot be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A pick of samples cannot be enrolled.
    #[error(transparent)]
    Enroll(#[from] EnrollError),
    /// A pick of samples makes no gallery.
    #[error("the samples make no gallery: {0}")]
    Bundle(#[from] WriteError),
    /// A pick of samples cannot be compared.
    #[error("the samples cannot be compared: {0}")]
    Match(#[from] MatchError),
    /// Too few or too many members.
    #[error(
        "the cohort has {found} members (subjects, and samples without one), and has to have 2 to {MAX_COHORT}: give other \
         embeddings with --cohort"
    )]
    Cohort {
        /// How many there are.
        found: usize,
    },
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
         {comparisons}: add subjects or samples, ask for {} or more, or write it down without evidence with --claim",
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
