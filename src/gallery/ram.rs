//! The gallery in RAM.

use super::filter::{Filter, FilterPlane, Unfiltered};
use super::held::{self, Held};
use super::{Fusion, PassedOver, Scan, SubjectId};
use crate::kernel::{Codes, Layout, Rows, STEP};
use crate::policy::Policy;
use crate::query::{Query, QueryError};
use crate::similarity::Probe;
use crate::space::{Space, SpaceMismatch};
use crate::template::Template;
use core::fmt;
use heapless::Vec;

/// At most `N` templates of `D` elements in RAM, each of an enrolled subject.
///
/// A template has a place of its own, which never moves while its subject is enrolled, and whose bytes are overwritten with
/// zeros when it is removed: enrolling and removing touch only the places concerned. Codes lie as the core's kernels stream
/// them. What everything takes is known when it compiles: [`Gallery::TEMPLATE_BYTES`], [`Gallery::BYTES`].
///
/// ```
/// use cognate::{Embedding, Gallery, GalleryError, ModelDigest, Space, SubjectId, Template};
/// let space = Space::full(ModelDigest::new([7; 16]));
/// let template = Template::new(&Embedding::new([0.6, 0.8]).unwrap(), space);
///
/// let mut gallery = Gallery::<2, 3>::new(space, SubjectId::FIRST);
/// let subject = gallery.enroll(&[template, template])?;
/// assert_eq!(gallery.enroll(&[template, template]), Err(GalleryError::Full { capacity: 3, needed: 4 }));
/// assert_eq!(gallery.remove(subject)?, 2);
/// assert_ne!(gallery.enroll(&[template])?, subject); // ids are never reused
/// # Ok::<(), GalleryError>(())
/// ```
///
/// A gallery that could not number its places does not compile:
///
/// ```compile_fail,E0080
/// # use cognate::{Gallery, ModelDigest, Space, SubjectId};
/// Gallery::<2, 65_536>::new(Space::full(ModelDigest::new([7; 16])), SubjectId::FIRST);
/// ```
#[derive(Clone, Debug)]
pub struct Gallery<const D: usize, const N: usize, F = Unfiltered> {
    codes: Storage<D, N>,
    /// What goes with each code; 0 where a place is free.
    factors: [u32; N],
    owners: [SubjectId; N],
    kinds: [Kind; N],
    /// The places in use, by ascending subject, and for a subject in the order in which they were filled.
    order: Vec<u16, N>,
    /// The first place from which on all are free.
    used: usize,
    subjects: usize,
    changes: u32,
    filter: F,
    space: Space,
    next: Option<SubjectId>,
}

/// A gallery with a filter plane, for a core with DSP instructions that searches hundreds of templates.
pub type FilteredGallery<const D: usize, const N: usize> = Gallery<D, N, FilterPlane<D, N>>;

/// At an address from which words can be loaded.
#[derive(Clone, Debug)]
#[repr(align(4))]
struct Storage<const D: usize, const N: usize>([[i8; D]; N]);

/// Where a template came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// It was enrolled, and stays as it is.
    Enrolled,
    /// It follows what the device saw since ([`Gallery::adapt`]).
    Adapted,
}

impl<const D: usize, const N: usize> Gallery<D, N> {
    /// An empty gallery for templates of a space, that gives ids from `first` on.
    ///
    /// `first` is [`SubjectId::FIRST`], or [`SubjectId::FIRST_ON_DEVICE`] beside a bundle's gallery, or the first id that
    /// was never given where one is remembered.
    #[must_use]
    pub const fn new(space: Space, first: SubjectId) -> Self {
        Self::empty(space, first, Unfiltered)
    }
}

impl<const D: usize, const N: usize> FilteredGallery<D, N> {
    /// An empty gallery as of [`Gallery::new`], with a filter plane.
    #[must_use]
    pub const fn filtered(space: Space, first: SubjectId) -> Self {
        Self::empty(space, first, FilterPlane::new())
    }
}

impl<const D: usize, const N: usize, F> Gallery<D, N, F> {
    /// Bytes of RAM that one template takes, with all that belongs to it but a filter plane's.
    pub const TEMPLATE_BYTES: usize =
        size_of::<[i8; D]>() + size_of::<u32>() + size_of::<SubjectId>() + size_of::<Kind>() + size_of::<u16>();

    /// Bytes of RAM that the whole gallery takes.
    pub const BYTES: usize = size_of::<Self>();

