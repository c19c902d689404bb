//! What a gallery in RAM holds, without dimension and capacity in its type: whatever reads it is in flash once, and not once
//! for each gallery of a firmware.

use super::filter::FilterView;
use super::{Fusion, SubjectId, Table};
use crate::kernel::Rows;
use crate::similarity::Probe;

/// The templates of a gallery in RAM, and whose they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<'a> {
    pub(super) rows: Rows<'a>,
    /// The first place from which on all are free.
    pub(super) used: usize,
    pub(super) owners: &'a [SubjectId],
    /// The places in use, by ascending subject, and for a subject in the order in which they were filled.
    pub(super) order: &'a [u16],
    pub(super) filter: Option<FilterView<'a>>,
}

impl<'a> Held<'a> {
    const fn table(&self) -> Table<'a> {
        Table { rows: self.rows, used: self.used }
    }

    /// The subject of a place; `None` when it is free, which a factor of 0 says.
    fn owner_of(&self, place: usize) -> Option<SubjectId> {
        if self.rows.factor(place) != 0 { self.owners.get(place).copied() } else { None }
    }

    pub(super) fn find(&self, probe: &Probe<'_>, floor: i32, visit: &mut dyn FnMut(SubjectId, i32) -> i32) -> usize {
        let owner = |place| self.owner_of(place);
        match &self.filter {
            Some(filter) => filter.find(&self.table(), probe, floor, owner, visit),
            None => self.table().find(probe, floor, owner, visit),
        }
    }

    pub(super) fn each(&self, probe: &Probe<'_>, fusion: Fusion, visit: &mut dyn FnMut(SubjectId, i32)) {
        let table = self.table();
        let mut keys = table.keys(probe);
        for (subject, places) in groups(self.owners, self.order) {
            if let Some(key) = keys.fuse(places.iter().map(|place| usize::from(*place)), fusion) {
                visit(subject, key);
            }
        }
    }

    pub(super) fn key_of(&self, probe: &Probe<'_>, subject: SubjectId, fusion: Fusion) -> Option<i32> {
        let places = places_of(self.owners, self.order, subject);
        self.table().keys(probe).fuse(places.iter().map(|place| usize::from(*place)), fusion)
    }
}

/// The subject of a place in use.
pub(super) fn owner(owners: &[SubjectId], place: u16) -> SubjectId {
    owners.get(usize::from(place)).copied().unwrap_or(SubjectId::FIRST)
}

/// The places of a subject among those in use.
pub(super) fn places_of<'a>(owners: &[SubjectId], order: &'a [u16], subject: SubjectId) -> &'a [u16] {
    let begin = order.partition_point(|place| owner(owners, *place) < subject);
    let from = order.get(begin..).unwrap_or_default();
    let count = from.iter().take_while(|place| owner(owners, **place) == subject).count();
    from.get(..count).unwrap_or_default()
}

/// Each subject with its places in `order`.
fn groups<'a>(owners: &'a [SubjectId], order: &'a [u16]) -> impl Iterator<Item = (SubjectId, &'a [u16])> {
    let groups = order.chunk_by(|a, b| owner(owners, *a) == owner(owners, *b));
    groups.filter_map(|places| Some((owner(owners, *places.first()?), places)))
}

/// How many subjects there would be with no more than `templates` each.
pub(super) fn population(owners: &[SubjectId], order: &[u16], templates: usize) -> usize {
    groups(owners, order).map(|(_, places)| places.len().div_ceil(templates.max(1))).sum()
}
