//! What a decision is made by, and what it is.
//!
//! A [`Policy`] says from which score on somebody is accepted, and how far ahead of everybody else. Its threshold comes out of
//! a [`ThresholdTable`]: for verification by the false match rate (FMR) of one comparison, for identification by the
//! false-positive identification rate (FPIR) of a whole gallery, which takes a stricter threshold the more are enrolled.

mod rate;
mod table;

pub use rate::Rate;
pub use table::{Calibration, ThresholdEntry, ThresholdTable};

use crate::gallery::SubjectId;
use crate::search::Search;
use crate::similarity::Score;
use core::fmt;

/// What a decision is made by.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    threshold: Score,
    margin: u32,
    evidence: Option<(ThresholdTable<'a>, Enrolled)>,
}

/// The galleries that a policy was made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Enrolled {
    /// Subjects, those with more templates than the table is for counted as several.
    population: usize,
    /// How often the galleries had changed.
    changes: Option<u32>,
}

impl<'a> Policy<'a> {
    /// Accepts a score at or above a threshold that somebody chose. Without a table nothing is known of its error rates.
    #[must_use]
    pub const fn new(threshold: Score) -> Self {
        Self { threshold, margin: 0, evidence: None }
    }

    /// For verification: the least strict threshold of the table whose false match rate is at most this.
    ///
    /// # Errors
    /// [`PolicyError::Fmr`] when the table has no threshold for a rate as low as this.
    pub fn verification(table: ThresholdTable<'a>, fmr: Rate) -> Result<Self, PolicyError> {
        let entry = table.at_fmr(fmr).ok_or_else(|| PolicyError::Fmr { asked: fmr, least: table.least_fmr() })?;
        let enrolled = Enrolled { population: 1, changes: None };
        Ok(Self { threshold: entry.threshold, margin: 0, evidence: Some((table, enrolled)) })
    }

    /// For identification: the least strict threshold of the table with which a stranger is taken for anybody enrolled at
    /// most at this rate. It holds until somebody is enrolled or removed: then make it anew, or [`Search::identify`] refuses
    /// it.
    ///
    /// # Errors
    /// [`PolicyError::Fpir`] when the table has no threshold that is strict enough for so many subjects.
    pub fn identification(table: ThresholdTable<'a>, fpir: Rate, search: &Search<'_>) -> Result<Self, PolicyError> {
        let population = search.population(usize::from(table.calibration().templates));
        let entry = table.at_fpir(fpir, population).ok_or_else(|| PolicyError::Fpir {
            asked: fpir,
            population,
            least: table.least_fmr().in_any_of(population),
        })?;
        let enrolled = Enrolled { population, changes: Some(search.changes()) };
        Ok(Self { threshold: entry.threshold, margin: 0, evidence: Some((table, enrolled)) })
    }

    /// The same, but whoever is known has to be ahead of every other subject by this much, as a difference of raw scores.
    #[must_use]
    pub const fn with_margin(self, margin: u32) -> Self {
        Self { margin, ..self }
    }

    /// The least score that is accepted.
    #[must_use]
    pub const fn threshold(&self) -> Score {
        self.threshold
    }

    /// How far ahead of the others the best has to be.
    #[must_use]
    pub const fn margin(&self) -> u32 {
        self.margin
    }

    /// The scores that the threshold is for; `None` when somebody chose it.
    #[must_use]
    pub fn calibration(&self) -> Option<Calibration> {
        self.evidence.as_ref().map(|(table, _)| table.calibration())
    }

    /// The number of changes of the galleries that the policy was made for; `None` when it holds for any.
    pub(crate) fn changes(&self) -> Option<u32> {
        self.evidence.as_ref().and_then(|(_, enrolled)| enrolled.changes)
    }

    /// The estimated rate at which somebody else reaches this score with one subject (FMR); `None` without a table.
    #[must_use]
    pub fn false_match_rate(&self, score: Score) -> Option<Rate> {
        self.evidence.as_ref().map(|(table, _)| table.fmr_at(score))
    }

    /// The estimated rate at which a stranger reaches this score with anybody enrolled (FPIR); `None` without a table.
    #[must_use]
    pub fn false_positive_rate(&self, score: Score) -> Option<Rate> {
        let (table, enrolled) = self.evidence.as_ref()?;
        Some(table.fmr_at(score).in_any_of(enrolled.population))
    }
}

/// A subject and how much it is like the probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Match {
    /// The enrolled subject.
    pub subject: SubjectId,
    /// What its templates' scores fuse to.
    pub score: Score,
}

/// What a decision rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Evidence {
    /// The most alike subject.
    pub best: Match,
    /// The most alike of the other subjects. `None` when no other is enrolled, or when a gallery with a filter passed over
    /// them because none is within the margin.
    pub runner_up: Option<Match>,
    /// The estimated rate at which a stranger reaches the best score with anybody enrolled; `None` when the threshold has no
    /// table.
    pub false_positive_rate: Option<Rate>,
}

impl Evidence {
    /// How far the best is ahead, as a difference of raw scores; `None` without a runner-up.
    #[must_use]
    pub fn margin(&self) -> Option<u32> {
        self.runner_up.map(|runner_up| self.best.score.above(runner_up.score))
    }
}

/// The answer to "who is this, if anyone?".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Decision {
    /// The best subject's score reached the threshold, and it is ahead of the others by the margin.
    Known(Evidence),
    /// It reached the threshold, but another subject is within the margin: look again, or ask.
    Ambiguous(Evidence),
    /// It did not: nobody enrolled. Who came closest is not known when a gallery has a filter, which passes over all below
    /// the threshold.
    Unknown(Option<Evidence>),
}

impl Decision {
    /// The subject, if it is known.
    #[must_use]
    pub const fn subject(&self) -> Option<SubjectId> {
        match self {
            Self::Known(evidence) => Some(evidence.best.subject),
            Self::Ambiguous(_) | Self::Unknown(_) => None,
        }
    }

    /// What it rests on.
    #[must_use]
    pub const fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Known(evidence) | Self::Ambiguous(evidence) => Some(evidence),
            Self::Unknown(evidence) => evidence.as_ref(),
        }
    }
}

/// The answer to "is this that subject?".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verification {
    /// Whether the score reached the threshold.
    pub accepted: bool,
    /// What the scores of the claimed subject's templates fuse to.
    pub score: Score,
    /// The estimated rate at which somebody else reaches this score; `None` when the threshold has no table.
    pub false_match_rate: Option<Rate>,
}

/// Why there is no policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PolicyError {
    /// The table has no threshold for so low a false match rate: calibrate with it, which takes more data.
    Fmr {
        /// The rate asked for.
        asked: Rate,
        /// The least that there is.
        least: Rate,
    },
    /// The table has no threshold strict enough for so many subjects: calibrate with a lower false match rate, which takes
    /// more data, allow a higher rate, or enroll fewer.
    Fpir {
        /// The rate asked for.
        asked: Rate,
        /// The subjects, those with more templates than the table is for counted as several.
        population: usize,
        /// The least rate that there is for so many.
        least: Rate,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fmr { asked, least } => write!(
                f,
                "there is no threshold for a false match rate of {asked}, the least is {least}: calibrate with more data"
            ),
            Self::Fpir { asked, population, least } => write!(
                f,
                "there is no threshold for a false-positive identification rate of {asked} with {population} subjects (one with \
                 more templates than was calibrated with counts as several), the least is {least}: calibrate with more data, \
                 allow a higher rate, or enroll fewer"
            ),
        }
    }
}

impl core::error::Error for PolicyError {}
