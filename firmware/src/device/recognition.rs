//! The bundle and who is enrolled, and what is decided by them.

use super::backup::Backup;
use super::{Device, InPlace, Part};
use cognate::guard::{Attempt, GuardError};
use cognate::protocol::{Answer, Refusal, Verdict};
use cognate::signature::BundleVersion;
use cognate::store::{Area, OpenError, Receipt, Store, StoreError};
use cognate::{
    BundleView, Decision, Embedding, Fusion, Gallery, GalleryError, Matcher, ModelDigest, Search, Space, SubjectId,
    Template,
};
use heapless::Vec;

/// The most samples that somebody is enrolled by.
pub const MAX_SAMPLES: usize = 8;

/// Whether a firmware for these dimensions can use a bundle: templates that are protected need a key that it does not have.
pub(super) fn fits<const D: usize, const IN: usize>(bundle: &BundleView<'_>) -> bool {
    Matcher::<D, 1, IN>::check(bundle).is_ok() && !bundle.is_protected()
}

type KeptStore<'a, F, const D: usize, const N: usize> = Store<Part<'a, F>, D, N>;

/// A bundle, and who is enrolled beside it.
pub(super) struct Working<'a, F, const D: usize, const N: usize, const IN: usize> {
    matcher: Matcher<'a, D, N, IN>,
    version: BundleVersion,
    store: Result<KeptStore<'a, F, D, N>, OpenError>,
    /// To begin a store anew in.
    part: Part<'a, F>,
    area: Area,
    damaged: u32,
    samples: Vec<Template<D>, MAX_SAMPLES>,
}

