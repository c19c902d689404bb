//! What a gallery in RAM holds, without dimension and capacity in its type: whatever reads it is in flash once, and not once
//! for each gallery of a firmware.

use super::filter::FilterView;
use super::{Fusion, SubjectId, Table, counts_as};
use crate::kernel::Rows;
use crate::similarity::Probe;
use heapless::Vec;

/// The templates of a gallery in RAM, and whose they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<'a> {
    pub(super) rows: Rows<'a>,
    /// The first place from which on all are free.
    pub(super) used: usize,
    pub(super) owners: &'a [SubjectId],
    /// The places in use, by ascending subject, and for a subject in the order in which they were filled.
    pub(super) order: &'a [u16],
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
        self.table().find(probe, floor, |place| self.owner_of(place), visit)
    }

    /// The same with a filter: a function of its own, so that a gallery without one leaves it out of flash.
    pub(super) fn find_filtered(
        &self,
        filter: &FilterView<'_>,
        probe: &Probe<'_>,
        floor: i32,
        visit: &mut dyn FnMut(SubjectId, i32) -> i32,
    ) -> usize {
        filter.find(&self.table(), probe, floor, |place| self.owner_of(place), visit)
    }

    pub(super) fn each(&self, probe: &Probe<'_>, fusion: Fusion, visit: &mut dyn FnMut(SubjectId, i32)) {
        self.each_in(self.order, probe, fusion, visit);
    }

    pub(super) fn key_of(&self, probe: &Probe<'_>, subject: SubjectId, fusion: Fusion) -> Option<i32> {
        let (places, mut found) = (places_of(self.owners, self.order, subject), None);
        self.each_in(places, probe, fusion, &mut |_, key| found = Some(key));
        found
    }

    /// The subjects of some of the places in use.
    fn each_in(&self, order: &[u16], probe: &Probe<'_>, fusion: Fusion, visit: &mut dyn FnMut(SubjectId, i32)) {
        let table = self.table();
        let mut keys = table.keys(probe);
        for (subject, places) in groups(self.owners, order) {
            if let Some(key) = keys.fuse(places.iter().map(|place| usize::from(*place)), fusion) {
                visit(subject, key);
            }
        }
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
pub(super) fn groups<'a>(owners: &'a [SubjectId], order: &'a [u16]) -> impl Iterator<Item = (SubjectId, &'a [u16])> {
    let mut rest = order;
    core::iter::from_fn(move || {
        let subject = owner(owners, *rest.first()?);
        let count = rest.iter().take_while(|place| owner(owners, **place) == subject).count();
        let (places, behind) = rest.split_at_checked(count)?;
        rest = behind;
        Some((subject, places))
    })
}

/// Puts a place in at an index, or at the end. It is lost when there is no room.
pub(super) fn insert<const N: usize>(order: &mut Vec<u16, N>, index: usize, place: u16) {
    let mut carried = place;
    order.iter_mut().skip(index).for_each(|other| core::mem::swap(other, &mut carried));
    let _ = order.push(carried);
}

/// Takes the place at an index out.
pub(super) fn remove<const N: usize>(order: &mut Vec<u16, N>, index: usize) {
    if let Some(mut carried) = order.pop() {
        order.iter_mut().skip(index).rev().for_each(|other| core::mem::swap(other, &mut carried));
    }
}

/// How many subjects there would be with no more than `templates` each.
pub(super) fn population(owners: &[SubjectId], order: &[u16], templates: usize) -> usize {
    groups(owners, order).map(|(_, places)| counts_as(places.len(), templates)).sum()
}
