//! What C and the library hand each other.

use crate::configuration::COGNATE_DIMENSION;
use cognate::policy::Rate;
use cognate::{Evidence, ModelDigest};

/// A subject and a score.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct Match {
    /// The subject's id.
    pub subject: u32,
    /// The raw score: a cosine in Q23, a negative squared distance, or standard deviations in Q23.
    pub score: i32,
}

/// What a decision comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Verdict {
    /// The best subject's score reached the threshold, ahead of all others.
    Known,
    /// It reached the threshold, and another subject is too close behind: look again.
    Ambiguous,
    /// It did not: nobody who is enrolled.
    Unknown,
}

/// The answer to "who is this, if anyone?".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Decision {
    /// What it comes to. Act on COGNATE_VERDICT_KNOWN alone.
    pub verdict: Verdict,
    /// How many of `best` and `runner_up` there are: 0, 1 or 2. Those that are not are zero.
    pub candidates: u32,
    /// The most alike subject.
    pub best: Match,
    /// The most alike of the others.
    pub runner_up: Match,
    /// How often a stranger reaches the best score, in parts per billion; UINT32_MAX when that is not known.
    pub false_positive_rate: u32,
}

/// The answer to "is this that subject?".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Verification {
    /// Whether the score reached the threshold.
    pub accepted: bool,
    /// The raw score.
    pub score: i32,
    /// How often somebody else reaches it, in parts per billion; UINT32_MAX when that is not known.
    pub false_match_rate: u32,
}

/// A sample as it is enrolled and compared: a code of the bundle's model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Template {
    /// The model that it is of.
    pub model: [u8; 16],
    /// The code.
    pub code: [i8; COGNATE_DIMENSION],
}

const _: () = assert!(ModelDigest::BYTES == 16);

/// In parts per billion.
pub(crate) fn parts(rate: Option<Rate>) -> u32 {
    rate.map_or(u32::MAX, Rate::parts_per_billion)
}

impl From<cognate::Match> for Match {
    fn from(found: cognate::Match) -> Self {
        Self { subject: found.subject.number(), score: found.score.raw() }
    }
}

impl From<cognate::Decision> for Decision {
    fn from(decision: cognate::Decision) -> Self {
        let verdict = match decision {
            cognate::Decision::Known(_) => Verdict::Known,
            cognate::Decision::Ambiguous(_) => Verdict::Ambiguous,
            cognate::Decision::Unknown(_) => Verdict::Unknown,
        };
        let (none, no_rate) = (Match::default(), u32::MAX);
        let empty = Self { verdict, candidates: 0, best: none, runner_up: none, false_positive_rate: no_rate };
        let Some(Evidence { best, runner_up, false_positive_rate }) = decision.evidence() else { return empty };
        Self {
            candidates: 1 + u32::from(runner_up.is_some()),
            best: (*best).into(),
            runner_up: runner_up.map_or(none, Match::from),
            false_positive_rate: parts(*false_positive_rate),
            ..empty
        }
    }
}

impl From<cognate::Verification> for Verification {
    fn from(found: cognate::Verification) -> Self {
        let cognate::Verification { accepted, score, false_match_rate } = found;
        Self { accepted, score: score.raw(), false_match_rate: parts(false_match_rate) }
    }
}
