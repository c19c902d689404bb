//! The numbers that view and writer share.

use crc::{CRC_32_ISCSI, Crc, Table};

/// The version of the format that this crate reads and writes.
pub const FORMAT_VERSION: u16 = 1;

/// The most thresholds that a bundle carries.
pub const MAX_THRESHOLDS: usize = 64;

/// `COGNATE` and a byte that a text transfer would have changed.
pub(super) const MAGIC: [u8; 8] = *b"COGNATE\x1a";

/// Bytes of the header, before the section table.
pub(super) const HEADER_BYTES: usize = 48;

/// The CRC covers the file from here on; what comes before is checked by value.
pub(super) const CRC_BEGIN: usize = 20;

/// Where each section begins is a multiple of this.
pub(super) const ALIGNMENT: usize = 16;

/// Bytes of an entry of the section table: kind, offset, length.
pub(super) const SECTION_ENTRY_BYTES: usize = 12;

/// A section whose kind has this bit may be passed over by a reader that does not know it.
pub(super) const OPTIONAL_SECTION: u32 = 1 << 31;

/// Bytes before the entries of the threshold section: the operating point's index, and zeros.
pub(super) const THRESHOLDS_HEADER_BYTES: usize = 16;

/// Bytes before the entries of the subject section: the first id never given, and the number of subjects.
pub(super) const SUBJECTS_HEADER_BYTES: usize = 8;

/// Bytes of a subject: id, offset of the name among the names, its length.
pub(super) const SUBJECT_BYTES: usize = 12;

/// Codes are whole: the greatest magnitude is 127.
pub(super) const FULL_CODE: u8 = 0;

/// CRC-32C (Castagnoli) of these bytes.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    // The 1 KiB table: at boot a bundle is read once, and sixteen tables would cost more flash than they save time.
    const CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);
    CRC.checksum(bytes)
}

/// The little-endian `u32` at an offset.
pub(super) fn read_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*word))
}

/// The little-endian `u16` at an offset.
pub(super) fn read_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    let half = bytes.get(offset..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*half))
}
