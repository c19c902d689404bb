//! The numbers that view and writer share.

use crate::gallery::{Best, Fusion};
use crate::kernel::Layout;
use crate::normalization::{Method, Top};
use crate::space::{CodeForm, FullScale};
use crc::{CRC_32_ISCSI, Crc, Table};

/// The version of the format that this crate reads and writes.
pub const FORMAT_VERSION: u16 = 2;

/// The most thresholds that a bundle carries.
pub const MAX_THRESHOLDS: usize = 64;

/// What a bundle begins with: `COGNATE` and a byte that a text transfer would have changed.
pub const MAGIC: [u8; 8] = *b"COGNATE\x1a";

/// Bytes of the header, before the section table.
pub(super) const HEADER_BYTES: usize = 48;

/// The CRC covers the file from here on; what comes before is checked by value.
pub(super) const CRC_BEGIN: usize = 20;

/// Where each section begins is a multiple of this.
pub(crate) const ALIGNMENT: usize = 16;

/// Bytes of an entry of the section table: kind, offset, length.
pub(super) const SECTION_ENTRY_BYTES: usize = 12;

/// A section whose kind has this bit may be passed over by a reader that does not know it.
pub(super) const OPTIONAL_SECTION: u32 = 1 << 31;

/// Bytes before the entries of the threshold section.
pub(super) const THRESHOLDS_HEADER_BYTES: usize = 16;

/// Bytes before the entries of the subject section: the first id never given, and the number of subjects.
pub(super) const SUBJECTS_HEADER_BYTES: usize = 8;

/// Bytes of a subject: id, offset of the name among the names, its length.
pub(super) const SUBJECT_BYTES: usize = 12;

/// Bytes before the factors of the cohort section: method, members that count, number of members.
pub(super) const COHORT_HEADER_BYTES: usize = 4;

/// Bytes of a subject's statistics against the cohort: mean, deviation.
pub(super) const STATISTICS_BYTES: usize = 8;

/// A code form as its number and the bits of its full scale, which only one form has.
pub(crate) const fn form_to_numbers(form: CodeForm) -> (u8, u32) {
    match form {
        CodeForm::Full => (0, 0),
        CodeForm::NormLimited => (1, 0),
        CodeForm::Euclidean(full_scale) => (2, full_scale.bits()),
    }
}

/// The form that these are the numbers of.
pub(super) const fn form_of_numbers(number: u8, full_scale: u32) -> Option<CodeForm> {
    match (number, full_scale) {
        (0, 0) => Some(CodeForm::Full),
        (1, 0) => Some(CodeForm::NormLimited),
        (2, bits) => match FullScale::from_bits(bits) {
            Some(full_scale) => Some(CodeForm::Euclidean(full_scale)),
            None => None,
        },
        _ => None,
    }
}

/// The number of a layout.
pub(super) const fn layout_to_number(layout: Layout) -> u8 {
    match layout {
        Layout::Rows => 0,
        Layout::Pairs => 1,
        Layout::Lanes => 2,
        Layout::Halfwords => 3,
    }
}

/// A fusion as two bytes: its number, and how many templates a mean is of.
pub(super) const fn fusion_to_bytes(fusion: Fusion) -> [u8; 2] {
    match fusion {
        Fusion::Maximum => [0, 0],
        Fusion::MeanOfBest(best) => [1, best.get() as u8],
        Fusion::Centroid => [2, 0],
    }
}

/// The fusion that these are the bytes of.
pub(super) const fn fusion_of_bytes(bytes: [u8; 2]) -> Option<Fusion> {
    match bytes {
        [0, 0] => Some(Fusion::Maximum),
        [1, best] => match Best::new(best) {
            Some(best) => Some(Fusion::MeanOfBest(best)),
            None => None,
        },
        [2, 0] => Some(Fusion::Centroid),
        _ => None,
    }
}

/// A method as two bytes: its number, and how many members count.
pub(super) const fn method_to_bytes(method: Method) -> [u8; 2] {
    match method {
        Method::ZNorm => [0, 0],
        Method::TNorm => [1, 0],
        Method::SNorm => [2, 0],
        Method::AdaptiveSNorm(top) => [3, top.get() as u8],
    }
}

/// The method that these are the bytes of.
pub(super) const fn method_of_bytes(bytes: [u8; 2]) -> Option<Method> {
    match bytes {
        [0, 0] => Some(Method::ZNorm),
        [1, 0] => Some(Method::TNorm),
        [2, 0] => Some(Method::SNorm),
        [3, top] => match Top::new(top) {
            Some(top) => Some(Method::AdaptiveSNorm(top)),
            None => None,
        },
        _ => None,
    }
}

/// CRC-32C (Castagnoli), by its 1 KiB table: at boot a bundle is read once, and sixteen tables would cost more flash than they
/// save time.
pub(crate) static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);

/// CRC-32C of these bytes.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// The little-endian `u32` at an offset.
pub(crate) fn read_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*word))
}

/// The little-endian `u16` at an offset.
pub(crate) fn read_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    let half = bytes.get(offset..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*half))
}
