//! The bundle's gallery and the one enrolled on the device, behind one question: who is this?

use cognate::protection::Protection;
use cognate::quality::Refusal;
use cognate::{
    BackEndError, BundleView, Decision, DimensionError, Embedding, Fusion, Gallery, GalleryError, MatchError, Matcher,
    ModelDigest, Policy, PolicyError, Score, Search, SubjectId, Template,
};
use core::fmt;

/// Decides about samples: embeddings of `IN` elements, which the bundle's back end makes templates of `D` elements of. There
/// is room for `N` templates that are enrolled on the device.
pub struct Recognizer<'a, const D: usize, const N: usize, const IN: usize = D> {
    matcher: Matcher<'a, D, N, IN>,
    ram: Gallery<D, N>,
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
    /// [`UnusableBundle::Dimension`] when the bundle was made for other dimensions than this firmware,
    /// [`UnusableBundle::Policy`] when its thresholds are not strict enough for its own gallery, and
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
        let mut recognizer = Self {
            matcher: Matcher::new(bundle).map_err(UnusableBundle::Dimension)?,
            ram: Gallery::new(bundle.space(), SubjectId::FIRST_ON_DEVICE),
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
        self.matcher.bundle().encoder()
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
        let template = self.matcher.template(sample)?;
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
        self.matcher.assess(samples, &self.ram, &[]).map_err(EnrollError::Quality)?;
        let subject = match self.matcher.fusion() {
            Fusion::Centroid => self.ram.enroll_centroid(samples),
            Fusion::Maximum | Fusion::MeanOfBest(_) => self.ram.enroll(samples),
        };
        let subject = subject.map_err(EnrollError::Gallery)?;
        self.matcher.note(&self.ram, subject);
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
        self.matcher.forget(subject);
        // A threshold for more subjects was there, so one for fewer is. Otherwise the old policy would stay, and a decision
        // by it is refused.
        let _ = self.choose_policy();
        Ok(removed)
    }

    fn choose_policy(&mut self) -> Result<(), PolicyError> {
        self.policy = self.search(|search| self.matcher.bundle().identification(search))?;
        Ok(())
    }

    fn search<T>(&self, use_search: impl FnOnce(&Search<'_>) -> T) -> T {
        self.matcher.search(&self.ram, &[], use_search)
    }
}

/// Why this firmware cannot use a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UnusableBundle {
    /// It was made for other dimensions.
    Dimension(DimensionError),
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
            Self::Dimension(error) => error.fmt(f),
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
