//! A bundle's gallery, read in place.

use super::filter::FilterView;
use super::{Fusion, PassedOver, Scan, SubjectId, Table, counts_as};
use crate::kernel::{Codes, Layout, Rows};
use crate::policy::Policy;
use crate::similarity::Probe;
use crate::space::Space;
use core::ops::Range;

/// The gallery of a [`BundleView`](crate::BundleView): templates in flash, checked once, never copied.
#[derive(Clone, Copy, Debug)]
pub struct GalleryView<'a> {
    owners: &'a [[u8; 4]],
    rows: Rows<'a>,
    filter: Option<FilterView<'a>>,
    subjects: usize,
    space: Space,
}

impl<'a> GalleryView<'a> {
    /// Rows with the id of each, by ascending subject.
    pub(crate) const fn new(
        owners: &'a [[u8; 4]],
        rows: Rows<'a>,
        filter: Option<FilterView<'a>>,
        subjects: usize,
        space: Space,
    ) -> Self {
        Self { owners, rows, filter, subjects, space }
    }

    /// Templates held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether nobody is enrolled.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// The codes and factors, in the order of the templates.
    #[must_use]
    pub const fn rows(&self) -> &Rows<'a> {
        &self.rows
    }

    /// What lets a search pass over most templates, if the bundle has it.
    #[must_use]
    pub const fn filter(&self) -> Option<&FilterView<'a>> {
        self.filter.as_ref()
    }

    /// The same gallery without its filter: a search then looks at every template.
    #[must_use]
    pub const fn unfiltered(self) -> Self {
        Self { filter: None, ..self }
    }

    /// Bytes of flash that one template takes, on average over a block of the layout; without the filter.
    #[must_use]
    pub const fn template_bytes(&self) -> usize {
        let codes = self.rows.codes();
        codes.dimension() * codes.layout().element_bytes() + size_of::<u32>() + size_of::<SubjectId>()
    }

    /// Bytes of flash that the gallery of a bundle takes with so many templates, filter or not: what a firmware can check when it
    /// compiles. `None` when codes of this dimension cannot lie so, or cannot have a filter.
    ///
    /// ```
    /// use cognate::{GalleryView, kernel::Layout};
    /// const BYTES: usize = GalleryView::bytes_of(Layout::Pairs, 128, 1000, false).expect("128 is a multiple of 16");
    /// assert_eq!(BYTES, 136_000);
    /// ```
    #[must_use]
    pub const fn bytes_of(layout: Layout, dimension: usize, templates: usize, filter: bool) -> Option<usize> {
        let plane = match FilterView::bytes(dimension, templates) {
            _ if !filter => 0,
            Some(bytes) => bytes,
            None => return None,
        };
        match Codes::bytes_of(layout, dimension, templates) {
            Some(codes) => Some(codes + templates * (size_of::<u32>() + size_of::<SubjectId>()) + plane),
            None => None,
        }
    }

    /// The subject and the elements of each template, by ascending subject.
    pub fn templates(
        &self,
    ) -> impl Iterator<Item = (SubjectId, impl ExactSizeIterator<Item = i8> + Clone + use<'a>)> + use<'a> {
        let codes = *self.rows.codes();
        self.owners.iter().enumerate().map(move |(row, owner)| (subject_of(owner), codes.row(row)))
    }

    const fn table(&self) -> Table<'a> {
        Table { rows: self.rows, used: self.owners.len() }
    }

    fn owner(&self, row: usize) -> Option<SubjectId> {
        self.owners.get(row).map(subject_of)
    }

    /// Each subject with its rows.
    fn groups(&self) -> impl Iterator<Item = (SubjectId, Range<usize>)> {
        let mut begin = 0;
        core::iter::from_fn(move || {
            let subject = self.owner(begin)?;
            let count = self.owners.iter().skip(begin).take_while(|owner| subject_of(owner) == subject).count();
            let rows = begin..begin + count;
            begin = rows.end;
            Some((subject, rows))
        })
    }
}

/// The id that these bytes hold.
pub(crate) const fn subject_of(owner: &[u8; 4]) -> SubjectId {
    SubjectId::new(u32::from_le_bytes(*owner))
}

impl Scan for GalleryView<'_> {
    fn space(&self) -> Space {
        self.space
    }

    fn dimension(&self) -> usize {
        self.rows.codes().dimension()
    }

    fn subjects(&self) -> usize {
        self.subjects
    }

    fn population(&self, templates: usize) -> usize {
        self.groups().map(|(_, rows)| counts_as(rows.len(), templates)).sum()
    }

    fn changes(&self) -> u32 {
        0
    }

    fn find(&self, probe: &Probe<'_>, floor: i32, visit: &mut dyn FnMut(SubjectId, i32) -> i32) -> usize {
        let owner = |row| self.owner(row);
        match &self.filter {
            Some(filter) => filter.find(&self.table(), probe, floor, owner, visit),
            None => self.table().find(probe, floor, owner, visit),
        }
    }

    fn passes_over(&self, probe: &Probe<'_>, policy: &Policy<'_>) -> Option<PassedOver> {
        self.filter.as_ref().map(|_| probe.passed_over(policy.threshold(), policy.margin()))
    }

    fn each(&self, probe: &Probe<'_>, fusion: Fusion, visit: &mut dyn FnMut(SubjectId, i32)) {
        let table = self.table();
        let mut keys = table.keys(probe);
        for (subject, rows) in self.groups() {
            if let Some(key) = keys.fuse(rows, fusion) {
                visit(subject, key);
            }
        }
    }

    fn key_of(&self, probe: &Probe<'_>, subject: SubjectId, fusion: Fusion) -> Option<i32> {
        let begin = self.owners.partition_point(|owner| subject_of(owner) < subject);
        let rows = (begin..self.len()).take_while(|row| self.owner(*row) == Some(subject));
        self.table().keys(probe).fuse(rows, fusion)
    }
}
