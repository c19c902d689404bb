//! Arm MPS2+ with the AN386 image (Cortex-M4F).
#![allow(unsafe_code)]

use super::fpgaio;
use crate::Pins;

pub use fpgaio::{ARENA_BYTES, Button, Led};

/// The board's name, as `cargo xtask` knows it.
pub const NAME: &str = "mps2-an386";

/// The pins of the application: LED 0 accepts, LED 1 rejects, button 0 enrolls.
#[must_use]
pub const fn pins() -> Pins<Led, Led, Button> {
    // SAFETY: the image has FPGAIO here.
    unsafe { fpgaio::pins(0x4002_8000) }
}

/// Seconds since the start.
#[cfg(feature = "device")]
#[must_use]
pub fn seconds() -> u64 {
    // SAFETY: as for the pins.
    unsafe { fpgaio::seconds(0x4002_8000) }
}
