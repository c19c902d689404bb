//! The bundle's gallery and the one enrolled on the device, behind one question: who is this?

use crate::configuration::{COGNATE_CAPACITY, COGNATE_DIMENSION, COGNATE_ENCODER_DIMENSION};
use crate::flash::Flash;
use crate::status::Status;
use crate::values;
use cognate::normalization::{StatisticsList, SubjectStatistics};
use cognate::quality::{self, QualityLimits};
use cognate::store::{Area, Store};
use cognate::{
    BundleView, Decision, Embedding, Fusion, Gallery, GalleryView, Normalization, Policy, Scan, Score, Search,
    SubjectId, Template, Verification,
};
use heapless::Vec;

/// The fewest samples that make a subject.
const ENROLL_LEAST: usize = 3;
/// The most that are looked at together.
const ENROLL_MOST: usize = 8;

type Code = Template<COGNATE_DIMENSION>;
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
    bundle: BundleView<'static>,
    of_bundle: GalleryView<'static>,
    enrolled: Enrolled,
    methods: &'static Methods,
    /// Of the subjects enrolled here, when scores are normalized; the bundle has those of its own.
    statistics: StatisticsList<COGNATE_CAPACITY>,
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
        let (of_bundle, statistics) = (bundle.gallery(), StatisticsList::new());
        // It accepts nothing, and is replaced before anybody sees it.
        let policy = Policy::new(Score::from_raw(i32::MAX));
        let mut recognizer = Self { bundle, of_bundle, enrolled, methods, statistics, policy };
        recognizer.keep_all_statistics();
        recognizer.choose_policy()?;
        Ok(recognizer)
    }

    /// The bundle.
    pub(crate) const fn bundle(&self) -> &BundleView<'static> {
        &self.bundle
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
        let (template, policy) = (self.code(embedding)?, self.bundle.verification()?);
        Ok(self.search(|search| search.verify(&template, SubjectId::new(subject), &policy))?)
    }

    /// Enrolls a new subject with all of its samples, or nothing at all.
    pub(crate) fn enroll(&mut self, samples: &[values::Template]) -> Result<u32, Status> {
        let mut templates = Vec::<Code, ENROLL_MOST>::new();
        for sample in samples {
            if sample.model != *self.bundle.space().model.as_bytes() {
                return Err(Status::Model);
            }
            let template = Template::from_code(sample.code, self.bundle.space())?;
            templates.push(template).map_err(|_| Status::SampleCount)?;
        }
        let limits = QualityLimits { least_samples: ENROLL_LEAST, ..self.bundle.quality_limits() };
        self.search(|search| quality::assess(&templates, search, None, &limits))?;
        let subject = match self.fusion() {
            Fusion::Centroid => {
                let centroid = self.enrolled.gallery().centroid(&templates)?;
                (self.methods.enroll)(&mut self.enrolled, &[centroid])
            }
            Fusion::Maximum | Fusion::MeanOfBest(_) => (self.methods.enroll)(&mut self.enrolled, &templates),
        }?;
        self.keep_statistics(subject);
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
        let of_bundle = self.bundle.subjects().any(|other| other.id == subject);
        if !of_bundle && !self.enrolled.gallery().contains(subject) {
            return Err(Status::UnknownSubject);
        }
        (self.methods.remove)(&mut self.enrolled, subject)?;
        self.statistics.forget(subject);
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
        let space = self.bundle.space();
        if let Some(back_end) = self.bundle.back_end() {
            let embedding = Embedding::<COGNATE_ENCODER_DIMENSION>::from_slice(embedding)?;
            return Ok(back_end.template(&embedding, space)?);
        }
        Ok(Template::new(&Embedding::from_slice(embedding)?, space))
    }

    fn fusion(&self) -> Fusion {
        self.bundle.thresholds().calibration().fusion
    }

    fn keep_statistics(&mut self, subject: SubjectId) {
        if let Some((cohort, method, _)) = self.bundle.cohort()
            && let Some(statistics) = cohort.of_subject(self.enrolled.gallery(), subject, self.fusion(), method)
        {
            // There is room for as many subjects as the gallery can have.
            self.statistics.set(subject, statistics);
        }
    }

    fn keep_all_statistics(&mut self) {
        let (fusion, gallery) = (self.fusion(), self.enrolled.gallery());
        let Some((cohort, method, _)) = self.bundle.cohort() else { return };
        for subject in gallery.enrolled() {
            if let Some(statistics) = cohort.of_subject(gallery, subject, fusion, method) {
                self.statistics.set(subject, statistics);
            }
        }
    }

    fn choose_policy(&mut self) -> Result<(), Status> {
        self.policy = self.search(|search| self.bundle.identification(search))?;
        Ok(())
    }

    /// Hands out both galleries as one, fused and normalized as the thresholds were calibrated.
    fn search<T>(&self, use_search: impl FnOnce(&Search<'_>) -> T) -> T {
        let galleries: [&dyn Scan; 2] = [&self.of_bundle, self.enrolled.gallery()];
        let search = Search::new(&galleries).fused_by(self.fusion()).without(self.enrolled.hidden());
        let Some((cohort, method, of_bundle)) = self.bundle.cohort() else { return use_search(&search) };
        let statistics: [&dyn SubjectStatistics; 2] = [of_bundle, &self.statistics];
        use_search(&search.normalized_by(&Normalization::new(cohort, method, &statistics)))
    }
}

fn bundle_in(bytes: &'static [u8]) -> Result<BundleView<'static>, Status> {
    let bundle = BundleView::new_checked(bytes)?;
    let fits = bundle.dimension() == COGNATE_DIMENSION && bundle.encoder_dimension() == COGNATE_ENCODER_DIMENSION;
    match () {
        () if !fits => Err(Status::Dimension),
        () if bundle.is_protected() => Err(Status::Protected),
        () => Ok(bundle),
    }
}

const fn gallery_for(bundle: &BundleView<'_>) -> Ram {
    Gallery::new(bundle.space(), SubjectId::FIRST_ON_DEVICE)
}
