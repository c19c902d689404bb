//! Rows and whose they are: what the galleries in RAM and in flash have in common.

use super::SubjectId;
use super::fusion::{Fused, Fusion};
use crate::kernel::{self, Group, Rows, Seek};
use crate::similarity::Probe;

/// Rows of which the first `used` may be enrolled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    pub(crate) rows: Rows<'a>,
    pub(crate) used: usize,
}

impl Table<'_> {
    /// The rows whose key is at or above the floor that `visit` returned last; `owner` is `None` for a row that is free.
    /// Returns how many rows were scored: all.
    pub(crate) fn find(
        &self,
        probe: &Probe<'_>,
        mut floor: i32,
        owner: impl Fn(usize) -> Option<SubjectId>,
        visit: &mut dyn FnMut(SubjectId, i32) -> i32,
    ) -> usize {
        let mut seek = Seek::new(&self.rows, probe.kernel(), 0..self.used);
        while let Some(group) = seek.next(floor) {
            for (row, key) in group.keys() {
                if key >= floor
                    && let Some(subject) = owner(row)
                {
                    floor = visit(subject, key);
                }
            }
        }
        self.used
    }

    /// A reader of keys.
    pub(crate) const fn keys<'p>(&'p self, probe: &'p Probe<'p>) -> Keys<'p> {
        Keys { table: self, probe, group: None }
    }
}

/// Reads the keys of single rows. A kernel does several at once, which are kept: neighbors cost nothing more.
pub(crate) struct Keys<'a> {
    table: &'a Table<'a>,
    probe: &'a Probe<'a>,
    /// The rows that the kernel did last.
    group: Option<Group>,
}

impl Keys<'_> {
    pub(crate) fn of(&mut self, row: usize) -> Option<i32> {
        if let Some(key) = self.group.as_ref().and_then(|group| group.key_of(row)) {
            return Some(key);
        }
        let group = kernel::group_of(&self.table.rows, self.probe.kernel(), row)?;
        self.group = Some(group);
        group.key_of(row)
    }

    /// The key that these rows of one subject fuse to.
    pub(crate) fn fuse(&mut self, rows: impl Iterator<Item = usize>, fusion: Fusion) -> Option<i32> {
        let mut fused = Fused::new(fusion);
        for key in rows.filter_map(|row| self.of(row)) {
            fused.add(key);
        }
        fused.key()
    }
}
