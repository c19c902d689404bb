//! The bundle's gallery and the one enrolled on the device, behind one question: who is this?

use crate::configuration::{COGNATE_CAPACITY, COGNATE_DIMENSION, COGNATE_ENCODER_DIMENSION};
use crate::flash::Flash;
use crate::status::Status;
use crate::values;
use cognate::store::{Area, Store};
use cognate::{
    BundleView, Decision, Embedding, Fusion, Gallery, Matcher, Policy, Score, Search, SubjectId, Template, Verification,
};
use heapless::Vec;

/// The most samples that are looked at together.
const ENROLL_MOST: usize = 8;

type Code = Template<COGNATE_DIMENSION>;
type OfBundle = Matcher<'static, COGNATE_DIMENSION, COGNATE_CAPACITY, COGNATE_ENCODER_DIMENSION>;
type Ram = Gallery<COGNATE_DIMENSION, COGNATE_CAPACITY>;
type Stored = Store<Flash, COGNATE_DIMENSION, COGNATE_CAPACITY>;

/// Who was enrolled on the device.
#[expect(clippy::large_enum_variant, reason = "nothing is allocated, and the difference is the state of a log")]
pub(crate) enum Enrolled {
    /// Until the next reset.
    Ram(Ram),
    /// In flash, too.
    Stored(Stored),
}

impl Enrolled {
    const fn gallery(&self) -> &Ram {
        match self {
            Self::Ram(gallery) => gallery,
            Self::Stored(store) => store.gallery(),
        }
    }

    fn hidden(&self) -> &[SubjectId] {
        match self {
            Self::Ram(_) => &[],
            Self::Stored(store) => store.hidden(),
        }
    }
}

/// How those who are enrolled change. A table of functions and not a `match`, so that a firmware that never opens a store has
/// none of it in flash.
struct Methods {
    enroll: fn(&mut Enrolled, &[Code]) -> Result<SubjectId, Status>,
    remove: fn(&mut Enrolled, SubjectId) -> Result<(), Status>,
}

static IN_RAM: Methods = Methods {
    enroll: |enrolled, templates| match enrolled {
        Enrolled::Ram(gallery) => Ok(gallery.enroll(templates)?),
        Enrolled::Stored(_) => Err(Status::Closed),
    },
    remove: |enrolled, subject| match enrolled {
        Enrolled::Ram(gallery) => Ok(gallery.remove(subject).map(|_| ())?),
        Enrolled::Stored(_) => Err(Status::Closed),
    },
};

static IN_FLASH: Methods = Methods {
    enroll: |enrolled, templates| match enrolled {
        Enrolled::Stored(store) => Ok(store.enroll(templates)?),
        Enrolled::Ram(_) => Err(Status::Closed),
    },
    remove: |enrolled, subject| match enrolled {
        // A subject of the bundle stays in its flash, and is not found any more.
        Enrolled::Stored(store) if subject < SubjectId::FIRST_ON_DEVICE => Ok(store.hide(subject).map(|_| ())?),
        Enrolled::Stored(store) => Ok(store.remove(subject).map(|_| ())?),
        Enrolled::Ram(_) => Err(Status::Closed),
    },
};

/// Decides about embeddings.
pub(crate) struct Recognizer {
    matcher: OfBundle,
    enrolled: Enrolled,
    methods: &'static Methods,
    /// For who is enrolled now.
    policy: Policy<'static>,
}

impl Recognizer {
    /// With nobody enrolled but in the bundle.
    pub(crate) fn open(bundle: &'static [u8]) -> Result<Self, Status> {
        let bundle = bundle_in(bundle)?;
        Self::of(bundle, Enrolled::Ram(gallery_for(&bundle)), &IN_RAM)
    }

    /// With those who are stored, or, `anew`, with nobody who was.
    pub(crate) fn open_stored(bundle: &'static [u8], flash: Flash, anew: bool) -> Result<Self, Status> {
        flash.check()?;
        let bundle = bundle_in(bundle)?;
        let (area, gallery) = (Area { begin: 0, pages: flash.pages() }, gallery_for(&bundle));
        let store = if anew { Stored::renew(flash, area, gallery)?.0 } else { Stored::open(flash, area, gallery)?.0 };
        Self::of(bundle, Enrolled::Stored(store), &IN_FLASH)
    }