    const LAYOUT: Layout = if D.is_multiple_of(STEP) { Layout::NATIVE } else { Layout::Rows };

    const fn empty(space: Space, first: SubjectId, filter: F) -> Self {
        const {
            assert!(D >= 1 && D <= crate::MAX_DIMENSION, "a dimension is 1 to MAX_DIMENSION");
            assert!(N <= u16::MAX as usize, "places are numbered in 16 bits");
        }
        Self {
            codes: Storage([[0; D]; N]),
            factors: [0; N],
            owners: [SubjectId::FIRST; N],
            kinds: [Kind::Enrolled; N],
            order: Vec::new(),
            used: 0,
            subjects: 0,
            changes: 0,
            filter,
            space,
            next: Some(first),
        }
    }
}

impl<const D: usize, const N: usize, F: Filter<D>> Gallery<D, N, F> {
    /// Enrolls a new subject by its templates: all of them or, on an error, none.
    ///
    /// # Errors
    /// [`GalleryError::NoTemplate`], [`GalleryError::Space`], [`GalleryError::Zero`], [`GalleryError::Full`], or
    /// [`GalleryError::NoMoreIds`].
    pub fn enroll(&mut self, templates: &[Template<D>]) -> Result<SubjectId, GalleryError> {
        let subject = self.next.ok_or(GalleryError::NoMoreIds)?;
        self.append(subject, templates, Kind::Enrolled)?;
        self.next = subject.next();
        self.subjects += 1;
        Ok(subject)
    }

    /// Enrolls a new subject by one template, the centroid of its samples.
    ///
    /// # Errors
    /// As for [`Gallery::enroll`], and [`GalleryError::Zero`] when the samples cancel each other out.
    pub fn enroll_centroid(&mut self, samples: &[Template<D>]) -> Result<SubjectId, GalleryError> {
        self.enroll(&[self.centroid(samples)?])
    }

    /// The template that [`Gallery::enroll_centroid`] enrolls.
    ///
    /// # Errors
    /// As for it, but for the room that there is.
    pub fn centroid(&self, samples: &[Template<D>]) -> Result<Template<D>, GalleryError> {
        if samples.is_empty() {
            return Err(GalleryError::NoTemplate);
        }
        let sum = samples.iter().try_fold(Query::<D>::new(self.space), |sum, sample| sum.plus(sample));
        sum.and_then(|sum| sum.template()).map_err(|error| match error {
            QueryError::Space(mismatch) => GalleryError::Space(mismatch),
            // A template of the gallery's has its dimension.
            QueryError::Dimension { .. } | QueryError::Zero => GalleryError::Zero,
        })
    }

    /// Adds templates to an enrolled subject: all of them or, on an error, none.
    ///
    /// # Errors
    /// [`GalleryError::UnknownSubject`], and as for [`Gallery::enroll`].
    pub fn add(&mut self, subject: SubjectId, templates: &[Template<D>]) -> Result<(), GalleryError> {
        if !self.contains(subject) {
            return Err(GalleryError::UnknownSubject(subject));
        }
        self.append(subject, templates, Kind::Enrolled)
    }

    /// Removes a subject and overwrites its templates; returns how many it had.
    ///
    /// # Errors
    /// [`GalleryError::UnknownSubject`] when it is not enrolled, or was removed before.
    pub fn remove(&mut self, subject: SubjectId) -> Result<usize, GalleryError> {
        let removed = self.clear(subject, None);
        if removed == 0 {
            return Err(GalleryError::UnknownSubject(subject));
        }
        self.subjects -= 1;
        Ok(removed)
    }

    /// Whether a subject is enrolled.
    #[must_use]
    pub fn contains(&self, subject: SubjectId) -> bool {
        self.places(subject).next().is_some()
    }

