//! Two places in flash for a signed bundle: one in use, one to write the next into.

use super::{BundleVersion, PublicKey, SignatureError, SignedBundle};
use core::fmt;
use core::ops::Range;
use embedded_storage::nor_flash::NorFlash;

/// One of two places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Slot {
    /// At the beginning of the flash.
    A,
    /// Behind it.
    B,
}

impl Slot {
    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// The largest word of flash that can be written.
const MOST_WORD: usize = 64;

/// Bytes of a mark, before it is filled up to whole words.
const MARK_BYTES: usize = 8;

/// Two slots in a part of flash of their own, and the version that the device has come to.
///
/// ```text
/// | slot A | slot B | marks | marks |     two pages of marks at the end; the slots are of one size
/// ```
///
/// A mark is the version of a bundle that was taken into use. [`Slots::commit`] writes one, and that moment alone makes a
/// bundle the one in use: before, it is the old one, whatever was written, cut or damaged; after, no older one is used again,
/// not even when the new one is damaged. Erasing and writing touch only the slot that is not in use, and of the marks never
/// the page that has the latest. No word is written twice.
///
/// Bundles are read in place: the caller knows where [`Slots::range`] is in memory, and gives both slots as slices.
#[derive(Debug)]
pub struct Slots<F> {
    flash: F,
    floor: BundleVersion,
    active: Active,
    /// Bytes of the next bundle that are written, once that is known.
    received: Option<u32>,
}

/// Which slot must not be touched.
#[derive(Clone, Copy, Debug)]
enum Active {
    /// Nobody has looked.
    Unknown,
    None,
    Slot(Slot),
}

impl<F: NorFlash> Slots<F> {
    const PAGE: u32 = F::ERASE_SIZE as u32;
    const WORD: u32 = F::WRITE_SIZE as u32;
    const MARK: usize = MARK_BYTES.next_multiple_of(F::WRITE_SIZE);

    /// Slots in a part of flash: at least four pages.
    ///
    /// # Errors
    /// [`SlotsError::Geometry`] when the flash cannot hold two slots and two pages of marks, or its pages are no multiple of
    /// 16 bytes, or its words are larger than 64 or read in larger ones; [`SlotsError::Flash`].
    pub fn new(flash: F) -> Result<Self, SlotsError<F::Error>> {
        let fits = flash.capacity() >= 4 * F::ERASE_SIZE && u32::try_from(flash.capacity()).is_ok();
        let words = F::WRITE_SIZE <= MOST_WORD && Self::MARK.is_multiple_of(F::READ_SIZE);
        if !fits || !words || !F::ERASE_SIZE.is_multiple_of(16) || !F::ERASE_SIZE.is_multiple_of(Self::MARK) {
            return Err(SlotsError::Geometry);
        }
        let mut slots = Self { flash, floor: BundleVersion::NONE, active: Active::Unknown, received: None };
        let latest = [slots.latest_mark(0)?, slots.latest_mark(1)?];
        slots.floor = latest.into_iter().max().unwrap_or(BundleVersion::NONE);
        Ok(slots)
    }

    /// Where a slot is in the flash.
    #[must_use]
    pub fn range(&self, slot: Slot) -> Range<u32> {
        let bytes = self.slot_bytes();
        match slot {
            Slot::A => 0..bytes,
            Slot::B => bytes..bytes + bytes,
        }
    }

    /// The version in use; no older one is used again.
    #[must_use]
    pub const fn version(&self) -> BundleVersion {
        self.floor
    }

    /// The slot in use, once [`Slots::open`] or [`Slots::commit`] has found it.
    #[must_use]
    pub const fn active(&self) -> Option<Slot> {
        match self.active {
            Active::Slot(slot) => Some(slot),
            Active::Unknown | Active::None => None,
        }
    }

    /// The flash, to read.
    pub const fn flash(&self) -> &F {
        &self.flash
    }

