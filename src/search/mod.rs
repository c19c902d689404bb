//! Comparing a probe with whoever is enrolled: verification, open-set identification, ranking, and all the scores.
//!
//! Equal scores are told apart by the lower id, so no result depends on the order in which templates are stored.

mod error;
mod leaders;

pub use error::MatchError;

use crate::gallery::{Fusion, Scan, SubjectId};
use crate::normalization::Normalization;
use crate::policy::{Calibration, Decision, Evidence, Match, Policy, Verification};
use crate::similarity::{Probe, Score};
use crate::template::AsTemplate;
use heapless::Vec;
use leaders::{Leader, Leaders};

/// Galleries that are searched as one, and how.
///
/// ```
/// use cognate::{Decision, Embedding, Gallery, ModelDigest, Policy, Score, Search, Space, SubjectId, Template};
/// let space = Space::full(ModelDigest::new([7; 16]));
/// let template = |values: [f32; 2]| Template::new(&Embedding::new(values).unwrap(), space);
/// let mut gallery = Gallery::<2, 4>::new(space, SubjectId::FIRST);
/// let east = gallery.enroll(&[template([1.0, 0.0])])?;
/// let north = gallery.enroll(&[template([0.0, 1.0])])?;
///
/// let galleries: [&dyn cognate::Scan; 1] = [&gallery];
/// let search = Search::new(&galleries);
/// let policy = Policy::new(Score::from_ratio(9, 10));
/// let probe = template([1.0, 0.2]);
/// assert_eq!(search.identify(&probe, &policy)?.subject(), Some(east));
/// assert!(!search.verify(&probe, north, &policy)?.accepted);
/// let ranked = search.rank::<8>(&probe)?;
/// assert_eq!((ranked[0].subject, ranked[1].subject, ranked.len()), (east, north, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Search<'a> {
    galleries: &'a [&'a dyn Scan],
    fusion: Fusion,
    excluded: &'a [SubjectId],
    normalization: Option<&'a Normalization<'a>>,
}

