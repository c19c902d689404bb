//! The two most alike subjects.

use crate::gallery::{PassedOver, SubjectId};

/// A subject and what orders it: greater first, then the lower id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Leader {
    pub(super) subject: SubjectId,
    pub(super) order: i32,
}

impl Leader {
    pub(super) fn beats(&self, other: &Self) -> bool {
        self.order > other.order || (self.order == other.order && self.subject < other.subject)
    }
}

/// The two most alike subjects so far, and what can still change them.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Leaders {
    pub(super) best: Option<Leader>,
    pub(super) runner_up: Option<Leader>,
    /// When not everybody is looked at, what is of no interest at all.
    pub(super) passed_over: Option<PassedOver>,
}

impl Leaders {
    /// Takes in a subject, or one of its templates, in any order, unless it is excluded; returns the floor.
    #[inline(never)]
    pub(super) fn see(&mut self, candidate: Leader, excluded: &[SubjectId]) -> i32 {
        match &mut self.best {
            _ if excluded.contains(&candidate.subject) => {}
            None => self.best = Some(candidate),
            Some(best) if best.subject == candidate.subject => best.order = best.order.max(candidate.order),
            Some(best) if candidate.beats(best) => {
                self.runner_up = Some(*best);
                *best = candidate;
            }
            Some(_) => {
                if self.runner_up.is_none_or(|runner_up| candidate.beats(&runner_up)) {
                    self.runner_up = Some(candidate);
                }
            }
        }
        self.floor()
    }

    /// The least order that can still change something: what reaches the runner-up and, with a filter, what can be within
    /// the margin of the best.
    pub(super) fn floor(&self) -> i32 {
        let floor = self.runner_up.map_or(i32::MIN, |runner_up| runner_up.order);
        match (self.passed_over, self.best) {
            (Some(PassedOver { below, behind }), Some(best)) => {
                floor.max(below).max(best.order.saturating_sub_unsigned(behind))
            }
            (Some(PassedOver { below, .. }), None) => floor.max(below),
            (None, _) => floor,
        }
    }
}
