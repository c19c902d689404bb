//! One record in flash: how it lies, how it is written, how it is read. Page headers and seals are records too.
//!
//! ```text
//!  0  kind       u8      8  generation  u32     20  payload
//!  1  0          u8     12  sequence    u32      …  zeros to a multiple of the flash's words
//!  2  length     u16    16  subject     u32     −4  CRC-32C of the log's identity and all before
//!  4  index      u16
//!  6  total      u16     which of how many records of one operation it is
//! ```
//!
//! All words are written once, from front to back, and the one with the CRC is written last, on its own: it is what commits.

use crate::bundle::{CRC, read_u16, read_u32};
use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind};

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 20;
const CRC_BYTES: usize = 4;
/// So much is read or written at once.
const CHUNK: usize = 64;

/// What is the same for all records of a log: its purpose, and what templates in it are of.
pub(crate) type Identity = [u8; 24];

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A page begins. The payload is the log's identity.
    Page = 1,
    /// What was rewritten is whole.
    Seal = 2,
    /// A template of a new subject.
    Enroll = 3,
    /// A further template of a subject.
    Add = 4,
    /// The template that follows a subject, in place of the one before.
    Adapt = 5,
    /// A subject of the bundle that is not to be found any more.
    Hide = 6,
    /// Attempts that were wrong, as far as is known.
    Attempts = 7,
}

impl Kind {
    const ALL: [Self; 7] = [Self::Page, Self::Seal, Self::Enroll, Self::Add, Self::Adapt, Self::Hide, Self::Attempts];
}

/// The beginning of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) length: u16,
    pub(crate) index: u16,
    pub(crate) total: u16,
    pub(crate) generation: u32,
    pub(crate) sequence: u32,
    /// The subject; of a page and a seal, the number of the first subject that was never given.
    pub(crate) subject: u32,
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let [l0, l1] = self.length.to_le_bytes();
        let [i0, i1] = self.index.to_le_bytes();
        let [t0, t1] = self.total.to_le_bytes();
        let [g0, g1, g2, g3] = self.generation.to_le_bytes();
        let [q0, q1, q2, q3] = self.sequence.to_le_bytes();
        let [s0, s1, s2, s3] = self.subject.to_le_bytes();
        [self.kind as u8, 0, l0, l1, i0, i1, t0, t1, g0, g1, g2, g3, q0, q1, q2, q3, s0, s1, s2, s3]
    }

    fn of_bytes(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let [number, zero, ..] = bytes;
        let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == *number).filter(|_| *zero == 0)?;
        let header = Self {
            kind,
            length: read_u16(bytes, 2)?,
            index: read_u16(bytes, 4)?,
            total: read_u16(bytes, 6)?,
            generation: read_u32(bytes, 8)?,
            sequence: read_u32(bytes, 12)?,
            subject: read_u32(bytes, 16)?,
        };
        Some(header).filter(|header| header.index < header.total)
    }
}

/// What flash a log can be on, checked when it compiles; and how records lie there.
pub(crate) struct Geometry<Flash>(core::marker::PhantomData<Flash>);

impl<Flash: NorFlash> Geometry<Flash> {
    /// Records begin and end at multiples of this.
    pub(crate) const UNIT: usize = if Flash::WRITE_SIZE > CRC_BYTES { Flash::WRITE_SIZE } else { CRC_BYTES };
    pub(crate) const PAGE: usize = {
        assert!(
            Flash::WRITE_SIZE.is_power_of_two() && Flash::WRITE_SIZE <= CHUNK,
            "words are 1 to 64 bytes, a power of 2"
        );
        assert!(CRC_BYTES.is_multiple_of(Flash::READ_SIZE), "flash is read by 1, 2 or 4 bytes");
        assert!(Flash::ERASE_SIZE.is_multiple_of(Self::UNIT), "a page is whole words");
        assert!(Flash::ERASE_SIZE >= Self::PAGE_HEADER + Self::bytes(0), "a page has room behind its header");
        Flash::ERASE_SIZE
    };
    /// Bytes of a page's header.
    pub(crate) const PAGE_HEADER: usize = Self::bytes(size_of::<Identity>());

    /// Bytes of a record with so much of a payload.
    pub(crate) const fn bytes(payload: usize) -> usize {
        (HEADER_BYTES + payload + CRC_BYTES).next_multiple_of(Self::UNIT)
    }
}

/// The kind of what went wrong, which needs no type of its own for each flash.
pub(crate) fn failed(error: impl NorFlashError) -> NorFlashErrorKind {
    error.kind()
}

