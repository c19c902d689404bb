//! From scores to a decision: verification of a claimed subject, and open-set identification.
//!
//! A subject's score is the greatest of its templates' scores. Equal scores are told apart by the lower id, so a
//! decision never depends on the order in which templates are stored.

use crate::similarity::check_comparable;
use crate::{ModelDigest, Scan, Score, SubjectId, Subjects, TemplateRef};
use core::fmt;

/// What a decision is made by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Policy {
    threshold: Score,
}

impl Policy {
    /// Accepts a score at or above the threshold. A bundle's thresholds come with their evidence:
    /// [`BundleView::operating_point`](crate::BundleView::operating_point).
    #[must_use]
    pub const fn new(threshold: Score) -> Self {
        Self { threshold }
    }

    /// The least score that is accepted.
    #[must_use]
    pub const fn threshold(&self) -> Score {
        self.threshold
    }
}

/// A subject and how much it is like the probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Match {
    /// The enrolled subject.
    pub subject: SubjectId,
    /// The greatest score of its templates.
    pub score: Score,
}

impl Match {
    /// The order of candidates: greater score, then lower id.
    fn beats(&self, other: &Self) -> bool {
        self.score > other.score || (self.score == other.score && self.subject < other.subject)
    }
}

/// The two subjects most like the probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ranking {
    /// The most alike.
    pub best: Match,
    /// The most alike of the other subjects; `None` when only one is enrolled.
    pub runner_up: Option<Match>,
}

impl Ranking {
    const fn new(best: Match) -> Self {
        Self { best, runner_up: None }
    }

    /// Takes in one template's score, in any order.
    fn add(&mut self, candidate: Match) {
        if candidate.subject == self.best.subject {
            self.best.score = self.best.score.max(candidate.score);
        } else if candidate.beats(&self.best) {
            self.runner_up = Some(self.best);
            self.best = candidate;
        } else if self.runner_up.is_none_or(|runner_up| candidate.beats(&runner_up)) {
            self.runner_up = Some(candidate);
        }
    }
}

/// The answer to "who is this, if anyone?".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Decision {
    /// The best subject's score reached the threshold.
    Known(Ranking),
    /// It did not: nobody enrolled.
    Unknown(Ranking),
}

impl Decision {
    /// The subject, if it is known.
    #[must_use]
    pub const fn subject(&self) -> Option<SubjectId> {
        match self {
            Self::Known(ranking) => Some(ranking.best.subject),
            Self::Unknown(_) => None,
        }
    }

    /// The candidates that it was made from.
    #[must_use]
    pub const fn ranking(&self) -> &Ranking {
        match self {
            Self::Known(ranking) | Self::Unknown(ranking) => ranking,
        }
    }
}

/// The answer to "is this that subject?".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verification {
    /// Whether the score reached the threshold.
    pub accepted: bool,
    /// The greatest score of the claimed subject's templates.
    pub score: Score,
}

/// Identification, 1:N: the most alike subject of all galleries, known if its score reaches the threshold.
///
/// # Errors
/// [`MatchError::Model`] or [`MatchError::Dimension`] when the probe does not go with a gallery, and
/// [`MatchError::EmptyGallery`] when no template is enrolled in any.
pub fn identify(probe: TemplateRef<'_>, galleries: &[&dyn Scan], policy: &Policy) -> Result<Decision, MatchError> {
    check(&probe, galleries)?;
    let mut ranking: Option<Ranking> = None;
    for gallery in galleries {
        gallery.scan(&probe, Subjects::All, &mut |subject, score| {
            let candidate = Match { subject, score };
            match &mut ranking {
                Some(ranking) => ranking.add(candidate),
                None => ranking = Some(Ranking::new(candidate)),
            }
        });
    }
    let ranking = ranking.ok_or(MatchError::EmptyGallery)?;
    let known = ranking.best.score >= policy.threshold;
    Ok(if known { Decision::Known(ranking) } else { Decision::Unknown(ranking) })
}

/// Verification, 1:1: whether the probe is the claimed subject.
///
/// # Errors
/// As for [`identify`], but [`MatchError::UnknownSubject`] when the claimed subject has no template.
pub fn verify(
    probe: TemplateRef<'_>,
    claimed: SubjectId,
    galleries: &[&dyn Scan],
    policy: &Policy,
) -> Result<Verification, MatchError> {
    check(&probe, galleries)?;
    let mut greatest: Option<Score> = None;
    for gallery in galleries {
        gallery.scan(&probe, Subjects::One(claimed), &mut |_, score| greatest = greatest.max(Some(score)));
    }
    let score = greatest.ok_or(MatchError::UnknownSubject(claimed))?;
    Ok(Verification { accepted: score >= policy.threshold, score })
}

fn check(probe: &TemplateRef<'_>, galleries: &[&dyn Scan]) -> Result<(), MatchError> {
    galleries.iter().try_for_each(|gallery| check_comparable(probe, gallery.model(), gallery.dimension()))
}

/// Why there is no decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MatchError {
    /// The probe was made by another model than the gallery's.
    Model {
        /// The gallery's model.
        expected: ModelDigest,
        /// The probe's model.
        found: ModelDigest,
    },
    /// The probe has another number of elements than the gallery's templates.
    Dimension {
        /// The gallery's dimension.
        expected: usize,
        /// The probe's dimension.
        found: usize,
    },
    /// Nobody is enrolled.
    EmptyGallery,
    /// The claimed subject is not enrolled, or was removed.
    UnknownSubject(SubjectId),
}

impl fmt::Display for MatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model { expected, found } => write!(
                f,
                "the probe was made by model {found}, the gallery is of {expected}: encode with that model, or enroll again"
            ),
            Self::Dimension { expected, found } => {
                write!(
                    f,
                    "the probe has {found} elements where the templates have {expected}: encode with the gallery's model"
                )
            }
            Self::EmptyGallery => f.write_str("nobody is enrolled: enroll a subject first"),
            Self::UnknownSubject(subject) => {
                write!(f, "subject {subject} is not enrolled: enroll it, or identify instead")
            }
        }
    }
}

impl core::error::Error for MatchError {}
