//! A bundle's bytes, checked once and read in place.

use super::format::{
    ALIGNMENT, CRC_BEGIN, FORMAT_VERSION, HEADER_BYTES, MAGIC, OPTIONAL_SECTION, SECTION_ENTRY_BYTES, checksum,
    form_of_numbers, read_u16, read_u32,
};
use super::sections::{CohortSection, GallerySections, Subject, Subjects, Thresholds};
use super::{BundleError, Section};
use crate::back_end::BackEnd;
use crate::encoder::{Encoder, EncoderError, digest_in};
use crate::gallery::{GalleryView, SubjectId};
use crate::kernel::Layout;
use crate::normalization::{Cohort, Method, SubjectStatistics};
use crate::policy::{Policy, PolicyError, Rate, ThresholdEntry, ThresholdTable};
use crate::quality::QualityLimits;
use crate::search::Search;
use crate::similarity::Score;
use crate::space::Space;
use crate::{MAX_DIMENSION, ModelDigest};

/// A bundle that was checked from end to end: nothing in it can be out of range or contradict the rest.
#[derive(Clone, Copy, Debug)]
pub struct BundleView<'a> {
    len: usize,
    thresholds: Thresholds<'a>,
    subjects: Subjects<'a>,
    gallery: GalleryView<'a>,
    back_end: Option<BackEnd<'a>>,
    cohort: Option<CohortSection<'a>>,
    encoder: Option<&'a [u8]>,
    space: Space,
    /// What the templates were of before they were protected.
    revealed: Option<ModelDigest>,
    dimension: usize,
}

impl<'a> BundleView<'a> {
    /// Checks every byte, once. `bytes` may go on after the bundle, as a flash region does. At an address that is a multiple of
    /// 4 it is searched fastest; any will do.
    ///
    /// # Errors
    /// [`BundleError`] says what is wrong; any byte may be hostile.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let bytes = check_integrity(bytes)?;
        let Header { dimension, space, layout, section_count } = Header::parse(bytes)?;
        let sections = Sections::parse(bytes, section_count)?;
        let malformed = |section| move || BundleError::Malformed(section);
        let subjects =
            Subjects::parse(sections.required(Section::Subjects)?).ok_or_else(malformed(Section::Subjects))?;
        let cohort = match sections.get(Section::Cohort) {
            None => None,
            Some(section) => {
                let cohort = CohortSection::parse(section, space, dimension, &subjects);
                Some(cohort.ok_or_else(malformed(Section::Cohort))?)
            }
        };
        let thresholds = sections.required(Section::Thresholds)?;
        let thresholds = Thresholds::parse(thresholds, cohort.as_ref().map(|section| section.method))
            .ok_or_else(malformed(Section::Thresholds))?;
        let back_end = match sections.get(Section::BackEnd) {
            None => None,
            Some(section) => {
                let back_end = BackEnd::parse(section).filter(|back_end| back_end.outputs() == dimension);
                Some(back_end.ok_or_else(malformed(Section::BackEnd))?)
            }
        };
        let gallery = GallerySections {
            owners: sections.required(Section::Owners)?,
            factors: sections.required(Section::Factors)?,
            codes: sections.required(Section::Codes)?,
            filter: sections.get(Section::Filter),
        };
        let gallery = gallery.parse(space, dimension, layout, &subjects)?;
        let revealed = match sections.get(Section::Protection) {
            None => None,
            Some(section) => {
                let digest = section.try_into().map(ModelDigest::new);
                Some(digest.map_err(|_| BundleError::Malformed(Section::Protection))?)
            }
        };
        let encoder = sections.get(Section::Encoder);
        let len = bytes.len();
        let view = Self { len, thresholds, subjects, gallery, back_end, cohort, encoder, space, revealed, dimension };
        // All else of it is checked by whoever runs it, so that a firmware that does not has no code for that.
        let its_own = encoder.is_none_or(|section| digest_in(section) == Some(view.encoder()));
        if its_own { Ok(view) } else { Err(BundleError::Malformed(Section::Encoder)) }
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