    /// The bundle in use: the one with the marked version or, where there is no mark yet, the newest that was put there.
    /// `slots` are A and B, as they are in memory.
    ///
    /// # Errors
    /// Why the slot that looked best cannot be used. The other one can then be written to all the same.
    pub fn open<'a>(&mut self, slots: [&'a [u8]; 2], key: &PublicKey) -> Result<SignedBundle<'a>, SignatureError> {
        self.active = Active::None;
        let of_slot = |slot| SignedBundle::new_checked(slot, key, self.floor.max(BundleVersion::new(1)));
        let [a, b] = slots.map(of_slot);
        let in_use = |bundle: &SignedBundle<'_>| self.floor == BundleVersion::NONE || bundle.version() == self.floor;
        let newer = |a: &SignedBundle<'_>, b: &SignedBundle<'_>| a.version() >= b.version();
        let found = match (a.as_ref().ok().filter(|a| in_use(a)), b.as_ref().ok().filter(|b| in_use(b))) {
            (Some(a), Some(b)) if newer(a, b) => Some((Slot::A, *a)),
            (_, Some(b)) => Some((Slot::B, *b)),
            (Some(a), None) => Some((Slot::A, *a)),
            (None, None) => None,
        };
        match found {
            Some((slot, bundle)) => {
                self.active = Active::Slot(slot);
                Ok(bundle)
            }
            None => Err(self.why_none(a, b)),
        }
    }

    /// What to say when neither slot can be used: of a damaged one rather than of an empty one.
    fn why_none(
        &self,
        a: Result<SignedBundle<'_>, SignatureError>,
        b: Result<SignedBundle<'_>, SignatureError>,
    ) -> SignatureError {
        // A newer one that was never taken into use.
        let newer = |found: SignedBundle<'_>| SignatureError::TooNew { newest: self.floor, found: found.version() };
        let empty = |error: &SignatureError| matches!(error, SignatureError::Bundle(crate::BundleError::NotABundle));
        let reasons = [a, b].map(|slot| slot.map_or_else(|error| error, newer));
        let [first, second] = reasons;
        if empty(&first) { second } else { first }
    }

    /// Begins to receive the next bundle, from its first byte: erases the slot that is not in use.
    ///
    /// # Errors
    /// [`SlotsError::NotOpen`] or [`SlotsError::Flash`].
    pub fn begin(&mut self) -> Result<(), SlotsError<F::Error>> {
        let Range { start, end } = self.spare()?;
        self.received = None;
        self.erase(start, end)?;
        self.received = Some(0);
        Ok(())
    }

    /// From which byte on the next bundle is missing. After a reset, the page that was written last is erased, for its last
    /// word may be half there, and so is all behind it. Whether what is there is the beginning of the bundle that comes now,
    /// its signature says in the end.
    ///
    /// # Errors
    /// As for [`Slots::begin`].
    pub fn resume(&mut self) -> Result<u32, SlotsError<F::Error>> {
        if let Some(received) = self.received {
            return Ok(received);
        }
        let spare = self.spare()?;
        let mut page = spare.end;
        while page > spare.start && self.is_erased(page - Self::PAGE..page)? {
            page -= Self::PAGE;
        }
        // The last page that has something.
        let from = if page > spare.start { page - Self::PAGE } else { page };
        self.erase(from, spare.end)?;
        let received = from - spare.start;
        self.received = Some(received);
        Ok(received)
    }

    /// Writes a piece of the next bundle. Pieces come in order, each whole words long but for the last, which is filled up. One
    /// that is there already, because its acknowledgment was lost, is passed over. Returns from which byte on the bundle is
    /// then missing.
    ///
    /// # Errors
    /// [`SlotsError::Piece`] says which byte has to come next; [`SlotsError::TooLarge`], [`SlotsError::NotOpen`],
    /// [`SlotsError::Flash`]. After the last one, [`Slots::resume`] finds out how far it got.
    pub fn write(&mut self, offset: u32, piece: &[u8]) -> Result<u32, SlotsError<F::Error>> {
        let spare = self.spare()?;
        let expected = self.resume()?;
        let length = u32::try_from(piece.len()).map_err(|_| SlotsError::TooLarge)?;
        let end = offset.checked_add(length).filter(|end| *end <= self.slot_bytes()).ok_or(SlotsError::TooLarge)?;
        if end <= expected {
            return Ok(expected);
        }
        if offset != expected || !offset.is_multiple_of(Self::WORD) {
            return Err(SlotsError::Piece { expected });
        }
        self.received = None;
        let (whole, rest) = piece.split_at(piece.len() - piece.len() % F::WRITE_SIZE);
        self.flash.write(spare.start + offset, whole).map_err(SlotsError::Flash)?;
        if !rest.is_empty() {
            let mut word = [0xff; MOST_WORD];
            word.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
            let at = spare.start + offset + whole.len() as u32;
            self.flash.write(at, word.get(..F::WRITE_SIZE).unwrap_or_default()).map_err(SlotsError::Flash)?;
        }
        self.received = Some(end);
        Ok(end)
    }

    /// The slot that the next bundle is written to, for the caller to check it there: as a [`SignedBundle`] newer than
    /// [`Slots::version`], and for whatever else the firmware asks of one.
    ///
    /// # Errors
    /// [`SlotsError::NotOpen`].
    pub fn receiving(&self) -> Result<Slot, SlotsError<F::Error>> {
        match self.active {
            Active::Unknown => Err(SlotsError::NotOpen),
            Active::None => Ok(Slot::A),
            Active::Slot(slot) => Ok(slot.other()),
        }
    }

    /// Takes a bundle in one of the slots into use, for good: marks its version. Nothing happens when it is the one in use.
    ///
    /// # Errors
    /// [`SlotsError::TooOld`] when its version is not newer than the one in use, and not the one that was opened;
    /// [`SlotsError::Flash`]: it is then in use or not, as [`Slots::new`] and [`Slots::open`] find.
    pub fn commit(&mut self, slot: Slot, bundle: &SignedBundle<'_>) -> Result<(), SlotsError<F::Error>> {
        let version = bundle.version();
        if version == self.floor && self.active() == Some(slot) {
            return Ok(());
        }
        if version <= self.floor {
            return Err(SlotsError::TooOld { newest: self.floor, found: version });
        }
        self.mark(version)?;
        (self.floor, self.active, self.received) = (version, Active::Slot(slot), None);
        Ok(())
    }

    /// The slot that may be erased.
    fn spare(&self) -> Result<Range<u32>, SlotsError<F::Error>> {
        self.receiving().map(|slot| self.range(slot))
    }

    fn slot_bytes(&self) -> u32 {
        let pages = self.flash.capacity() / F::ERASE_SIZE;
        // `new` has checked that it fits, and that there are four.
        (pages.saturating_sub(2) / 2 * F::ERASE_SIZE) as u32
    }

    /// A page at a time, so that what takes long can be cut anywhere.
    fn erase(&mut self, from: u32, to: u32) -> Result<(), SlotsError<F::Error>> {
        let mut page = from;
        while page < to {
            self.flash.erase(page, page + Self::PAGE).map_err(SlotsError::Flash)?;
            page += Self::PAGE;
        }
        Ok(())
    }

    fn is_erased(&mut self, range: Range<u32>) -> Result<bool, SlotsError<F::Error>> {
        let mut at = range.start;
        while at < range.end {
            if self.read_mark(at)?.iter().any(|byte| *byte != 0xff) {
                return Ok(false);
            }
            at += Self::MARK as u32;
        }
        Ok(true)
    }

    /// As many bytes as a mark has; those behind them are as erased ones.
    fn read_mark(&mut self, at: u32) -> Result<[u8; MOST_WORD], SlotsError<F::Error>> {
        let mut bytes = [0xff; MOST_WORD];
        let mark = bytes.get_mut(..Self::MARK).ok_or(SlotsError::Geometry)?;
        self.flash.read(at, mark).map_err(SlotsError::Flash)?;
        Ok(bytes)
    }

    /// A page of marks.
    fn marks(&self, page: u32) -> Range<u32> {
        let begin = 2 * self.slot_bytes() + page * Self::PAGE;
        begin..begin + Self::PAGE
    }

    /// The latest version that is marked in a page.
    fn latest_mark(&mut self, page: u32) -> Result<BundleVersion, SlotsError<F::Error>> {
        let (mut latest, range) = (BundleVersion::NONE, self.marks(page));
        for at in range.step_by(Self::MARK) {
            latest = latest.max(mark_of(&self.read_mark(at)?));
        }
        Ok(latest)
    }

    /// Writes a mark behind the latest, or at the beginning of the other page when its page is full.
    fn mark(&mut self, version: BundleVersion) -> Result<(), SlotsError<F::Error>> {
        let current = u32::from(self.latest_mark(1)? > self.latest_mark(0)?);
        let range = self.marks(current);
        let mut free = range.end;
        while free > range.start && self.is_erased(free - Self::MARK as u32..free)? {
            free -= Self::MARK as u32;
        }
        if free == range.end {
            let Range { start, end } = self.marks(1 - current);
            self.erase(start, end)?;
            free = start;
        }
        let mut mark = [0xff; MOST_WORD];
        let number = u64::from(version.number()) | u64::from(!version.number()) << 32;
        mark.iter_mut().zip(number.to_le_bytes()).for_each(|(place, byte)| *place = byte);
        self.flash.write(free, mark.get(..Self::MARK).unwrap_or_default()).map_err(SlotsError::Flash)
    }
}

