//! A bundle that can be changed: what `enroll`, `remove` and `export` work on. The core reads and writes the bytes.

mod problem;
mod search;

pub use problem::{BundleProblem, EnrollError};
pub use search::with_search;

use crate::back_end::FittedBackEnd;
use crate::coder::Coder;
use crate::file::{self, FileError};
use cognate::bundle::{CohortContents, EnrolledTemplate, Section, Subject, WriteError};
use cognate::kernel::{Codes, Layout, Rows};
use cognate::normalization::{Method, Statistics};
use cognate::policy::{Rate, ThresholdEntry};
use cognate::protection::{Protection, ProtectionError, ProtectionKey};
use cognate::quality::{self, Quality, QualityLimits, Refusal};
use cognate::{
    BundleContents, BundleError, BundleView, Cohort, Fusion, ModelDigest, Score, Space, SpaceMismatch, SubjectId,
    TemplateRef,
};
use rayon::prelude::*;
use std::path::Path;

/// Fewer samples than this do not enroll a subject.
pub const LEAST_SAMPLES: usize = 2;

/// What a bundle is made with, beside the subjects.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// How embeddings become templates.
    pub coder: Coder,
    /// Elements of a template.
    pub dimension: usize,
    /// How the codes lie.
    pub layout: Layout,
    /// Whether there is a filter plane.
    pub filter: bool,
    /// Every threshold, from the greatest false match rate to the least.
    pub thresholds: Vec<ThresholdEntry>,
    /// The index of the threshold to use for verification.
    pub operating_point: usize,
    /// The false-positive identification rate to hold.
    pub fpir: Rate,
    /// How far ahead of the others a known subject has to be, as a difference of raw scores.
    pub margin: u32,
    /// How a subject's templates are fused.
    pub fusion: Fusion,
    /// How many templates of a subject the thresholds hold for.
    pub calibrated_templates: u16,
    /// What scores are normalized against.
    pub cohort: Option<CohortCodes>,
    /// The int8 encoder, for a device that makes its own embeddings.
    pub encoder: Option<Vec<u8>>,
}

/// The members of a cohort, and how scores are normalized against them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CohortCodes {
    /// How.
    pub method: Method,
    /// The codes of the members.
    pub codes: Vec<Vec<i8>>,
}

/// A bundle's contents, owned.
#[derive(Clone, PartialEq, Debug)]
pub struct Bundle {
    settings: Settings,
    subjects: Vec<Enrolled>,
    next_subject: SubjectId,
    /// The model of the templates before they were protected, if they are.
    revealed: Option<ModelDigest>,
}

/// A subject of a bundle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Enrolled {
    /// Its id, which is never given to another.
    pub id: SubjectId,
    /// What people call it.
    pub name: String,
    /// The codes of its templates.
    pub codes: Vec<Vec<i8>>,
}

/// Which subject is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// The one of this name.
    Name(String),
    /// The one with this id.
    Id(SubjectId),
}

impl Bundle {
    /// A bundle in which nobody is enrolled.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings, subjects: Vec::new(), next_subject: SubjectId::FIRST, revealed: None }
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// [`BundleProblem`] when the file cannot be read, or a device would refuse it.
    pub fn read(path: &Path) -> Result<Self, FileError<BundleProblem>> {
        let bytes = read_bytes(path)?;
        Self::parse(&bytes).map_err(|error| FileError::new(path, BundleProblem::Refused(error)))
    }