    /// Templates held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nobody is enrolled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Templates that it can hold: `N`.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        N
    }

    /// The id that the next enrollment will get; `None` when all are used.
    #[must_use]
    pub const fn next_subject(&self) -> Option<SubjectId> {
        self.next
    }

    /// The subject, the kind and the code of each template, by ascending subject.
    pub fn templates(&self) -> impl Iterator<Item = (SubjectId, Kind, [i8; D])> {
        self.order.iter().filter_map(|place| {
            let place = usize::from(*place);
            Some((*self.owners.get(place)?, *self.kinds.get(place)?, self.code(place)))
        })
    }

    /// The enrolled subjects, each once, by ascending id.
    pub fn enrolled(&self) -> impl Iterator<Item = SubjectId> {
        held::groups(&self.owners, &self.order).map(|(subject, _)| subject)
    }

    /// The places of a subject's templates.
    pub(crate) fn places(&self, subject: SubjectId) -> impl Iterator<Item = usize> {
        held::places_of(&self.owners, &self.order, subject).iter().map(|place| usize::from(*place))
    }

    pub(crate) fn kind(&self, place: usize) -> Kind {
        self.kinds.get(place).copied().unwrap_or(Kind::Enrolled)
    }

    pub(crate) fn code(&self, place: usize) -> [i8; D] {
        let mut code = [0; D];
        if let Some(rows) = self.rows() {
            rows.codes().row(place).zip(&mut code).for_each(|(element, place)| *place = element);
        }
        code
    }

    pub(crate) fn append(
        &mut self,
        subject: SubjectId,
        templates: &[Template<D>],
        kind: Kind,
    ) -> Result<(), GalleryError> {
        self.check(templates)?;
        for template in templates {
            let Some(place) = self.free_place() else { break };
            self.fill(place, subject, template, kind);
        }
        Ok(())
    }

    /// The first free place. Looked for only where somebody was removed: a store puts hundreds of templates back at each start.
    fn free_place(&self) -> Option<usize> {
        let has_gaps = self.order.len() < self.used;
        let first = || self.factors.iter().position(|factor| *factor == 0);
        if has_gaps { first() } else { Some(self.used).filter(|place| *place < N) }
    }

    pub(crate) fn check_one(&self, template: &Template<D>) -> Result<(), GalleryError> {
        self.space.require(template.space()).map_err(GalleryError::Space)?;
        if template.factor() == 0 { Err(GalleryError::Zero) } else { Ok(()) }
    }

    pub(crate) fn check(&self, templates: &[Template<D>]) -> Result<(), GalleryError> {
        if templates.is_empty() {
            return Err(GalleryError::NoTemplate);
        }
        templates.iter().try_for_each(|template| self.check_one(template))?;
        let needed = self.len().saturating_add(templates.len());
        if needed > N { Err(GalleryError::Full { capacity: N, needed }) } else { Ok(()) }
    }

    /// Puts back what was stored: a template of a subject that may be new here.
    #[cfg(feature = "storage")]
    pub(crate) fn put_back(
        &mut self,
        subject: SubjectId,
        template: &Template<D>,
        kind: Kind,
    ) -> Result<(), GalleryError> {
        let is_new = !self.contains(subject);
        match kind {
            Kind::Enrolled => self.append(subject, core::slice::from_ref(template), kind)?,
            Kind::Adapted => self.set_adapted(subject, template)?,
        }
        self.subjects += usize::from(is_new);
        Ok(())
    }

    /// Gives no id below this one from now on; none at all for `None`.
    #[cfg(feature = "storage")]
    pub(crate) fn give_from(&mut self, next: Option<SubjectId>) {
        self.next = self.next.zip(next).map(|(own, next)| own.max(next));
    }

    /// Puts a template into a free place.
    fn fill(&mut self, place: usize, subject: SubjectId, template: &Template<D>, kind: Kind) {
        let Ok(number) = u16::try_from(place) else { return };
        let end = self.order.partition_point(|other| held::owner(&self.owners, *other) <= subject);
        if self.order.is_full() {
            return;
        }
        held::insert(&mut self.order, end, number);
        if let (Some(owner), Some(place_kind)) = (self.owners.get_mut(place), self.kinds.get_mut(place)) {
            (*owner, *place_kind) = (subject, kind);
        }
        self.replace(place, template);
        self.used = self.used.max(place + 1);
    }

    /// Frees a subject's places, or those of one kind; returns how many.
    pub(crate) fn clear(&mut self, subject: SubjectId, kind: Option<Kind>) -> usize {
        let before = self.order.len();
        let mut index = self.order.partition_point(|place| held::owner(&self.owners, *place) < subject);
        while let Some(place) = self.order.get(index).copied() {
            if held::owner(&self.owners, place) != subject {
                break;
            }
            if kind.is_some_and(|kind| self.kind(usize::from(place)) != kind) {
                index += 1;
                continue;
            }
            held::remove(&mut self.order, index);
            self.write(usize::from(place), &[0; D], 0);
            self.filter.clear(usize::from(place));
        }
        self.used = self.factors.iter().rposition(|factor| *factor != 0).map_or(0, |last| last + 1);
        self.changes = self.changes.wrapping_add(1);
        before - self.order.len()
    }

    /// Puts another template of the same subject into a place.
    pub(crate) fn replace(&mut self, place: usize, template: &Template<D>) {
        self.write(place, template.code(), template.factor());
        self.filter.put(place, template.code(), template.factor());
        self.changes = self.changes.wrapping_add(1);
    }

    /// Puts another template into every place in use, and goes over to their space. Scores among them stay what they were.
    #[cfg(feature = "protection")]
    pub(crate) fn recode(&mut self, space: Space, mut map: impl FnMut(&Template<D>) -> Template<D>) {
        for place in 0..self.used {
            let factor = self.factors.get(place).copied().unwrap_or_default();
            if factor != 0 {
                let template = map(&Template::from_parts(self.code(place), factor, self.space));
                self.replace(place, &template);
            }
        }
        self.space = space;
    }

    /// Overwrites the code of a place.
    fn write(&mut self, place: usize, code: &[i8], factor: u32) {
        Codes::put(Self::LAYOUT, D, N, place, code, self.codes.0.as_flattened_mut());
        if let Some(stored) = self.factors.get_mut(place) {
            *stored = factor;
        }
    }

    pub(crate) fn rows(&self) -> Option<Rows<'_>> {
        let codes = Codes::new(Self::LAYOUT, D, N, self.codes.0.as_flattened())?;
        Rows::new(codes, bytemuck::must_cast_slice(&self.factors))
    }

    fn held(&self) -> Option<Held<'_>> {
        let Self { used, owners, order, .. } = self;
        Some(Held { rows: self.rows()?, used: *used, owners, order })
    }
}

