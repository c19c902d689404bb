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

use super::record::{self, Geometry, Header, Identity, Kind};
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

/// What the records of a half say beside what they hold.
#[derive(Clone, Copy, Default)]
struct Marks {
    sealed: bool,
    /// The first subject that was never given.
    next: u32,
}

impl Marks {
    /// Ids are given with an enrollment that was begun, too.
    const fn see(&mut self, header: &Header) {
        let next = match header.kind {
            Kind::Page | Kind::Seal => header.subject,
            Kind::Enroll => header.subject.saturating_add(1),
            Kind::Add | Kind::Adapt | Kind::Hide | Kind::Attempts => 0,
        };
        self.sealed |= matches!(header.kind, Kind::Seal);
        self.next = if next > self.next { next } else { self.next };
    }
}

/// What comes next in a half.
pub(crate) enum Item {
    Record(Header),
    Damaged,
}

/// A place in a half while it is read.
#[derive(Clone, Copy)]
struct Reader {
    half: u32,
    generation: u32,
    page: u32,
    position: usize,
    /// Within something that is no record.
    damaged: bool,
    /// There was such on this page: nothing is written behind it.
    spoiled: bool,
    /// The sequence number that the next record has at least.
    sequence: u32,
    marks: Marks,
    /// The page and the position behind the last thing in the half.
    end: (u32, usize),
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

/// A record to write.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: Kind,
    pub(crate) subject: u32,
    pub(crate) index: u16,
    pub(crate) total: u16,
    pub(crate) payload: &'a [u8],
}

