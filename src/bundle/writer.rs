//! The one place that writes the format.

use super::format::{
    ALIGNMENT, COHORT_HEADER_BYTES, CRC_BEGIN, FORMAT_VERSION, HEADER_BYTES, MAGIC, MAX_THRESHOLDS,
    SECTION_ENTRY_BYTES, STATISTICS_BYTES, SUBJECT_BYTES, SUBJECTS_HEADER_BYTES, THRESHOLDS_HEADER_BYTES, checksum,
    form_to_numbers, fusion_to_bytes, layout_to_number, method_to_bytes,
};
use super::{BundleError, BundleView, Section, Subject};
use crate::back_end::BackEnd;
use crate::encoder::operators;
use crate::gallery::{FilterView, Fusion, SubjectId};
use crate::kernel::{Codes, Layout};
use crate::normalization::{Method, Statistics};
use crate::policy::{Rate, ThresholdEntry};
use crate::space::Space;
use crate::template;
use crate::{MAX_DIMENSION, ModelDigest};
use core::fmt;
use core::ops::Range;

/// What a bundle holds, to be written.
#[derive(Clone, Copy, Debug)]
pub struct BundleContents<'a> {
    /// Elements of a template, 1..=[`MAX_DIMENSION`].
    pub dimension: usize,
    /// The space of the templates.
    pub space: Space,
    /// How the codes lie: for the core that is to search them fastest.
    pub layout: Layout,
    /// At least one and at most [`MAX_THRESHOLDS`], from the greatest false match rate to the least.
    pub thresholds: &'a [ThresholdEntry],
    /// The index of the threshold to use for verification.
    pub operating_point: usize,
    /// The false-positive identification rate to hold, above 0.
    pub fpir: Rate,
    /// How far ahead of the others a known subject has to be, as a difference of raw scores.
    pub margin: u32,
    /// How a subject's templates are fused; the thresholds hold for that.
    pub fusion: Fusion,
    /// How many templates of a subject the thresholds hold for, at least 1.
    pub calibrated_templates: u16,
    /// The enrolled subjects, by ascending id.
    pub subjects: &'a [Subject<'a>],
    /// The first id that was never given.
    pub next_subject: SubjectId,
    /// The templates, by ascending subject; each subject has at least one.
    pub templates: &'a [EnrolledTemplate<'a>],
    /// What is done to an encoder's output first.
    pub back_end: Option<BackEnd<'a>>,
    /// What scores are normalized against; the thresholds hold for that.
    pub cohort: Option<CohortContents<'a>>,
    /// The model of the templates before they were protected by a key, if they are. What `space` then says is another.
    pub revealed: Option<ModelDigest>,
    /// Whether to add a filter plane, which cores with DSP instructions search by; only where scores are cosines.
    pub filter: bool,
    /// The int8 encoder that makes the embeddings on the device, as [`EncoderContents`] wrote it.
    ///
    /// [`EncoderContents`]: crate::encoder::EncoderContents
    pub encoder: Option<&'a [u8]>,
}

/// A template of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EnrolledTemplate<'a> {
    /// Whose it is.
    pub subject: SubjectId,
    /// Its code, `dimension` elements.
    pub code: &'a [i8],
}

/// A cohort of a bundle.
#[derive(Clone, Copy, Debug)]
pub struct CohortContents<'a> {
    /// The codes of its members, `dimension` elements each.
    pub codes: &'a [&'a [i8]],
    /// How scores are normalized.
    pub method: Method,
    /// The statistics of each subject, in the order of the subjects; none for [`Method::TNorm`].
    pub statistics: &'a [Statistics],
}

