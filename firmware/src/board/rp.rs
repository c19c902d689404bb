//! The pins of Raspberry Pi's RP2040 and RP2350: the same blocks, at other addresses. A Pico has one LED of its own, and no button
//! that a program can read, so that an LED and a button are connected to it.
#![allow(unsafe_code)]

use super::port::{Bits, Button, Led, Level};
use crate::Pins;

/// RAM that the demo has for an encoder.
pub const ARENA_BYTES: usize = 24 * 1024;

/// The LED on the board.
const OWN_LED: u32 = 25;
/// An LED, with a resistor, between this pin and ground: pin 20 of the board, beside its ground on pin 18.
const OTHER_LED: u32 = 15;
/// A button between this pin and ground: pin 19 of the board.
const BUTTON: u32 = 14;

/// Where the one or the other has them.
pub struct Chip {
    /// RESETS, which holds the blocks until it is told not to.
    pub resets: usize,
    /// The bits of IO_BANK0 and PADS_BANK0 there.
    pub held: u32,
    /// IO_BANK0: what drives a pin.
    pub functions: usize,
    /// PADS_BANK0: how a pin is driven.
    pub pads: usize,
    /// SIO's GPIO_IN, the levels of the pins.
    pub inputs: usize,
    /// GPIO_OUT, GPIO_OUT_SET, GPIO_OUT_CLR and GPIO_OE_SET.
    pub outputs: [usize; 4],
}

/// RESET_DONE, behind RESET and WDSEL.
const RESET_DONE: usize = 8;
/// A register's second address, where writing ones clears bits.
const CLEAR: usize = 0x3000;
/// SIO drives the pin.
const BY_PROGRAM: u32 = 5;
/// 4 mA, with a Schmitt trigger, as after a reset; the input enabled, and on an RP2350 not isolated.
const PAD: u32 = 1 << 6 | 1 << 4 | 1 << 1;
/// The same pulled up.
const PAD_PULLED_UP: u32 = PAD | 1 << 3;

/// The pins of the application: the board's LED accepts, the other one rejects, the button enrolls.
///
/// # Safety
/// The addresses are those of the board's microcontroller.
pub unsafe fn pins(chip: &Chip) -> Pins<Led, Led, Button> {
    let [_, _, _, enable] = chip.outputs;
    // SAFETY: registers of this microcontroller, as was promised. They take its pins out of reset, which ends within a few cycles
    // of its clock, and give three of them, which nothing else uses, their functions.
    unsafe {
        Bits::new(chip.resets + CLEAR, chip.held).write();
        for block in (0..32).map(|bit| chip.held & 1 << bit).filter(|block| *block != 0) {
            while !Bits::new(chip.resets + RESET_DONE, block).any() {}
        }
        for (pin, pad) in [(OWN_LED, PAD), (OTHER_LED, PAD), (BUTTON, PAD_PULLED_UP)] {
            Bits::new(chip.pads + 4 + 4 * pin as usize, pad).write();
            Bits::new(chip.functions + 4 + 8 * pin as usize, BY_PROGRAM).write();
        }
        Bits::new(enable, 1 << OWN_LED | 1 << OTHER_LED).write();
    }
    // SAFETY: the pin is an input now.
    let enroll = unsafe { Button::new(Bits::new(chip.inputs, 1 << BUTTON), Level::Low) };
    Pins { accept: led(chip, OWN_LED), reject: led(chip, OTHER_LED), enroll }
}

fn led(chip: &Chip, pin: u32) -> Led {
    let [out, set, clear, _] = chip.outputs.map(|register| Bits::new(register, 1 << pin));
    // SAFETY: registers of this microcontroller, as `pins` was promised, that change this pin alone. It is an output.
    unsafe { Led::new([set, clear], out, Level::High) }
}
