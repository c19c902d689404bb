//! A bundle's bytes, checked once and read in place.

use super::format::{
    ALIGNMENT, CRC_BEGIN, FORMAT_VERSION, FULL_CODE, HEADER_BYTES, MAGIC, MAX_THRESHOLDS, OPTIONAL_SECTION,
    SECTION_ENTRY_BYTES, SUBJECT_BYTES, SUBJECTS_HEADER_BYTES, THRESHOLDS_HEADER_BYTES, checksum, read_u16, read_u32,
};
use super::{BundleError, Section, Subject, ThresholdEntry};
use crate::gallery::{GalleryView, SubjectId};
use crate::{MAX_DIMENSION, ModelDigest, template};
use core::ops::Range;

/// A bundle that was checked from end to end: nothing in it can be out of range or contradict the rest.
#[derive(Clone, Copy, Debug)]
pub struct BundleView<'a> {
    len: usize,
    operating_point: ThresholdEntry,
    thresholds: &'a [[u8; ThresholdEntry::BYTES]],
    next_subject: SubjectId,
    subjects: &'a [[u8; SUBJECT_BYTES]],
    names: &'a [u8],
    gallery: GalleryView<'a>,
    model: ModelDigest,
    dimension: usize,
}

impl<'a> BundleView<'a> {
    /// Checks every byte, once. `bytes` may go on after the bundle, as a flash region does.
    ///
    /// # Errors
    /// [`BundleError`] says what is wrong; any byte may be hostile.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let bytes = check_integrity(bytes)?;
        let header = Header::parse(bytes)?;
        let sections = Sections::parse(bytes, header.section_count)?;
        let (operating_point, thresholds) =
            parse_thresholds(sections.thresholds).ok_or(BundleError::Malformed(Section::Thresholds))?;
        let (next_subject, subjects, names) =
            parse_subjects(sections.subjects).ok_or(BundleError::Malformed(Section::Subjects))?;
        let gallery = parse_gallery(&sections, header.dimension, header.model, subjects)?;
        Ok(Self {
            len: bytes.len(),
            operating_point,
            thresholds,
            next_subject,
            subjects,
            names,
            gallery,
            model: header.model,
            dimension: header.dimension,
        })
    }

    /// Bytes of the bundle.
    #[expect(clippy::len_without_is_empty, reason = "a bundle is never empty")]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Elements of a template.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// The model that the templates were made by.
    #[must_use]
    pub const fn model(&self) -> ModelDigest {
        self.model
    }

    /// The threshold that the exporter chose.
    #[must_use]
    pub const fn operating_point(&self) -> ThresholdEntry {
        self.operating_point
    }

    /// Every threshold, from the greatest false match rate to the least.
    pub fn thresholds(&self) -> impl Iterator<Item = ThresholdEntry> + use<'a> {
        self.thresholds.iter().filter_map(ThresholdEntry::from_bytes)
    }

    /// The enrolled subjects, by ascending id. Names may repeat.
    pub fn subjects(&self) -> impl Iterator<Item = Subject<'a>> + use<'a> {
        let names = self.names;
        self.subjects.iter().filter_map(move |entry| parse_subject(entry, names).map(|(subject, _)| subject))
    }

    /// The first id that was never given: the next subject that the host enrolls gets it.
    #[must_use]
    pub const fn next_subject(&self) -> SubjectId {
        self.next_subject
    }

    /// The enrolled templates.
    #[must_use]
    pub const fn gallery(&self) -> GalleryView<'a> {
        self.gallery
    }
}

