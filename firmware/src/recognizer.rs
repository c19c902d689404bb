//! The bundle's gallery and the one enrolled on the device, behind one question: who is this?

use cognate::{
    BundleView, Decision, Embedding, Gallery, GalleryError, GalleryView, MatchError, ModelDigest, Policy, SubjectId,
    Template, identify,
};
use core::fmt;

/// Decides about samples of `D` elements, with room for `N` templates that are enrolled on the device.
pub struct Recognizer<'a, const D: usize, const N: usize> {
    model: ModelDigest,
    policy: Policy,
    flash: GalleryView<'a>,
    ram: Gallery<D, N>,
}

impl<'a, const D: usize, const N: usize> Recognizer<'a, D, N> {
    /// Takes gallery, model and operating point from a bundle.
    ///
    /// Subjects enrolled on the device get ids from [`SubjectId::FIRST_ON_DEVICE`] on, which no bundle has, now or later.
    /// They live in RAM: a reset loses them, and their ids begin anew. What is kept of an id outlasts the subject.
    ///
    /// # Errors
    /// [`BundleMismatch::Dimension`] when the bundle was made for another dimension than this firmware.
    pub fn new(bundle: &BundleView<'a>) -> Result<Self, BundleMismatch> {
        if bundle.dimension() != D {
            return Err(BundleMismatch::Dimension { expected: D, found: bundle.dimension() });
        }
        let model = bundle.model();
        Ok(Self {
            model,
            policy: Policy::new(bundle.operating_point().threshold),
            flash: bundle.gallery(),
            ram: Gallery::new(model, SubjectId::FIRST_ON_DEVICE),
        })
    }

    /// The model that the bundle is for.
    #[must_use]
    pub const fn model(&self) -> ModelDigest {
        self.model
    }

    /// The template of a sample, as it would be enrolled.
    #[must_use]
    pub fn template(&self, sample: &Embedding<D>) -> Template<D> {
        Template::new(sample, self.model)
    }

    /// Who the sample is, if anyone enrolled.
    ///
    /// A function of its own in the binary, so that what a [`Meter`](crate::Meter) counts is exactly this.
    ///
    /// # Errors
    /// [`MatchError`] as [`identify`]: with both galleries empty there is nobody to compare with.
    #[inline(never)]
    pub fn decide(&self, sample: &Embedding<D>) -> Result<Decision, MatchError> {
        let template = self.template(sample);
        identify(template.as_ref(), &[&self.flash, &self.ram], &self.policy)
    }

    /// Enrolls a new subject with all of its templates, or nothing at all.
    ///
    /// # Errors
    /// [`GalleryError`] as [`Gallery::enroll`]: most of all that the templates do not fit.
    pub fn enroll(&mut self, templates: &[Template<D>]) -> Result<SubjectId, GalleryError> {
        self.ram.enroll(templates)
    }
}

/// The bundle was made for another firmware.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BundleMismatch {
    /// It has another dimension.
    Dimension {
        /// The dimension that the firmware was built for.
        expected: usize,
        /// The bundle's.
        found: usize,
    },
    /// It is of another model: its templates have nothing in common with the samples.
    Model {
        /// The model that makes the samples.
        expected: ModelDigest,
        /// The bundle's.
        found: ModelDigest,
    },
}

impl fmt::Display for BundleMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension { expected, found } => write!(
                f,
                "the bundle has dimension {found}, the firmware {expected}: export it for this model, or build for the other"
            ),
            Self::Model { expected, found } => write!(
                f,
                "the bundle is of model {found}, the samples are of {expected}: export it for this model, or use the other"
            ),
        }
    }
}

impl core::error::Error for BundleMismatch {}
