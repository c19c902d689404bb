//! A bundle and those who are enrolled beside it, compared and fused as its thresholds were calibrated.

use crate::back_end::BackEndError;
use crate::bundle::BundleView;
use crate::embedding::Embedding;
use crate::gallery::{Fusion, Gallery, GalleryView, Scan, SubjectId};
use crate::normalization::{Normalization, StatisticsList, SubjectStatistics};
use crate::quality::{self, Quality, Refusal};
use crate::search::Search;
use crate::template::Template;
use core::any::Any;
use core::fmt;

/// Makes templates of embeddings of `IN` elements, which the bundle's back end leaves `D` of, and searches the bundle's gallery
/// together with one of up to `N` templates that is kept elsewhere: in RAM, or in a store.
///
/// It knows nothing of the other gallery but the statistics of its subjects, which scores are normalized by when the bundle has
/// a cohort. Whoever changes that gallery says so: [`Matcher::note`], [`Matcher::note_all`], [`Matcher::forget`].
///
/// ```
/// # fn door(bundle: &cognate::BundleView<'_>, sample: &cognate::Embedding<64>) -> Result<(), Box<dyn std::error::Error>> {
/// use cognate::{Gallery, Matcher, SubjectId};
///
/// let matcher = Matcher::<64, 8>::new(bundle)?;
/// let beside = Gallery::<64, 8>::new(bundle.space(), SubjectId::FIRST_ON_DEVICE);
/// let probe = matcher.template(sample)?;
/// matcher.search(&beside, &[], |search| -> Result<_, Box<dyn std::error::Error>> {
///     Ok(search.identify(&probe, &bundle.identification(search)?)?)
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Matcher<'a, const D: usize, const N: usize, const IN: usize = D> {
    bundle: BundleView<'a>,
    gallery: GalleryView<'a>,
    /// Of the subjects beside the bundle; the bundle has those of its own.
    statistics: StatisticsList<N>,
}

impl<'a, const D: usize, const N: usize, const IN: usize> Matcher<'a, D, N, IN> {
    /// A matcher that knows nobody beside the bundle.
    ///
    /// # Errors
    /// [`DimensionError`] when the bundle was made for other dimensions.
    pub fn new(bundle: &BundleView<'a>) -> Result<Self, DimensionError> {
        Self::check(bundle)?;
        Ok(Self { bundle: *bundle, gallery: bundle.gallery(), statistics: StatisticsList::new() })
    }

    /// Whether a bundle is of these dimensions.
    ///
    /// # Errors
    /// [`DimensionError`] when it is not.
    pub const fn check(bundle: &BundleView<'_>) -> Result<(), DimensionError> {
        if bundle.dimension() != D {
            return Err(DimensionError::Template { expected: D, found: bundle.dimension() });
        }
        if bundle.encoder_dimension() != IN {
            return Err(DimensionError::Embedding { expected: IN, found: bundle.encoder_dimension() });
        }
        Ok(())
    }

    /// The bundle.
    #[must_use]
    pub const fn bundle(&self) -> &BundleView<'a> {
        &self.bundle
    }

    /// The bundle's gallery.
    #[must_use]
    pub const fn gallery(&self) -> &GalleryView<'a> {
        &self.gallery
    }

    /// How the templates of a subject are compared: by [`Fusion::Centroid`] one alone is enrolled.
    #[must_use]
    pub fn fusion(&self) -> Fusion {
        self.bundle.thresholds().calibration().fusion
    }

    /// The template of a sample, in the space of [`BundleView::revealed_space`]: where the bundle is protected, it is still to be.
    ///
    /// # Errors
    /// [`BackEndError::Embedding`] when the bundle's back end leaves nothing of the sample.
    pub fn template(&self, sample: &Embedding<IN>) -> Result<Template<D>, BackEndError> {
        let space = self.bundle.revealed_space();
        match self.bundle.back_end() {
            Some(back_end) => back_end.template(sample, space),
            // Without a back end IN is D (`new`), and so the two are one type: nothing is copied or checked again.
            None => {
                let sample: Option<&Embedding<D>> = (sample as &dyn Any).downcast_ref();
                let template = sample.map(|sample| Template::new(sample, space));
                template.ok_or(BackEndError::Dimension { expected: D, found: IN })
            }
        }
    }

    /// Hands out both galleries as one, without those who are `removed`.
    pub fn search<T>(
        &self,
        beside: &Gallery<D, N>,
        removed: &[SubjectId],
        use_search: impl FnOnce(&Search<'_>) -> T,
    ) -> T {
        let galleries: [&dyn Scan; 2] = [&self.gallery, beside];
        let search = Search::new(&galleries).fused_by(self.fusion()).without(removed);
        let Some((cohort, method, of_bundle)) = self.bundle.cohort() else { return use_search(&search) };
        let statistics: [&dyn SubjectStatistics; 2] = [of_bundle, &self.statistics];
        use_search(&search.normalized_by(&Normalization::new(cohort, method, &statistics)))
    }

    /// Looks at the samples of a subject who is not enrolled yet ([`quality::assess`]), by the bundle's limits.
    ///
    /// # Errors
    /// [`Refusal`]: the first thing that is wrong.
    pub fn assess(
        &self,
        samples: &[Template<D>],
        beside: &Gallery<D, N>,
        removed: &[SubjectId],
    ) -> Result<Quality, Refusal> {
        self.search(beside, removed, |search| quality::assess(samples, search, None, &self.bundle.quality_limits()))
    }

    /// Compares a subject, who was enrolled beside the bundle or has other templates now, with the cohort, if there is one.
    pub fn note(&mut self, beside: &Gallery<D, N>, subject: SubjectId) {
        let fusion = self.fusion();
        if let Some((cohort, method, _)) = self.bundle.cohort()
            && let Some(statistics) = cohort.of_subject(beside, subject, fusion, method)
        {
            // There is room for as many subjects as the gallery can have.
            self.statistics.set(subject, statistics);
        }
    }

    /// The same for everybody in a gallery that takes the place of the one before.
    pub fn note_all(&mut self, beside: &Gallery<D, N>) {
        self.statistics = StatisticsList::new();
        if self.bundle.cohort().is_some() {
            beside.enrolled().for_each(|subject| self.note(beside, subject));
        }
    }

    /// Forgets a subject who is not enrolled beside the bundle any more.
    pub fn forget(&mut self, subject: SubjectId) {
        self.statistics.forget(subject);
    }
}

/// A bundle of other dimensions than the firmware.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DimensionError {
    /// Its templates have others.
    Template {
        /// The dimension that the firmware was built for.
        expected: usize,
        /// The bundle's.
        found: usize,
    },
    /// It takes embeddings of others.
    Embedding {
        /// The dimension that the firmware was built for.
        expected: usize,
        /// The one that the bundle takes.
        found: usize,
    },
}

impl fmt::Display for DimensionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template { expected, found } => write!(
                f,
                "the bundle has dimension {found}, the firmware {expected}: export it for this model, or build for the other"
            ),
            Self::Embedding { expected, found } => write!(
                f,
                "the bundle takes embeddings of dimension {found}, the firmware {expected}: export it for this encoder, or \
                 build for the other"
            ),
        }
    }
}

impl core::error::Error for DimensionError {}
