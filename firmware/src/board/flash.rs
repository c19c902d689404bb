//! The two files that are linked into flash regions of their own (`build.rs`, `boards/sections.x`).
#![allow(unsafe_code)]

use core::hint::black_box;
use core::slice;

/// Bytes at a multiple of 16, as a bundle is read in place.
#[repr(C, align(16))]
struct Aligned<const N: usize>([u8; N]);

// Nothing reads it by its name: `bundle` reads the region, where another bundle may have been flashed since.
// SAFETY: the linker script has an output section of this name, which holds nothing else and is only read.
#[used]
#[unsafe(link_section = ".bundle")]
static BUNDLE: Aligned<{ include_bytes!(env!("BUNDLE_PATH")).len() }> = Aligned(*include_bytes!(env!("BUNDLE_PATH")));

// SAFETY: as for the bundle.
#[unsafe(link_section = ".probes")]
static PROBES: Aligned<{ include_bytes!(env!("PROBES_PATH")).len() }> = Aligned(*include_bytes!(env!("PROBES_PATH")));

unsafe extern "C" {
    /// The first byte of the bundle's region: the linker script's, an address and not a value.
    static _bundle_start: u8;
    /// The address behind its last byte.
    static _bundle_end: u8;
}

/// The flash region of the bundle, to its end: the bundle that the firmware was built with, or one that was flashed in
/// its place and may be longer, and then whatever is behind it. Without one, it is erased flash.
#[must_use]
pub fn bundle() -> &'static [u8] {
    let (start, end) = (&raw const _bundle_start, &raw const _bundle_end);
    // SAFETY: the linker script puts both around flash of this board, which holds the bundle alone and is never written
    // while the firmware runs. To the optimizer they are symbols of somewhere else, so that it cannot compute with the
    // bytes that the firmware was built with.
    unsafe { slice::from_raw_parts(start, end as usize - start as usize) }
}

/// The recorded samples that it was built with, as [`Rows`](crate::Rows) reads them; empty without them.
#[must_use]
pub fn probes() -> &'static [u8] {
    // Without `black_box` the optimizer would compute with the bytes that it sees here.
    black_box(&PROBES.0)
}
