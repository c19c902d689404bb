//! Enrolled subjects and their templates.
//!
//! A [`Gallery`] lives in RAM and can change; a [`GalleryView`] reads a bundle's in place from flash. Either can have a
//! [`FilterPlane`] beside it, which lets a search pass over most templates. All of them are a [`Scan`], and a
//! [`Search`](crate::Search) can go over several at once.

mod adapt;
mod filter;
mod fusion;
mod held;
mod ram;
mod table;
mod view;

pub use adapt::{AdaptError, Adaptation, Adapted};
pub use filter::{Filter, FilterPlane, FilterView, Unfiltered};
pub use fusion::{Best, Fusion, MAX_FUSED};
pub use ram::{FilteredGallery, Gallery, GalleryError, Kind};
pub use view::GalleryView;

pub(crate) use table::Table;
pub(crate) use view::subject_of;

use crate::policy::Policy;
use crate::similarity::Probe;
use crate::space::Space;
use core::fmt;
use core::num::NonZeroUsize;

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

/// As how many subjects one with so many templates counts, where each has `of_a_subject`; 0 counts as 1.
pub(crate) fn counts_as(templates: usize, of_a_subject: usize) -> usize {
    let of_a_subject = NonZeroUsize::new(of_a_subject).unwrap_or(NonZeroUsize::MIN);
    (templates + of_a_subject.get() - 1) / of_a_subject
}

/// What a filtered search need not look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PassedOver {
    /// Keys below this: they are neither of a known subject nor within the margin of one.
    pub below: i32,
    /// Keys that are this much below the best one: they are not within the margin.
    pub behind: u32,
}

/// Templates that a probe can be compared with. How they are stored and streamed is the gallery's own matter.
///
/// Keys are integers that order templates as their similarity to one probe does: [`Probe::score`] makes a score of one.
/// The caller has checked that the probe has the gallery's space and dimension. A subject is in one gallery only.
pub trait Scan {
    /// The space of the templates.
    fn space(&self) -> Space;

    /// Elements of each template.
    fn dimension(&self) -> usize;

    /// How many subjects are enrolled.
    fn subjects(&self) -> usize;

    /// How many subjects there would be with no more than `templates` each: one with more counts as several, because each
    /// further template is a further chance for a false match. 0 counts as 1.
    fn population(&self, templates: usize) -> usize;

    /// How often templates came or went: a threshold that was chosen for what was enrolled before may be too low.
    fn changes(&self) -> u32;

    /// Calls `visit` with templates whose key is at or above the floor, each with its subject, in no promised order. What
    /// `visit` returns is the floor from there on; the gallery may pass over whatever is below it. Returns how many templates were scored.
    fn find(&self, probe: &Probe<'_>, floor: i32, visit: &mut dyn FnMut(SubjectId, i32) -> i32) -> usize;

    /// What [`Scan::find`] may pass over when a policy asks for a subject: `None` when it looks at every template, so that what it
    /// says of the best is true whatever the threshold is.
    fn passes_over(&self, probe: &Probe<'_>, policy: &Policy<'_>) -> Option<PassedOver>;

    /// Calls `visit` once a subject with the key that its templates fuse to, by ascending subject.
    fn each(&self, probe: &Probe<'_>, fusion: Fusion, visit: &mut dyn FnMut(SubjectId, i32));

    /// The key that a subject's templates fuse to; `None` when it is not enrolled here.
    fn key_of(&self, probe: &Probe<'_>, subject: SubjectId, fusion: Fusion) -> Option<i32>;
}
