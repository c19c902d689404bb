//! BBC micro:bit, first version: nRF51822 (Cortex-M0), two LEDs of the matrix and a button on the port of the nRF51.
//!
//! The nRF51 has no SysTick, although QEMU's has: on silicon the [`Counter`](super::Counter) needs another timer.
#![allow(unsafe_code)]

use crate::Pins;
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, InputPin, OutputPin, StatefulOutputPin};

/// The board's name, as `cargo xtask` knows it.
pub const NAME: &str = "microbit";

/// RAM that the demo has for an encoder.
pub const ARENA_BYTES: usize = 2560;

/// What the outputs are told, a bit a pin.
const OUT: *const u32 = 0x5000_0504 as *const u32;
/// Sets those bits of `OUT` that are 1.
const OUTSET: *mut u32 = 0x5000_0508 as *mut u32;
/// Clears those bits of `OUT` that are 1.
const OUTCLR: *mut u32 = 0x5000_050c as *mut u32;
/// The levels of the inputs, a bit a pin.
const IN: *const u32 = 0x5000_0510 as *const u32;
/// Makes outputs of those pins whose bits are 1.
const DIRSET: *mut u32 = 0x5000_0518 as *mut u32;
/// How a pin is used: a word a pin.
const PIN_CNF: *mut u32 = 0x5000_0700 as *mut u32;

/// An LED is on while its row is high and its column low.
const COLUMN_1: u32 = 4;
const ROW_1: u32 = 13;
const ROW_2: u32 = 14;
/// Low while pressed.
const BUTTON_A: u32 = 17;

/// An input with its buffer connected and pulled up. The board has a resistor for that, and QEMU has not.
const INPUT_PULLED_UP: u32 = 3 << 2;

/// The pins of the application: the first LED of row 1 accepts, that of row 2 rejects, button A enrolls.
#[must_use]
pub fn pins() -> Pins<Led, Led, Button> {
    let (accept, reject) = (Led { mask: 1 << ROW_1 }, Led { mask: 1 << ROW_2 });
    // SAFETY: registers of this board, in the range of its pins. They give four pins their directions, always the same;
    // nothing else uses them.
    unsafe {
        DIRSET.write_volatile(accept.mask | reject.mask | 1 << COLUMN_1);
        PIN_CNF.add(BUTTON_A as usize).write_volatile(INPUT_PULLED_UP);
    }
    Pins { accept, reject, enroll: Button }
}

/// An LED.
pub struct Led {
    mask: u32,
}

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        // SAFETY: a register of this board that changes the pins of the mask alone.
        unsafe { OUTCLR.write_volatile(self.mask) };
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        // SAFETY: a register of this board that changes the pins of the mask alone.
        unsafe { OUTSET.write_volatile(self.mask) };
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: a register of this board that can be read at any time, without effect.
        let out = unsafe { OUT.read_volatile() };
        Ok(out & self.mask != 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}

/// Button A, high while pressed as the application wants it.
pub struct Button;

impl ErrorType for Button {
    type Error = Infallible;
}

impl InputPin for Button {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: a register of this board that can be read at any time, without effect.
        let levels = unsafe { IN.read_volatile() };
        Ok(levels & 1 << BUTTON_A == 0)
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}
