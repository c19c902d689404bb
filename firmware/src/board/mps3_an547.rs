//! Arm MPS3 with the AN547 image (Cortex-M55 with Helium), all of it in the secure state that the core starts in.
#![allow(unsafe_code)]

use super::fpgaio;
use crate::Pins;

pub use fpgaio::{ARENA_BYTES, Button, Led};

/// The board's name, as `cargo xtask` knows it.
pub const NAME: &str = "mps3-an547";

/// The pins of the application: LED 0 accepts, LED 1 rejects, button 0 enrolls.
#[must_use]
pub const fn pins() -> Pins<Led, Led, Button> {
    // SAFETY: the image has FPGAIO here, in the secure alias; after a reset only secure code reaches it.
    unsafe { fpgaio::pins(0x5930_2000) }
}
