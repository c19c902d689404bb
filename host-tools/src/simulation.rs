//! The device's decisions, made on the host by the same core code, and how they compare with labels and with `f32`.

mod reference;
mod summary;

pub use reference::{Reference, ReferenceProblem};
pub use summary::Summary;

use crate::embeddings::{Embeddings, EmbeddingsProblem};
use crate::templates::TemplateSet;
use cognate::{BundleView, Decision, MatchError, Policy, SubjectId, TemplateRef, identify, verify};
use serde::Serialize;
use std::collections::BTreeMap;

/// Whether a probe is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The best subject's score reached the threshold.
    Known,
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
    /// The id of the best subject, known or not.
    pub subject: u32,
    /// Its name.
    pub name: String,
    /// Its score.
    pub score: i32,
    /// The id of the best other subject; `None` when only one is enrolled.
    pub runner_up: Option<u32>,
    /// Its score.
    pub runner_up_score: Option<i32>,
    /// The score of the probe's own subject; `None` when that is not enrolled, or unknown.
    pub own_score: Option<i32>,
    /// The scores of all other subjects, by ascending id.
    pub others: Vec<OtherScore>,
    /// Whether the decision is right: its own subject, or unknown for a stranger. `None` without a label.
    pub right: Option<bool>,
    /// The decision by the cosine of the `f32` embeddings; `None` without the enrolled embeddings.
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

    /// Whether the decision by `f32` is another: known or not, or known as somebody else. `None` without it.
    #[must_use]
    pub fn is_flip(&self) -> Option<bool> {
        let verdict = self.f32_verdict?;
        let other_subject = verdict == Verdict::Known && self.f32_subject != Some(self.subject);
        Some(verdict != self.verdict || other_subject)
    }
}

/// Decides for every probe with the bundle's operating point.
///
/// # Errors
/// [`SimulationError`] when the probes do not go with the bundle, or nobody is enrolled.
pub fn simulate(
    bundle: &BundleView<'_>,
    probes: &Embeddings,
    reference: Option<&Reference>,
) -> Result<Vec<Outcome>, SimulationError> {
    let templates = TemplateSet::new(probes, probes.labels().model.unwrap_or_else(|| bundle.model()))?;
    let device = Device::new(bundle);
    let probe = |(row, template)| device.decide(row, template, probes, reference);
    templates.templates().into_iter().enumerate().map(probe).collect::<Result<_, _>>().map_err(SimulationError::from)
}

/// What decides on the device.
struct Device<'a> {
    bundle: &'a BundleView<'a>,
    policy: Policy,
    names: BTreeMap<SubjectId, &'a str>,
}

impl<'a> Device<'a> {
    fn new(bundle: &'a BundleView<'a>) -> Self {
        let policy = Policy::new(bundle.operating_point().threshold);
        Self { bundle, policy, names: bundle.subjects().map(|subject| (subject.id, subject.name)).collect() }
    }

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
        let decision = identify(probe, &[&self.bundle.gallery()], &self.policy)?;
        let ranking = decision.ranking();
        let known = matches!(decision, Decision::Known(_));
        let f32_best = reference.map(|reference| reference.best(probes.row(row)));
        Ok(Outcome {
            probe: row,
            file: probes.labels().rows[row].file.clone(),
            label: label.map(|label| label.subject.clone()),
            verdict: verdict(known),
            subject: ranking.best.subject.number(),
            name: self.names.get(&ranking.best.subject).copied().unwrap_or_default().to_owned(),
            score: ranking.best.score.raw(),
            runner_up: ranking.runner_up.map(|other| other.subject.number()),
            runner_up_score: ranking.runner_up.map(|other| other.score.raw()),
            own_score: own.map(|own| self.score(probe, own)).transpose()?,
            others: self.others(probe, own)?,
            right: label.map(|_| decision.subject() == own),
            f32_verdict: f32_best.map(|best| verdict(best.cosine >= reference::cosine_of(self.policy.threshold()))),
            f32_subject: f32_best.map(|best| best.subject.number()),
        })
    }

    fn score(&self, probe: TemplateRef<'_>, subject: SubjectId) -> Result<i32, MatchError> {
        verify(probe, subject, &[&self.bundle.gallery()], &self.policy).map(|verification| verification.score.raw())
    }

    fn others(&self, probe: TemplateRef<'_>, own: Option<SubjectId>) -> Result<Vec<OtherScore>, MatchError> {
        let others = self.names.keys().filter(|id| Some(**id) != own);
        others.map(|&id| Ok(OtherScore { subject: id.number(), score: self.score(probe, id)? })).collect()
    }
}

const fn verdict(known: bool) -> Verdict {
    if known { Verdict::Known } else { Verdict::Unknown }
}

/// Why there are no decisions.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SimulationError {
    /// The probes are no templates.
    #[error(transparent)]
    Probes(#[from] EmbeddingsProblem),
    /// The probes do not go with the bundle, or nobody is enrolled.
    #[error(transparent)]
    Match(#[from] MatchError),
}

#[cfg(test)]
mod tests;