/// Writes a record to erased flash; whether it reads back as it was written.
pub(crate) fn write<Flash: NorFlash>(
    flash: &mut Flash,
    at: u32,
    identity: &Identity,
    header: &Header,
    payload: &[u8],
) -> Result<bool, NorFlashErrorKind> {
    let bytes = Geometry::<Flash>::bytes(payload.len());
    let padding = bytes - CRC_BYTES - HEADER_BYTES - payload.len();
    let head = header.to_bytes();
    let mut digest = begin(identity, header.kind);
    let (mut chunk, mut filled, mut to) = ([0; CHUNK], 0, at);
    let body = head.iter().chain(payload).copied().chain(core::iter::repeat_n(0, padding));
    for byte in body {
        digest.update(&[byte]);
        if let Some(place) = chunk.get_mut(filled) {
            *place = byte;
        }
        filled += 1;
        if filled == CHUNK {
            flash.write(to, &chunk).map_err(failed)?;
            (filled, to) = (0, to + CHUNK as u32);
        }
    }
    if let Some(place) = chunk.get_mut(filled..).and_then(|rest| rest.first_chunk_mut()) {
        *place = digest.finalize().to_le_bytes();
    }
    // What is left is whole units, of which the last one commits.
    let last = (filled + CRC_BYTES).saturating_sub(Geometry::<Flash>::UNIT);
    if let Some((before, rest)) = chunk.split_at_checked(last) {
        if !before.is_empty() {
            flash.write(to, before).map_err(failed)?;
        }
        let commit = rest.get(..Geometry::<Flash>::UNIT).unwrap_or_default();
        flash.write(to + last as u32, commit).map_err(failed)?;
    }
    Ok(read(flash, at, bytes, identity, &mut [])? == Some(*header))
}

/// Reads a record that takes at most `limit` bytes, and as much of its payload as `payload` takes; `None` when there is none, or
/// not a whole one.
pub(crate) fn read<Flash: NorFlash>(
    flash: &mut Flash,
    at: u32,
    limit: usize,
    identity: &Identity,
    payload: &mut [u8],
) -> Result<Option<Header>, NorFlashErrorKind> {
    let mut head = [0; HEADER_BYTES];
    if limit < HEADER_BYTES + CRC_BYTES {
        return Ok(None);
    }
    flash.read(at, &mut head).map_err(failed)?;
    let Some(header) = Header::of_bytes(&head) else { return Ok(None) };
    let bytes = Geometry::<Flash>::bytes(header.length.into());
    if bytes > limit {
        return Ok(None);
    }
    let mut digest = begin(identity, header.kind);
    digest.update(&head);
    let (mut left, mut from, mut chunk) = (bytes - HEADER_BYTES, at + HEADER_BYTES as u32, [0; CHUNK]);
    let mut places = payload.iter_mut();
    while left > CRC_BYTES {
        let now = chunk.get_mut(..(left - CRC_BYTES).min(CHUNK)).unwrap_or_default();
        flash.read(from, now).map_err(failed)?;
        digest.update(now);
        // Padding behind a short payload falls into the place of a longer one, and the length says so.
        now.iter().zip(places.by_ref()).for_each(|(byte, place)| *place = *byte);
        (left, from) = (left - now.len(), from + now.len() as u32);
    }
    let mut crc = [0; CRC_BYTES];
    flash.read(from, &mut crc).map_err(failed)?;
    Ok(Some(header).filter(|_| digest.finalize().to_le_bytes() == crc))
}

/// A page says itself of which log it is; every other record belongs to one identity.
fn begin(identity: &Identity, kind: Kind) -> crc::Digest<'static, u32, crc::Table<1>> {
    let mut digest = CRC.digest();
    if kind != Kind::Page {
        digest.update(identity);
    }
    digest
}

/// Whether these bytes of flash are erased.
pub(crate) fn is_blank<Flash: NorFlash>(
    flash: &mut Flash,
    mut at: u32,
    mut bytes: usize,
) -> Result<bool, NorFlashErrorKind> {
    let mut chunk = [0; CHUNK];
    while bytes > 0 {
        let now = chunk.get_mut(..bytes.min(CHUNK)).unwrap_or_default();
        flash.read(at, now).map_err(failed)?;
        // Nearly all of a store's area is looked through like this at every start: four bytes at a time.
        let (words, rest) = now.as_chunks();
        let all = words.iter().fold(u32::MAX, |all, word| all & u32::from_le_bytes(*word));
        if all != u32::MAX || rest.iter().any(|byte| *byte != 0xff) {
            return Ok(false);
        }
        (at, bytes) = (at + now.len() as u32, bytes - now.len());
    }
    Ok(true)
}
