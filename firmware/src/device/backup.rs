//! Backups of who was enrolled here: written, sealed, read again in pieces, and put back.

use super::{Device, InPlace, piece_of};
use cognate::gallery::Kind;
use cognate::protocol::backup::{ENTRY_HEADER_BYTES, HEADER_BYTES, HIDDEN, MAGIC, SEAL_BYTES, open, seal};
use cognate::protocol::session::NONCE_BYTES;
use cognate::protocol::{Answer, MAX_PIECE, Refusal};
use cognate::{ModelDigest, Scan, Space, SubjectId, Template};

/// The most subjects of a bundle that a backup says are removed.
const MOST_HIDDEN: usize = cognate::store::MAX_HIDDEN;

/// Bytes of the greatest sealed backup of so many templates of this dimension.
#[must_use]
pub const fn backup_bytes(templates: usize, dimension: usize) -> usize {
    SEAL_BYTES + HEADER_BYTES + (templates + MOST_HIDDEN) * (ENTRY_HEADER_BYTES + dimension)
}

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BackupKind {
    /// A template that was enrolled, or follows its subject.
    Template(Kind),
    /// A subject of the bundle that was removed.
    Hidden,
}

impl BackupKind {
    /// The byte that says so.
    #[must_use]
    const fn to_byte(self) -> u8 {
        match self {
            Self::Template(Kind::Enrolled) => 0,
            Self::Template(Kind::Adapted) => 1,
            Self::Hidden => HIDDEN,
        }
    }

    /// What a byte says.
    #[must_use]
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Template(Kind::Enrolled)),
            1 => Some(Self::Template(Kind::Adapted)),
            HIDDEN => Some(Self::Hidden),
            _ => None,
        }
    }
}

/// A sealed backup on its way out or in.
pub(super) struct Transfer<'a> {
    buffer: &'a mut [u8],
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    Going { length: usize },
    Coming { received: usize, length: usize },
}

impl<'a> Transfer<'a> {
    pub(super) const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, state: State::Nothing }
    }

    /// Takes a piece of what comes; how much is there, and whether that is all. A piece that is there already is passed over.
    fn take(&mut self, offset: u32, length: u32, piece: &[u8]) -> Result<(u32, bool), Refusal> {
        let (offset, length) = (offset as usize, length as usize);
        if length > self.buffer.len() {
            return Err(Refusal::Full);
        }
        let received = match self.state {
            _ if offset == 0 => 0,
            State::Coming { received, length: of } if of == length => received,
            _ => return Err(Refusal::Piece),
        };
        let end = offset.checked_add(piece.len()).filter(|end| *end <= length).ok_or(Refusal::Piece)?;
        if offset > received {
            return Err(Refusal::Piece);
        }
        let place = self.buffer.get_mut(offset..end).ok_or(Refusal::Full)?;
        place.iter_mut().zip(piece).for_each(|(place, byte)| *place = *byte);
        let received = received.max(end);
        self.state = State::Coming { received, length };
        Ok((u32::try_from(received).unwrap_or(u32::MAX), received == length))
    }

    /// All that has come, which is then no more on its way.
    fn whole(&mut self) -> &mut [u8] {
        let length = match core::mem::replace(&mut self.state, State::Nothing) {
            State::Coming { length, .. } => length,
            State::Nothing | State::Going { .. } => 0,
        };
        self.buffer.get_mut(..length).unwrap_or_default()
    }
}

/// Writes into a buffer until it is full.
struct Writer<'b> {
    bytes: &'b mut [u8],
    written: usize,
}

impl Writer<'_> {
    fn put(&mut self, part: impl IntoIterator<Item = u8>) -> Option<()> {
        for byte in part {
            *self.bytes.get_mut(self.written)? = byte;
            self.written = self.written.checked_add(1)?;
        }
        Some(())
    }

    fn put_entry<const D: usize>(&mut self, subject: SubjectId, kind: BackupKind, code: &[i8; D]) -> Option<()> {
        self.put(subject.number().to_le_bytes())?;
        self.put([kind.to_byte(), 0, 0, 0])?;
        self.put(code.iter().map(|element| element.cast_unsigned()))
    }
}

/// A backup that was opened.
#[derive(Clone, Copy)]
pub(super) struct Backup<'b, const D: usize> {
    entries: &'b [u8],
    space: Space,
}

impl<'b, const D: usize> Backup<'b, D> {
    /// What is in a backup of templates of this space.
    fn read(bytes: &'b [u8], space: Space) -> Result<Self, Refusal> {
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(Refusal::Untrusted)?;
        let (model, rest) = rest.split_first_chunk::<16>().ok_or(Refusal::Untrusted)?;
        let (dimension, rest) = rest.split_first_chunk::<2>().ok_or(Refusal::Untrusted)?;
        let (count, entries) = rest.split_first_chunk::<2>().ok_or(Refusal::Untrusted)?;
        if *magic != MAGIC {
            return Err(Refusal::Untrusted);
        }
        if ModelDigest::new(*model) != space.model || usize::from(u16::from_le_bytes(*dimension)) != D {
            return Err(Refusal::Template);
        }
        if entries.len() != usize::from(u16::from_le_bytes(*count)).saturating_mul(ENTRY_HEADER_BYTES.saturating_add(D))
        {
            return Err(Refusal::Untrusted);
        }
        let backup = Self { entries, space };
        if backup.entries().all(|entry| entry.is_some()) { Ok(backup) } else { Err(Refusal::Template) }
    }

