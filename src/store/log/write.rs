//! What is written: records behind the others, and a half anew.

use super::{Erased, Half, Log, LogError, Tail};
use crate::store::record::{self, Geometry, Header, Identity, Kind};
use embedded_storage::nor_flash::{NorFlash, NorFlashErrorKind};

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
    /// Erases what is left of the half that is not in use.
    pub(crate) fn erase_other(&mut self) -> Result<Option<Erased>, NorFlashErrorKind> {
        let other = self.tail.half ^ 1;
        Ok(if self.is_blank_from(other, 0)? { None } else { Some(self.erase(other)?) })
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