    fn of(bundle: BundleView<'static>, enrolled: Enrolled, methods: &'static Methods) -> Result<Self, Status> {
        let mut matcher = OfBundle::new(&bundle)?;
        matcher.note_all(enrolled.gallery());
        // It accepts nothing, and is replaced before anybody sees it.
        let policy = Policy::new(Score::from_raw(i32::MAX));
        let mut recognizer = Self { matcher, enrolled, methods, policy };
        recognizer.choose_policy()?;
        Ok(recognizer)
    }

    /// The bundle.
    pub(crate) const fn bundle(&self) -> &BundleView<'static> {
        self.matcher.bundle()
    }

    /// The template of an embedding.
    pub(crate) fn template(&self, embedding: &[f32]) -> Result<values::Template, Status> {
        let template = self.code(embedding)?;
        Ok(values::Template { model: *template.space().model.as_bytes(), code: *template.code() })
    }

    /// Who it is, if anyone enrolled.
    pub(crate) fn identify(&self, embedding: &[f32]) -> Result<Decision, Status> {
        let template = self.code(embedding)?;
        Ok(self.search(|search| search.identify(&template, &self.policy))?)
    }

    /// Whether it is this subject, by the threshold that the exporter chose.
    pub(crate) fn verify(&self, embedding: &[f32], subject: u32) -> Result<Verification, Status> {
        let (template, policy) = (self.code(embedding)?, self.bundle().verification()?);
        Ok(self.search(|search| search.verify(&template, SubjectId::new(subject), &policy))?)
    }

    /// Enrolls a new subject with all of its samples, or nothing at all.
    pub(crate) fn enroll(&mut self, samples: &[values::Template]) -> Result<u32, Status> {
        let mut templates = Vec::<Code, ENROLL_MOST>::new();
        for sample in samples {
            if sample.model != *self.bundle().space().model.as_bytes() {
                return Err(Status::Model);
            }
            let template = Template::from_code(sample.code, self.bundle().space())?;
            templates.push(template).map_err(|_| Status::SampleCount)?;
        }
        self.matcher.assess(&templates, self.enrolled.gallery(), self.enrolled.hidden())?;
        let subject = match self.matcher.fusion() {
            Fusion::Centroid => {
                let centroid = self.enrolled.gallery().centroid(&templates)?;
                (self.methods.enroll)(&mut self.enrolled, &[centroid])
            }
            Fusion::Maximum | Fusion::MeanOfBest(_) => (self.methods.enroll)(&mut self.enrolled, &templates),
        }?;
        self.matcher.note(self.enrolled.gallery(), subject);
        if let Err(status) = self.choose_policy() {
            // With one more subject no threshold holds the rate that was asked for. It was not enrolled a moment ago.
            let _ = self.remove(subject.number());
            return Err(status);
        }
        Ok(subject.number())
    }

    /// Removes a subject.
    pub(crate) fn remove(&mut self, subject: u32) -> Result<(), Status> {
        let subject = SubjectId::new(subject);
        let of_bundle = self.bundle().subjects().any(|other| other.id == subject);
        if !of_bundle && !self.enrolled.gallery().contains(subject) {
            return Err(Status::UnknownSubject);
        }
        (self.methods.remove)(&mut self.enrolled, subject)?;
        self.matcher.forget(subject);
        // A threshold for more subjects was there, so one for fewer is. Otherwise the old policy would stay, and a decision by
        // it is refused.
        let _ = self.choose_policy();
        Ok(())
    }

    /// Templates that were enrolled on the device.
    pub(crate) fn templates(&self) -> usize {
        self.enrolled.gallery().len()
    }

    fn code(&self, embedding: &[f32]) -> Result<Code, Status> {
        Ok(self.matcher.template(&Embedding::from_slice(embedding)?)?)
    }

    fn choose_policy(&mut self) -> Result<(), Status> {
        self.policy = self.search(|search| self.bundle().identification(search))?;
        Ok(())
    }

    /// Hands out both galleries as one, without who was removed of the bundle's.
    fn search<T>(&self, use_search: impl FnOnce(&Search<'_>) -> T) -> T {
        self.matcher.search(self.enrolled.gallery(), self.enrolled.hidden(), use_search)
    }
}

fn bundle_in(bytes: &'static [u8]) -> Result<BundleView<'static>, Status> {
    let bundle = BundleView::new_checked(bytes)?;
    OfBundle::check(&bundle)?;
    if bundle.is_protected() { Err(Status::Protected) } else { Ok(bundle) }
}

const fn gallery_for(bundle: &BundleView<'_>) -> Ram {
    Gallery::new(bundle.space(), SubjectId::FIRST_ON_DEVICE)
}
