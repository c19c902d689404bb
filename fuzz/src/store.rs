//! Images of a store, with right checksums where that is asked for.

use crate::spaces;
use libfuzzer_sys::arbitrary::{self, Arbitrary};

/// Bytes of a page, and elements of a template: as few as go, so that an input can fill pages.
pub const PAGE: usize = 128;
/// See [`PAGE`].
pub const DIMENSION: usize = 8;

/// What a flash may hold.
#[derive(Arbitrary, Debug)]
pub enum Image<'a> {
    /// Bytes as they are.
    Raw(&'a [u8]),
    /// Records that say anything, one behind the other.
    Forged(Vec<Piece<'a>>),
}

/// What is put into an image next.
#[derive(Arbitrary, Debug)]
pub enum Piece<'a> {
    /// The beginning of the next page, or of one that is further on.
    Page {
        /// So many pages are left out.
        skipped: u8,
        /// The generation, or one near the largest for an odd number.
        generation: u8,
        /// The first subject that was never given.
        mark: u32,
    },
    /// A record with a right checksum.
    Record {
        /// What it says it is.
        kind: u8,
        /// Which of how many.
        index: u8,
        /// How many.
        total: u8,
        /// By how much the sequence number is not the next one.
        jump: i8,
        /// Whether the numbers begin near the largest.
        late: bool,
        /// Counted from the first that a device gives.
        subject: i16,
        /// What it holds.
        payload: &'a [u8],
    },
    /// A template's record, as a store writes it.
    Template {
        /// Enrolled, added or adapted.
        kind: u8,
        /// Counted from the first that a device gives.
        subject: u8,
        /// Nearly the code.
        code: [i8; DIMENSION],
    },
    /// That what was written before is whole.
    Seal,
    /// Anything.
    Bytes(&'a [u8]),
}

const FIRST_ON_DEVICE: u32 = 1 << 31;

impl Image<'_> {
    /// The bytes of so many pages, of which the last may not be filled.
    #[must_use]
    pub fn bytes(&self, pages: usize, word: usize) -> Vec<u8> {
        let mut writer =
            Writer { bytes: vec![0xff; pages * PAGE], at: 0, unit: word.max(4), generation: 1, sequence: 0 };
        match self {
            Self::Raw(raw) => writer.put(raw),
            Self::Forged(pieces) => pieces.iter().for_each(|piece| writer.write(piece)),
        }
        writer.bytes
    }
}

struct Writer {
    bytes: Vec<u8>,
    at: usize,
    unit: usize,
    generation: u32,
    sequence: u32,
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.at..).unwrap_or_default();
        room.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        self.at += bytes.len();
    }

    fn write(&mut self, piece: &Piece<'_>) {
        match *piece {
            Piece::Page { skipped, generation, mark } => {
                self.at = (self.at.next_multiple_of(PAGE) + usize::from(skipped % 8) * PAGE).min(self.bytes.len());
                self.generation = u32::from(generation) | if generation % 2 == 1 { 0xffff_ff00 } else { 0 };
                self.record(1, [0, 1], mark, &identity());
            }
            Piece::Record { kind, index, total, jump, late, subject, payload } => {
                self.sequence = self.sequence.wrapping_add_signed(jump.into());
                if late {
                    self.sequence |= 0xffff_fff0;
                }
                let subject = FIRST_ON_DEVICE.wrapping_add_signed(subject.into());
                self.record(kind, [index.into(), total.into()], subject, &payload[..payload.len().min(PAGE)]);
            }
            Piece::Template { kind, subject, code } => {
                let mut code = code.map(|element| element.max(-127) as u8);
                code[0] = 127;
                self.record(3 + kind % 3, [0, 1], FIRST_ON_DEVICE + u32::from(subject), &code);
            }
            Piece::Seal => self.record(2, [0, 1], FIRST_ON_DEVICE, &[]),
            Piece::Bytes(bytes) => self.put(bytes),
        }
    }

    /// `docs/store-format.md`, written once more.
    fn record(&mut self, kind: u8, [index, total]: [u16; 2], subject: u32, payload: &[u8]) {
        let length = payload.len() as u16;
        let mut record = vec![kind, 0];
        record.extend([length, index, total].iter().flat_map(|number| number.to_le_bytes()));
        record.extend([self.generation, self.sequence, subject].iter().flat_map(|number| number.to_le_bytes()));
        record.extend(payload);
        record.resize((record.len() + 4).next_multiple_of(self.unit) - 4, 0);
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
        let mut digest = crc.digest();
        if kind == 1 {
            // The number of a page's first record is the next one's, too.
            digest.update(&record);
        } else {
            digest.update(&identity());
            digest.update(&record);
            self.sequence = self.sequence.wrapping_add(1);
        }
        record.extend(digest.finalize().to_le_bytes());
        self.put(&record);
    }
}

/// What all records are of: the model, the version, and templates of this many elements in the full form.
fn identity() -> [u8; 24] {
    let mut identity = [0; 24];
    identity[..16].copy_from_slice(spaces()[0].model.as_bytes());
    identity[16] = 1;
    identity[18] = DIMENSION as u8;
    identity
}
