//! ST's discovery board 32F411EDISCOVERY: STM32F411VE, Cortex-M4F, at the 16 MHz of its internal oscillator. Its LEDs are on port
//! D and lit while high; the blue button is on port A, pulled down on the board.
#![allow(unsafe_code)]

use super::port::{Bits, Level};
use crate::Pins;

pub use super::port::{Button, Led};

/// The board's name, as `cargo xtask` knows it.
pub const NAME: &str = "stm32f411e-disco";

/// RAM that the demo has for an encoder.
pub const ARENA_BYTES: usize = 24 * 1024;

/// RCC_AHB1ENR: which ports have a clock.
const PORT_CLOCKS: *mut u32 = 0x4002_3830 as *mut u32;
/// Ports A and D of it.
const PORTS_A_AND_D: u32 = 1 << 0 | 1 << 3;
/// GPIOA_IDR: the levels of port A.
const PORT_A_INPUTS: usize = 0x4002_0010;
/// GPIOD_MODER: two bits a pin, 01 for an output.
const PORT_D_MODES: *mut u32 = 0x4002_0c00 as *mut u32;
/// GPIOD_ODR: what the outputs of port D are told.
const PORT_D_OUTPUTS: usize = 0x4002_0c14;
/// GPIOD_BSRR: a bit to set each pin of port D, then one to clear each.
const PORT_D_SET_AND_CLEAR: usize = 0x4002_0c18;

/// LD4, of port D.
const GREEN: u32 = 12;
/// LD5, of port D.
const RED: u32 = 14;
/// B1, of port A, whose pins 0 to 12 are inputs from a reset on.
const BLUE_BUTTON: u32 = 0;

/// The pins of the application: the green LED accepts, the red one rejects, the blue button enrolls.
#[must_use]
pub fn pins() -> Pins<Led, Led, Button> {
    // SAFETY: registers of this microcontroller that give two ports their clock and two pins, which have LEDs on this board, their
    // direction. Nothing else uses these ports. Reading a clock's register back is what waits for the clock.
    unsafe {
        PORT_CLOCKS.write_volatile(PORT_CLOCKS.read_volatile() | PORTS_A_AND_D);
        PORT_CLOCKS.read_volatile();
        let others = PORT_D_MODES.read_volatile() & !(3 << (2 * GREEN) | 3 << (2 * RED));
        PORT_D_MODES.write_volatile(others | 1 << (2 * GREEN) | 1 << (2 * RED));
    }
    // SAFETY: the board has this button, and its pin is an input.
    let enroll = unsafe { Button::new(Bits::new(PORT_A_INPUTS, 1 << BLUE_BUTTON), Level::High) };
    Pins { accept: led(GREEN), reject: led(RED), enroll }
}

fn led(pin: u32) -> Led {
    let [set, clear] = [1 << pin, 1 << (pin + 16)].map(|mask| Bits::new(PORT_D_SET_AND_CLEAR, mask));
    // SAFETY: the register changes this pin alone, which `pins` made an output.
    unsafe { Led::new([set, clear], Bits::new(PORT_D_OUTPUTS, 1 << pin), Level::High) }
}
