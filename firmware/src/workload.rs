//! What `src/bin/bench.rs` finds behind a bundle in its region of flash: which of its measurements to make, and with which of
//! the probes that it was built with.

/// A measurement, or several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Searches that look at every template, and verification.
    Scan,
    /// A search for the best template alone, as a filter allows it.
    Best,
    /// What a user would write without this crate.
    Naive,
    /// Checks of signatures, which need no probe.
    Signature,
}

/// Some of the recorded probes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Workload {
    /// What to measure.
    pub task: Task,
    /// The first probe.
    pub first: u16,
    /// How far it is from one to the next.
    pub step: u16,
    /// How many.
    pub count: u16,
}

impl Workload {
    /// Bytes that it takes.
    pub const BYTES: usize = 8;

    /// Where it lies behind a bundle of this length.
    #[must_use]
    pub const fn offset(bundle: usize) -> usize {
        bundle.next_multiple_of(16)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let task: u16 = match self.task {
            Task::Scan => 1,
            Task::Best => 2,
            Task::Naive => 3,
            Task::Signature => 4,
        };
        let mut bytes = [0; Self::BYTES];
        for (place, half) in bytes.as_chunks_mut().0.iter_mut().zip([task, self.first, self.step, self.count]) {
            *place = half.to_le_bytes();
        }
        bytes
    }

    /// The workload behind a bundle of this length in a region; `None` when there is none.
    #[must_use]
    pub fn behind(bundle: usize, region: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = region.get(Self::offset(bundle)..)?.first_chunk()?;
        let [task, first, step, count] = *bytes.as_chunks().0 else { return None };
        let task = match u16::from_le_bytes(task) {
            1 => Task::Scan,
            2 => Task::Best,
            3 => Task::Naive,
            4 => Task::Signature,
            _ => return None,
        };
        let [first, step, count] = [first, step, count].map(u16::from_le_bytes);
        Some(Self { task, first, step, count })
    }

    /// Whether the probe with this number is one of them.
    #[must_use]
    pub const fn has(&self, probe: u16) -> bool {
        match probe.checked_sub(self.first) {
            Some(offset) => offset.is_multiple_of(self.step) && offset < self.step.saturating_mul(self.count),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn what_is_written_behind_a_bundle_is_read() {
        for task in [Task::Scan, Task::Best, Task::Naive, Task::Signature] {
            let workload = Workload { task, first: 1, step: 10, count: 300 };
            let mut region = std::vec![0xa5; 64];
            region[48..56].copy_from_slice(&workload.to_bytes());
            assert_eq!(Workload::behind(33, &region), Some(workload));
        }
        assert_eq!(Workload::behind(33, &[0xff; 64]), None, "erased flash");
        assert_eq!(Workload::behind(33, &[0; 55]), None, "cut");
    }

    #[test]
    fn probes_are_chosen_by_first_step_and_count() {
        let workload = Workload { task: Task::Scan, first: 3, step: 10, count: 2 };
        assert_eq!((0..50).filter(|probe| workload.has(*probe)).collect::<Vec<_>>(), [3, 13]);
    }
}