impl<'a> Search<'a> {
    /// Searches all of these galleries, whose ids are apart from each other; several templates of a subject count by the
    /// one that is most alike.
    #[must_use]
    pub const fn new(galleries: &'a [&'a dyn Scan]) -> Self {
        Self { galleries, fusion: Fusion::Maximum, excluded: &[], normalization: None }
    }

    /// Fuses the scores of a subject's templates in another way.
    #[must_use]
    pub const fn fused_by(self, fusion: Fusion) -> Self {
        Self { fusion, ..self }
    }

    /// Leaves some subjects out.
    #[must_use]
    pub const fn without(self, excluded: &'a [SubjectId]) -> Self {
        Self { excluded, ..self }
    }

    /// Normalizes scores against a cohort.
    #[must_use]
    pub const fn normalized_by(self, normalization: &'a Normalization<'a>) -> Self {
        Self { normalization: Some(normalization), ..self }
    }

    /// Verification, 1:1: whether the probe is the claimed subject.
    ///
    /// # Errors
    /// [`MatchError::Space`] or [`MatchError::Dimension`] when the probe does not go with a gallery,
    /// [`MatchError::UnknownSubject`] when the claimed subject is not enrolled, [`MatchError::Calibration`] when the policy's
    /// threshold is for other scores, and [`MatchError::NoStatistics`] when the subject's scores cannot be normalized.
    pub fn verify(
        &self,
        probe: &impl AsTemplate,
        claimed: SubjectId,
        policy: &Policy<'_>,
    ) -> Result<Verification, MatchError> {
        self.check_calibration(policy)?;
        // Spreading the probe would not pay for a few templates.
        let probe = Probe::new(probe.as_ref());
        self.check(&probe)?;
        let enrolled = self.galleries.iter().find_map(|gallery| gallery.key_of(&probe, claimed, self.fusion));
        let key = enrolled.filter(|_| !self.excluded.contains(&claimed));
        let scores = self.scores_of(&probe)?;
        let order = scores.order(claimed, key.ok_or(MatchError::UnknownSubject(claimed))?)?;
        let Match { score, .. } = scores.of(Leader { subject: claimed, order });
        let accepted = score >= policy.threshold();
        Ok(Verification { accepted, score, false_match_rate: policy.false_match_rate(score) })
    }

    /// Open-set identification, 1:N: the most alike subject of all galleries, if it is alike enough.
    ///
    /// # Errors
    /// As for [`Search::verify`], but [`MatchError::EmptyGallery`] when nobody is enrolled (or all are left out), and
    /// [`MatchError::StalePolicy`] when somebody was enrolled or removed since the policy was made.
    pub fn identify(&self, probe: &impl AsTemplate, policy: &Policy<'_>) -> Result<Decision, MatchError> {
        self.check_calibration(policy)?;
        if policy.changes().is_some_and(|changes| changes != self.changes()) {
            return Err(MatchError::StalePolicy);
        }
        let enrolled: usize = self.galleries.iter().map(|gallery| gallery.subjects()).sum();
        if enrolled == 0 {
            return Err(MatchError::EmptyGallery);
        }
        probe.with_probe(|probe| {
            self.check(probe)?;
            if self.is_by_maximum() {
                self.identify_by_maximum(probe, policy)
            } else {
                self.identify_of_all(probe, policy)
            }
        })
    }

    /// The `K` most alike subjects, the most alike first: fewer where fewer are enrolled.
    ///
    /// # Errors
    /// As for [`Search::verify`], but for the claimed subject and the policy.
    pub fn rank<const K: usize>(&self, probe: &impl AsTemplate) -> Result<Vec<Match, K>, MatchError> {
        let mut ranked: Vec<Leader, K> = Vec::new();
        self.visit_all(probe, |scores| {
            self.visit_subjects(scores, &mut |leader| {
                let mut behind = leader;
                for place in ranked.iter_mut().filter(|place| leader.beats(place)) {
                    core::mem::swap(place, &mut behind);
                }
                // A full list loses the last.
                let _ = ranked.push(behind);
            })?;
            let mut matches = Vec::new();
            for leader in &ranked {
                // Both lists have the same room.
                let _ = matches.push(scores.of(*leader));
            }
            Ok(matches)
        })
    }

    /// Calls `visit` with every subject and its score, by gallery and ascending id.
    ///
    /// # Errors
    /// As for [`Search::rank`].
    pub fn scores(&self, probe: &impl AsTemplate, mut visit: impl FnMut(Match)) -> Result<(), MatchError> {
        self.visit_all(probe, |scores| self.visit_subjects(scores, &mut |leader| visit(scores.of(leader))))
    }

    /// How many subjects are enrolled, if one with more than `templates` templates counts as several.
    #[must_use]
    pub fn population(&self, templates: usize) -> usize {
        self.galleries.iter().map(|gallery| gallery.population(templates)).sum()
    }

    /// How often the galleries have changed, all together.
    pub(crate) fn changes(&self) -> u32 {
        self.galleries.iter().fold(0, |changes, gallery| changes.wrapping_add(gallery.changes()))
    }

    fn visit_all<T>(
        &self,
        probe: &impl AsTemplate,
        visit: impl FnOnce(&Scores<'_>) -> Result<T, MatchError>,
    ) -> Result<T, MatchError> {
        probe.with_probe(|probe| {
            self.check(probe)?;
            visit(&self.scores_of(probe)?)
        })
    }

    /// Every subject that is not left out, with the number that orders it.
    fn visit_subjects(&self, scores: &Scores<'_>, visit: &mut dyn FnMut(Leader)) -> Result<(), MatchError> {
        let mut outcome = Ok(());
        for gallery in self.galleries {
            gallery.each(scores.probe, self.fusion, &mut |subject, key| {
                if self.excluded.contains(&subject) {
                    return;
                }
                match scores.order(subject, key) {
                    Ok(order) => visit(Leader { subject, order }),
                    Err(error) => outcome = Err(error),
                }
            });
        }
        outcome
    }

    /// Whether a subject's score is that of one template, so that templates can be looked at in any order.
    const fn is_by_maximum(&self) -> bool {
        matches!(self.fusion, Fusion::Maximum | Fusion::Centroid) && self.normalization.is_none()
    }

    fn identify_by_maximum(&self, probe: &Probe<'_>, policy: &Policy<'_>) -> Result<Decision, MatchError> {
        // What could still be within the margin of a known subject. A gallery without a filter tells of everybody.
        let passed_over = self.galleries.iter().find_map(|gallery| gallery.passes_over(probe, policy));
        let mut leaders = Leaders { passed_over, ..Leaders::default() };
        for gallery in self.galleries {
            let floor = leaders.floor();
            gallery.find(probe, floor, &mut |subject, key| leaders.see(Leader { subject, order: key }, self.excluded));
        }
        let score = |leader: Leader| Match { subject: leader.subject, score: probe.score(leader.order) };
        let (best, runner_up) = (leaders.best.map(score), leaders.runner_up.map(score));
        if passed_over.is_none() {
            return if best.is_none() { Err(MatchError::EmptyGallery) } else { Ok(decide(best, runner_up, policy)) };
        }
        // What a filter let pass below the threshold or beyond the margin, it let pass by chance.
        let best = best.filter(|best| best.score >= policy.threshold());
        let near = |other: &Match| best.is_some_and(|best| best.score.above(other.score) < policy.margin());
        Ok(decide(best, runner_up.filter(near), policy))
    }

    fn identify_of_all(&self, probe: &Probe<'_>, policy: &Policy<'_>) -> Result<Decision, MatchError> {
        let scores = self.scores_of(probe)?;
        let mut leaders = Leaders::default();
        self.visit_subjects(&scores, &mut |leader| {
            leaders.see(leader, &[]);
        })?;
        let best = leaders.best.ok_or(MatchError::EmptyGallery)?;
        Ok(decide(Some(scores.of(best)), leaders.runner_up.map(|leader| scores.of(leader)), policy))
    }

    fn scores_of<'p>(&self, probe: &'p Probe<'p>) -> Result<Scores<'p>, MatchError>
    where
        'a: 'p,
    {
        let normalizer = self.normalization.map(|normalization| normalization.of_probe(probe)).transpose()?;
        Ok(Scores { probe, normalizer })
    }

    fn check(&self, probe: &Probe<'_>) -> Result<(), MatchError> {
        self.galleries.iter().try_for_each(|gallery| probe.require(gallery.space(), gallery.dimension()))
    }

    fn check_calibration(&self, policy: &Policy<'_>) -> Result<(), MatchError> {
        let method = self.normalization.map(Normalization::method);
        match policy.calibration() {
            Some(expected) if expected.fusion != self.fusion || expected.normalization != method => {
                let found = Calibration { fusion: self.fusion, normalization: method, ..expected };
                Err(MatchError::Calibration { expected, found })
            }
            _ => Ok(()),
        }
    }
}

