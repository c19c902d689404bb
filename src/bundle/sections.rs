//! What is in each section: bytes become checked values.

use super::format::{
    COHORT_HEADER_BYTES, MAX_THRESHOLDS, STATISTICS_BYTES, SUBJECT_BYTES, SUBJECTS_HEADER_BYTES,
    THRESHOLDS_HEADER_BYTES, fusion_of_bytes, method_of_bytes, read_u32,
};
use super::{BundleError, Section};
use crate::gallery::{FilterView, GalleryView, SubjectId, Table, subject_of};
use crate::kernel::{Codes, Layout, Rows};
use crate::normalization::{Cohort, Method, Statistics, SubjectStatistics};
use crate::policy::{Calibration, Rate, ThresholdEntry, ThresholdTable};
use crate::similarity::Score;
use crate::space::Space;
use crate::template;
use core::ops::Range;

/// A subject of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject<'a> {
    /// Its id.
    pub id: SubjectId,
    /// What people call it.
    pub name: &'a str,
}

/// The thresholds, and what to decide by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds<'a> {
    pub(super) table: ThresholdTable<'a>,
    pub(super) operating_point: ThresholdEntry,
    pub(super) fpir: Rate,
    pub(super) margin: u32,
}

impl<'a> Thresholds<'a> {
    pub(super) fn parse(section: &'a [u8], normalization: Option<Method>) -> Option<Self> {
        let (header, entries) = section.split_first_chunk::<THRESHOLDS_HEADER_BYTES>()?;
        let (entries, rest) = entries.as_chunks::<{ ThresholdEntry::BYTES }>();
        if !rest.is_empty() || entries.len() > MAX_THRESHOLDS {
            return None;
        }
        let [.., fusion, best, t0, t1] = *header;
        let fusion = fusion_of_bytes([fusion, best])?;
        let calibration = Calibration { fusion, templates: u16::from_le_bytes([t0, t1]), normalization };
        let fpir = Rate::from_parts_per_billion(read_u32(header, 4)?).filter(|fpir| *fpir > Rate::NONE)?;
        let operating_point = entries.get(read_u32(header, 0)? as usize)?;
        Some(Self {
            table: ThresholdTable::new(entries, calibration)?,
            operating_point: ThresholdEntry::from_bytes(operating_point)?,
            fpir,
            margin: read_u32(header, 8)?,
        })
    }
}

/// The subjects and their names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subjects<'a> {
    pub(super) next: SubjectId,
    pub(super) entries: &'a [[u8; SUBJECT_BYTES]],
    names: &'a [u8],
}

impl<'a> Subjects<'a> {
    /// The first id never given, the entries by ascending id, and the names, one after the other and nothing else.
    pub(super) fn parse(section: &'a [u8]) -> Option<Self> {
        let (header, rest) = section.split_first_chunk::<SUBJECTS_HEADER_BYTES>()?;
        let next = SubjectId::new(read_u32(header, 0)?);
        let count = read_u32(header, 4)? as usize;
        let (entries, names) = rest.split_at_checked(count.checked_mul(SUBJECT_BYTES)?)?;
        let (entries, _) = entries.as_chunks::<SUBJECT_BYTES>();
        let (mut previous, mut names_end) = (None, 0);
        for entry in entries {
            let (Subject { id, .. }, name) = parse_subject(entry, names)?;
            if previous >= Some(id) || id >= next || name.start != names_end {
                return None;
            }
            (previous, names_end) = (Some(id), name.end);
        }
        let whole = next <= SubjectId::FIRST_ON_DEVICE && names_end == names.len();
        whole.then_some(Self { next, entries, names })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Subject<'a>> + use<'a> {
        let names = self.names;
        self.entries.iter().filter_map(move |entry| parse_subject(entry, names).map(|(subject, _)| subject))
    }

    /// Whether the owners of the rows, repeats left out, are these subjects, in their order.
    fn own(&self, owners: &[[u8; 4]]) -> bool {
        let mut listed = self.entries.iter().map(|entry| read_u32(entry, 0));
        let mut previous = None;
        let mut owning = owners.iter().map(|owner| Some(subject_of(owner).number()));
        let in_order = owning.all(|owner| {
            let repeats = core::mem::replace(&mut previous, owner) == owner;
            repeats || listed.next() == Some(owner)
        });
        in_order && listed.next().is_none()
    }
}

/// A subject, and where its name is among the names.
fn parse_subject<'a>(entry: &[u8; SUBJECT_BYTES], names: &'a [u8]) -> Option<(Subject<'a>, Range<usize>)> {
    let begin = read_u32(entry, 4)? as usize;
    let place = begin..begin.checked_add(read_u32(entry, 8)? as usize)?;
    let name = core::str::from_utf8(names.get(place.clone())?).ok()?;
    Some((Subject { id: SubjectId::new(read_u32(entry, 0)?), name }, place))
}

