//! Who is enrolled, kept in NOR flash (feature `storage`): a power cut leaves exactly what was there before an operation or what
//! is to be there after it, and whoever is removed is nowhere in flash.
//!
//! [`Store`] holds a [`Gallery`] in RAM, which is searched as any other, and an append-only log of what became of it, on any
//! flash that implements [`NorFlash`]. `docs/store-format.md` gives the log byte by byte; `docs/threat-model.md` says what all
//! this protects from.

mod error;
mod log;
mod record;

pub use error::{OpenError, StoreError};
pub use log::{Area, Damage, Erased};

pub(crate) use log::{Entry, Found, Log, LogError, Sink};
pub(crate) use record::{Header, Identity, Kind as RecordKind};

use crate::ModelDigest;
use crate::bundle::form_to_numbers;
use crate::gallery::{Adaptation, Adapted, Filter, Gallery, Kind, Scan, SubjectId, Unfiltered};
use crate::policy::Evidence;
use crate::space::Space;
use crate::template::Template;
use core::fmt;
use embedded_storage::nor_flash::{NorFlash, NorFlashErrorKind};
use heapless::Vec;
use record::Geometry;

/// The most subjects of a bundle that can be hidden; where pages are below a kibibyte it can be fewer ([`StoreError::Hidden`]).
pub const MAX_HIDDEN: usize = 32;

/// The version of the log's format.
const VERSION: u8 = 1;

/// A gallery that survives.
///
/// Ids are never given twice, not even after everybody was removed and the device was reset: what is stored says which come next.
/// Every change is in flash before it is in RAM. After an error of the flash the store changes no more, and is to be opened again.
pub struct Store<Flash, const D: usize, const N: usize, F = Unfiltered> {
    log: Log<Flash>,
    gallery: Gallery<D, N, F>,
    hidden: Vec<SubjectId, MAX_HIDDEN>,
}

/// What was found when a store was opened.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report {
    /// What is not as it was written. Subjects whose enrollment is concerned are not enrolled, all others are.
    pub damage: Damage,
    /// Pages that were erased, because the power went before that was done.
    pub erased: Option<Erased>,
}

/// What became of somebody who was removed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Receipt {
    /// The subject's templates are nowhere in the store's area: these pages were erased, and the others were written without them.
    Erased {
        /// Who it was.
        subject: SubjectId,
        /// How many templates it had.
        templates: usize,
        /// The pages.
        pages: Erased,
    },
    /// The subject is not found any more, but its templates stay in the bundle's flash until the next bundle.
    Hidden {
        /// Who it was.
        subject: SubjectId,
    },
}

impl<Flash: NorFlash, const D: usize, const N: usize, F: Filter<D>> Store<Flash, D, N, F> {
    /// The fewest pages that an area has to have. On a page of the flash, at least one template has to fit: otherwise this does
    /// not compile.
    pub const LEAST_PAGES: u32 = {
        let room = Geometry::<Flash>::PAGE - Geometry::<Flash>::PAGE_HEADER;
        assert!(room >= Geometry::<Flash>::bytes(D), "a template does not fit on a page of this flash");
        // One page for what is beside the templates, one for changes.
        let pages = N.div_ceil(room / Geometry::<Flash>::bytes(D)) + 2;
        2 * pages as u32
    };

    /// The most subjects of the bundle that can be hidden in an area of so many pages, so that with as many templates as the gallery
    /// can hold everybody can still be removed.
    const fn most_hidden(pages: u32) -> usize {
        let room = Geometry::<Flash>::PAGE - Geometry::<Flash>::PAGE_HEADER;
        // Each is written twice. The seal, and a change that is still to come, are no larger than a template each.
        let of_templates = (N + 2).div_ceil(room / Geometry::<Flash>::bytes(D));
        let pages_left = (pages as usize / 2).saturating_sub(of_templates);
        let most = pages_left.saturating_mul(room / Geometry::<Flash>::bytes(0)) / 2;
        if most < MAX_HIDDEN { most } else { MAX_HIDDEN }
    }

