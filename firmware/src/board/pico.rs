//! Raspberry Pi Pico: RP2040, the first of two Cortex-M0+, at the 6 MHz or so of its ring oscillator.
#![allow(unsafe_code)]

use super::rp;
use crate::Pins;

pub use super::port::{Button, Led};
pub use rp::ARENA_BYTES;

/// The board's name, as `cargo xtask` knows it.
pub const NAME: &str = "pico";

/// What the boot ROM loads from the first 256 bytes of flash, to have the rest of it in the address space.
// SAFETY: the linker script has an output section of this name, which holds nothing else and is only read.
#[used]
#[unsafe(link_section = ".boot2")]
static SECOND_STAGE: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

const CHIP: rp::Chip = rp::Chip {
    resets: 0x4000_c000,
    held: 1 << 5 | 1 << 8,
    functions: 0x4001_4000,
    pads: 0x4001_c000,
    inputs: 0xd000_0004,
    outputs: [0xd000_0010, 0xd000_0014, 0xd000_0018, 0xd000_0024],
};

/// The pins of the application: the board's LED accepts, one on GP15 rejects, a button on GP14 enrolls.
#[must_use]
pub fn pins() -> Pins<Led, Led, Button> {
    // SAFETY: an RP2040 has them there.
    unsafe { rp::pins(&CHIP) }
}
