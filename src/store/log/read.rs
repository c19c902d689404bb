//! What is read: which half is in use, and its records one after the other.

use super::{Damage, Found, Half, Log, Tail};
use crate::store::record::{self, Geometry, Header, Identity, Kind};
use embedded_storage::nor_flash::{NorFlash, NorFlashErrorKind};

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

/// Generations that pages of a half are apart at most: more than a flash can be erased.
const MOST_APART: u32 = 1 << 30;

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

impl<Flash: NorFlash> Log<Flash> {
    /// Looks for what is in use.
    pub(crate) fn find(&mut self) -> Result<Found, NorFlashErrorKind> {
        let (first, second) = (self.look_at(0)?, self.look_at(1)?);
        let half = match (first, second) {
            (None, None) => {
                return Ok(if self.holds_a_beginning()? { Found::Nothing } else { Found::Unreadable });
            }
            (Some(half), None) | (None, Some(half)) => half,
            (Some(a), Some(b)) => {
                let (old, new) = if is_older(a.generation, b.generation) { (a, b) } else { (b, a) };
                // An unfinished one is never the older. Without any seal, the older one is at least whole.
                if self.marks(&new)?.sealed { new } else { old }
            }
        };
        Ok(if half.identity == self.identity { Found::Ours(half) } else { Found::Other(half) })
    }

    /// What a half says of itself, by all of its pages; `None` when there is nothing that could be read.
    ///
    /// A worn page that is not erased any more goes on saying what it said: the newest generation counts. Pages that no store can
    /// have left beside each other are none of a log: a cut while they are erased could make any of them the newest.
    fn look_at(&mut self, half: u32) -> Result<Option<Half>, NorFlashErrorKind> {
        let own = self.identity;
        let mut found: Option<(Half, u32)> = None;
        for page in 0..self.pages() {
            let (at, mut said) = (self.address(half, page), Identity::default());
            let header = record::read(&mut self.flash, at, Self::PAGE, &own, &mut said)?.filter(is_page_header);
            let (behind, limit) = (Geometry::<Flash>::PAGE_HEADER, Self::PAGE - Geometry::<Flash>::PAGE_HEADER);
            let first = record::read(&mut self.flash, at + behind as u32, limit, &own, &mut [])?;
            for (header, identity) in [(header, said), (first, own)] {
                let Some(Header { generation, .. }) = header else { continue };
                let this = Half { number: half, generation, identity };
                let (newest, oldest) = found.unwrap_or((this, generation));
                let newest = if is_older(newest.generation, generation) { this } else { newest };
                let oldest = if is_older(generation, oldest) { generation } else { oldest };
                if newest.generation.wrapping_sub(oldest) > MOST_APART
                    || newest.generation.wrapping_sub(generation) > MOST_APART
                {
                    return Ok(None);
                }
                found = Some((newest, oldest));
            }
        }
        Ok(found.map(|(newest, _)| newest))
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

/// Whether a generation came before another; they begin anew behind the largest.
const fn is_older(generation: u32, other: u32) -> bool {
    generation.wrapping_sub(other).cast_signed() < 0
}

const fn is_page_header(header: &Header) -> bool {
    matches!(header.kind, Kind::Page) && header.length as usize == size_of::<Identity>()
}