impl BundleContents<'_> {
    /// Bytes that [`BundleContents::encode`] writes.
    ///
    /// # Errors
    /// [`WriteError`] when the counts are beyond the format.
    pub fn encoded_len(&self) -> Result<usize, WriteError> {
        self.check()?;
        let end = self.places().last().map(|(_, place)| place.end);
        end.filter(|&end| u32::try_from(end).is_ok()).ok_or(WriteError::TooLarge)
    }

    /// Writes the bundle to the start of `out`, and reads it back with [`BundleView::new_checked`]: what a device
    /// would refuse is never written. Returns its length.
    ///
    /// # Errors
    /// [`WriteError`]; what `out` then holds is not a bundle.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, WriteError> {
        let needed = self.encoded_len()?;
        let out = out.get_mut(..needed).ok_or(WriteError::BufferTooSmall { needed })?;
        out.fill(0);
        self.write(out).ok_or(WriteError::TooLarge)?;
        let crc = checksum(out.get(CRC_BEGIN..).unwrap_or_default());
        Cursor { out, position: 16 }.put(&crc.to_le_bytes()).ok_or(WriteError::TooLarge)?;
        let view = BundleView::new_checked(out).map_err(WriteError::Contents)?;
        view.int8_encoder::<{ operators::ALL }>()
            .map_err(|_| WriteError::Contents(BundleError::Malformed(Section::Encoder)))?;
        Ok(needed)
    }

    fn check(&self) -> Result<(), WriteError> {
        let mut dimensions = self.templates.iter().map(|template| template.code.len());
        let mut of_cohort = self.cohort.iter().flat_map(|cohort| cohort.codes).map(|code| code.len());
        if self.dimension == 0 || self.dimension > MAX_DIMENSION {
            return Err(WriteError::Dimension { found: self.dimension });
        }
        if let Some(found) = dimensions.find(|&found| found != self.dimension) {
            return Err(WriteError::Dimension { found });
        }
        if let Some(found) = of_cohort.find(|&found| found != self.dimension) {
            return Err(WriteError::Dimension { found });
        }
        if !self.layout.supports(self.dimension) {
            return Err(WriteError::Layout { layout: self.layout, dimension: self.dimension });
        }
        let can_filter = self.space.form.is_cosine() && FilterView::bytes(self.dimension, 0).is_some();
        if self.filter && !can_filter {
            return Err(WriteError::Filter { dimension: self.dimension });
        }
        if self.thresholds.len() > MAX_THRESHOLDS {
            return Err(WriteError::TooLarge);
        }
        Ok(())
    }

    /// Bytes of a section; `None` when the bundle has none of the kind.
    fn length(&self, section: Section) -> Option<usize> {
        let names = || self.subjects.iter().map(|subject| subject.name.len()).sum::<usize>();
        let (rows, dimension) = (self.templates.len(), self.dimension);
        match section {
            Section::Thresholds => Some(THRESHOLDS_HEADER_BYTES + self.thresholds.len() * ThresholdEntry::BYTES),
            Section::Subjects => Some(SUBJECTS_HEADER_BYTES + self.subjects.len() * SUBJECT_BYTES + names()),
            Section::Owners | Section::Factors => Some(rows * 4),
            Section::Codes => Codes::bytes_of(self.layout, dimension, rows),
            Section::BackEnd => self.back_end.as_ref().map(BackEnd::section_bytes),
            Section::Cohort => self.cohort.as_ref().map(|cohort| {
                let (members, subjects) = (cohort.codes.len(), cohort.statistics.len());
                COHORT_HEADER_BYTES + members * (4 + dimension) + subjects * STATISTICS_BYTES
            }),
            Section::Filter if self.filter => FilterView::bytes(dimension, rows),
            Section::Filter => None,
            Section::Encoder => self.encoder.map(<[u8]>::len),
            Section::Protection => self.revealed.map(|model| model.as_bytes().len()),
        }
    }

    fn section_count(&self) -> usize {
        Section::ALL.into_iter().filter(|section| self.length(*section).is_some()).count()
    }

    /// The sections that there are, and where each is.
    fn places(&self) -> impl Iterator<Item = (Section, Range<usize>)> {
        let mut end = HEADER_BYTES + self.section_count() * SECTION_ENTRY_BYTES;
        Section::ALL.into_iter().filter_map(move |section| {
            let length = self.length(section)?;
            let begin = end.next_multiple_of(ALIGNMENT);
            end = begin + length;
            Some((section, begin..end))
        })
    }

    fn write(&self, out: &mut [u8]) -> Option<()> {
        let length = out.len();
        let mut cursor = Cursor { out, position: 0 };
        self.write_header(&mut cursor, length)?;
        for (section, place) in self.places() {
            cursor.put(&section.kind().to_le_bytes())?;
            cursor.put_u32(place.start)?;
            cursor.put_u32(place.len())?;
        }
        for (section, place) in self.places() {
            let mut cursor = Cursor { out: cursor.out.get_mut(place)?, position: 0 };
            match section {
                Section::Thresholds => self.write_thresholds(&mut cursor)?,
                Section::Subjects => self.write_subjects(&mut cursor)?,
                Section::Owners => self.templates.iter().try_for_each(|row| cursor.put_id(row.subject))?,
                Section::Factors => self.codes().try_for_each(|code| cursor.put_factor(code, self.space))?,
                Section::Codes => self.write_codes(cursor.out),
                Section::BackEnd => write_back_end(&mut cursor, self.back_end.as_ref()?)?,
                Section::Cohort => self.write_cohort(&mut cursor, self.cohort.as_ref()?)?,
                Section::Filter => self.write_filter(cursor.out),
                Section::Encoder => cursor.put(self.encoder?)?,
                Section::Protection => cursor.put(self.revealed?.as_bytes())?,
            }
        }
        Some(())
    }

    fn codes(&self) -> impl ExactSizeIterator<Item = &[i8]> {
        self.templates.iter().map(|template| template.code)
    }

    fn write_header(&self, out: &mut Cursor<'_>, length: usize) -> Option<()> {
        let (form, full_scale) = form_to_numbers(self.space.form);
        out.put(&MAGIC)?;
        out.put(&FORMAT_VERSION.to_le_bytes())?;
        out.put(&u16::try_from(HEADER_BYTES).ok()?.to_le_bytes())?;
        out.put_u32(length)?;
        out.put(&[0; 4])?; // the checksum, when the rest is known
        out.put(&u16::try_from(self.dimension).ok()?.to_le_bytes())?;
        out.put(&[form, self.section_count() as u8])?;
        out.put(self.space.model.as_bytes())?;
        out.put(&full_scale.to_le_bytes())?;
        out.put(&[layout_to_number(self.layout), 0, 0, 0])
    }

    fn write_thresholds(&self, out: &mut Cursor<'_>) -> Option<()> {
        out.put_u32(self.operating_point)?;
        out.put(&self.fpir.parts_per_billion().to_le_bytes())?;
        out.put(&self.margin.to_le_bytes())?;
        out.put(&fusion_to_bytes(self.fusion))?;
        out.put(&self.calibrated_templates.to_le_bytes())?;
        self.thresholds.iter().try_for_each(|entry| out.put(&entry.to_bytes()))
    }

    fn write_subjects(&self, out: &mut Cursor<'_>) -> Option<()> {
        out.put_id(self.next_subject)?;
        out.put_u32(self.subjects.len())?;
        let mut name_offset = 0;
        for subject in self.subjects {
            out.put_id(subject.id)?;
            out.put_u32(name_offset)?;
            out.put_u32(subject.name.len())?;
            name_offset += subject.name.len();
        }
        self.subjects.iter().try_for_each(|subject| out.put(subject.name.as_bytes()))
    }

    fn write_codes(&self, out: &mut [u8]) {
        let out: &mut [i8] = bytemuck::must_cast_slice_mut(out);
        let rows = self.templates.len();
        for (row, code) in self.codes().enumerate() {
            Codes::put(self.layout, self.dimension, rows, row, code, out);
        }
    }

    fn write_cohort(&self, out: &mut Cursor<'_>, cohort: &CohortContents<'_>) -> Option<()> {
        out.put(&method_to_bytes(cohort.method))?;
        out.put(&u16::try_from(cohort.codes.len()).ok()?.to_le_bytes())?;
        cohort.codes.iter().try_for_each(|code| out.put_factor(code, self.space))?;
        for statistics in cohort.statistics {
            out.put(&statistics.mean().raw().to_le_bytes())?;
            out.put(&statistics.deviation().to_le_bytes())?;
        }
        cohort.codes.iter().try_for_each(|code| out.put(bytemuck::must_cast_slice(code)))
    }

    fn write_filter(&self, out: &mut [u8]) {
        let rows = self.codes().map(|code| {
            let code = code.iter().copied();
            (code.clone(), template::factor(code, self.space.form))
        });
        FilterView::write(self.dimension, rows, out);
    }
}

