//! BBC micro:bit, first version: nRF51822 (Cortex-M0), two LEDs of the matrix and a button.
//!
//! The nRF51 has no SysTick, although QEMU's has: on silicon the [`Counter`](super::Counter) needs another timer.
#![allow(unsafe_code)]

use super::nrf;
use super::port::Level;
use crate::Pins;

pub use super::port::{Button, Led};

/// The board's name, as `cargo xtask` knows it.
pub const NAME: &str = "microbit";

/// RAM that the demo has for an encoder.
pub const ARENA_BYTES: usize = 2560;

/// An LED is on while its row is high and its column low.
const COLUMN_1: u32 = 4;
const ROW_1: u32 = 13;
const ROW_2: u32 = 14;
/// The board has a resistor to pull it up, and QEMU has not.
const BUTTON_A: u32 = 17;

/// The pins of the application: the first LED of row 1 accepts, that of row 2 rejects, button A enrolls.
#[must_use]
pub fn pins() -> Pins<Led, Led, Button> {
    // SAFETY: the board has these LEDs and this button, and nothing else uses their pins.
    unsafe {
        nrf::output(COLUMN_1);
        Pins {
            accept: nrf::led(ROW_1, Level::High),
            reject: nrf::led(ROW_2, Level::High),
            enroll: nrf::button(BUTTON_A),
        }
    }
}
