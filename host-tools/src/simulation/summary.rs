//! The counts and rates of a simulation.

use super::{Outcome, Verdict};
use cognate::Score;
use serde::Serialize;

/// What became of all probes. Rates are fractions, `None` where nothing was compared.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Summary {
    /// Probes.
    pub probes: usize,
    /// Those whose subject is enrolled.
    pub genuine: usize,
    /// Those of labeled subjects who are not enrolled.
    pub strangers: usize,
    /// The threshold for verification, raw: FNMR and FMR are counted with it.
    pub threshold: i32,
    /// The threshold for identification among those enrolled, raw: everything else is counted with it.
    pub identification_threshold: i32,
    /// The part of the genuine probes whose own subject's score is below the threshold.
    pub fnmr: Option<f64>,
    /// How many those are.
    pub false_non_matches: usize,
    /// The part of the comparisons of a genuine probe with another enrolled subject whose score reaches the threshold.
    pub fmr: Option<f64>,
    /// How many those are.
    pub false_matches: usize,
    /// How many comparisons there are.
    pub comparisons: usize,
    /// The part of the strangers who are known as somebody.
    pub stranger_accepts: Option<f64>,
    /// How many those are.
    pub strangers_accepted: usize,
    /// Genuine probes that are known as somebody else.
    pub misidentified: usize,
    /// Probes of whoever it is that come too close to two subjects.
    pub ambiguous: usize,
    /// Probes for which the decision by `f32` is another; `None` without the enrolled embeddings.
    pub f32_flips: Option<usize>,
}

impl Summary {
    /// Counts the outcomes of a simulation with these thresholds.
    #[must_use]
    pub fn new(outcomes: &[Outcome], verification: Score, identification: Score) -> Self {
        let threshold = verification.raw();
        let count = |wanted: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
        let known = |outcome: &Outcome| outcome.verdict == Verdict::Known;
        let genuine = count(&Outcome::is_genuine);
        let strangers = count(&Outcome::is_stranger);
        let false_non_matches = count(&|outcome| outcome.own_score.is_some_and(|score| score < threshold));
        let others = || outcomes.iter().filter(|outcome| outcome.is_genuine()).flat_map(|outcome| &outcome.others);
        let (comparisons, false_matches) =
            (others().count(), others().filter(|other| other.score >= threshold).count());
        let strangers_accepted = count(&|outcome| outcome.is_stranger() && known(outcome));
        let flips: Option<Vec<bool>> = outcomes.iter().map(Outcome::is_flip).collect();
        Self {
            probes: outcomes.len(),
            genuine,
            strangers,
            threshold,
            identification_threshold: identification.raw(),
            fnmr: rate(false_non_matches, genuine),
            false_non_matches,
            fmr: rate(false_matches, comparisons),
            false_matches,
            comparisons,
            stranger_accepts: rate(strangers_accepted, strangers),
            strangers_accepted,
            misidentified: count(&|outcome| outcome.is_genuine() && known(outcome) && outcome.right == Some(false)),
            ambiguous: count(&|outcome| outcome.verdict == Verdict::Ambiguous),
            f32_flips: flips.map(|flips| flips.into_iter().filter(|flip| *flip).count()),
        }
    }
}

fn rate(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
