//! Adaptation: a template that follows how a subject changes, kept apart from those that were enrolled.

use super::filter::Filter;
use super::ram::{Gallery, GalleryError, Kind};
use super::{Scan, SubjectId};
use crate::policy::Evidence;
use crate::query::{Query, QueryError};
use crate::similarity::{self, Score};
use crate::space::SpaceMismatch;
use crate::template::{Template, TemplateRef};
use core::fmt;

/// When a template may follow a probe, and how far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adaptation {
    /// Only a match with at least this score is sure enough: well above the threshold.
    pub least_score: Score,
    /// And only one that is ahead of every other subject by at least this much, as a difference of raw scores.
    pub least_margin: u32,
    /// The adapted template counts this many times, the probe once: 1 to 255.
    pub inertia: u8,
    /// The adapted template stays at least as much like a template that was enrolled as this.
    pub least_likeness: Score,
}

/// What an adaptation did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adapted {
    /// The subject.
    pub subject: SubjectId,
    /// How much its adapted template is now like the enrolled one that is most like it.
    pub likeness: Score,
}

impl<const D: usize, const N: usize, F: Filter<D>> Gallery<D, N, F> {
    /// Lets a subject's adapted template follow a probe that was surely the subject's. It is a template beside those that were
    /// enrolled, which never change; the first time it begins at the one that the probe is most like, and takes a place.
    ///
    /// # Errors
    /// [`AdaptError`]; the gallery is then as it was.
    pub fn adapt(
        &mut self,
        evidence: &Evidence,
        probe: &Template<D>,
        limits: &Adaptation,
    ) -> Result<Adapted, AdaptError> {
        let (adapted, template) = self.followed(evidence, probe, limits)?;
        self.set_adapted(adapted.subject, &template).map_err(AdaptError::Gallery)?;
        Ok(adapted)
    }

    /// What the subject's adapted template becomes, if it may follow.
    pub(crate) fn followed(
        &self,
        evidence: &Evidence,
        probe: &Template<D>,
        limits: &Adaptation,
    ) -> Result<(Adapted, Template<D>), AdaptError> {
        let subject = evidence.best.subject;
        self.space().require(probe.space()).map_err(AdaptError::Space)?;
        if evidence.best.score < limits.least_score {
            return Err(AdaptError::Unsure { score: evidence.best.score, least: limits.least_score });
        }
        if let Some(margin) = evidence.margin().filter(|margin| *margin < limits.least_margin) {
            return Err(AdaptError::Close { margin, least: limits.least_margin });
        }
        let (nearest, _) =
            self.nearest_enrolled(subject, probe).ok_or(AdaptError::Gallery(GalleryError::UnknownSubject(subject)))?;
        let place = self.places(subject).find(|place| self.kind(*place) == Kind::Adapted);
        let from = place.map_or(nearest, |place| self.code(place));
        let adapted = self.moved(from, probe, limits.inertia)?;
        // Bounded by what was enrolled: however often it moves, it cannot become somebody else.
        let likeness = self.nearest_enrolled(subject, &adapted).map_or(Score::MIN, |(_, score)| score);
        if likeness < limits.least_likeness {
            return Err(AdaptError::Far { likeness, least: limits.least_likeness });
        }
        if place.is_none() {
            self.check(&[adapted]).map_err(AdaptError::Gallery)?;
        }
        Ok((Adapted { subject, likeness }, adapted))
    }

    /// Gives an enrolled subject this adapted template, in place of the one it has.
    pub(crate) fn set_adapted(&mut self, subject: SubjectId, template: &Template<D>) -> Result<(), GalleryError> {
        let place = self.places(subject).find(|place| self.kind(*place) == Kind::Adapted);
        match place {
            Some(place) => self.replace(place, template),
            None => self.append(subject, core::slice::from_ref(template), Kind::Adapted)?,
        }
        Ok(())
    }

    /// Goes back to what was enrolled; whether there was anything to take back.
    ///
    /// # Errors
    /// [`GalleryError::UnknownSubject`] when it is not enrolled here.
    pub fn revert(&mut self, subject: SubjectId) -> Result<bool, GalleryError> {
        if !self.contains(subject) {
            return Err(GalleryError::UnknownSubject(subject));
        }
        Ok(self.clear(subject, Some(Kind::Adapted)) > 0)
    }

    /// The code of the subject's enrolled template that is most like this one, and how much.
    fn nearest_enrolled(&self, subject: SubjectId, template: &Template<D>) -> Option<([i8; D], Score)> {
        let enrolled = self.places(subject).filter(|place| self.kind(*place) == Kind::Enrolled);
        let scored = enrolled.filter_map(|place| {
            let code = self.code(place);
            let score = similarity::score(template, &TemplateRef::new(&code, self.space()).ok()?).ok()?;
            Some((code, score))
        });
        scored.reduce(|a, b| if b.1 > a.1 { b } else { a })
    }

    fn moved(&self, from: [i8; D], probe: &Template<D>, inertia: u8) -> Result<Template<D>, AdaptError> {
        let from = Template::from_code(from, self.space()).map_err(|_| AdaptError::Query(QueryError::Zero))?;
        let query = Query::new(self.space()).weighted(&from, i16::from(inertia.max(1)));
        query.and_then(|query| query.plus(probe)?.template()).map_err(AdaptError::Query)
    }
}

/// Why a template did not follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AdaptError {
    /// The match is not sure enough.
    Unsure {
        /// Its score.
        score: Score,
        /// The score that it needs.
        least: Score,
    },
    /// Another subject is too close behind.
    Close {
        /// How far ahead the match is.
        margin: u32,
        /// How far it has to be.
        least: u32,
    },
    /// The template would go too far from what was enrolled: enroll the subject anew.
    Far {
        /// How much it would be like the nearest enrolled template.
        likeness: Score,
        /// How much it has to be.
        least: Score,
    },
    /// The probe is of another space.
    Space(SpaceMismatch),
    /// The subject is not in this gallery, or there is no place for a further template.
    Gallery(GalleryError),
    /// The template and the probe cancel each other out.
    Query(QueryError),
}

impl fmt::Display for AdaptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsure { score, least } => {
                write!(f, "a score of {score} is not sure enough to learn from, {least} is: nothing was changed")
            }
            Self::Close { margin, least } => {
                write!(f, "another subject is {margin} behind, {least} is needed to learn from it: nothing was changed")
            }
            Self::Far { likeness, least } => write!(
                f,
                "the template would be too unlike what was enrolled (score {likeness}, {least} is needed): enroll again"
            ),
            Self::Space(mismatch) => mismatch.fmt(f),
            Self::Gallery(error) => error.fmt(f),
            Self::Query(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AdaptError {}
