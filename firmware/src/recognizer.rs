//! The bundle's gallery and the one enrolled on the device, behind one question: who is this?

use cognate::normalization::{StatisticsList, SubjectStatistics};
use cognate::protection::Protection;
use cognate::quality::{self, QualityLimits, Refusal};
use cognate::{
    BackEndError, BundleView, Decision, Embedding, Fusion, Gallery, GalleryError, GalleryView, MatchError, ModelDigest,
    Normalization, Policy, PolicyError, Scan, Score, Search, SubjectId, Template,
};
use core::any::Any;
use core::fmt;

/// The fewest samples that make a subject.
pub const ENROLL_LEAST: usize = 3;

/// Decides about samples: embeddings of `IN` elements, which the bundle's back end makes templates of `D` elements of. There
/// is room for `N` templates that are enrolled on the device.
pub struct Recognizer<'a, const D: usize, const N: usize, const IN: usize = D> {
    bundle: BundleView<'a>,
    flash: GalleryView<'a>,
    ram: Gallery<D, N>,
    /// Of the subjects in RAM, when scores are normalized; the bundle has those of its own.
    statistics: StatisticsList<N>,
    /// For who is enrolled now.
    policy: Policy<'a>,
    /// What templates go through before they are compared or enrolled, when the bundle's did.
    protection: Option<Protection<'a>>,
}

impl<'a, const D: usize, const N: usize, const IN: usize> Recognizer<'a, D, N, IN> {
    /// Takes everything from a bundle: back end, gallery, cohort, and the thresholds, of which the one is chosen that goes with
    /// the number of subjects.
    ///
    /// Subjects enrolled on the device get ids from [`SubjectId::FIRST_ON_DEVICE`] on, which no bundle has, now or later.
    /// They live in RAM: a reset loses them, and their ids begin anew. What is kept of an id outlasts the subject.
    ///
    /// # Errors
    /// [`UnusableBundle::Dimension`] and [`UnusableBundle::EncoderDimension`] when the bundle was made for other dimensions
    /// than this firmware, [`UnusableBundle::Policy`] when its thresholds are not strict enough for its own gallery, and
    /// [`UnusableBundle::Protected`] when its templates are protected by a key.
    pub fn new(bundle: &BundleView<'a>) -> Result<Self, UnusableBundle> {
        if bundle.is_protected() {
            return Err(UnusableBundle::Protected);
        }
        Self::of(bundle, None)
    }

    /// The same for a bundle whose templates are protected by this device's key. Whoever is enrolled here is protected, too.
    ///
    /// # Errors
    /// As for [`Recognizer::new`], but [`UnusableBundle::Protected`] when the bundle is protected by another key, or not at
    /// all.
    pub fn protected(bundle: &BundleView<'a>, protection: Protection<'a>) -> Result<Self, UnusableBundle> {
        let fits = protection.revealed_space() == bundle.revealed_space() && protection.space() == bundle.space();
        if fits { Self::of(bundle, Some(protection)) } else { Err(UnusableBundle::Protected) }
    }

    fn of(bundle: &BundleView<'a>, protection: Option<Protection<'a>>) -> Result<Self, UnusableBundle> {
        if bundle.dimension() != D {
            return Err(UnusableBundle::Dimension { expected: D, found: bundle.dimension() });
        }
        if bundle.encoder_dimension() != IN {
            return Err(UnusableBundle::EncoderDimension { expected: IN, found: bundle.encoder_dimension() });
        }
        let mut recognizer = Self {
            bundle: *bundle,
            flash: bundle.gallery(),
            ram: Gallery::new(bundle.space(), SubjectId::FIRST_ON_DEVICE),
            statistics: StatisticsList::new(),
            // It accepts nothing, and is replaced before anybody sees it.
            policy: Policy::new(Score::from_raw(i32::MAX)),
            protection,
        };
        recognizer.choose_policy().map_err(UnusableBundle::Policy)?;
        Ok(recognizer)
    }

    /// The encoder that the bundle is for.
    #[must_use]
    pub const fn encoder(&self) -> ModelDigest {
        self.bundle.encoder()
    }