/// The version that was marked; [`BundleVersion::NONE`] for erased bytes and half a mark. A mark that was cut has more ones
/// than it should in one of its halves, and fewer zeros that agree with them.
fn mark_of(bytes: &[u8; MOST_WORD]) -> BundleVersion {
    let number = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (version, inverse) = (number as u32, (number >> 32) as u32);
    if version == !inverse { BundleVersion::new(version) } else { BundleVersion::NONE }
}

/// Why the slots could not be read or written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SlotsError<E> {
    /// The flash is too small, or its pages and words have other sizes than can be used.
    Geometry,
    /// Which slot is in use is not known yet.
    NotOpen,
    /// Another piece has to come next.
    Piece {
        /// The byte that it begins with.
        expected: u32,
    },
    /// The bundle is larger than a slot.
    TooLarge,
    /// The bundle is not newer than the one in use.
    TooOld {
        /// The newest that was in use.
        newest: BundleVersion,
        /// The bundle's.
        found: BundleVersion,
    },
    /// The flash failed.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for SlotsError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Geometry => {
                f.write_str("the flash cannot hold two slots and two pages of marks: give it four pages or more")
            }
            Self::NotOpen => f.write_str("which slot is in use is not known: open the slots first"),
            Self::Piece { expected } => {
                write!(f, "the piece does not go on where the last one ended: send byte {expected}")
            }
            Self::TooLarge => {
                f.write_str("the bundle is larger than a slot: enroll fewer subjects, or give it more flash")
            }
            Self::TooOld { newest, found } => {
                write!(f, "version {found} is not newer than {newest}, which is in use: sign it with a newer version")
            }
            Self::Flash(error) => write!(f, "the flash failed: {error:?}; try again, or replace the part"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SlotsError<E> {}