fn write_back_end(out: &mut Cursor<'_>, back_end: &BackEnd<'_>) -> Option<()> {
    out.put(&back_end.header())?;
    back_end.body().into_iter().try_for_each(|part| out.put(part))
}

/// A position in bytes that are zero at first.
struct Cursor<'a> {
    out: &'a mut [u8],
    position: usize,
}

impl Cursor<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.position.checked_add(bytes.len())?;
        self.out.get_mut(self.position..end)?.copy_from_slice(bytes);
        self.position = end;
        Some(())
    }

    fn put_u32(&mut self, value: usize) -> Option<()> {
        self.put(&u32::try_from(value).ok()?.to_le_bytes())
    }

    fn put_id(&mut self, id: SubjectId) -> Option<()> {
        self.put(&id.number().to_le_bytes())
    }

    fn put_factor(&mut self, code: &[i8], space: Space) -> Option<()> {
        self.put(&template::factor(code.iter().copied(), space.form).to_le_bytes())
    }
}

/// Why a bundle was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError {
    /// The buffer is too small.
    BufferTooSmall {
        /// Bytes that it must have.
        needed: usize,
    },
    /// A dimension of 0 or beyond [`MAX_DIMENSION`], or a template of another dimension than the bundle.
    Dimension {
        /// The dimension given.
        found: usize,
    },
    /// A layout that codes of this dimension cannot have.
    Layout {
        /// The layout asked for.
        layout: Layout,
        /// The bundle's dimension.
        dimension: usize,
    },
    /// A filter plane that a bundle of this dimension, or one of distances, cannot have.
    Filter {
        /// The bundle's dimension.
        dimension: usize,
    },
    /// More of something than the format can count.
    TooLarge,
    /// The contents contradict themselves: ids or rates out of order, a subject without a template, a code that no
    /// embedding has.
    Contents(BundleError),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(f, "the buffer is too small: give it {needed} bytes"),
            Self::Dimension { found } => {
                write!(
                    f,
                    "a dimension of {found} is not the bundle's, or not within 1 to {MAX_DIMENSION}: use embeddings of its model"
                )
            }
            Self::Layout { layout, dimension } => write!(
                f,
                "codes of {dimension} elements cannot lie as {layout}, which needs a multiple of 16: use the layout rows"
            ),
            Self::Filter { dimension } => write!(
                f,
                "a filter is for cosines of dimensions that are multiples of 16, up to 256, and this is of {dimension}: export \
                 without it"
            ),
            Self::TooLarge => f.write_str(
                "the bundle would be larger than its format can say: enroll fewer subjects or keep fewer thresholds",
            ),
            Self::Contents(error) => write!(f, "the contents do not make a bundle that a device accepts: {error}"),
        }
    }
}

impl core::error::Error for WriteError {}