/// Cuts the bytes to the bundle, whose magic, version, length and checksum are right.
fn check_integrity(bytes: &[u8]) -> Result<&[u8], BundleError> {
    let found = bytes.len();
    let magic = bytes.get(..MAGIC.len().min(found)).unwrap_or_default();
    if magic.is_empty() || !MAGIC.starts_with(magic) {
        return Err(BundleError::NotABundle);
    }
    let truncated = BundleError::Truncated { expected: HEADER_BYTES, found };
    if read_u16(bytes, 8).ok_or(truncated)? != FORMAT_VERSION {
        return Err(BundleError::FormatVersion { found: read_u16(bytes, 8).ok_or(truncated)? });
    }
    if usize::from(read_u16(bytes, 10).ok_or(truncated)?) != HEADER_BYTES {
        return Err(BundleError::Header);
    }
    let expected = read_u32(bytes, 12).ok_or(truncated)? as usize;
    if expected < HEADER_BYTES {
        return Err(BundleError::Header);
    }
    let bytes = bytes.get(..expected).ok_or(BundleError::Truncated { expected, found })?;
    let expected = read_u32(bytes, 16).ok_or(BundleError::Header)?;
    let found = checksum(bytes.get(CRC_BEGIN..).unwrap_or_default());
    if expected == found { Ok(bytes) } else { Err(BundleError::Checksum { expected, found }) }
}

/// What the header says of the rest.
struct Header {
    dimension: usize,
    section_count: usize,
    model: ModelDigest,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(BundleError::Header)?;
        let [.., d0, d1, code_form, section_count] = *header.first_chunk::<24>().ok_or(BundleError::Header)?;
        let dimension = u16::from_le_bytes([d0, d1]);
        if dimension == 0 || usize::from(dimension) > MAX_DIMENSION {
            return Err(BundleError::Dimension { found: dimension });
        }
        if code_form != FULL_CODE {
            return Err(BundleError::CodeForm { found: code_form });
        }
        let (model, reserved) = header[24..].split_first_chunk().ok_or(BundleError::Header)?;
        if reserved.iter().any(|&byte| byte != 0) {
            return Err(BundleError::Header);
        }
        Ok(Self {
            dimension: usize::from(dimension),
            section_count: usize::from(section_count),
            model: ModelDigest::new(*model),
        })
    }
}

/// The bytes of each section.
struct Sections<'a> {
    thresholds: &'a [u8],
    subjects: &'a [u8],
    rows: &'a [u8],
    codes: &'a [u8],
}

impl<'a> Sections<'a> {
    fn parse(bytes: &'a [u8], count: usize) -> Result<Self, BundleError> {
        let table_end = HEADER_BYTES + count * SECTION_ENTRY_BYTES;
        let table = bytes.get(HEADER_BYTES..table_end).ok_or(BundleError::SectionTable)?;
        let mut found = [None; Section::ALL.len()];
        let mut free_from = table_end;
        let mut previous = None;
        for entry in table.as_chunks::<SECTION_ENTRY_BYTES>().0 {
            let (kind, section, end) = section_at(bytes, entry, free_from).ok_or(BundleError::SectionTable)?;
            if previous >= Some(kind) {
                return Err(BundleError::SectionTable);
            }
            (previous, free_from) = (Some(kind), end);
            let place = Section::ALL.iter().zip(&mut found).find(|(known, _)| known.kind() == kind);
            match place {
                Some((_, place)) => *place = Some(section),
                None if kind & OPTIONAL_SECTION != 0 => {}
                None => return Err(BundleError::UnknownSection { kind }),
            }
        }
        if free_from != bytes.len() {
            return Err(BundleError::SectionTable);
        }
        let [thresholds, subjects, rows, codes] = found;
        Ok(Self {
            thresholds: thresholds.ok_or(BundleError::MissingSection(Section::Thresholds))?,
            subjects: subjects.ok_or(BundleError::MissingSection(Section::Subjects))?,
            rows: rows.ok_or(BundleError::MissingSection(Section::Rows))?,
            codes: codes.ok_or(BundleError::MissingSection(Section::Codes))?,
        })
    }
}

/// A section's kind, bytes and end; `None` unless it is aligned, in the file and, but for zeros, next after `free_from`.
fn section_at<'a>(
    bytes: &'a [u8],
    entry: &[u8; SECTION_ENTRY_BYTES],
    free_from: usize,
) -> Option<(u32, &'a [u8], usize)> {
    let kind = read_u32(entry, 0)?;
    let offset = read_u32(entry, 4)? as usize;
    let end = offset.checked_add(read_u32(entry, 8)? as usize)?;
    let gap = bytes.get(free_from..offset)?;
    let next = gap.len() < ALIGNMENT && gap.iter().all(|&byte| byte == 0) && offset.is_multiple_of(ALIGNMENT);
    next.then_some((kind, bytes.get(offset..end)?, end))
}

