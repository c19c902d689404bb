//! The gallery in RAM.

use super::{Scan, SubjectId, Subjects};
use crate::{ModelDigest, Score, Template, TemplateRef, similarity};
use core::fmt;
use heapless::Vec;

/// At most `N` templates of `D` elements in RAM, each of an enrolled subject.
///
/// Codes lie side by side, as a kernel streams them; what belongs to a template beside its code lies in a list of its
/// own. Enrolling and removing touch only the templates concerned.
///
/// ```
/// use cognate::{Embedding, Gallery, GalleryError, ModelDigest, SubjectId, Template};
/// let model = ModelDigest::new([7; 16]);
/// let template = Template::new(&Embedding::new([0.6, 0.8]).unwrap(), model);
///
/// let mut gallery = Gallery::<2, 3>::new(model, SubjectId::FIRST);
/// let subject = gallery.enroll(&[template, template])?;
/// assert_eq!(gallery.enroll(&[template, template]), Err(GalleryError::Full { capacity: 3, needed: 4 }));
/// assert_eq!(gallery.remove(subject)?, 2);
/// assert_ne!(gallery.enroll(&[template])?, subject); // ids are never reused
/// # Ok::<(), GalleryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gallery<const D: usize, const N: usize> {
    codes: Vec<[i8; D], N>,
    rows: Vec<Row, N>,
    model: ModelDigest,
    next: Option<SubjectId>,
}

/// What belongs to a template beside its code.
#[derive(Clone, Copy, Debug)]
struct Row {
    subject: SubjectId,
    inverse_norm: u32,
}

impl<const D: usize, const N: usize> Gallery<D, N> {
    /// Bytes of RAM that one template takes.
    pub const TEMPLATE_BYTES: usize = size_of::<[i8; D]>() + size_of::<Row>();

    /// An empty gallery for templates of `model`, that gives ids from `first` on.
    ///
    /// `first` is [`SubjectId::FIRST`], or [`SubjectId::FIRST_ON_DEVICE`] beside a bundle's gallery, or the first id that
    /// was never given where one is remembered.
    #[must_use]
    pub const fn new(model: ModelDigest, first: SubjectId) -> Self {
        Self { codes: Vec::new(), rows: Vec::new(), model, next: Some(first) }
    }

    /// Enrolls a new subject by its templates: all of them or, on an error, none.
    ///
    /// # Errors
    /// [`GalleryError::NoTemplate`], [`GalleryError::Model`], [`GalleryError::Full`], or [`GalleryError::NoMoreIds`].
    pub fn enroll(&mut self, templates: &[Template<D>]) -> Result<SubjectId, GalleryError> {
        let subject = self.next.ok_or(GalleryError::NoMoreIds)?;
        self.append(subject, templates)?;
        self.next = subject.next();
        Ok(subject)
    }

    /// Adds templates to an enrolled subject: all of them or, on an error, none.
    ///
    /// # Errors
    /// [`GalleryError::UnknownSubject`], and as for [`Gallery::enroll`].
    pub fn add(&mut self, subject: SubjectId, templates: &[Template<D>]) -> Result<(), GalleryError> {
        if !self.contains(subject) {
            return Err(GalleryError::UnknownSubject(subject));
        }
        self.append(subject, templates)
    }

    /// Removes a subject; returns how many templates it had.
    ///
    /// # Errors
    /// [`GalleryError::UnknownSubject`] when it is not enrolled, or was removed before.
    pub fn remove(&mut self, subject: SubjectId) -> Result<usize, GalleryError> {
        let before = self.len();
        let mut index = 0;
        while let Some(row) = self.rows.get(index) {
            if row.subject == subject { self.take(index) } else { index += 1 }
        }
        match before - self.len() {
            0 => Err(GalleryError::UnknownSubject(subject)),
            removed => Ok(removed),
        }
    }

    /// Whether a subject is enrolled.
    #[must_use]
    pub fn contains(&self, subject: SubjectId) -> bool {
        self.rows.iter().any(|row| row.subject == subject)
    }

    /// Templates held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nobody is enrolled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
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

    /// The subject and the code of each template, in no promised order.
    pub fn templates(&self) -> impl Iterator<Item = (SubjectId, TemplateRef<'_>)> {
        self.rows.iter().zip(&self.codes).map(|(row, code)| (row.subject, row.template(code, self.model)))
    }

    fn append(&mut self, subject: SubjectId, templates: &[Template<D>]) -> Result<(), GalleryError> {
        self.check(templates)?;
        for template in templates {
            let row = Row { subject, inverse_norm: template.inverse_norm() };
            let full = GalleryError::Full { capacity: N, needed: self.len() + 1 };
            self.codes.push(*template.code()).map_err(|_| full)?;
            self.rows.push(row).map_err(|_| full)?;
        }
        Ok(())
    }

    fn check(&self, templates: &[Template<D>]) -> Result<(), GalleryError> {
        if templates.is_empty() {
            return Err(GalleryError::NoTemplate);
        }
        if let Some(other) = templates.iter().find(|template| template.model() != self.model) {
            return Err(GalleryError::Model { expected: self.model, found: other.model() });
        }
        let needed = self.len().saturating_add(templates.len());
        if needed > N { Err(GalleryError::Full { capacity: N, needed }) } else { Ok(()) }
    }

    /// Puts the last template in the place of this one.
    fn take(&mut self, index: usize) {
        if let (Some(last), Some(place)) = (self.codes.pop(), self.codes.get_mut(index)) {
            *place = last;
        }
        if let (Some(last), Some(place)) = (self.rows.pop(), self.rows.get_mut(index)) {
            *place = last;
        }
    }
}

impl Row {
    const fn template<'a>(&self, code: &'a [i8], model: ModelDigest) -> TemplateRef<'a> {
        TemplateRef::from_checked(code, self.inverse_norm, model)
    }
}

impl<const D: usize, const N: usize> Scan for Gallery<D, N> {
    fn model(&self) -> ModelDigest {
        self.model
    }

    fn dimension(&self) -> usize {
        D
    }

    fn scan(&self, probe: &TemplateRef<'_>, subjects: Subjects, visit: &mut dyn FnMut(SubjectId, Score)) {
        for (subject, template) in self.templates().filter(|(subject, _)| subjects.contains(*subject)) {
            visit(subject, similarity::score(probe, &template));
        }
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
    /// A template of another model: enroll with the gallery's.
    Model {
        /// The gallery's model.
        expected: ModelDigest,
        /// The template's model.
        found: ModelDigest,
    },
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
            Self::Model { expected, found } => write!(
                f,
                "the template was made by model {found}, the gallery is of {expected}: encode the samples with that model"
            ),
            Self::UnknownSubject(subject) => write!(f, "subject {subject} is not enrolled here: list who is"),
            Self::NoMoreIds => f.write_str("every subject id was given once: start a new gallery"),
        }
    }
}

impl core::error::Error for GalleryError {}
