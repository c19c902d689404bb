//! Arm MPS2+ with the AN386 image (Cortex-M4F): two LEDs and a button behind the registers that the image calls FPGAIO.
#![allow(unsafe_code)]

use crate::Pins;
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, InputPin, OutputPin, StatefulOutputPin};

/// The board's name, as `cargo xtask` knows it.
pub const NAME: &str = "mps2-an386";

/// FPGAIO: a bit an LED, written and read back.
const LEDS: *mut u32 = 0x4002_8000 as *mut u32;
/// FPGAIO: a bit a button, 1 while pressed. QEMU's buttons are never pressed.
const BUTTONS: *const u32 = 0x4002_8008 as *const u32;

/// The pins of the application: LED 0 accepts, LED 1 rejects, button 0 enrolls.
#[must_use]
pub const fn pins() -> Pins<Led, Led, Button> {
    Pins { accept: Led { mask: 1 << 0 }, reject: Led { mask: 1 << 1 }, enroll: Button { mask: 1 << 0 } }
}

/// An LED.
pub struct Led {
    mask: u32,
}

impl Led {
    fn read() -> u32 {
        // SAFETY: a register of this board that can be read at any time, without effect.
        unsafe { LEDS.read_volatile() }
    }

    fn write(leds: u32) {
        // SAFETY: a register of this board that only switches its LEDs. Both LEDs share it, and reading it, changing
        // one bit and writing it back is sound because no interrupt of this firmware touches it.
        unsafe { LEDS.write_volatile(leds) }
    }
}

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        Self::write(Self::read() & !self.mask);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        Self::write(Self::read() | self.mask);
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        Ok(Self::read() & self.mask != 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}

/// A button.
pub struct Button {
    mask: u32,
}

impl ErrorType for Button {
    type Error = Infallible;
}

impl InputPin for Button {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: a register of this board that can be read at any time, without effect.
        let buttons = unsafe { BUTTONS.read_volatile() };
        Ok(buttons & self.mask != 0)
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}