    /// Opens the store in an area, or begins one in erased flash. What is stored comes into the gallery, which is empty; it says
    /// the space, and from where on ids are given when nothing is stored.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed, unless the flash failed.
    pub fn open(flash: Flash, area: Area, gallery: Gallery<D, N, F>) -> Result<(Self, Report), OpenError> {
        let mut store = Self::unopened(flash, area, gallery)?;
        let half = match store.log.find()? {
            Found::Ours(half) => half,
            Found::Nothing => {
                store.log.begin_anew(None, store.mark(), &|_| Ok(())).map_err(unopened)?;
                return Ok((store, Report { damage: Damage::default(), erased: None }));
            }
            Found::Other(half) => {
                let (expected, found) = (store.gallery.space().model, model_of(&half.identity));
                return Err(OpenError::Model { expected, found });
            }
            Found::Unreadable => return Err(OpenError::Unreadable),
        };
        let (mut code, mut full) = ([0_i8; D], false);
        let (gallery, hidden) = (&mut store.gallery, &mut store.hidden);
        let damage = store.log.load(half, bytemuck::must_cast_slice_mut(&mut code), &mut |header, payload| {
            header.is_some_and(|header| take(gallery, hidden, header, payload, &mut full))
        })?;
        if full {
            return Err(OpenError::Capacity { capacity: N });
        }
        // What is damaged may have been an enrollment each: rather leave ids out than give one twice.
        let lost = damage.places.saturating_add(damage.operations);
        store.gallery.give_from(next_of(store.log.mark().saturating_add(lost)));
        let erased = store.log.erase_other()?;
        Ok((store, Report { damage, erased }))
    }

