//! Nordic nRF52840-DK (PCA10056): nRF52840, Cortex-M4F at 64 MHz from its internal oscillator. LEDs and buttons connect pins to
//! ground.
#![allow(unsafe_code)]

use super::nrf;
use super::port::Level;
use crate::Pins;

pub use super::port::{Button, Led};

/// The board's name, as `cargo xtask` knows it.
pub const NAME: &str = "nrf52840-dk";

/// RAM that the demo has for an encoder.
pub const ARENA_BYTES: usize = 24 * 1024;

/// P0.13.
const LED_1: u32 = 13;
/// P0.14.
const LED_2: u32 = 14;
/// P0.11, without a resistor of its own.
const BUTTON_1: u32 = 11;

/// The pins of the application: LED 1 accepts, LED 2 rejects, button 1 enrolls.
#[must_use]
pub fn pins() -> Pins<Led, Led, Button> {
    // SAFETY: the board has these LEDs and this button, and nothing else uses their pins.
    unsafe {
        Pins { accept: nrf::led(LED_1, Level::Low), reject: nrf::led(LED_2, Level::Low), enroll: nrf::button(BUTTON_1) }
    }
}