/// Takes entries, one after the other.
pub(crate) type Sink<'a> = dyn FnMut(&Entry<'_>) -> Result<(), LogError> + 'a;

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

    /// Looks for what is in use.
    pub(crate) fn find(&mut self) -> Result<Found, NorFlashErrorKind> {
        let (first, second) = (self.look_at(0)?, self.look_at(1)?);
        let half = match (first, second) {
            (None, None) => {
                return Ok(if self.holds_a_beginning()? { Found::Nothing } else { Found::Unreadable });
            }
            (Some(half), None) | (None, Some(half)) => half,
            (Some(a), Some(b)) => {
                let a_is_older = a.generation.wrapping_sub(b.generation).cast_signed() < 0;
                let (old, new) = if a_is_older { (a, b) } else { (b, a) };
                // An unfinished one is never the older. Without any seal, the older one is at least whole.
                if self.marks(&new)?.sealed { new } else { old }
            }
        };
        Ok(if half.identity == self.identity { Found::Ours(half) } else { Found::Other(half) })
    }

    /// What a half says of itself; `None` when there is nothing that could be read.
    fn look_at(&mut self, half: u32) -> Result<Option<Half>, NorFlashErrorKind> {
        let own = self.identity;
        for page in 0..self.pages() {
            let (at, mut said) = (self.address(half, page), Identity::default());
            let header = record::read(&mut self.flash, at, Self::PAGE, &own, &mut said)?;
            if let Some(header) = header.filter(is_page_header) {
                return Ok(Some(Half { number: half, generation: header.generation, identity: said }));
            }
            let (behind, limit) = (Geometry::<Flash>::PAGE_HEADER, Self::PAGE - Geometry::<Flash>::PAGE_HEADER);
            let at = at + behind as u32;
            if let Some(header) = record::read(&mut self.flash, at, limit, &own, &mut [])? {
                return Ok(Some(Half { number: half, generation: header.generation, identity: own }));
            }
        }
        Ok(None)
    }

    /// The first subject that a half says was never given.
    pub(crate) fn next_in(&mut self, half: &Half) -> Result<u32, NorFlashErrorKind> {
        self.marks(half).map(|marks| marks.next)
    }

    /// Reads all records of a half for what they say beside.
    fn marks(&mut self, half: &Half) -> Result<Marks, NorFlashErrorKind> {
        let own = core::mem::replace(&mut self.identity, half.identity);
        let mut reader = Reader::new(half.number, half.generation);
        let outcome = loop {
            match self.next(&mut reader, &mut []) {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(reader.marks),
                Err(error) => break Err(error),
            }
        };
        self.identity = own;
        outcome
    }

    /// Whether there is nothing but, at most, what was being written when the power went for the first time: a header and a seal.
    fn holds_a_beginning(&mut self) -> Result<bool, NorFlashErrorKind> {
        let begun = Geometry::<Flash>::PAGE_HEADER + Geometry::<Flash>::bytes(0);
        Ok(self.is_blank_from(0, begun)? && self.is_blank_from(1, begun)?)
    }

    fn is_blank_from(&mut self, half: u32, begin: usize) -> Result<bool, NorFlashErrorKind> {
        let bytes = self.pages() as usize * Self::PAGE;
        let at = self.address(half, 0) + begin as u32;
        record::is_blank(&mut self.flash, at, bytes.saturating_sub(begin))
    }

    /// Takes a half into use: calls `visit` for every record of every operation that is whole, in order, with its payload, and
    /// without a record where something is damaged. It says whether the record can be.
    pub(crate) fn load(
        &mut self,
        half: Half,
        payload: &mut [u8],
        visit: &mut dyn FnMut(Option<&Header>, &[u8]) -> bool,
    ) -> Result<Damage, NorFlashErrorKind> {
        let mut damage = Damage::default();
        let mut reader = Reader::new(half.number, half.generation);
        // Records up to this one are of an operation that is whole.
        let mut whole_until = 0;
        while let Some(item) = self.next(&mut reader, payload)? {
            let Item::Record(header) = item else {
                damage.places += 1;
                visit(None, &[]);
                continue;
            };
            if header.kind == Kind::Seal {
                continue;
            }
            if header.sequence >= whole_until {
                if header.index == 0 && self.is_whole(reader, &header)? {
                    whole_until = header.sequence.saturating_add(header.total.into());
                } else {
                    damage.operations += u32::from(header.index == 0);
                    continue;
                }
            }
            let said = payload.get(..header.length.into()).unwrap_or_default();
            damage.refused += u32::from(!visit(Some(&header), said));
        }
        let (page, position) = reader.end;
        self.tail = Tail { half: half.number, generation: half.generation, sequence: reader.sequence, page, position };
        (self.mark, self.unknown) = (reader.marks.next, false);
        damage.places += u32::from(!reader.marks.sealed);
        Ok(damage)
    }

    /// Erases what is left of the half that is not in use.
    pub(crate) fn erase_other(&mut self) -> Result<Option<Erased>, NorFlashErrorKind> {
        let other = self.tail.half ^ 1;
        Ok(if self.is_blank_from(other, 0)? { None } else { Some(self.erase(other)?) })
    }

    /// Whether the other records of an operation follow its first one.
    fn is_whole(&mut self, mut reader: Reader, first: &Header) -> Result<bool, NorFlashErrorKind> {
        for index in 1..first.total {
            let expected = Header { index, sequence: first.sequence.wrapping_add(index.into()), ..*first };
            let followed = loop {
                match self.next(&mut reader, &mut [])? {
                    Some(Item::Record(header)) => break header == expected,
                    Some(Item::Damaged) => {}
                    None => break false,
                }
            };
            if !followed {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next record of a half, or that there is something else. A record that was written again elsewhere comes once.
    fn next(&mut self, reader: &mut Reader, payload: &mut [u8]) -> Result<Option<Item>, NorFlashErrorKind> {
        while reader.page < self.pages() {
            let (at, limit) = (self.address(reader.half, reader.page), Self::PAGE.saturating_sub(reader.position));
            let from = at + reader.position as u32;
            let found = record::read(&mut self.flash, from, limit, &self.identity, payload)?;
            let found = found.filter(|header| header.generation == reader.generation);
            let found = found.filter(|header| (header.kind == Kind::Page) == (reader.position == 0));
            if let Some(header) = found {
                reader.position += Geometry::<Flash>::bytes(header.length.into());
                reader.damaged = false;
                reader.marks.see(&header);
                if header.kind == Kind::Page || header.sequence < reader.sequence {
                    continue;
                }
                reader.sequence = header.sequence.saturating_add(1);
                return Ok(Some(Item::Record(header)));
            }
            if !reader.damaged && record::is_blank(&mut self.flash, from, limit)? {
                reader.turn_page(Self::PAGE);
                continue;
            }
            let first = !core::mem::replace(&mut reader.damaged, reader.position > 0);
            reader.spoiled = true;
            // Where records begin on a page is known without a header.
            let step = if reader.position == 0 { Geometry::<Flash>::PAGE_HEADER } else { Geometry::<Flash>::UNIT };
            reader.position += step;
            if reader.position >= Self::PAGE {
                reader.turn_page(Self::PAGE);
            }
            if first {
                return Ok(Some(Item::Damaged));
            }
        }
        Ok(None)
    }

    /// Whether records with payloads of so many bytes fit behind what there is.
    fn has_room(&self, records: usize, payload: usize) -> bool {
        let bytes = Geometry::<Flash>::bytes(payload);
        let of_page = |room: usize| room.checked_div(bytes).unwrap_or_default();
        let pages = self.pages().saturating_sub(self.tail.page + 1) as usize;
        let here = of_page(Self::PAGE.saturating_sub(self.tail.position));
        here + pages * of_page(Self::PAGE - Geometry::<Flash>::PAGE_HEADER) >= records
    }

    /// Appends an operation: all of its records, of equal size, or nothing that counts.
    pub(crate) fn append<'p>(
        &mut self,
        kind: Kind,
        subject: u32,
        total: u16,
        payload: &dyn Fn(u16) -> &'p [u8],
    ) -> Result<(), LogError> {
        if self.unknown {
            return Err(LogError::Unknown);
        }
        if !self.has_room(total.into(), payload(0).len()) {
            return Err(LogError::Full);
        }
        let outcome =
            (0..total).try_for_each(|index| self.put(&Entry { kind, subject, index, total, payload: payload(index) }));
        // What did not fit because of worn pages is no operation, and goes with the next rewrite.
        self.unknown |= matches!(outcome, Err(LogError::Flash(_)));
        outcome
    }

    /// Writes what `each` gives to the other half, and takes it into use. Until then everything is as before.
    pub(crate) fn rewrite(
        &mut self,
        mark: u32,
        each: &dyn Fn(&mut Sink<'_>) -> Result<(), LogError>,
    ) -> Result<Erased, LogError> {
        if self.unknown {
            return Err(LogError::Unknown);
        }
        self.begin(self.tail.half ^ 1, self.tail.generation.wrapping_add(1), mark, each)
    }

    /// The same in flash that holds nothing, or nothing that is to stay.
    pub(crate) fn begin_anew(
        &mut self,
        before: Option<Half>,
        mark: u32,
        each: &dyn Fn(&mut Sink<'_>) -> Result<(), LogError>,
    ) -> Result<Erased, LogError> {
        let (half, generation) = match before {
            Some(half) => (half.number ^ 1, half.generation.wrapping_add(1)),
            // Rather not the one that has to be erased first: were the power to go then, there would be no telling what it held.
            None => (u32::from(!self.is_blank_from(0, 0)?), 1),
        };
        self.begin(half, generation, mark, each)
    }

    fn begin(
        &mut self,
        half: u32,
        generation: u32,
        mark: u32,
        each: &dyn Fn(&mut Sink<'_>) -> Result<(), LogError>,
    ) -> Result<Erased, LogError> {
        let before = (self.tail, self.mark);
        self.tail = Tail { half, generation, sequence: 0, page: 0, position: 0 };
        self.mark = mark;
        let outcome = self.fill_and_seal(each);
        if outcome == Err(LogError::Full) {
            // The other half is as it was.
            (self.tail, self.mark) = before;
            return Err(LogError::Full);
        }
        let outcome = outcome.and_then(|()| Ok(self.erase(half ^ 1)?));
        self.unknown = outcome.is_err();
        outcome
    }

    fn fill_and_seal(&mut self, each: &dyn Fn(&mut Sink<'_>) -> Result<(), LogError>) -> Result<(), LogError> {
        let Tail { half, .. } = self.tail;
        if !self.is_blank_from(half, 0)? {
            self.erase(half)?;
        }
        each(&mut |entry| self.put(entry))?;
        self.put(&Entry { kind: Kind::Seal, subject: self.mark, index: 0, total: 1, payload: &[] })
    }

    fn erase(&mut self, half: u32) -> Result<Erased, NorFlashErrorKind> {
        let bytes = self.address(half, 0)..self.address(half, self.pages());
        self.flash.erase(bytes.start, bytes.end).map_err(record::failed)?;
        let mut stubborn = 0;
        for page in 0..self.pages() {
            let at = self.address(half, page);
            let blank = record::is_blank(&mut self.flash, at, Self::PAGE)?;
            stubborn += u32::from(!blank);
        }
        Ok(Erased { bytes, stubborn })
    }

    /// Writes a record, on a further page where it does not fit or does not read back.
    fn put(&mut self, entry: &Entry<'_>) -> Result<(), LogError> {
        let bytes = Geometry::<Flash>::bytes(entry.payload.len());
        loop {
            while self.tail.position == 0 || self.tail.position + bytes > Self::PAGE {
                self.begin_page()?;
            }
            let &Entry { kind, subject, index, total, payload } = entry;
            let Tail { half, generation, sequence, page, position } = self.tail;
            let length = u16::try_from(payload.len()).map_err(|_| LogError::Full)?;
            if sequence == u32::MAX {
                // They begin anew with the next rewrite.
                return Err(LogError::Full);
            }
            let header = Header { kind, length, index, total, generation, sequence, subject };
            let at = self.address(half, page) + position as u32;
            if record::write(&mut self.flash, at, &self.identity, &header, payload)? {
                (self.tail.position, self.tail.sequence) = (position + bytes, sequence.saturating_add(1));
                return Ok(());
            }
            self.worn += 1;
            self.tail.position = Self::PAGE;
        }
    }

    /// Goes to the next page that is blank, and whose header reads back.
    fn begin_page(&mut self) -> Result<(), LogError> {
        if self.tail.position != 0 {
            self.tail.page += 1;
        }
        let Tail { half, generation, sequence, page, .. } = self.tail;
        if page >= self.pages() {
            return Err(LogError::Full);
        }
        self.tail.position = Self::PAGE;
        let at = self.address(half, page);
        let header = Header {
            kind: Kind::Page,
            length: size_of::<Identity>() as u16,
            index: 0,
            total: 1,
            generation,
            sequence,
            subject: self.mark,
        };
        let identity = self.identity;
        let blank = record::is_blank(&mut self.flash, at, Self::PAGE)?;
        if blank && record::write(&mut self.flash, at, &identity, &header, &identity)? {
            self.tail.position = Geometry::<Flash>::PAGE_HEADER;
        } else {
            self.worn += 1;
        }
        Ok(())
    }
}

impl Reader {
    const fn new(half: u32, generation: u32) -> Self {
        let marks = Marks { sealed: false, next: 0 };
        Self { half, generation, page: 0, position: 0, damaged: false, spoiled: false, sequence: 0, marks, end: (0, 0) }
    }

    /// Goes to the next page, behind which nothing is if it is blank.
    const fn turn_page(&mut self, bytes: usize) {
        if self.spoiled {
            self.end = (self.page, bytes);
        } else if self.position > 0 {
            self.end = (self.page, self.position);
        }
        (self.page, self.position, self.damaged, self.spoiled) = (self.page + 1, 0, false, false);
    }
}

const fn is_page_header(header: &Header) -> bool {
    matches!(header.kind, Kind::Page) && header.length as usize == size_of::<Identity>()
}
