//! Why a store could not be opened or changed.

use crate::ModelDigest;
use crate::gallery::{AdaptError, GalleryError, SubjectId};
use core::fmt;
use embedded_storage::nor_flash::NorFlashErrorKind;

/// Why a store could not be opened. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OpenError {
    /// The area is not within the flash, or not at whole pages.
    Area,
    /// The area has too few pages for what the gallery can hold.
    TooSmall {
        /// Pages that it has.
        pages: u32,
        /// Pages that it needs, at least.
        needed: u32,
    },
    /// Templates of another model, code form or dimension are there: bridge them, or begin anew by [`Store::renew`](super::Store::renew).
    Model {
        /// The gallery's.
        expected: ModelDigest,
        /// Theirs. It can be the same, and form or dimension another.
        found: ModelDigest,
    },
    /// More is stored than the gallery can hold: build with a greater capacity.
    Capacity {
        /// Templates that the gallery can hold.
        capacity: usize,
    },
    /// The area holds something that is no store, or one of which nothing can be read: check the area, or begin anew by
    /// [`Store::renew`](super::Store::renew).
    Unreadable,
    /// The flash failed.
    Flash(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] NorFlashErrorKind),
}

impl From<NorFlashErrorKind> for OpenError {
    fn from(kind: NorFlashErrorKind) -> Self {
        Self::Flash(kind)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Area => {
                f.write_str("the store's area is not a part of the flash at whole pages: check where it begins")
            }
            Self::TooSmall { pages, needed } => {
                write!(f, "the store has {pages} pages and needs {needed} for what the gallery can hold: give it more")
            }
            Self::Model { expected, found } => write!(
                f,
                "templates of model {found} are stored where {expected} is expected, or their form or dimension is another: bridge \
                 them, or begin anew"
            ),
            Self::Capacity { capacity } => {
                write!(f, "more is stored than the {capacity} templates of the gallery: build with a greater capacity")
            }
            Self::Unreadable => f.write_str("the area holds something that is no store: check the area, or begin anew"),
            Self::Flash(kind) => write!(f, "the flash failed ({kind:?})"),
        }
    }
}

impl core::error::Error for OpenError {}

/// Why a store did not change, or what has become of it is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StoreError {
    /// The gallery refused. Nothing was changed.
    Gallery(GalleryError),
    /// The adaptation was refused. Nothing was changed.
    Adapt(AdaptError),
    /// So many pages are worn that the operation does not fit any more. Nothing was changed: replace the part.
    Worn,
    /// No further subject of the bundle can be hidden: install a bundle without those that are.
    Hidden {
        /// How many are.
        most: usize,
    },
    /// The subject was enrolled on the device: remove it.
    OfDevice(SubjectId),
    /// The flash failed, now or before. What is stored is what was there before the operation or what was to be there after it:
    /// open the store again.
    Flash(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] NorFlashErrorKind),
}

impl From<GalleryError> for StoreError {
    fn from(error: GalleryError) -> Self {
        Self::Gallery(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gallery(error) => error.fmt(f),
            Self::Adapt(error) => error.fmt(f),
            Self::Worn => f.write_str("too many pages of the store are worn: replace the part; nothing was changed"),
            Self::Hidden { most } => {
                write!(
                    f,
                    "{most} subjects of the bundle are hidden, which is all that can be: install a bundle without them"
                )
            }
            Self::OfDevice(subject) => write!(f, "subject {subject} is not the bundle's: remove it instead"),
            Self::Flash(kind) => write!(f, "the flash failed ({kind:?}): open the store again to know what is there"),
        }
    }
}

impl core::error::Error for StoreError {}