fn decide(best: Option<Match>, runner_up: Option<Match>, policy: &Policy<'_>) -> Decision {
    let Some(best) = best else { return Decision::Unknown(None) };
    let false_positive_rate = policy.false_positive_rate(best.score);
    let evidence = Evidence { best, runner_up, false_positive_rate };
    if best.score < policy.threshold() {
        Decision::Unknown(Some(evidence))
    } else if evidence.margin().is_some_and(|margin| margin < policy.margin()) {
        Decision::Ambiguous(evidence)
    } else {
        Decision::Known(evidence)
    }
}

/// Makes scores of keys.
struct Scores<'p> {
    probe: &'p Probe<'p>,
    normalizer: Option<crate::normalization::OfProbe<'p>>,
}

impl Scores<'_> {
    /// The number that orders a subject: its key, which is finer than its score, or its normalized score.
    fn order(&self, subject: SubjectId, key: i32) -> Result<i32, MatchError> {
        match &self.normalizer {
            Some(normalizer) => normalizer.normalize(subject, self.probe.score(key)).map(Score::raw),
            None => Ok(key),
        }
    }

    /// The subject with its score.
    fn of(&self, Leader { subject, order }: Leader) -> Match {
        let score = if self.normalizer.is_some() { Score::from_raw(order) } else { self.probe.score(order) };
        Match { subject, score }
    }
}
