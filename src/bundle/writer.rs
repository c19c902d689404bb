//! The one place that writes the format.

use super::format::{
    ALIGNMENT, CRC_BEGIN, FORMAT_VERSION, FULL_CODE, HEADER_BYTES, MAGIC, MAX_THRESHOLDS, SECTION_ENTRY_BYTES,
    SUBJECT_BYTES, SUBJECTS_HEADER_BYTES, THRESHOLDS_HEADER_BYTES, checksum,
};
use super::{BundleError, BundleView, Section, ThresholdEntry};
use crate::gallery::{GalleryView, SubjectId};
use crate::{MAX_DIMENSION, ModelDigest, template};
use core::fmt;

/// What a bundle holds, to be written.
#[derive(Clone, Copy, Debug)]
pub struct BundleContents<'a> {
    /// Elements of a template, 1..=[`MAX_DIMENSION`].
    pub dimension: usize,
    /// The model that the templates were made by.
    pub model: ModelDigest,
    /// At least one and at most [`MAX_THRESHOLDS`], from the greatest false match rate to the least.
    pub thresholds: &'a [ThresholdEntry],
    /// The index of the threshold to use.
    pub operating_point: usize,
    /// The enrolled subjects, by ascending id.
    pub subjects: &'a [Subject<'a>],
    /// The first id that was never given.
    pub next_subject: SubjectId,
    /// The templates, by ascending subject; each subject has at least one.
    pub templates: &'a [EnrolledTemplate<'a>],
}

/// A subject of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject<'a> {
    /// Its id.
    pub id: SubjectId,
    /// What people call it.
    pub name: &'a str,
}

/// A template of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EnrolledTemplate<'a> {
    /// Whose it is.
    pub subject: SubjectId,
    /// Its code, `dimension` elements.
    pub code: &'a [i8],
}

impl BundleContents<'_> {
    /// Bytes that [`BundleContents::encode`] writes.
    ///
    /// # Errors
    /// [`WriteError`] when the counts are beyond the format.
    pub fn encoded_len(&self) -> Result<usize, WriteError> {
        let lengths = self.section_lengths()?;
        let end = lengths
            .iter()
            .try_fold(sections_begin(), |end, length| end.checked_next_multiple_of(ALIGNMENT)?.checked_add(*length));
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
        self.write(&mut Cursor { out, position: 0 }).ok_or(WriteError::TooLarge)?;
        let crc = checksum(out.get(CRC_BEGIN..).unwrap_or_default());
        Cursor { out, position: 16 }.put(&crc.to_le_bytes()).ok_or(WriteError::TooLarge)?;
        BundleView::new_checked(out).map_err(WriteError::Contents)?;
        Ok(needed)
    }

    fn section_lengths(&self) -> Result<[usize; Section::ALL.len()], WriteError> {
        if self.dimension == 0 || self.dimension > MAX_DIMENSION {
            return Err(WriteError::Dimension { found: self.dimension });
        }
        if let Some(template) = self.templates.iter().find(|template| template.code.len() != self.dimension) {
            return Err(WriteError::Dimension { found: template.code.len() });
        }
        if self.thresholds.len() > MAX_THRESHOLDS {
            return Err(WriteError::TooLarge);
        }
        let names: usize = self.subjects.iter().map(|subject| subject.name.len()).sum();
        Ok([
            THRESHOLDS_HEADER_BYTES + self.thresholds.len() * ThresholdEntry::BYTES,
            SUBJECTS_HEADER_BYTES + self.subjects.len() * SUBJECT_BYTES + names,
            self.templates.len() * GalleryView::ROW_BYTES,
            self.templates.len() * GalleryView::stride(self.dimension),
        ])
    }

    fn write(&self, out: &mut Cursor<'_>) -> Option<()> {
        out.put(&MAGIC)?;
        out.put(&FORMAT_VERSION.to_le_bytes())?;
        out.put(&u16::try_from(HEADER_BYTES).ok()?.to_le_bytes())?;
        out.put_u32(out.out.len())?;
        out.put(&[0; 4])?; // the checksum, when the rest is known
        out.put(&u16::try_from(self.dimension).ok()?.to_le_bytes())?;
        out.put(&[FULL_CODE, Section::ALL.len() as u8])?;
        out.put(self.model.as_bytes())?;
        out.position = HEADER_BYTES;
        self.write_section_table(out)?;
        out.align();
        self.write_thresholds(out)?;
        out.align();
        self.write_subjects(out)?;
        out.align();
        self.write_rows(out)?;
        out.align();
        self.write_codes(out)
    }

    fn write_section_table(&self, out: &mut Cursor<'_>) -> Option<()> {
        let mut offset = sections_begin();
        for (section, length) in Section::ALL.iter().zip(self.section_lengths().ok()?) {
            offset = offset.checked_next_multiple_of(ALIGNMENT)?;
            out.put(&section.kind().to_le_bytes())?;
            out.put_u32(offset)?;
            out.put_u32(length)?;
            offset += length;
        }
        Some(())
    }

    fn write_thresholds(&self, out: &mut Cursor<'_>) -> Option<()> {
        out.put_u32(self.operating_point)?;
        out.put(&[0; THRESHOLDS_HEADER_BYTES - 4])?;
        self.thresholds.iter().try_for_each(|entry| out.put(&entry.to_bytes()))
    }

    fn write_subjects(&self, out: &mut Cursor<'_>) -> Option<()> {
        out.put(&self.next_subject.number().to_le_bytes())?;
        out.put_u32(self.subjects.len())?;
        let mut name_offset = 0;
        for subject in self.subjects {
            out.put(&subject.id.number().to_le_bytes())?;
            out.put_u32(name_offset)?;
            out.put_u32(subject.name.len())?;
            name_offset += subject.name.len();
        }
        self.subjects.iter().try_for_each(|subject| out.put(subject.name.as_bytes()))
    }

    fn write_rows(&self, out: &mut Cursor<'_>) -> Option<()> {
        self.templates.iter().try_for_each(|row| {
            out.put(&row.subject.number().to_le_bytes())?;
            out.put(&template::inverse_norm(row.code).to_le_bytes())
        })
    }

    fn write_codes(&self, out: &mut Cursor<'_>) -> Option<()> {
        let padding = GalleryView::stride(self.dimension) - self.dimension;
        self.templates.iter().try_for_each(|row| {
            out.put(bytemuck::must_cast_slice(row.code))?;
            out.position += padding;
            Some(())
        })
    }
}

/// Where the section table ends.
const fn sections_begin() -> usize {
    HEADER_BYTES + Section::ALL.len() * SECTION_ENTRY_BYTES
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

    fn align(&mut self) {
        self.position = self.position.next_multiple_of(ALIGNMENT);
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
            Self::TooLarge => f.write_str(
                "the bundle would be larger than its format can say: enroll fewer subjects or keep fewer thresholds",
            ),
            Self::Contents(error) => write!(f, "the contents do not make a bundle that a device accepts: {error}"),
        }
    }
}

impl core::error::Error for WriteError {}