    /// Takes a bundle's bytes apart.
    ///
    /// # Errors
    /// The core's, when the bytes are not a bundle.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        BundleView::new_checked(bytes).map(|view| Self::of_view(&view))
    }

    /// Takes a bundle apart.
    #[must_use]
    pub fn of_view(view: &BundleView<'_>) -> Self {
        let thresholds: Vec<ThresholdEntry> = view.thresholds().entries().collect();
        let operating_point = thresholds.iter().position(|entry| *entry == view.operating_point()).unwrap_or(0);
        let calibration = view.thresholds().calibration();
        let codes_of = |id| {
            let rows = view.gallery().templates().filter(move |(subject, _)| *subject == id);
            rows.map(|(_, code)| code.collect()).collect()
        };
        let enrolled = |Subject { id, name }: Subject<'_>| Enrolled { id, name: name.to_owned(), codes: codes_of(id) };
        let cohort = view.cohort().map(|(cohort, method, _)| CohortCodes {
            method,
            codes: cohort.members().map(|member| member.code().to_vec()).collect(),
        });
        let settings = Settings {
            coder: Coder::new(view.space(), view.back_end().map(FittedBackEnd::of_bundle)),
            dimension: view.dimension(),
            layout: view.gallery().rows().codes().layout(),
            filter: view.gallery().filter().is_some(),
            thresholds,
            operating_point,
            fpir: view.fpir(),
            margin: view.margin(),
            fusion: calibration.fusion,
            calibrated_templates: calibration.templates,
            cohort,
            encoder: view.encoder_section().map(<[u8]>::to_vec),
        };
        Self {
            settings,
            subjects: view.subjects().map(enrolled).collect(),
            next_subject: view.next_subject(),
            revealed: view.is_protected().then(|| view.revealed_space().model),
        }
    }

    /// The bundle's bytes.
    ///
    /// # Errors
    /// The core's, when the contents do not make a bundle.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WriteError> {
        let Some(cohort) = &self.settings.cohort else { return self.encode(None) };
        // The subjects' statistics are computed as a device does: from a bundle with the same gallery.
        let gallery = self.encode(None)?;
        let view = BundleView::new_checked(&gallery).map_err(WriteError::Contents)?;
        let codes: Vec<&[i8]> = cohort.codes.iter().map(Vec::as_slice).collect();
        let statistics = self.statistics(&view, cohort)?;
        self.encode(Some(CohortContents { codes: &codes, method: cohort.method, statistics: &statistics }))
    }

    /// The statistics of each subject against the cohort; none where the method needs none.
    fn statistics(&self, view: &BundleView<'_>, cohort: &CohortCodes) -> Result<Vec<Statistics>, WriteError> {
        if cohort.method == Method::TNorm {
            return Ok(Vec::new());
        }
        let refused = WriteError::Contents(BundleError::Malformed(Section::Cohort));
        let flat: Vec<i8> = cohort.codes.concat();
        let factors: Vec<[u8; 4]> =
            cohort.codes.iter().map(|code| self.coder().template(code).factor().to_le_bytes()).collect();
        let rows = Codes::new(Layout::Rows, self.dimension(), factors.len(), &flat);
        let rows = rows.and_then(|codes| Rows::new(codes, &factors)).ok_or(refused)?;
        let members = Cohort::new(rows, view.space()).ok_or(refused)?;
        let of = |subject: &Enrolled| {
            members.of_subject(&view.gallery(), subject.id, self.settings.fusion, cohort.method).ok_or(refused)
        };
        self.subjects.iter().map(of).collect()
    }

    fn encode(&self, cohort: Option<CohortContents<'_>>) -> Result<Vec<u8>, WriteError> {
        let settings = &self.settings;
        let subjects: Vec<Subject<'_>> =
            self.subjects.iter().map(|subject| Subject { id: subject.id, name: &subject.name }).collect();
        let templates = self
            .subjects
            .iter()
            .flat_map(|subject| subject.codes.iter().map(|code| EnrolledTemplate { subject: subject.id, code }));
        let templates: Vec<EnrolledTemplate<'_>> = templates.collect();
        let contents = BundleContents {
            dimension: settings.dimension,
            space: settings.coder.space(),
            layout: settings.layout,
            thresholds: &settings.thresholds,
            operating_point: settings.operating_point,
            fpir: settings.fpir,
            margin: settings.margin,
            fusion: settings.fusion,
            calibrated_templates: settings.calibrated_templates,
            subjects: &subjects,
            next_subject: self.next_subject,
            templates: &templates,
            back_end: settings.coder.back_end().map(FittedBackEnd::view),
            cohort,
            revealed: self.revealed,
            filter: settings.filter,
            encoder: settings.encoder.as_deref(),
        };
        let mut bytes = vec![0; contents.encoded_len()?];
        contents.encode(&mut bytes)?;
        Ok(bytes)
    }

    /// What it was made with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How embeddings become its templates.
    #[must_use]
    pub const fn coder(&self) -> &Coder {
        &self.settings.coder
    }

    /// The encoder that it is for.
    #[must_use]
    pub fn encoder(&self) -> ModelDigest {
        let coder = self.coder();
        coder.back_end().map_or(self.revealed.unwrap_or(coder.space().model), FittedBackEnd::encoder)
    }

    /// Whether the templates are protected by a key. Nobody can be enrolled then.
    #[must_use]
    pub const fn is_protected(&self) -> bool {
        self.revealed.is_some()
    }

    /// Protects every template, and the cohort, by a key.
    ///
    /// # Errors
    /// [`ProtectionError::Space`] when they are protected already.
    pub fn protect(&mut self, key: &ProtectionKey) -> Result<(), ProtectionError> {
        let (space, mut order) = (self.coder().space(), vec![0; self.dimension()]);
        let protection = Protection::new(key, space, &mut order)?;
        if self.is_protected() {
            let expected = self.revealed.unwrap_or(space.model);
            return Err(ProtectionError::Space(SpaceMismatch::Model { expected, found: space.model }));
        }
        self.recode(protection.space(), |template, code| protection.protect_code(template, code))?;
        self.revealed = Some(space.model);
        Ok(())
    }

    /// Takes the protection away; a bundle that has none stays as it is.
    ///
    /// # Errors
    /// [`ProtectionError::Space`] when it was protected by another key.
    pub fn reveal(&mut self, key: &ProtectionKey) -> Result<(), ProtectionError> {
        let Some(model) = self.revealed else { return Ok(()) };
        let (space, mut order) = (Space { model, ..self.coder().space() }, vec![0; self.dimension()]);
        let protection = Protection::new(key, space, &mut order)?;
        self.recode(space, |template, code| protection.reveal_code(template, code))?;
        self.revealed = None;
        Ok(())
    }

    /// All or, on an error, nothing.
    fn recode(
        &mut self,
        space: Space,
        recode: impl Fn(TemplateRef<'_>, &mut [i8]) -> Result<(), ProtectionError>,
    ) -> Result<(), ProtectionError> {
        let mut changed = self.clone();
        let of_subjects = changed.subjects.iter_mut().flat_map(|subject| &mut subject.codes);
        let of_cohort = changed.settings.cohort.iter_mut().flat_map(|cohort| &mut cohort.codes);
        for code in of_subjects.chain(of_cohort) {
            let mut new = vec![0; code.len()];
            recode(self.coder().template(code), &mut new)?;
            *code = new;
        }
        changed.settings.coder = Coder::new(space, self.coder().back_end().cloned());
        *self = changed;
        Ok(())
    }

    /// Elements of a template.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.settings.dimension
    }

    /// Elements of an embedding.
    #[must_use]
    pub fn embedding_dimension(&self) -> usize {
        self.coder().embedding_dimension(self.dimension())
    }

    /// The threshold in use for verification.
    #[must_use]
    pub fn operating_point(&self) -> &ThresholdEntry {
        &self.settings.thresholds[self.settings.operating_point]
    }

    /// The enrolled subjects, by ascending id.
    #[must_use]
    pub fn subjects(&self) -> &[Enrolled] {
        &self.subjects
    }

    /// Enrolls a new subject by the codes of its samples, and returns its id. By the bundle's fusion it keeps all of them, or
    /// one, their centroid.
    ///
    /// # Errors
    /// [`EnrollError`]; the bundle is then as it was.
    pub fn enroll(&mut self, name: &str, codes: Vec<Vec<i8>>) -> Result<SubjectId, EnrollError> {
        if name.trim().is_empty() {
            return Err(EnrollError::NoName);
        }
        if self.subjects.iter().any(|subject| subject.name == name) {
            return Err(EnrollError::NameTaken { name: name.to_owned() });
        }
        if codes.len() < LEAST_SAMPLES {
            return Err(EnrollError::TooFewSamples { name: name.to_owned(), found: codes.len() });
        }
        self.enroll_any(name, codes)
    }

    /// The same without a look at the name and the number of samples: what a calibration enrolls.
    ///
    /// # Errors
    /// [`EnrollError::NoCentroid`] and [`EnrollError::NoMoreIds`].
    pub fn enroll_any(&mut self, name: &str, codes: Vec<Vec<i8>>) -> Result<SubjectId, EnrollError> {
        let codes = self.kept(name, codes)?;
        let id = self.next_subject;
        let next = id.next().filter(|next| *next <= SubjectId::FIRST_ON_DEVICE);
        self.next_subject = next.ok_or(EnrollError::NoMoreIds)?;
        self.subjects.push(Enrolled { id, name: name.to_owned(), codes });
        Ok(id)
    }

    /// Adds templates to an enrolled subject, and returns its id.
    ///
    /// # Errors
    /// [`EnrollError::Unknown`] when there is no such subject, and [`EnrollError::OneTemplate`] when subjects are kept as their
    /// centroid.
    pub fn add(&mut self, name: &str, codes: Vec<Vec<i8>>) -> Result<SubjectId, EnrollError> {
        let place = self.place(&Wanted::Name(name.to_owned()))?;
        if self.settings.fusion == Fusion::Centroid {
            return Err(EnrollError::OneTemplate { name: name.to_owned() });
        }
        self.subjects[place].codes.extend(codes);
        Ok(self.subjects[place].id)
    }

    /// Raises every threshold by a difference of raw scores. What was known of their false match rates holds all the more.
    pub fn raise_thresholds(&mut self, by: u32) {
        for entry in &mut self.settings.thresholds {
            entry.threshold = Score::from_raw(entry.threshold.raw().saturating_add_unsigned(by));
        }
    }

    /// The first id that was never given.
    #[must_use]
    pub const fn next_subject(&self) -> SubjectId {
        self.next_subject
    }

    /// Puts subjects with ids of their own, by ascending id, in place of those enrolled. By the bundle's fusion it keeps all
    /// of their templates, or one, their centroid.
    ///
    /// # Errors
    /// [`EnrollError::NoCentroid`]; the bundle is then as it was.
    pub fn take_over(&mut self, subjects: Vec<Enrolled>, next_subject: SubjectId) -> Result<(), EnrollError> {
        let kept = |subject: Enrolled| {
            let codes = self.kept(&subject.name, subject.codes)?;
            Ok(Enrolled { id: subject.id, name: subject.name, codes })
        };
        self.subjects = subjects.into_iter().map(kept).collect::<Result<_, _>>()?;
        self.next_subject = next_subject;
        Ok(())
    }

    /// What is kept of a subject's codes.
    fn kept(&self, name: &str, codes: Vec<Vec<i8>>) -> Result<Vec<Vec<i8>>, EnrollError> {
        match self.settings.fusion {
            Fusion::Centroid => {
                let centroid = self.coder().centroid(&codes);
                Ok(vec![centroid.ok_or_else(|| EnrollError::NoCentroid { name: name.to_owned() })?])
            }
            Fusion::Maximum | Fusion::MeanOfBest(_) => Ok(codes),
        }
    }

    /// Removes a subject with all its templates, and returns it. Its id is never given again.
    ///
    /// # Errors
    /// [`EnrollError::Unknown`] when there is no such subject.
    pub fn remove(&mut self, wanted: &Wanted) -> Result<Enrolled, EnrollError> {
        let place = self.place(wanted)?;
        Ok(self.subjects.remove(place))
    }

    /// Looks at samples before they are enrolled: among each other, with those of the subject that they are added to, and against
    /// the other subjects.
    ///
    /// # Errors
    /// The core's [`Refusal`], the first thing that is wrong, where it has one.
    pub fn assess(&self, codes: &[Vec<i8>], added_to: Option<&str>) -> Result<Result<Quality, Refusal>, WriteError> {
        let own = self.subjects.iter().find(|subject| Some(subject.name.as_str()) == added_to);
        let enrolled = own.into_iter().flat_map(|own| &own.codes);
        let samples: Vec<TemplateRef<'_>> =
            codes.iter().chain(enrolled).map(|code| self.coder().template(code)).collect();
        self.with_view(|view| assess(view, &samples, own.map(|own| own.id)))
    }

    /// The subjects whose samples would be refused on a device, each with the reason.
    ///
    /// # Errors
    /// The core's, when the contents do not make a bundle.
    pub fn doubtful(&self) -> Result<Vec<(&str, Refusal)>, WriteError> {
        let of = |view: &BundleView<'_>, subject: &Enrolled| {
            let samples: Vec<TemplateRef<'_>> = subject.codes.iter().map(|code| self.coder().template(code)).collect();
            assess(view, &samples, Some(subject.id)).err()
        };
        self.with_view(|view| {
            let doubtful =
                self.subjects.par_iter().filter_map(|subject| Some((subject.name.as_str(), of(view, subject)?)));
            doubtful.collect()
        })
    }

    fn with_view<T>(&self, look: impl FnOnce(&BundleView<'_>) -> T) -> Result<T, WriteError> {
        let bytes = self.to_bytes()?;
        BundleView::new_checked(&bytes).map(|view| look(&view)).map_err(WriteError::Contents)
    }

    fn place(&self, wanted: &Wanted) -> Result<usize, EnrollError> {
        let is_wanted = |subject: &Enrolled| match wanted {
            Wanted::Name(name) => subject.name == *name,
            Wanted::Id(id) => subject.id == *id,
        };
        self.subjects.iter().position(is_wanted).ok_or_else(|| EnrollError::Unknown {
            wanted: match wanted {
                Wanted::Name(name) => format!("with the name `{name}`"),
                Wanted::Id(id) => format!("with id {id}"),
            },
        })
    }
}

/// Looks at samples by the limits of a bundle, except that their number is looked at elsewhere.
fn assess(view: &BundleView<'_>, samples: &[TemplateRef<'_>], own: Option<SubjectId>) -> Result<Quality, Refusal> {
    let limits = QualityLimits { least_samples: 1, ..view.quality_limits() };
    with_search(view, |search| quality::assess(samples, search, own, &limits))
}

/// Reads a bundle's bytes, unchecked.
///
/// # Errors
/// [`BundleProblem::Unreadable`].
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError<BundleProblem>> {
    file::read(path).map_err(|error| FileError::new(path, BundleProblem::Unreadable(error.problem)))
}

#[cfg(test)]
mod tests;