    /// Elements of the encoder's output: those of a template, unless a back end makes more or fewer of them.
    #[must_use]
    pub const fn encoder_dimension(&self) -> usize {
        match &self.back_end {
            Some(back_end) => back_end.inputs(),
            None => self.dimension,
        }
    }

    /// The space of the templates. Its model stands for all that makes a template: encoder, preprocessing, back end, form.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.space
    }

    /// The space that templates are made in: that of the bundle's, or the one that they were of before they were protected.
    #[must_use]
    pub const fn revealed_space(&self) -> Space {
        match self.revealed {
            Some(model) => Space { model, form: self.space.form },
            None => self.space,
        }
    }

    /// Whether the templates are protected by a key: a probe then has to be, too.
    #[must_use]
    pub const fn is_protected(&self) -> bool {
        self.revealed.is_some()
    }

    /// The encoder that the bundle is for: what a source of embeddings has to be.
    #[must_use]
    pub const fn encoder(&self) -> ModelDigest {
        match &self.back_end {
            Some(back_end) => back_end.encoder(),
            None => self.revealed_space().model,
        }
    }

    /// The encoder itself, if the bundle has it as int8: checked now, so ask for it once. The type says which operators are
    /// linked ([`operators`](crate::encoder::operators)).
    ///
    /// # Errors
    /// [`EncoderError`]: nothing else of the bundle is worse for it.
    pub fn int8_encoder<const OPERATORS: u32>(&self) -> Result<Option<Encoder<'a, OPERATORS>>, EncoderError> {
        let Some(section) = self.encoder else { return Ok(None) };
        let encoder = Encoder::new_checked(section)?;
        if encoder.dimension() == self.encoder_dimension() { Ok(Some(encoder)) } else { Err(EncoderError::Output) }
    }

    /// The bytes of the int8 encoder, if the bundle has one; nobody has looked at them.
    #[must_use]
    pub const fn encoder_section(&self) -> Option<&'a [u8]> {
        self.encoder
    }

    /// What is done to the encoder's output before it becomes a template, if anything.
    #[must_use]
    pub const fn back_end(&self) -> Option<&BackEnd<'a>> {
        self.back_end.as_ref()
    }

    /// The thresholds, and the scores that they are for.
    #[must_use]
    pub const fn thresholds(&self) -> ThresholdTable<'a> {
        self.thresholds.table
    }

    /// The threshold that the exporter chose for verification.
    #[must_use]
    pub const fn operating_point(&self) -> ThresholdEntry {
        self.thresholds.operating_point
    }

    /// The false-positive identification rate that the exporter asked for.
    #[must_use]
    pub const fn fpir(&self) -> Rate {
        self.thresholds.fpir
    }

    /// How far ahead of the others a known subject has to be, as a difference of raw scores.
    #[must_use]
    pub const fn margin(&self) -> u32 {
        self.thresholds.margin
    }

    /// The policy that the exporter chose for verification.
    ///
    /// # Errors
    /// [`PolicyError::Fmr`]; not for the rate of an entry, which this is.
    pub fn verification(&self) -> Result<Policy<'a>, PolicyError> {
        Policy::verification(self.thresholds(), self.operating_point().fmr)
    }

    /// The policy that the exporter chose for identification, for whoever is enrolled now.
    ///
    /// # Errors
    /// [`PolicyError::Fpir`] when more are enrolled than the thresholds can support.
    pub fn identification(&self, search: &Search<'_>) -> Result<Policy<'a>, PolicyError> {
        Ok(Policy::identification(self.thresholds(), self.fpir(), search)?.with_margin(self.margin()))
    }

    /// What an enrollment has to keep to, by the threshold for verification. When scores are normalized against a cohort, the
    /// samples of a subject may be as unlike each other as they come: what a normalized score says of one subject, no
    /// score says of two samples.
    #[must_use]
    pub const fn quality_limits(&self) -> QualityLimits {
        let limits = QualityLimits::for_threshold(self.operating_point().threshold, self.space.form, self.dimension);
        if self.cohort.is_some() { QualityLimits { least_consistency: Score::MIN, ..limits } } else { limits }
    }

    /// The enrolled subjects, by ascending id. Names may repeat.
    pub fn subjects(&self) -> impl Iterator<Item = Subject<'a>> + use<'a> {
        self.subjects.iter()
    }

    /// The first id that was never given: the next subject that the host enrolls gets it.
    #[must_use]
    pub const fn next_subject(&self) -> SubjectId {
        self.subjects.next
    }

    /// The enrolled templates.
    #[must_use]
    pub const fn gallery(&self) -> GalleryView<'a> {
        self.gallery
    }

    /// The cohort that scores are normalized against, how, and the statistics of the bundle's subjects.
    #[must_use]
    pub fn cohort(&self) -> Option<(Cohort<'a>, Method, &dyn SubjectStatistics)> {
        self.cohort.as_ref().map(|section| (section.cohort, section.method, section as &dyn SubjectStatistics))
    }
}

