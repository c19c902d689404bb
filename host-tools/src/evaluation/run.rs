//! All figures of a set of embeddings, in one go.

use super::bootstrap::{Intervals, PairSample};
use super::groups::{Groups, groups};
use super::identification::{Identification, Setting};
use super::losses::Losses;
use super::parity::{Parity, parity};
use super::verification::Verification;
use super::{PairScores, Rows};
use crate::coder::Coder;
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use cognate::policy::Rate;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The false match rates to find thresholds for.
    pub rates: Vec<Rate>,
    /// How probes are identified.
    pub setting: Setting,
    /// The sizes of galleries to tell error rates for.
    pub galleries: Vec<usize>,
    /// The columns to compare groups by, at the threshold of the first rate.
    pub groups: Vec<String>,
    /// Replicates of the intervals; none without.
    pub replicates: u32,
    /// What draws begin from.
    pub seed: u64,
}

/// The figures of one path.
#[derive(Clone, Debug)]
pub struct Side {
    /// What was compared.
    pub rows: Rows,
    /// Every score, counted.
    pub scores: PairScores,
    /// Verification.
    pub verification: Verification,
    /// Its intervals over subjects; `None` when too few subjects make any.
    pub intervals: Option<Intervals>,
    /// Identification; `None` when no subject has a sample to enroll and another to probe with.
    pub identification: Option<Identification>,
    /// One a column asked for.
    pub groups: Vec<Groups>,
}

/// The figures of both paths.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// By the embeddings themselves, in floating point.
    pub float: Side,
    /// By the templates that a device makes of them.
    pub device: Side,
    /// How the two differ.
    pub parity: Parity,
    /// The training losses, of the float path; `None` where distances are measured.
    pub losses: Option<Losses>,
}

impl Evaluation {
    /// Evaluates embeddings with a coder's back end and templates. `progress` is called with pairs done since the last call;
    /// both paths together are twice the pairs.
    ///
    /// # Errors
    /// [`EvaluationError`] when the embeddings have no genuine or no impostor pair, one of them no template, or the labels lack a
    /// column.
    pub fn new(
        embeddings: &Embeddings,
        coder: &Coder,
        plan: &Plan,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Self, EvaluationError> {
        check(embeddings)?;
        // First what can fail: an embedding without a template is no row of floats either.
        let device = Rows::of_templates(embeddings, coder)?;
        let device = Side::new(embeddings, device, plan, progress)?;
        let float = Side::new(embeddings, Rows::of_embeddings(embeddings, coder), plan, progress)?;
        let thresholds = float.verification.at_fmr.iter().zip(&device.verification.at_fmr);
        let thresholds: Vec<(i32, i32)> = thresholds.map(|(a, b)| (a.threshold, b.threshold)).collect();
        let parity = parity(&float.rows, &device.rows, &thresholds);
        let losses = if float.rows.form().is_cosine() { Losses::of(&float.rows) } else { None };
        Ok(Self { float, device, parity, losses })
    }
}

/// Whether there is anything to compare; said before billions of pairs are scored.
fn check(embeddings: &Embeddings) -> Result<(), EvaluationError> {
    let subjects = embeddings.labels().by_subject();
    match subjects.as_slice() {
        [] => Err(EvaluationError::NoSubject),
        [(name, _)] => Err(EvaluationError::OneSubject { name: (*name).to_owned() }),
        _ if subjects.iter().all(|(_, rows)| rows.len() < 2) => {
            Err(EvaluationError::NoGenuine { subjects: subjects.len() })
        }
        _ => Ok(()),
    }
}

impl Side {
    fn new(
        embeddings: &Embeddings,
        rows: Rows,
        plan: &Plan,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Self, EvaluationError> {
        let scores = PairScores::of(&rows, progress);
        let verification = Verification::new(&scores, &plan.rates).ok_or(EvaluationError::NoSubject)?;
        let intervals = (plan.replicates > 0)
            .then(|| {
                let sample = PairSample::of(&rows, plan.seed);
                sample.intervals(&verification, &plan.rates, plan.replicates, plan.seed)
            })
            .flatten();
        let thresholds: Vec<i32> = verification.at_fmr.iter().map(|at| at.threshold).collect();
        let identification = Identification::new(&rows, plan.setting, &thresholds, &plan.galleries);
        let at = verification.at_fmr.first();
        let of_column = |column: &String| {
            let at = at.ok_or(EvaluationError::NoRate)?;
            groups(embeddings, &rows, column, at, plan.replicates, plan.seed).map_err(EvaluationError::Embeddings)
        };
        let groups = plan.groups.iter().map(of_column).collect::<Result<_, _>>()?;
        Ok(Self { rows, scores, verification, intervals, identification, groups })
    }
}

/// Why there are no figures.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EvaluationError {
    /// An embedding has no template, or the labels lack a column.
    #[error(transparent)]
    Embeddings(#[from] EmbeddingsProblem),
    /// No label.
    #[error("none of its samples has a subject: name them in a CSV file with a column `subject`")]
    NoSubject,
    /// Nobody to be an impostor.
    #[error("all its samples are of one subject, `{name}`, and a false match needs two: add samples of others")]
    OneSubject {
        /// The subject's name.
        name: String,
    },
    /// Nobody to be genuine.
    #[error(
        "each of its {subjects} subjects has one sample only, so no two samples are of the same subject: add a second \
         sample of some"
    )]
    NoGenuine {
        /// How many subjects there are.
        subjects: usize,
    },
    /// Groups are compared at a threshold.
    #[error("groups are compared at the threshold of the first false match rate: ask for one")]
    NoRate,
}
