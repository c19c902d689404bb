//! The device's decisions, made on the host by the same core code, and how they compare with labels and with `f32`.

mod reference;
mod summary;

pub use reference::{Reference, ReferenceProblem};
pub use summary::Summary;

use crate::bundle::with_search;
use crate::coder::Coder;
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use cognate::{BundleView, Decision, MatchError, Policy, PolicyError, Search, SubjectId, TemplateRef};
use serde::Serialize;
use std::collections::BTreeMap;

/// Whether a probe is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The best subject's score reached the threshold.
    Known,
    /// It did, but another subject is within the margin.
    Ambiguous,
    /// It did not.
    Unknown,
}

/// What became of a probe. Scores are raw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Outcome {
    /// The probe's row.
    pub probe: usize,
    /// Where it came from.
    pub file: String,
    /// Whose it is; `None` when unknown.
    pub label: Option<String>,
    /// The decision.
    pub verdict: Verdict,
    /// The id of the best subject, known or not; `None` when a filter passed over all of them.
    pub subject: Option<u32>,
    /// Its name.
    pub name: Option<String>,
    /// Its score.
    pub score: Option<i32>,
    /// The id of the best other subject; `None` when only one is enrolled, or a filter passed over the others.
    pub runner_up: Option<u32>,
    /// Its score.
    pub runner_up_score: Option<i32>,
    /// The score of the probe's own subject; `None` when that is not enrolled, or unknown.
    pub own_score: Option<i32>,
    /// The scores of all other subjects, by ascending id.
    pub others: Vec<OtherScore>,
    /// Whether the decision is right: its own subject, or unknown for a stranger. `None` without a label.
    pub right: Option<bool>,
    /// The decision by the `f32` embeddings; `None` without the enrolled embeddings.
    pub f32_verdict: Option<Verdict>,
    /// The id of the best subject by that.
    pub f32_subject: Option<u32>,
}

/// The score of a subject that the probe is not of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct OtherScore {
    /// Its id.
    pub subject: u32,
    /// Its score, raw.
    pub score: i32,
}

impl Outcome {
    /// Whether the probe's own subject is enrolled.
    #[must_use]
    pub const fn is_genuine(&self) -> bool {
        self.own_score.is_some()
    }

    /// Whether the probe is of somebody who is not enrolled.
    #[must_use]
    pub const fn is_stranger(&self) -> bool {
        self.label.is_some() && self.own_score.is_none()
    }

    /// Whether the decision by `f32` is another: another verdict, or known as somebody else. `None` without it.
    #[must_use]
    pub fn is_flip(&self) -> Option<bool> {
        let verdict = self.f32_verdict?;
        let other_subject = verdict == Verdict::Known && self.f32_subject != self.subject;
        Some(verdict != self.verdict || other_subject)
    }
}

/// Identifies every probe with the thresholds that the bundle asks for. `coder` is the bundle's.
///
/// # Errors
/// [`SimulationError`] when the probes do not go with the bundle, nobody is enrolled, or more are than the thresholds support.
pub fn simulate(
    bundle: &BundleView<'_>,
    coder: &Coder,
    probes: &Embeddings,
    reference: Option<&Reference>,
) -> Result<Vec<Outcome>, SimulationError> {
    let codes = coder.codes(probes)?;
    with_search(bundle, |search| {
        let names = bundle.subjects().map(|subject| (subject.id, subject.name)).collect();
        let device = Device { search, policy: bundle.identification(search)?, names };
        let outcome = |(row, code): (usize, &Vec<i8>)| device.decide(row, coder.template(code), probes, reference);
        codes.iter().enumerate().map(outcome).collect::<Result<_, _>>().map_err(SimulationError::from)
    })
}

/// What decides on the device.
struct Device<'a> {
    search: &'a Search<'a>,
    policy: Policy<'a>,
    names: BTreeMap<SubjectId, &'a str>,
}

impl Device<'_> {
    fn decide(
        &self,
        row: usize,
        probe: TemplateRef<'_>,
        probes: &Embeddings,
        reference: Option<&Reference>,
    ) -> Result<Outcome, MatchError> {
        let label = Some(&probes.labels().rows[row]).filter(|label| !label.subject.is_empty());
        let own = label.and_then(|label| self.names.iter().find(|(_, name)| **name == label.subject));
        let own = own.map(|(id, _)| *id);
        let mut scores = BTreeMap::new();
        self.search.scores(&probe, |candidate| {
            scores.insert(candidate.subject, candidate.score.raw());
        })?;
        let own_score = own.and_then(|own| scores.remove(&own));
        let decision = self.search.identify(&probe, &self.policy)?;
        let best = decision.evidence().map(|evidence| evidence.best);
        let runner_up = decision.evidence().and_then(|evidence| evidence.runner_up);
        let by_f32 = reference.map(|reference| reference.decide(probes.row(row), &self.policy));
        Ok(Outcome {
            probe: row,
            file: probes.labels().rows[row].file.clone(),
            label: label.map(|label| label.subject.clone()),
            verdict: match decision {
                Decision::Known(_) => Verdict::Known,
                Decision::Ambiguous(_) => Verdict::Ambiguous,
                Decision::Unknown(_) => Verdict::Unknown,
            },
            subject: best.map(|best| best.subject.number()),
            name: best.and_then(|best| self.names.get(&best.subject)).map(|name| (*name).to_owned()),
            score: best.map(|best| best.score.raw()),
            runner_up: runner_up.map(|other| other.subject.number()),
            runner_up_score: runner_up.map(|other| other.score.raw()),
            own_score,
            others: scores.into_iter().map(|(id, score)| OtherScore { subject: id.number(), score }).collect(),
            right: label.map(|_| decision.subject() == own),
            f32_verdict: by_f32.map(|(verdict, _)| verdict),
            f32_subject: by_f32.map(|(_, subject)| subject.number()),
        })
    }
}

/// Why there are no decisions.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SimulationError {
    /// The probes are no templates.
    #[error(transparent)]
    Probes(#[from] EmbeddingsProblem),
    /// More subjects are enrolled than the thresholds support.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The probes do not go with the bundle, or nobody is enrolled.
    #[error(transparent)]
    Match(#[from] MatchError),
}

#[cfg(test)]
mod tests;
