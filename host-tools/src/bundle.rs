//! A bundle that can be changed: what `enroll`, `remove` and `export` work on. The core reads and writes the bytes.

use crate::file::{self, FileError, Unreadable};
use cognate::bundle::{EnrolledTemplate, Subject, ThresholdEntry, WriteError};
use cognate::{BundleContents, BundleError, BundleView, ModelDigest, SubjectId};
use std::path::Path;

/// Fewer samples than this do not enroll a subject.
pub const LEAST_SAMPLES: usize = 2;

/// A bundle's contents, owned.
#[derive(Clone, PartialEq, Debug)]
pub struct Bundle {
    dimension: usize,
    model: ModelDigest,
    thresholds: Vec<ThresholdEntry>,
    operating_point: usize,
    subjects: Vec<Enrolled>,
    next_subject: SubjectId,
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
    /// A bundle in which nobody is enrolled. `operating_point` is the index of the threshold to use.
    #[must_use]
    pub const fn new(
        model: ModelDigest,
        dimension: usize,
        thresholds: Vec<ThresholdEntry>,
        operating_point: usize,
    ) -> Self {
        Self { dimension, model, thresholds, operating_point, subjects: Vec::new(), next_subject: SubjectId::FIRST }
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
        let view = BundleView::new_checked(bytes)?;
        let thresholds: Vec<ThresholdEntry> = view.thresholds().collect();
        let operating_point = thresholds.iter().position(|entry| *entry == view.operating_point()).unwrap_or(0);
        let codes_of = |id| {
            let rows = view.gallery().templates().filter(move |(subject, _)| *subject == id);
            rows.map(|(_, template)| template.code().to_vec()).collect()
        };
        let enrolled = |Subject { id, name }: Subject<'_>| Enrolled { id, name: name.to_owned(), codes: codes_of(id) };
        Ok(Self {
            dimension: view.dimension(),
            model: view.model(),
            thresholds,
            operating_point,
            subjects: view.subjects().map(enrolled).collect(),
            next_subject: view.next_subject(),
        })
    }

    /// The bundle's bytes.
    ///
    /// # Errors
    /// The core's, when the contents do not make a bundle.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WriteError> {
        let subjects: Vec<Subject<'_>> =
            self.subjects.iter().map(|subject| Subject { id: subject.id, name: &subject.name }).collect();
        let templates = self
            .subjects
            .iter()
            .flat_map(|subject| subject.codes.iter().map(|code| EnrolledTemplate { subject: subject.id, code }));
        let templates: Vec<EnrolledTemplate<'_>> = templates.collect();
        let contents = BundleContents {
            dimension: self.dimension,
            model: self.model,
            thresholds: &self.thresholds,
            operating_point: self.operating_point,
            subjects: &subjects,
            next_subject: self.next_subject,
            templates: &templates,
        };
        let mut bytes = vec![0; contents.encoded_len()?];
        contents.encode(&mut bytes)?;
        Ok(bytes)
    }

    /// Elements of a template.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// The model that made the templates.
    #[must_use]
    pub const fn model(&self) -> ModelDigest {
        self.model
    }

    /// Every threshold, from the greatest false match rate to the least.
    #[must_use]
    pub fn thresholds(&self) -> &[ThresholdEntry] {
        &self.thresholds
    }

    /// The threshold in use.
    #[must_use]
    pub fn operating_point(&self) -> &ThresholdEntry {
        &self.thresholds[self.operating_point]
    }

    /// The enrolled subjects, by ascending id.
    #[must_use]
    pub fn subjects(&self) -> &[Enrolled] {
        &self.subjects
    }

    /// Enrolls a new subject by the codes of its templates, and returns its id.
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
        let id = self.next_subject;
        let next = id.next().filter(|next| *next <= SubjectId::FIRST_ON_DEVICE);
        self.next_subject = next.ok_or(EnrollError::NoMoreIds)?;
        self.subjects.push(Enrolled { id, name: name.to_owned(), codes });
        Ok(id)
    }

    /// Adds templates to an enrolled subject, and returns its id.
    ///
    /// # Errors
    /// [`EnrollError::Unknown`] when there is no such subject.
    pub fn add(&mut self, name: &str, codes: Vec<Vec<i8>>) -> Result<SubjectId, EnrollError> {
        let place = self.place(&Wanted::Name(name.to_owned()))?;
        self.subjects[place].codes.extend(codes);
        Ok(self.subjects[place].id)
    }

    /// Removes a subject with all its templates, and returns it. Its id is never given again.
    ///
    /// # Errors
    /// [`EnrollError::Unknown`] when there is no such subject.
    pub fn remove(&mut self, wanted: &Wanted) -> Result<Enrolled, EnrollError> {
        let place = self.place(wanted)?;
        Ok(self.subjects.remove(place))
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

/// Reads a bundle's bytes, unchecked.
///
/// # Errors
/// [`BundleProblem::Unreadable`].
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError<BundleProblem>> {
    file::read(path).map_err(|error| FileError::new(path, BundleProblem::Unreadable(error.problem)))
}

/// Why a file is not a bundle that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// A device would refuse it.
    #[error("{0}")]
    Refused(BundleError),
    /// Made by another model.
    #[error(
        "the bundle is of model {found}, not of {expected}: use the model that it was exported with, or export it \
         again and enroll everybody anew"
    )]
    Model {
        /// The model in use.
        expected: ModelDigest,
        /// The bundle's.
        found: ModelDigest,
    },
    /// Of another dimension.
    #[error(
        "the bundle has templates of {found} elements where the embeddings have {expected}: use embeddings of the \
         bundle's model"
    )]
    Dimension {
        /// The dimension in use.
        expected: usize,
        /// The bundle's.
        found: usize,
    },
    /// The new contents do not make a bundle.
    #[error("{0}")]
    Write(WriteError),
    /// The subjects cannot be changed so.
    #[error("{0}")]
    Enroll(EnrollError),
    /// Nobody to compare with.
    #[error("nobody is enrolled in it: enroll a subject first with `cognate enroll`")]
    Nobody,
}

/// Why a subject was not enrolled or removed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EnrollError {
    /// A name of nothing but blanks.
    #[error("a subject needs a name")]
    NoName,
    /// The name is in use.
    #[error("a subject with the name `{name}` is enrolled: choose another name, or give --add to add samples to it")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// One sample, or none.
    #[error(
        "subject `{name}` has {found} of the at least {LEAST_SAMPLES} samples that an enrollment needs: one sample \
         may be a bad one, and nothing would show it; add samples"
    )]
    TooFewSamples {
        /// The name.
        name: String,
        /// How many samples it has.
        found: usize,
    },
    /// Nobody of this name or id.
    #[error("no subject {wanted} is enrolled: `cognate list` shows who is")]
    Unknown {
        /// Who was asked for.
        wanted: String,
    },
    /// Every id was given.
    #[error("all ids that a bundle can give were given: export a new bundle")]
    NoMoreIds,
}

#[cfg(test)]
mod tests;
