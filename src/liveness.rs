//! Whether a sample is of somebody who is there, which only the application can know: a hook that fails closed.

use crate::policy::Decision;
use core::fmt;

/// What says whether a sample is of a living subject in front of the sensor, and no picture or recording: a depth camera, a
/// challenge, a second model.
pub trait Liveness {
    /// What it says about the sample that was just decided about; `None` when it cannot tell, or not in time.
    fn check(&mut self) -> Option<Liveliness>;
}

/// What a liveness check says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Liveliness {
    /// A living subject.
    Live,
    /// A picture, a recording, a mask.
    Spoof,
}

/// Why somebody who was known is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotLive {
    /// The check says so.
    Spoof,
    /// The check said nothing: repair it, or show another sample.
    NoAnswer,
}

/// Lets a decision pass that knows nobody, and one that knows somebody only when the check says that it is a living subject.
///
/// ```
/// use cognate::liveness::{Liveliness, Liveness, NotLive, require};
/// # use cognate::{Decision, Evidence, Match, Score, SubjectId};
/// # let best = Match { subject: SubjectId::FIRST, score: Score::from_raw(1) };
/// # let known = Decision::Known(Evidence { best, runner_up: None, false_positive_rate: None });
/// struct Broken;
/// impl Liveness for Broken {
///     fn check(&mut self) -> Option<Liveliness> {
///         None
///     }
/// }
/// assert_eq!(require(known, &mut Broken), Err(NotLive::NoAnswer));
/// ```
///
/// # Errors
/// [`NotLive`] says why somebody who is known is refused all the same.
pub fn require(decision: Decision, liveness: &mut impl Liveness) -> Result<Decision, NotLive> {
    if decision.subject().is_none() {
        return Ok(decision);
    }
    match liveness.check() {
        Some(Liveliness::Live) => Ok(decision),
        Some(Liveliness::Spoof) => Err(NotLive::Spoof),
        None => Err(NotLive::NoAnswer),
    }
}

impl fmt::Display for NotLive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spoof => "the sample is known, but of no living subject: refused",
            Self::NoAnswer => "the sample is known, but nothing says that it is of a living subject: refused",
        })
    }
}

impl core::error::Error for NotLive {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Evidence, Match, Score, SubjectId};

    struct Says(Option<Liveliness>);

    impl Liveness for Says {
        fn check(&mut self) -> Option<Liveliness> {
            self.0.take()
        }
    }

    #[test]
    fn only_a_living_subject_is_let_in() {
        let best = Match { subject: SubjectId::FIRST, score: Score::from_raw(1) };
        let evidence = Evidence { best, runner_up: None, false_positive_rate: None };
        let known = Decision::Known(evidence);
        assert_eq!(require(known, &mut Says(Some(Liveliness::Live))), Ok(known));
        assert_eq!(require(known, &mut Says(Some(Liveliness::Spoof))), Err(NotLive::Spoof));
        assert_eq!(require(known, &mut Says(None)), Err(NotLive::NoAnswer));
        for nobody in [Decision::Ambiguous(evidence), Decision::Unknown(Some(evidence)), Decision::Unknown(None)] {
            assert_eq!(require(nobody, &mut Says(Some(Liveliness::Spoof))), Ok(nobody));
        }
    }
}