    fn entries(
        self,
    ) -> impl Iterator<Item = Option<(SubjectId, BackupKind, Option<Template<D>>)>> + Clone + use<'b, D> {
        self.entries.chunks_exact(ENTRY_HEADER_BYTES + D).map(move |entry| {
            let (subject, rest) = entry.split_first_chunk()?;
            let (kind, code) = rest.split_first_chunk::<4>()?;
            let kind = BackupKind::from_byte(*kind.first()?)?;
            let code: &[u8; D] = code.try_into().ok()?;
            let template = match kind {
                BackupKind::Template(_) => Some(Template::from_code(code.map(u8::cast_signed), self.space).ok()?),
                BackupKind::Hidden => None,
            };
            Some((SubjectId::new(u32::from_le_bytes(*subject)), kind, template))
        })
    }

    pub(super) fn templates(self) -> impl Iterator<Item = (SubjectId, Kind, Template<D>)> + Clone + use<'b, D> {
        self.entries().flatten().filter_map(|(subject, kind, template)| match kind {
            BackupKind::Template(kind) => Some((subject, kind, template?)),
            BackupKind::Hidden => None,
        })
    }

    pub(super) fn hidden(self) -> impl Iterator<Item = SubjectId> + use<'b, D> {
        self.entries().flatten().filter(|(_, kind, _)| *kind == BackupKind::Hidden).map(|(subject, ..)| subject)
    }
}

impl<'a, F, Clock, const D: usize, const N: usize, const IN: usize> Device<'a, F, Clock, D, N, IN>
where
    F: InPlace<'a>,
    Clock: FnMut() -> u64,
{
    /// Some of a backup, which is made when its first bytes are asked for.
    pub(super) fn backup<'r>(&mut self, offset: u32, room: &'r mut [u8; MAX_PIECE]) -> Answer<'r> {
        if offset == 0
            && let Err(refusal) = self.make_backup()
        {
            return Answer::Refused(refusal);
        }
        let State::Going { length } = self.transfer.state else { return Answer::Refused(Refusal::Piece) };
        let piece = self.transfer.buffer.get(..length).and_then(|bytes| piece_of(bytes, offset, room));
        piece.unwrap_or(Answer::Refused(Refusal::Piece))
    }

    fn make_backup(&mut self) -> Result<(), Refusal> {
        let nonce = self.nonces.give().ok_or(Refusal::Flash)?;
        let working = self.working.as_ref().ok_or(Refusal::NoBundle)?;
        let store = working.store()?;
        self.transfer.state = State::Nothing;
        let mut writer = Writer { bytes: self.transfer.buffer, written: 0 };
        let count = store.gallery().templates().count().saturating_add(store.hidden().len());
        let mut write = || {
            // The nonce, and room for the proof, come with the seal.
            writer.put([0; NONCE_BYTES])?;
            writer.put(MAGIC)?;
            writer.put(*store.gallery().space().model.as_bytes())?;
            writer.put(u16::try_from(D).ok()?.to_le_bytes())?;
            writer.put(u16::try_from(count).ok()?.to_le_bytes())?;
            for (subject, kind, code) in store.gallery().templates() {
                writer.put_entry(subject, BackupKind::Template(kind), &code)?;
            }
            for subject in store.hidden() {
                writer.put_entry(*subject, BackupKind::Hidden, &[0; D])?;
            }
            writer.put([0; SEAL_BYTES - NONCE_BYTES])?;
            Some(writer.written)
        };
        let length = write().ok_or(Refusal::Full)?;
        let sealed = self.transfer.buffer.get_mut(..length).is_some_and(|bytes| seal(&self.keys.link, &nonce, bytes));
        if !sealed {
            return Err(Refusal::Full);
        }
        self.transfer.state = State::Going { length };
        Ok(())
    }

    /// Takes a piece of a backup, and puts it back when it is whole: who is not in it is erased.
    pub(super) fn restore(&mut self, offset: u32, length: u32, piece: &[u8]) -> Result<Answer<'static>, Refusal> {
        let (received, whole) = self.transfer.take(offset, length, piece)?;
        if !whole {
            return Ok(Answer::Next { offset: received });
        }
        let working = self.working.as_mut().ok_or(Refusal::NoBundle)?;
        let opened = open(&self.keys.link, self.transfer.whole()).ok_or(Refusal::Untrusted)?;
        let backup = Backup::<D>::read(opened, working.bundle().space())?;
        match working.restore(&backup) {
            Ok(()) => Ok(Answer::Done),
            Err(error) => Err(self.refusal(error)),
        }
    }
}