impl<'a, F, const D: usize, const N: usize, const IN: usize> Working<'a, F, D, N, IN>
where
    F: InPlace<'a>,
{
    /// Opens the store for the bundle's templates; `None` for a bundle of other dimensions. One with templates of another model
    /// stays as it is until a backup of them for this one is restored.
    pub(super) fn new(bundle: BundleView<'a>, version: BundleVersion, part: Part<'a, F>, area: Area) -> Option<Self> {
        if !fits::<D, IN>(&bundle) {
            return None;
        }
        let mut matcher = Matcher::new(&bundle).ok()?;
        let opened = match Store::open(part.again(), area, empty(bundle.space())) {
            // With nobody in it, there is nothing to keep.
            Err(OpenError::Model { found, .. }) if is_nobodys::<F, D, N>(&part, area, &bundle, found) => {
                Store::renew(part.again(), area, empty(bundle.space())).map(|(store, _)| (store, 0))
            }
            outcome => outcome.map(|(store, report)| {
                let places = report.damage.places.saturating_add(report.damage.operations);
                (store, places.saturating_add(report.damage.refused))
            }),
        };
        let damaged = opened.as_ref().map_or(0, |(_, damaged)| *damaged);
        let store = opened.map(|(store, _)| store);
        if let Ok(store) = &store {
            matcher.note_all(store.gallery());
        }
        Some(Self { matcher, version, store, part, area, damaged, samples: Vec::new() })
    }

    pub(super) const fn bundle(&self) -> &BundleView<'a> {
        self.matcher.bundle()
    }

    pub(super) const fn version(&self) -> BundleVersion {
        self.version
    }

    pub(super) fn templates(&self) -> usize {
        self.store.as_ref().map_or(0, |store| store.gallery().len())
    }

    pub(super) fn store_error(&self) -> Option<OpenError> {
        self.store.as_ref().err().copied()
    }

    /// What was found damaged, and what did not read back.
    pub(super) fn health(&self) -> (u32, u32) {
        (self.damaged, self.store.as_ref().map_or(0, Store::worn))
    }

    pub(super) fn store(&self) -> Result<&KeptStore<'a, F, D, N>, Refusal> {
        self.store.as_ref().map_err(|error| unopened(*error))
    }

    /// The first subject behind a number, of bundle and store, and how many templates it has.
    pub(super) fn next_subject(&self, after: u32) -> Result<Option<(SubjectId, u16)>, Refusal> {
        let (store, after) = (self.store()?, SubjectId::new(after));
        let of_bundle = self
            .matcher
            .gallery()
            .templates()
            .map(|(subject, ..)| subject)
            .filter(|subject| !store.hidden().contains(subject));
        let all = of_bundle.chain(store.gallery().templates().map(|(subject, ..)| subject));
        let (mut next, mut templates) = (None, 0_u16);
        for subject in all.filter(|subject| *subject > after) {
            if next.is_none_or(|next| subject < next) {
                (next, templates) = (Some(subject), 0);
            }
            templates = templates.saturating_add(u16::from(next == Some(subject)));
        }
        Ok(next.map(|next| (next, templates)))
    }

    /// The template of an embedding in little-endian `f32`.
    fn template(&self, embedding: &[u8]) -> Result<Template<D>, Refusal> {
        let (values, rest) = embedding.as_chunks::<4>();
        let values: &[[u8; 4]; IN] = values.try_into().map_err(|_| Refusal::Template)?;
        if !rest.is_empty() {
            return Err(Refusal::Template);
        }
        let sample = Embedding::new(values.map(f32::from_le_bytes)).map_err(|_| Refusal::Template)?;
        self.matcher.template(&sample).map_err(|_| Refusal::Template)
    }

    pub(super) fn sample(&mut self, embedding: &[u8]) -> Result<(), Refusal> {
        let template = self.template(embedding)?;
        self.samples.push(template).map_err(|_| Refusal::Quality)
    }

    /// Hands out both galleries as one, without who was removed of the bundle's.
    fn search<T>(&self, use_search: impl FnOnce(&Search<'_>) -> T) -> Result<T, Refusal> {
        let store = self.store()?;
        Ok(self.matcher.search(store.gallery(), store.hidden(), use_search))
    }

    /// Enrolls by the samples that were taken; they are gone then, whatever comes of it.
    fn enroll(&mut self) -> Result<SubjectId, Failure> {
        let samples = core::mem::take(&mut self.samples);
        let store = self.store.as_mut().map_err(|error| unopened(*error))?;
        self.matcher.assess(&samples, store.gallery(), store.hidden()).map_err(|_| Refusal::Quality)?;
        let subject = match self.matcher.fusion() {
            Fusion::Centroid => store.enroll_centroid(&samples),
            Fusion::Maximum | Fusion::MeanOfBest(_) => store.enroll(&samples),
        }?;
        self.matcher.note(store.gallery(), subject);
        self.require_policy(subject)
    }

    /// Enrolls a template as it is.
    fn enroll_template(&mut self, subject: u32, model: [u8; 16], code: &[u8]) -> Result<SubjectId, Failure> {
        let space = self.matcher.bundle().space();
        let code: &[u8; D] = code.try_into().map_err(|_| Refusal::Template)?;
        let template = Template::from_code(code.map(u8::cast_signed), space).map_err(|_| Refusal::Template)?;
        if ModelDigest::new(model) != space.model {
            return Err(Refusal::Template.into());
        }
        let store = self.store.as_mut().map_err(|error| unopened(*error))?;
        let known = (subject != 0).then_some(SubjectId::new(subject));
        let subject = match known {
            None => store.enroll(&[template])?,
            Some(known) => store.add(known, &[template]).map(|()| known)?,
        };
        self.matcher.note(store.gallery(), subject);
        if known.is_some() { Ok(subject) } else { self.require_policy(subject) }
    }

    /// With one more subject there may be no threshold that holds the rate that was asked for: then it is removed again.
    fn require_policy(&mut self, subject: SubjectId) -> Result<SubjectId, Failure> {
        if self.search(|search| self.bundle().identification(search).is_ok())? {
            return Ok(subject);
        }
        self.remove(subject)?;
        Err(Refusal::Policy.into())
    }

    /// Removes a subject of the store, or hides one of the bundle.
    pub(super) fn remove(&mut self, subject: SubjectId) -> Result<Receipt, StoreError> {
        let in_bundle = self.matcher.gallery().templates().any(|(owner, ..)| owner == subject);
        let Ok(store) = &mut self.store else { return Err(GalleryError::UnknownSubject(subject).into()) };
        if in_bundle && !store.hidden().contains(&subject) {
            return store.hide(subject);
        }
        let receipt = store.remove(subject)?;
        self.matcher.forget(subject);
        Ok(receipt)
    }

    /// Puts a backup in place of what is stored, of whatever model that is.
    pub(super) fn restore(&mut self, backup: &Backup<'_, D>) -> Result<(), StoreError> {
        if backup.templates().count() > N {
            return Err(GalleryError::Full { capacity: N, needed: backup.templates().count() }.into());
        }
        if self.store.is_err() {
            let renewed = Store::renew(self.part.again(), self.area, empty(self.bundle().space()));
            self.store = renewed.map(|(store, _)| store);
        }
        let store = self.store.as_mut().map_err(|error| match error {
            OpenError::Flash(kind) => StoreError::Flash(*kind),
            _ => StoreError::Worn,
        })?;
        // First who is not to be found: a cut behind it leaves nobody in who was removed.
        backup.hidden().try_for_each(|subject| store.hide(subject).map(drop))?;
        store.restore(backup.templates())?;
        self.matcher.note_all(store.gallery());
        Ok(())
    }
}