/// Cuts the bytes to the bundle, whose magic, version, length and checksum are right.
fn check_integrity(bytes: &[u8]) -> Result<&[u8], BundleError> {
    let bytes = declared(bytes)?;
    let expected = read_u32(bytes, 16).ok_or(BundleError::Header)?;
    let found = checksum(bytes.get(CRC_BEGIN..).unwrap_or_default());
    if expected == found { Ok(bytes) } else { Err(BundleError::Checksum { expected, found }) }
}

/// Cuts the bytes to the bundle that its header says is there.
pub(crate) fn declared(bytes: &[u8]) -> Result<&[u8], BundleError> {
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
    bytes.get(..expected).ok_or(BundleError::Truncated { expected, found })
}

/// What the header says of the rest.
struct Header {
    dimension: usize,
    space: Space,
    layout: Layout,
    section_count: usize,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(BundleError::Header)?;
        let [.., d0, d1, form, section_count] = *header.first_chunk::<24>().ok_or(BundleError::Header)?;
        let dimension = u16::from_le_bytes([d0, d1]);
        if dimension == 0 || usize::from(dimension) > MAX_DIMENSION {
            return Err(BundleError::Dimension { found: dimension });
        }
        let (model, rest) = header[24..].split_first_chunk().ok_or(BundleError::Header)?;
        let full_scale = read_u32(rest, 0).ok_or(BundleError::Header)?;
        let form = form_of_numbers(form, full_scale).ok_or(BundleError::CodeForm { found: form })?;
        let [layout, reserved @ ..] = rest.last_chunk::<4>().ok_or(BundleError::Header)?;
        if *reserved != [0; 3] {
            return Err(BundleError::Header);
        }
        let known = Layout::ALL.get(usize::from(*layout)).copied();
        let layout = known.filter(|layout| layout.supports(usize::from(dimension)));
        Ok(Self {
            dimension: usize::from(dimension),
            space: Space { model: ModelDigest::new(*model), form },
            layout: layout.ok_or(BundleError::Layout { found: header[44] })?,
            section_count: usize::from(section_count),
        })
    }
}

/// The bytes of each section that there is, in the order of [`Section::ALL`].
struct Sections<'a>([Option<&'a [u8]>; Section::ALL.len()]);

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
        if free_from == bytes.len() { Ok(Self(found)) } else { Err(BundleError::SectionTable) }
    }

    fn get(&self, wanted: Section) -> Option<&'a [u8]> {
        Section::ALL.iter().zip(self.0).find(|(section, _)| **section == wanted).and_then(|(_, bytes)| bytes)
    }

    fn required(&self, wanted: Section) -> Result<&'a [u8], BundleError> {
        self.get(wanted).ok_or(BundleError::MissingSection(wanted))
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
