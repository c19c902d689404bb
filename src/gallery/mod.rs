//! Enrolled subjects and their templates.
//!
//! A [`Gallery`] lives in RAM and can change; a [`GalleryView`] reads a bundle's in place from flash. Both are a
//! [`Scan`], and one search can go over several.

mod ram;
mod view;

pub use ram::{Gallery, GalleryError};
pub use view::GalleryView;

use crate::{ModelDigest, Score, TemplateRef};
use core::fmt;

/// The identity of an enrolled subject: given once, never again, and never a position in a list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SubjectId(u32);

impl SubjectId {
    /// The first id that a new gallery gives.
    pub const FIRST: Self = Self(1);
    /// The first id that a device gives. A bundle never has it or one above, so that whoever is enrolled on a device and
    /// whoever the host enrolls later cannot be taken for each other.
    pub const FIRST_ON_DEVICE: Self = Self(1 << 31);

    /// The id with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The id to give after this one; `None` when all are used.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Which templates a scan compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subjects {
    /// Every subject's: identification, 1:N.
    All,
    /// This subject's only: verification, 1:1.
    One(SubjectId),
}

impl Subjects {
    /// Whether a subject's templates are compared.
    #[must_use]
    pub fn contains(self, subject: SubjectId) -> bool {
        match self {
            Self::All => true,
            Self::One(wanted) => wanted == subject,
        }
    }
}

/// Templates that a probe can be compared with. How they are stored and streamed is the gallery's own matter.
pub trait Scan {
    /// The model whose templates these are.
    fn model(&self) -> ModelDigest;

    /// Elements of each template.
    fn dimension(&self) -> usize;

    /// Calls `visit` once a template of `subjects`, with the template's subject and its cosine to the probe, in no
    /// promised order. The caller has checked that the probe has this model and dimension.
    fn scan(&self, probe: &TemplateRef<'_>, subjects: Subjects, visit: &mut dyn FnMut(SubjectId, Score));
}