impl<'a, F, Clock, const D: usize, const N: usize, const IN: usize> Device<'a, F, Clock, D, N, IN>
where
    F: InPlace<'a>,
    Clock: FnMut() -> u64,
{
    pub(super) fn enroll(&mut self) -> Result<Answer<'static>, Refusal> {
        let enrolled = self.working()?.enroll();
        self.enrolled(enrolled)
    }

    pub(super) fn enroll_template(
        &mut self,
        subject: u32,
        model: [u8; 16],
        code: &[u8],
    ) -> Result<Answer<'static>, Refusal> {
        let enrolled = self.working()?.enroll_template(subject, model, code);
        self.enrolled(enrolled)
    }

    fn enrolled(&mut self, enrolled: Result<SubjectId, Failure>) -> Result<Answer<'static>, Refusal> {
        match enrolled {
            Ok(id) => Ok(Answer::Enrolled { id: id.number() }),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(Failure::Store(error)) => Err(self.refusal(error)),
        }
    }

    pub(super) fn verify(&mut self, claimed: SubjectId, embedding: &[u8]) -> Result<Answer<'static>, Refusal> {
        let working = self.working()?;
        let probe = working.template(embedding)?;
        let policy = working.bundle().verification().map_err(|_| Refusal::Policy)?;
        // Who is not there is told before it counts as an attempt: whoever has the key can list them.
        let known = working.next_subject(claimed.number().saturating_sub(1))?;
        if known.is_none_or(|(subject, _)| subject != claimed) {
            return Err(Refusal::UnknownSubject);
        }
        let attempt = self.attempt()?;
        let found = self.working()?.search(|search| search.verify(&probe, claimed, &policy))?;
        let found = found.map_err(|_| Refusal::UnknownSubject)?;
        self.judge(attempt, found.accepted)?;
        let verdict = if found.accepted { Verdict::Accepted } else { Verdict::Rejected };
        self.remember(verdict, claimed.number(), found.score.raw());
        Ok(Answer::Verified { accepted: found.accepted, score: found.score.raw() })
    }

    pub(super) fn identify(&mut self, embedding: &[u8]) -> Result<Answer<'static>, Refusal> {
        let working = self.working()?;
        let probe = working.template(embedding)?;
        if working.next_subject(0)?.is_none() {
            return Err(Refusal::UnknownSubject);
        }
        let attempt = self.attempt()?;
        let working = self.working()?;
        let decision = working.search(|search| {
            let policy = working.bundle().identification(search).map_err(|_| Refusal::Policy)?;
            search.identify(&probe, &policy).map_err(|_| Refusal::Template)
        })??;
        let id = decision.subject().map_or(0, SubjectId::number);
        self.judge(attempt, id != 0)?;
        self.statistics.count(&decision);
        let score = decision.evidence().map_or(0, |evidence| evidence.best.score.raw());
        let verdict = match decision {
            Decision::Known(_) => Verdict::Known,
            Decision::Ambiguous(_) => Verdict::Ambiguous,
            Decision::Unknown(_) => Verdict::Unknown,
        };
        self.remember(verdict, id, score);
        Ok(Answer::Identified { id, score })
    }

    /// Writes an attempt down, before anything is scored.
    fn attempt(&mut self) -> Result<Attempt, Refusal> {
        let now = (self.clock)();
        self.guard.begin(now).map_err(|error| self.guard_refusal(error))
    }

    /// What became of an attempt; nobody is told before it is in flash.
    fn judge(&mut self, attempt: Attempt, right: bool) -> Result<(), Refusal> {
        if right {
            return self.guard.accept(attempt).map_err(|error| self.guard_refusal(error));
        }
        let now = (self.clock)();
        self.guard.reject(attempt, now);
        Ok(())
    }

    fn guard_refusal(&mut self, error: GuardError) -> Refusal {
        match error {
            GuardError::Wait { .. } | GuardError::Locked => Refusal::Locked,
            _ => {
                self.restart = true;
                Refusal::Flash
            }
        }
    }
}

/// Why somebody was not enrolled.
enum Failure {
    Refused(Refusal),
    Store(StoreError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What an error of the store means to a host.
pub(super) const fn refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::Gallery(GalleryError::UnknownSubject(_)) => Refusal::UnknownSubject,
        StoreError::Gallery(GalleryError::Full { .. }) | StoreError::Hidden { .. } => Refusal::Full,
        StoreError::Gallery(_) | StoreError::Adapt(_) => Refusal::Template,
        _ => Refusal::Flash,
    }
}

const fn unopened(error: OpenError) -> Refusal {
    match error {
        OpenError::Model { .. } => Refusal::OtherModel,
        _ => Refusal::Flash,
    }
}

/// The receipt for a host. The store counts from its own first page on, and the host from the flash's.
pub(super) fn receipt(receipt: &Receipt, begin: u32) -> Answer<'static> {
    match receipt {
        Receipt::Erased { templates, pages, .. } => Answer::Removed {
            templates: u16::try_from(*templates).unwrap_or(u16::MAX),
            from: begin.saturating_add(pages.bytes.start),
            to: begin.saturating_add(pages.bytes.end),
            stubborn: pages.stubborn,
        },
        Receipt::Hidden { .. } => Answer::Hidden,
    }
}

const fn empty<const D: usize, const N: usize>(space: Space) -> Gallery<D, N> {
    Gallery::new(space, SubjectId::FIRST_ON_DEVICE)
}

/// Whether a store of another model has nobody in it, and nobody of the bundle's is hidden.
fn is_nobodys<'a, F: InPlace<'a>, const D: usize, const N: usize>(
    part: &Part<'a, F>,
    area: Area,
    bundle: &BundleView<'_>,
    model: ModelDigest,
) -> bool {
    let space = Space { model, ..bundle.space() };
    Store::open(part.again(), area, empty::<D, N>(space))
        .is_ok_and(|(store, report)| store.gallery().is_empty() && store.hidden().is_empty() && report.damage.is_none())
}
