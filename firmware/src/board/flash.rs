//! The two files that are linked into flash regions of their own (`build.rs`, `boards/sections.x`).
#![allow(unsafe_code)]

use core::slice;

/// Bytes at a multiple of 16, as a bundle is read in place.
#[repr(C, align(16))]
struct Aligned<const N: usize>([u8; N]);

// Nothing reads them by their names: `bundle` and `probes` read the regions, where others may have been flashed since.
// SAFETY: the linker script has an output section of this name, which holds nothing else and is only read.
#[used]
#[unsafe(link_section = ".bundle")]
static BUNDLE: Aligned<{ include_bytes!(env!("BUNDLE_PATH")).len() }> = Aligned(*include_bytes!(env!("BUNDLE_PATH")));

/// The probes with their length before them, since they are rows to the last byte and a region is longer.
#[repr(C)]
struct Probes<const N: usize> {
    length: [u8; 4],
    bytes: Aligned<N>,
}

// SAFETY: as for the bundle.
#[used]
#[unsafe(link_section = ".probes")]
static PROBES: Probes<{ include_bytes!(env!("PROBES_PATH")).len() }> = {
    let bytes = *include_bytes!(env!("PROBES_PATH"));
    Probes { length: (bytes.len() as u32).to_le_bytes(), bytes: Aligned(bytes) }
};

/// Where the probes begin in their region.
const PROBES_BEGIN: usize = 16;

unsafe extern "C" {
    /// The first byte of the bundle's region: the linker script's, an address and not a value.
    static _bundle_start: u8;
    /// The address behind its last byte.
    static _bundle_end: u8;
    /// The same of the probes.
    static _probes_start: u8;
    static _probes_end: u8;
}

/// The flash region of the bundle, to its end: the bundle that the firmware was built with, or one that was flashed in
/// its place and may be longer, and then whatever is behind it. Without one, it is erased flash.
#[must_use]
pub fn bundle() -> &'static [u8] {
    // SAFETY: the linker script puts both around flash of this board, which holds the bundle alone and is never written
    // while the firmware runs.
    unsafe { region(&raw const _bundle_start, &raw const _bundle_end) }
}

/// The recorded samples, as [`Rows`](crate::Rows) reads them: those that the firmware was built with, or that were flashed
/// in their place. Empty without them.
#[must_use]
pub fn probes() -> &'static [u8] {
    // SAFETY: as for the bundle.
    let region = unsafe { region(&raw const _probes_start, &raw const _probes_end) };
    let length = region.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
    region.get(PROBES_BEGIN..).and_then(|bytes| bytes.get(..usize::try_from(length).ok()?)).unwrap_or_default()
}

/// The flash between two symbols of the linker script. To the optimizer they are symbols of somewhere else, so that it cannot
/// compute with the bytes that the firmware was built with.
///
/// # Safety
/// Between both is flash of this board, which nothing writes while the firmware runs.
unsafe fn region(start: *const u8, end: *const u8) -> &'static [u8] {
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(start, end as usize - start as usize) }
}
