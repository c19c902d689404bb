//! Raspberry Pi Pico 2: RP2350, the first of two Cortex-M33, in the secure state, at the 11 MHz or so of its ring oscillator.
#![allow(unsafe_code)]

use super::rp;
use crate::Pins;

pub use super::port::{Button, Led};
pub use rp::ARENA_BYTES;

/// The board's name, as `cargo xtask` knows it.
pub const NAME: &str = "pico2";

/// What the boot ROM looks for in the first 4 KiB of flash: a block with one item, that this is a program for a secure Arm core of
/// an RP2350. It is the last item, and the block links to no other.
// SAFETY: the linker script has an output section of this name, which holds nothing else and is only read.
#[used]
#[unsafe(link_section = ".start_block")]
static IMAGE_DEFINITION: [u32; 5] = [0xffff_ded3, 0x1021_0142, 0x0000_01ff, 0, 0xab12_3579];

const CHIP: rp::Chip = rp::Chip {
    resets: 0x4002_0000,
    held: 1 << 6 | 1 << 9,
    functions: 0x4002_8000,
    pads: 0x4003_8000,
    inputs: 0xd000_0004,
    outputs: [0xd000_0010, 0xd000_0018, 0xd000_0020, 0xd000_0038],
};

/// The pins of the application: the board's LED accepts, one on GP15 rejects, a button on GP14 enrolls.
#[must_use]
pub fn pins() -> Pins<Led, Led, Button> {
    // SAFETY: an RP2350 has them there.
    unsafe { rp::pins(&CHIP) }
}