type Thresholds<'a> = (ThresholdEntry, &'a [[u8; ThresholdEntry::BYTES]]);

/// The operating point and the entries: at least one, stricter from one to the next.
fn parse_thresholds(section: &[u8]) -> Option<Thresholds<'_>> {
    let (header, entries) = section.split_first_chunk::<THRESHOLDS_HEADER_BYTES>()?;
    let (entries, rest) = entries.as_chunks::<{ ThresholdEntry::BYTES }>();
    let padding = header.get(4..)?;
    if !rest.is_empty() || entries.len() > MAX_THRESHOLDS || padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    let mut previous: Option<ThresholdEntry> = None;
    for entry in entries {
        let entry = ThresholdEntry::from_bytes(entry)?;
        if previous.is_some_and(|before| before.fmr <= entry.fmr || before.threshold > entry.threshold) {
            return None;
        }
        previous = Some(entry);
    }
    let operating_point = entries.get(read_u32(header, 0)? as usize)?;
    Some((ThresholdEntry::from_bytes(operating_point)?, entries))
}

type SubjectList<'a> = (SubjectId, &'a [[u8; SUBJECT_BYTES]], &'a [u8]);

/// The first id never given, the entries by ascending id, and the names, one after the other and nothing else.
fn parse_subjects(section: &[u8]) -> Option<SubjectList<'_>> {
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
    (next <= SubjectId::FIRST_ON_DEVICE && names_end == names.len()).then_some((next, entries, names))
}

/// A subject, and where its name is among the names.
fn parse_subject<'a>(entry: &[u8; SUBJECT_BYTES], names: &'a [u8]) -> Option<(Subject<'a>, Range<usize>)> {
    let begin = read_u32(entry, 4)? as usize;
    let place = begin..begin.checked_add(read_u32(entry, 8)? as usize)?;
    let name = core::str::from_utf8(names.get(place.clone())?).ok()?;
    Some((Subject { id: SubjectId::new(read_u32(entry, 0)?), name }, place))
}

/// The gallery: rows by ascending subject, each subject with at least one, and every code what its row says.
fn parse_gallery<'a>(
    sections: &Sections<'a>,
    dimension: usize,
    model: ModelDigest,
    subjects: &[[u8; SUBJECT_BYTES]],
) -> Result<GalleryView<'a>, BundleError> {
    let (rows, rest) = sections.rows.as_chunks::<{ GalleryView::ROW_BYTES }>();
    let codes: &[i8] = bytemuck::must_cast_slice(sections.codes);
    if !rest.is_empty() || !rows_match_subjects(rows, subjects) {
        return Err(BundleError::Malformed(Section::Rows));
    }
    let stride = GalleryView::stride(dimension);
    if rows.len().checked_mul(stride) != Some(codes.len()) || !padding_is_zero(codes, dimension, stride) {
        return Err(BundleError::Malformed(Section::Codes));
    }
    let gallery = GalleryView::new(rows, codes, dimension, model);
    for (_, row) in gallery.templates() {
        template::check_code(row.code()).map_err(|_| BundleError::Malformed(Section::Codes))?;
        if template::inverse_norm(row.code()) != row.inverse_norm() {
            return Err(BundleError::Malformed(Section::Rows));
        }
    }
    Ok(gallery)
}

/// Whether the subjects of the rows, repeats left out, are the listed subjects, in their order.
fn rows_match_subjects(rows: &[[u8; GalleryView::ROW_BYTES]], subjects: &[[u8; SUBJECT_BYTES]]) -> bool {
    let mut listed = subjects.iter().map(|entry| read_u32(entry, 0));
    let mut current = None;
    for row in rows {
        let subject = read_u32(row, 0);
        if subject != current {
            if listed.next() != Some(subject) {
                return false;
            }
            current = subject;
        }
    }
    listed.next().is_none()
}

/// `stride` is above zero, so every turn of the loop takes a code off.
fn padding_is_zero(mut codes: &[i8], dimension: usize, stride: usize) -> bool {
    while let Some((code, rest)) = codes.split_at_checked(stride) {
        if code.iter().skip(dimension).any(|&element| element != 0) {
            return false;
        }
        codes = rest;
    }
    true
}