    /// Begins anew, whatever is stored: for another model, after a factory reset, or when the store cannot be read. Nobody is
    /// enrolled afterwards, and what was there is erased. Ids go on where that could still be read.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn renew(flash: Flash, area: Area, gallery: Gallery<D, N, F>) -> Result<(Self, Erased), OpenError> {
        let mut store = Self::unopened(flash, area, gallery)?;
        let before = match store.log.find()? {
            Found::Ours(half) | Found::Other(half) => Some(half),
            Found::Nothing | Found::Unreadable => None,
        };
        if let Some(half) = &before {
            store.gallery.give_from(next_of(store.log.next_in(half)?));
        }
        let erased = store.log.begin_anew(before, store.mark(), &|_| Ok(())).map_err(unopened)?;
        Ok((store, erased))
    }

    fn unopened(flash: Flash, area: Area, gallery: Gallery<D, N, F>) -> Result<Self, OpenError> {
        let log = Log::new(flash, area, identity(gallery.space(), D));
        if !log.fits() {
            return Err(OpenError::Area);
        }
        if area.pages < Self::LEAST_PAGES {
            return Err(OpenError::TooSmall { pages: area.pages, needed: Self::LEAST_PAGES });
        }
        Ok(Self { log, gallery, hidden: Vec::new() })
    }

    /// Who is enrolled, to be searched.
    pub const fn gallery(&self) -> &Gallery<D, N, F> {
        &self.gallery
    }

    /// The subjects of the bundle that were removed: leave them out of every search, by
    /// [`Search::without`](crate::Search::without).
    pub fn hidden(&self) -> &[SubjectId] {
        &self.hidden
    }

    /// Writes that did not read back since the store was opened, and went to another page: the flash wears out.
    pub const fn worn(&self) -> u32 {
        self.log.worn()
    }

    /// The flash, to look at.
    pub const fn flash(&self) -> &Flash {
        self.log.flash()
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> Flash {
        self.log.into_flash()
    }

    /// Enrolls a new subject by its templates: all of them or, on an error, none.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn enroll(&mut self, templates: &[Template<D>]) -> Result<SubjectId, StoreError> {
        let subject = self.gallery.next_subject().ok_or(crate::GalleryError::NoMoreIds)?;
        self.gallery.check(templates)?;
        self.write(RecordKind::Enroll, subject, templates)?;
        Ok(self.gallery.enroll(templates)?)
    }

    /// Enrolls a new subject by one template, the centroid of its samples.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn enroll_centroid(&mut self, samples: &[Template<D>]) -> Result<SubjectId, StoreError> {
        self.enroll(&[self.gallery.centroid(samples)?])
    }

    /// Adds templates to an enrolled subject: all of them or, on an error, none.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn add(&mut self, subject: SubjectId, templates: &[Template<D>]) -> Result<(), StoreError> {
        self.require(subject)?;
        self.gallery.check(templates)?;
        self.write(RecordKind::Add, subject, templates)?;
        Ok(self.gallery.add(subject, templates)?)
    }

    /// Lets a subject's adapted template follow a probe, as [`Gallery::adapt`] does.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn adapt(
        &mut self,
        evidence: &Evidence,
        probe: &Template<D>,
        limits: &Adaptation,
    ) -> Result<Adapted, StoreError> {
        let (adapted, template) = self.gallery.followed(evidence, probe, limits).map_err(StoreError::Adapt)?;
        self.write(RecordKind::Adapt, adapted.subject, core::slice::from_ref(&template))?;
        self.gallery.set_adapted(adapted.subject, &template)?;
        Ok(adapted)
    }

    /// Goes back to what was enrolled, and erases what was adapted; `None` when nothing was.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn revert(&mut self, subject: SubjectId) -> Result<Option<Erased>, StoreError> {
        self.require(subject)?;
        if !self.gallery.templates().any(|(other, kind, _)| other == subject && kind == Kind::Adapted) {
            return Ok(None);
        }
        let erased = self.rewrite(&|other, kind| other != subject || kind == Kind::Enrolled)?;
        self.gallery.revert(subject)?;
        Ok(Some(erased))
    }

    /// Removes a subject: its templates are in no page of the area afterwards, and the receipt says what was erased for it.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn remove(&mut self, subject: SubjectId) -> Result<Receipt, StoreError> {
        self.require(subject)?;
        let pages = self.rewrite(&|other, _| other != subject)?;
        let templates = self.gallery.remove(subject)?;
        Ok(Receipt::Erased { subject, templates, pages })
    }

    /// Marks a subject of the bundle as removed: see [`Store::hidden`].
    ///
    /// # Errors
    /// [`StoreError::OfDevice`] for a subject that a device enrolled, [`StoreError::Hidden`] when there are too many.
    pub fn hide(&mut self, subject: SubjectId) -> Result<Receipt, StoreError> {
        if subject >= SubjectId::FIRST_ON_DEVICE || self.gallery.contains(subject) {
            return Err(StoreError::OfDevice(subject));
        }
        if !self.hidden.contains(&subject) {
            let most = Self::most_hidden(self.log.area().pages);
            if self.hidden.len() >= most {
                return Err(StoreError::Hidden { most });
            }
            // Twice: one that is damaged must not bring the subject back.
            self.write_records(RecordKind::Hide, subject, 1, &|_| &[])?;
            self.write_records(RecordKind::Hide, subject, 1, &|_| &[])?;
            let _ = self.hidden.push(subject);
        }
        Ok(Receipt::Hidden { subject })
    }

    /// Puts these templates, a backup of this device's, in place of what is stored: whoever is not among them is erased. Subjects
    /// of the bundle stay hidden, and ids go on behind all that were given and all that came back.
    ///
    /// # Errors
    /// [`StoreError::Gallery`] when they do not fit or are of another space, or when one that follows a subject comes without one
    /// that was enrolled; nothing is changed then.
    pub fn restore(
        &mut self,
        templates: impl Iterator<Item = (SubjectId, Kind, Template<D>)> + Clone,
    ) -> Result<Erased, StoreError> {
        let enrolled = || templates.clone().filter(|(_, kind, _)| *kind == Kind::Enrolled);
        let adapted = || templates.clone().filter(|(_, kind, _)| *kind == Kind::Adapted);
        for (subject, kind, template) in templates.clone() {
            self.gallery.check_one(&template)?;
            if kind == Kind::Adapted && !enrolled().any(|(other, _, _)| other == subject) {
                return Err(crate::GalleryError::UnknownSubject(subject).into());
            }
        }
        let needed = templates.clone().count();
        if needed > N {
            return Err(crate::GalleryError::Full { capacity: N, needed }.into());
        }
        loop {
            let first = self.gallery.templates().next().map(|(subject, ..)| subject);
            let Some(subject) = first else { break };
            self.gallery.remove(subject)?;
        }
        for (subject, kind, template) in enrolled().chain(adapted()) {
            self.gallery.put_back(subject, &template, kind)?;
            self.gallery.give_from(subject.next());
        }
        let outcome = self.rewrite(&|_, _| true);
        outcome.map_err(|error| {
            // The gallery is what was to be stored: only opening the store again says what is.
            self.log.doubt();
            if error == StoreError::Worn { StoreError::Flash(NorFlashErrorKind::Other) } else { error }
        })
    }

    fn require(&self, subject: SubjectId) -> Result<(), StoreError> {
        if self.gallery.contains(subject) { Ok(()) } else { Err(crate::GalleryError::UnknownSubject(subject).into()) }
    }

    fn write(&mut self, kind: RecordKind, subject: SubjectId, templates: &[Template<D>]) -> Result<(), StoreError> {
        let total = u16::try_from(templates.len()).map_err(|_| StoreError::Worn)?;
        self.write_records(kind, subject, total, &|index| {
            let template = templates.get(usize::from(index));
            template.map(|template| bytemuck::must_cast_slice(template.code())).unwrap_or_default()
        })
    }

    fn write_records<'p>(
        &mut self,
        kind: RecordKind,
        subject: SubjectId,
        total: u16,
        payload: &dyn Fn(u16) -> &'p [u8],
    ) -> Result<(), StoreError> {
        match self.log.append(kind, subject.number(), total, payload) {
            Err(LogError::Full) => {
                self.rewrite(&|_, _| true)?;
                self.log.append(kind, subject.number(), total, payload).map_err(failed)
            }
            outcome => outcome.map_err(failed),
        }
    }

    /// Writes what is to stay to the other half.
    fn rewrite(&mut self, stays: &dyn Fn(SubjectId, Kind) -> bool) -> Result<Erased, StoreError> {
        let (gallery, hidden, mark) = (&self.gallery, &self.hidden, self.mark());
        let erased = self.log.rewrite(mark, &|sink| {
            hidden.iter().chain(hidden).try_for_each(|subject| sink(&hide(*subject)))?;
            write_all(gallery, stays, sink)
        });
        erased.map_err(failed)
    }

    /// The number of the next subject; the last one, which a store does not give, when there are no more.
    fn mark(&self) -> u32 {
        self.gallery.next_subject().map_or(u32::MAX, SubjectId::number)
    }
}

