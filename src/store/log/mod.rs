//! An append-only log on NOR flash, in two halves of which one is in use.
//!
//! A half is whole pages, each with a header. Operations are appended as one record or several; an operation is there when its
//! last record is. What is to go, goes by [`Log::rewrite`]: everything that stays is written to the other half, a seal behind it
//! makes it the one in use, and the half before is erased. So no word is written twice, every page is erased equally often,
//! and nothing that was left out is anywhere in flash afterwards.
//!
//! | what is found at the start | what it means |
//! | --- | --- |
//! | one half with a seal | it is in use |
//! | two halves with a seal | the power went before the older one was erased: the newer one is in use |
//! | a half with a seal, one without | the power went while the latter was written: it is erased |
//! | one half without a seal | the seal was damaged, for a half without one always has another beside it |
//!
//! Each page says of which generation it is. A half is of the newest that one of its pages says: a page that is worn and not erased
//! any more stays what it was, and is left aside.

mod read;
mod write;

pub(crate) use write::{Entry, Sink};

use super::record::{self, Geometry, Identity};
use core::ops::Range;
use embedded_storage::nor_flash::{NorFlash, NorFlashErrorKind};

/// The pages of flash that belong to a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Area {
    /// Where the first page begins, from the beginning of the flash.
    pub begin: u32,
    /// Pages, of which an odd last one is not used: half of them hold what there is.
    pub pages: u32,
}

/// What is not as it was written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Damage {
    /// Places where there is something, but no whole record: the power went while it was written, or bits have changed since.
    pub places: u32,
    /// Operations of several records of which some are missing: they count as not done.
    pub operations: u32,
    /// Records that are whole, and say what cannot be.
    pub refused: u32,
}

impl Damage {
    /// Whether everything is as it was written.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Pages that were erased.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Erased {
    /// Where in flash.
    pub bytes: Range<u32>,
    /// Pages of it that are not blank in spite of it: they are worn, and may hold what they held. Replace the part, or the device.
    pub stubborn: u32,
}

/// Why nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogError {
    /// The half has no room.
    Full,
    /// The flash failed.
    Flash(NorFlashErrorKind),
    /// It failed before, so that what is in flash is known only after the log was opened again.
    Unknown,
}

impl From<NorFlashErrorKind> for LogError {
    fn from(kind: NorFlashErrorKind) -> Self {
        Self::Flash(kind)
    }
}

/// What a log begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// Erased flash, or a first page that was being begun.
    Nothing,
    /// A half of this identity.
    Ours(Half),
    /// A half of another identity.
    Other(Half),
    /// Flash that holds something, and no log.
    Unreadable,
}

/// A half that holds a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Half {
    number: u32,
    generation: u32,
    /// What its records are of.
    pub(crate) identity: Identity,
}

/// Where records go.
#[derive(Clone, Copy)]
struct Tail {
    half: u32,
    generation: u32,
    sequence: u32,
    page: u32,
    position: usize,
}

pub(crate) struct Log<Flash> {
    flash: Flash,
    area: Area,
    identity: Identity,
    tail: Tail,
    /// What headers and seals say beside.
    mark: u32,
    /// Writes that did not read back.
    worn: u32,
    unknown: bool,
}

impl<Flash: NorFlash> Log<Flash> {
    const PAGE: usize = Geometry::<Flash>::PAGE;

    /// A log of which nothing is known yet.
    pub(crate) const fn new(flash: Flash, area: Area, identity: Identity) -> Self {
        let tail = Tail { half: 0, generation: 0, sequence: 0, page: 0, position: Self::PAGE };
        Self { flash, area, identity, tail, mark: 0, worn: 0, unknown: true }
    }

    /// Pages of a half.
    pub(crate) const fn pages(&self) -> u32 {
        self.area.pages / 2
    }

    /// Whether the area is a part of the flash, at whole pages.
    pub(crate) fn fits(&self) -> bool {
        let bytes = (self.area.pages as usize).checked_mul(Self::PAGE);
        let end = bytes.and_then(|bytes| bytes.checked_add(self.area.begin as usize));
        let within = end.is_some_and(|end| end <= self.flash.capacity() && u32::try_from(end).is_ok());
        within && self.pages() > 0 && (self.area.begin as usize).is_multiple_of(Self::PAGE)
    }

    /// The first subject that was never given, by what was there when the log was taken into use.
    pub(crate) const fn mark(&self) -> u32 {
        self.mark
    }

    pub(crate) const fn area(&self) -> Area {
        self.area
    }

    /// Gives the flash back.
    pub(crate) fn into_flash(self) -> Flash {
        self.flash
    }

    pub(crate) const fn flash(&self) -> &Flash {
        &self.flash
    }

    /// Takes no further change: what is in flash is not what is in RAM.
    pub(crate) const fn doubt(&mut self) {
        self.unknown = true;
    }

    /// Writes that did not read back, since the log was opened.
    pub(crate) const fn worn(&self) -> u32 {
        self.worn
    }

    const fn address(&self, half: u32, page: u32) -> u32 {
        self.area.begin + (half * self.pages() + page) * Self::PAGE as u32
    }

    fn is_blank_from(&mut self, half: u32, begin: usize) -> Result<bool, NorFlashErrorKind> {
        let bytes = self.pages() as usize * Self::PAGE;
        let at = self.address(half, 0) + begin as u32;
        record::is_blank(&mut self.flash, at, bytes.saturating_sub(begin))
    }
}