    /// What is decided by now: it changes with who is enrolled.
    #[must_use]
    pub const fn policy(&self) -> &Policy<'a> {
        &self.policy
    }

    /// The template of a sample, as it would be enrolled.
    ///
    /// # Errors
    /// [`BackEndError::Embedding`] when the bundle's back end leaves nothing of the sample.
    pub fn template(&self, sample: &Embedding<IN>) -> Result<Template<D>, BackEndError> {
        let space = self.bundle.revealed_space();
        let template = match self.bundle.back_end() {
            Some(back_end) => back_end.template(sample, space)?,
            // Without a back end IN is D (`new`), and so the two are one type: nothing is copied or checked again.
            None => {
                let sample: Option<&Embedding<D>> = (sample as &dyn Any).downcast_ref();
                let template = sample.map(|sample| Template::new(sample, space));
                template.ok_or(BackEndError::Dimension { expected: D, found: IN })?
            }
        };
        let Some(protection) = &self.protection else { return Ok(template) };
        // Of another dimension it would not have been taken.
        protection.protect(&template).map_err(|_| BackEndError::Dimension { expected: D, found: IN })
    }

    /// Who the sample is, if anyone enrolled.
    ///
    /// A function of its own in the binary, so that what a [`Meter`](crate::Meter) counts is exactly this.
    ///
    /// # Errors
    /// [`RecognizeError`]; most of all [`MatchError::EmptyGallery`]: with both galleries empty there is nobody to compare with.
    #[inline(never)]
    pub fn decide(&self, sample: &Embedding<IN>) -> Result<Decision, RecognizeError> {
        let template = self.template(sample).map_err(RecognizeError::BackEnd)?;
        self.search(|search| search.identify(&template, &self.policy)).map_err(RecognizeError::Match)
    }

    /// Enrolls a new subject with all of its samples, or nothing at all.
    ///
    /// # Errors
    /// [`EnrollError`] says why the samples should not be enrolled, or cannot be.
    pub fn enroll(&mut self, samples: &[Template<D>]) -> Result<SubjectId, EnrollError> {
        self.search(|search| quality::assess(samples, search, None, &self.limits())).map_err(EnrollError::Quality)?;
        let subject = match self.fusion() {
            Fusion::Centroid => self.ram.enroll_centroid(samples),
            Fusion::Maximum | Fusion::MeanOfBest(_) => self.ram.enroll(samples),
        };
        let subject = subject.map_err(EnrollError::Gallery)?;
        self.keep_statistics(subject);
        if let Err(error) = self.choose_policy() {
            // With one more subject no threshold holds the rate that was asked for. It was not enrolled a moment ago, and so
            // it can be removed.
            let _ = self.remove(subject);
            return Err(EnrollError::Policy(error));
        }
        Ok(subject)
    }

    /// Removes a subject that was enrolled on the device; returns how many templates it had.
    ///
    /// # Errors
    /// [`GalleryError::UnknownSubject`] when it is not enrolled here; the bundle's subjects are not.
    pub fn remove(&mut self, subject: SubjectId) -> Result<usize, GalleryError> {
        let removed = self.ram.remove(subject)?;
        self.statistics.forget(subject);
        // A threshold for more subjects was there, so one for fewer is. Otherwise the old policy would stay, and a decision
        // by it is refused.
        let _ = self.choose_policy();
        Ok(removed)
    }

    fn fusion(&self) -> Fusion {
        self.bundle.thresholds().calibration().fusion
    }

    /// Compares the subject with the cohort, when scores are normalized.
    fn keep_statistics(&mut self, subject: SubjectId) {
        if let Some((cohort, method, _)) = self.bundle.cohort()
            && let Some(statistics) = cohort.of_subject(&self.ram, subject, self.fusion(), method)
        {
            // There is room for as many subjects as the gallery can have.
            self.statistics.set(subject, statistics);
        }
    }

    fn choose_policy(&mut self) -> Result<(), PolicyError> {
        self.policy = self.search(|search| self.bundle.identification(search))?;
        Ok(())
    }

    /// What an enrollment has to keep to.
    const fn limits(&self) -> QualityLimits {
        QualityLimits { least_samples: ENROLL_LEAST, ..self.bundle.quality_limits() }
    }

    /// Hands out both galleries as one, fused and normalized as the thresholds were calibrated.
    fn search<T>(&self, use_search: impl FnOnce(&Search<'_>) -> T) -> T {
        let galleries: [&dyn Scan; 2] = [&self.flash, &self.ram];
        let search = Search::new(&galleries).fused_by(self.fusion());
        let Some((cohort, method, of_bundle)) = self.bundle.cohort() else { return use_search(&search) };
        let statistics: [&dyn SubjectStatistics; 2] = [of_bundle, &self.statistics];
        use_search(&search.normalized_by(&Normalization::new(cohort, method, &statistics)))
    }
}

/// Why this firmware cannot use a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UnusableBundle {
    /// Its templates have another dimension.
    Dimension {
        /// The dimension that the firmware was built for.
        expected: usize,
        /// The bundle's.
        found: usize,
    },
    /// It takes embeddings of another dimension.
    EncoderDimension {
        /// The dimension that the firmware was built for.
        expected: usize,
        /// The one that the bundle takes.
        found: usize,
    },
    /// It is for another encoder: its templates have nothing in common with the samples.
    Encoder {
        /// The encoder that makes the samples.
        expected: ModelDigest,
        /// The bundle's.
        found: ModelDigest,
    },
    /// Its templates are protected by a key that is not the one given, or they are not and a key is given.
    Protected,
    /// It asks for a rate that none of its thresholds holds with its own gallery.
    Policy(PolicyError),
}

impl fmt::Display for UnusableBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension { expected, found } => write!(
                f,
                "the bundle has dimension {found}, the firmware {expected}: export it for this model, or build for the other"
            ),
            Self::EncoderDimension { expected, found } => write!(
                f,
                "the bundle takes embeddings of dimension {found}, the firmware {expected}: export it for this encoder, or \
                 build for the other"
            ),
            Self::Encoder { expected, found } => write!(
                f,
                "the bundle is for encoder {found}, the samples are of {expected}: export it for this encoder, or use the other"
            ),
            Self::Protected => f.write_str(
                "the bundle is not protected by this device's key: protect it with that key, or by none if it has none",
            ),
            Self::Policy(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for UnusableBundle {}

/// Why there is no decision about a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RecognizeError {
    /// It does not become a template.
    BackEnd(BackEndError),
    /// The template cannot be searched for.
    Match(MatchError),
}

impl fmt::Display for RecognizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BackEnd(error) => error.fmt(f),
            Self::Match(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RecognizeError {}

/// Why nobody was enrolled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EnrollError {
    /// The samples are not good enough.
    Quality(Refusal),
    /// The gallery in RAM refused them.
    Gallery(GalleryError),
    /// With one more subject no threshold of the bundle holds the rate that it asks for.
    Policy(PolicyError),
}

impl fmt::Display for EnrollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quality(refusal) => refusal.fmt(f),
            Self::Gallery(error) => error.fmt(f),
            Self::Policy(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EnrollError {}

#[cfg(test)]
mod tests;