const fn hide(subject: SubjectId) -> Entry<'static> {
    Entry { kind: RecordKind::Hide, subject: subject.number(), index: 0, total: 1, payload: &[] }
}

/// Writes a gallery's templates, the adapted ones last, since the records of a subject's enrollment follow each other.
fn write_all<const D: usize, const N: usize, F: Filter<D>>(
    gallery: &Gallery<D, N, F>,
    stays: &dyn Fn(SubjectId, Kind) -> bool,
    sink: &mut Sink<'_>,
) -> Result<(), LogError> {
    for (kind, record) in [(Kind::Enrolled, RecordKind::Enroll), (Kind::Adapted, RecordKind::Adapt)] {
        let (mut before, mut index) = (None, 0);
        for (subject, _, code) in
            gallery.templates().filter(|(subject, found, _)| *found == kind && stays(*subject, kind))
        {
            index = if before == Some(subject) { index + 1 } else { 0 };
            before = Some(subject);
            let total = gallery.places(subject).filter(|place| gallery.kind(*place) == kind).count();
            let (payload, total) = (bytemuck::must_cast_slice(&code), u16::try_from(total).unwrap_or(u16::MAX));
            sink(&Entry { kind: record, subject: subject.number(), index, total, payload })?;
        }
    }
    Ok(())
}

