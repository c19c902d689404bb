//! The two files that are linked into flash regions of their own (`build.rs`, `boards/sections.x`).
#![allow(unsafe_code)]

use core::hint::black_box;

/// Bytes at a multiple of 16, as a bundle is read in place.
#[repr(C, align(16))]
struct Aligned<const N: usize>([u8; N]);

// SAFETY: the linker script has an output section of this name, which holds nothing else and is only read.
#[unsafe(link_section = ".bundle")]
static BUNDLE: Aligned<{ include_bytes!(env!("BUNDLE_PATH")).len() }> = Aligned(*include_bytes!(env!("BUNDLE_PATH")));

// SAFETY: as for the bundle.
#[unsafe(link_section = ".probes")]
static PROBES: Aligned<{ include_bytes!(env!("PROBES_PATH")).len() }> = Aligned(*include_bytes!(env!("PROBES_PATH")));

// Without `black_box` the optimizer computes with the bytes that it sees here, checks and all: a bundle that was replaced
// in flash would then be read in part as the old one.

/// The bundle that the firmware was built with, or that was flashed in its place; empty without one.
#[must_use]
pub fn bundle() -> &'static [u8] {
    black_box(&BUNDLE.0)
}

/// The recorded samples that it was built with, as [`Rows`](crate::Rows); empty without them.
#[must_use]
pub fn probes() -> &'static [u8] {
    black_box(&PROBES.0)
}
