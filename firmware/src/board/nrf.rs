//! The first port of Nordic's nRF51 and nRF52, which is the same in both.
#![allow(unsafe_code)]

use super::port::{Bits, Button, Led, Level};
use embedded_hal::digital::OutputPin;

/// What the outputs are told, a bit a pin.
const OUT: usize = 0x5000_0504;
/// Sets those bits of `OUT` that are 1.
const OUTSET: usize = 0x5000_0508;
/// Clears those bits of `OUT` that are 1.
const OUTCLR: usize = 0x5000_050c;
/// The levels of the inputs, a bit a pin.
const IN: usize = 0x5000_0510;
/// Makes outputs of those pins whose bits are 1.
const DIRSET: usize = 0x5000_0518;
/// How a pin is used: a word a pin.
const PIN_CNF: usize = 0x5000_0700;

/// An input with its buffer connected and pulled up.
const INPUT_PULLED_UP: u32 = 3 << 2;

/// An LED on a pin, which becomes an output, dark.
///
/// # Safety
/// The board has an LED there, and nothing else uses the pin.
pub unsafe fn led(pin: u32, lit: Level) -> Led {
    let mask = 1 << pin;
    // SAFETY: registers of this microcontroller that change this pin alone, which is an output before anybody uses the LED.
    let mut led = unsafe { Led::new([Bits::new(OUTSET, mask), Bits::new(OUTCLR, mask)], Bits::new(OUT, mask), lit) };
    // From a reset on the pin is low: one that is lit by that would flash when it is driven.
    if lit == Level::Low {
        let Ok(()) = led.set_low();
    }
    // SAFETY: the pin may be an output, as was promised.
    unsafe { output(pin) };
    led
}

/// Makes an output of a pin, which is low from a reset on until it is set.
///
/// # Safety
/// What is connected to the pin drives it neither high nor low.
pub unsafe fn output(pin: u32) {
    // SAFETY: a register of this microcontroller that gives this pin alone a direction.
    unsafe { Bits::new(DIRSET, 1 << pin).write() }
}

/// A button between a pin, which becomes an input, and ground.
///
/// # Safety
/// The board has a button there, and nothing else uses the pin.
pub unsafe fn button(pin: u32) -> Button {
    // SAFETY: the register of this pin alone.
    unsafe { Bits::new(PIN_CNF + 4 * pin as usize, INPUT_PULLED_UP).write() };
    // SAFETY: the register of all inputs, of which this pin is one now.
    unsafe { Button::new(Bits::new(IN, 1 << pin), Level::Low) }
}