/// Does what a record says; whether it can be.
fn take<const D: usize, const N: usize, F: Filter<D>>(
    gallery: &mut Gallery<D, N, F>,
    hidden: &mut Vec<SubjectId, MAX_HIDDEN>,
    header: &Header,
    payload: &[u8],
    full: &mut bool,
) -> bool {
    let subject = SubjectId::new(header.subject);
    let kind = match header.kind {
        RecordKind::Enroll | RecordKind::Add => Kind::Enrolled,
        RecordKind::Adapt => Kind::Adapted,
        RecordKind::Hide => {
            return subject < SubjectId::FIRST_ON_DEVICE && (hidden.contains(&subject) || hidden.push(subject).is_ok());
        }
        RecordKind::Page | RecordKind::Seal | RecordKind::Attempts => return false,
    };
    let begins = header.kind == RecordKind::Enroll && header.index == 0;
    let Ok(code) = <[i8; D]>::try_from(bytemuck::must_cast_slice::<u8, i8>(payload)) else { return false };
    let Ok(template) = Template::from_code(code, gallery.space()) else { return false };
    if gallery.contains(subject) == begins {
        return false;
    }
    let taken = gallery.put_back(subject, &template, kind);
    *full |= matches!(taken, Err(crate::GalleryError::Full { .. }));
    taken.is_ok()
}

/// From which subject on ids are given.
const fn next_of(mark: u32) -> Option<SubjectId> {
    if mark == u32::MAX { None } else { Some(SubjectId::new(mark)) }
}

/// What is the same for all records of a store: model, version, form, dimension, full scale.
fn identity(space: Space, dimension: usize) -> Identity {
    let (form, full_scale) = form_to_numbers(space.form);
    let [low, high, ..] = dimension.to_le_bytes();
    let mut identity = Identity::default();
    let (model, rest) = identity.split_at_mut(ModelDigest::BYTES);
    model.iter_mut().zip(space.model.as_bytes()).for_each(|(place, byte)| *place = *byte);
    let described = [VERSION, form, low, high].into_iter().chain(full_scale.to_le_bytes());
    rest.iter_mut().zip(described).for_each(|(place, byte)| *place = byte);
    identity
}

fn model_of(identity: &Identity) -> ModelDigest {
    identity.first_chunk().map_or(ModelDigest::new([0; ModelDigest::BYTES]), |model| ModelDigest::new(*model))
}

const fn unopened(error: LogError) -> OpenError {
    match error {
        LogError::Flash(kind) => OpenError::Flash(kind),
        // What was to be written fits, unless pages are worn.
        LogError::Full | LogError::Unknown => OpenError::Flash(NorFlashErrorKind::Other),
    }
}

const fn failed(error: LogError) -> StoreError {
    match error {
        LogError::Flash(kind) => StoreError::Flash(kind),
        LogError::Full => StoreError::Worn,
        LogError::Unknown => StoreError::Flash(NorFlashErrorKind::Other),
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Erased { subject, templates, pages } => {
                write!(
                    f,
                    "subject {subject}: {templates} templates removed, flash {:#x} to {:#x} erased",
                    pages.bytes.start, pages.bytes.end
                )?;
                match pages.stubborn {
                    0 => Ok(()),
                    stubborn => {
                        write!(f, ", but {stubborn} of its pages are worn and still hold something: replace the part")
                    }
                }
            }
            Self::Hidden { subject } => {
                write!(
                    f,
                    "subject {subject} is not found any more, but its templates stay in the bundle until the next one"
                )
            }
        }
    }
}