/// The sections of a gallery.
pub(super) struct GallerySections<'a> {
    pub(super) owners: &'a [u8],
    pub(super) factors: &'a [u8],
    pub(super) codes: &'a [u8],
    pub(super) filter: Option<&'a [u8]>,
}

impl<'a> GallerySections<'a> {
    /// The gallery: rows by ascending subject, each subject with at least one, and every code and factor what it can be.
    pub(super) fn parse(
        &self,
        space: Space,
        dimension: usize,
        layout: Layout,
        subjects: &Subjects<'_>,
    ) -> Result<GalleryView<'a>, BundleError> {
        let (owners, rest) = self.owners.as_chunks::<4>();
        if !rest.is_empty() || !subjects.own(owners) {
            return Err(BundleError::Malformed(Section::Owners));
        }
        let (factors, rest) = self.factors.as_chunks::<4>();
        let codes = Codes::new(layout, dimension, owners.len(), bytemuck::must_cast_slice(self.codes));
        let codes = codes.ok_or(BundleError::Malformed(Section::Codes))?;
        let rows = Rows::new(codes, factors).filter(|_| rest.is_empty());
        let rows = rows.ok_or(BundleError::Malformed(Section::Factors))?;
        check_rows(&rows, space)?;
        let table = Table { rows, used: owners.len() };
        let filter = match self.filter {
            None => None,
            Some(_) if !space.form.is_cosine() => return Err(BundleError::Malformed(Section::Filter)),
            Some(section) => {
                Some(FilterView::new_checked(&table, section).ok_or(BundleError::Malformed(Section::Filter))?)
            }
        };
        Ok(GalleryView::new(owners, rows, filter, subjects.entries.len(), space))
    }
}

/// Whether every code can be one of this space, and its factor is what goes with it.
fn check_rows(rows: &Rows<'_>, space: Space) -> Result<(), BundleError> {
    for row in 0..rows.codes().rows() {
        let code = rows.codes().row(row);
        let factor = template::checked_factor(code, space.form).map_err(|_| BundleError::Malformed(Section::Codes))?;
        if factor != rows.factor(row) {
            return Err(BundleError::Malformed(Section::Factors));
        }
    }
    Ok(())
}

/// What scores are normalized against.
#[derive(Clone, Copy, Debug)]
pub(super) struct CohortSection<'a> {
    pub(super) cohort: Cohort<'a>,
    pub(super) method: Method,
    statistics: &'a [[u8; STATISTICS_BYTES]],
    subjects: &'a [[u8; SUBJECT_BYTES]],
}

impl<'a> CohortSection<'a> {
    pub(super) fn parse(section: &'a [u8], space: Space, dimension: usize, subjects: &Subjects<'a>) -> Option<Self> {
        let (&[method, top, c0, c1], rest) = section.split_first_chunk::<COHORT_HEADER_BYTES>()?;
        let method = method_of_bytes([method, top])?;
        let count = usize::from(u16::from_le_bytes([c0, c1]));
        let (factors, rest) = rest.split_at_checked(count * 4)?;
        let with_statistics = if method == Method::TNorm { 0 } else { subjects.entries.len() };
        let (statistics, codes) = rest.split_at_checked(with_statistics.checked_mul(STATISTICS_BYTES)?)?;
        let codes = Codes::new(Layout::Rows, dimension, count, bytemuck::must_cast_slice(codes))?;
        let rows = Rows::new(codes, factors.as_chunks().0)?;
        check_rows(&rows, space).ok()?;
        let statistics = statistics.as_chunks().0;
        let known = statistics.iter().all(|entry| statistics_of(entry).is_some());
        let cohort = Cohort::new(rows, space).filter(|_| known)?;
        Some(Self { cohort, method, statistics, subjects: subjects.entries })
    }
}

impl SubjectStatistics for CohortSection<'_> {
    fn of(&self, subject: SubjectId) -> Option<Statistics> {
        let id = Some(subject.number());
        let place = self.subjects.binary_search_by(|entry| read_u32(entry, 0).cmp(&id)).ok()?;
        statistics_of(self.statistics.get(place)?)
    }
}

/// `None` for a deviation of 0, which no statistics have.
fn statistics_of(entry: &[u8; STATISTICS_BYTES]) -> Option<Statistics> {
    let deviation = read_u32(entry, 4)?;
    (deviation > 0).then_some(Statistics::new(Score::from_raw(read_u32(entry, 0)?.cast_signed()), deviation))
}