impl<const D: usize, const N: usize, F: Filter<D>> Scan for Gallery<D, N, F> {
    fn space(&self) -> Space {
        self.space
    }

    fn dimension(&self) -> usize {
        D
    }

    fn subjects(&self) -> usize {
        self.subjects
    }

    fn population(&self, templates: usize) -> usize {
        held::population(&self.owners, &self.order, templates)
    }

    fn changes(&self) -> u32 {
        self.changes
    }

    fn find(&self, probe: &Probe<'_>, floor: i32, visit: &mut dyn FnMut(SubjectId, i32) -> i32) -> usize {
        let Some(held) = self.held() else { return 0 };
        match self.filter.view() {
            Some(filter) => held.find_filtered(&filter, probe, floor, visit),
            None => held.find(probe, floor, visit),
        }
    }

    fn passes_over(&self, probe: &Probe<'_>, policy: &Policy<'_>) -> Option<PassedOver> {
        self.filter.view().map(|_| probe.passed_over(policy.threshold(), policy.margin()))
    }

    fn each(&self, probe: &Probe<'_>, fusion: Fusion, visit: &mut dyn FnMut(SubjectId, i32)) {
        if let Some(held) = self.held() {
            held.each(probe, fusion, visit);
        }
    }

    fn key_of(&self, probe: &Probe<'_>, subject: SubjectId, fusion: Fusion) -> Option<i32> {
        self.held()?.key_of(probe, subject, fusion)
    }
}

/// Why a gallery did not change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GalleryError {
    /// There is no room: remove a subject, or build with a greater capacity.
    Full {
        /// Templates that the gallery can hold.
        capacity: usize,
        /// Templates that it would have to hold.
        needed: usize,
    },
    /// An enrollment without a template: give at least one sample.
    NoTemplate,
    /// A template of another space: make it in the gallery's.
    Space(SpaceMismatch),
    /// A template of zeros: in a Euclidean space the embedding is below half a step everywhere; samples of a centroid can
    /// cancel each other out.
    Zero,
    /// No such subject, or it was removed.
    UnknownSubject(SubjectId),
    /// All 2³² ids were given: start a new gallery.
    NoMoreIds,
}

impl fmt::Display for GalleryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity, needed } => write!(
                f,
                "the gallery holds {capacity} templates and would need {needed}: remove a subject, or build with more"
            ),
            Self::NoTemplate => f.write_str("an enrollment needs at least one template"),
            Self::Space(mismatch) => mismatch.fmt(f),
            Self::Zero => f.write_str("every element of the template is zero: check the samples and the full scale"),
            Self::UnknownSubject(subject) => write!(f, "subject {subject} is not enrolled here: list who is"),
            Self::NoMoreIds => f.write_str("every subject id was given once: start a new gallery"),
        }
    }
}

impl core::error::Error for GalleryError {}
