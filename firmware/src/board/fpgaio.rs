//! Arm's MPS2 and MPS3 boards: LEDs and buttons behind the registers that their images call FPGAIO, each at an address of
//! its own.
#![allow(unsafe_code)]

use crate::Pins;
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, InputPin, OutputPin, StatefulOutputPin};

/// RAM that the demo has for an encoder.
pub const ARENA_BYTES: usize = 24 * 1024;

/// The registers that are used here.
#[repr(C)]
struct Registers {
    /// A bit an LED, written and read back.
    leds: u32,
    reserved: u32,
    /// A bit a button, 1 while pressed. QEMU's buttons are never pressed.
    buttons: u32,
}

/// The pins of the application: LED 0 accepts, LED 1 rejects, button 0 enrolls.
///
/// # Safety
/// `address` is where the board has FPGAIO.
#[must_use]
pub const unsafe fn pins(address: usize) -> Pins<Led, Led, Button> {
    let registers = address as *mut Registers;
    Pins {
        accept: Led { registers, mask: 1 << 0 },
        reject: Led { registers, mask: 1 << 1 },
        enroll: Button { registers, mask: 1 << 0 },
    }
}

/// An LED.
pub struct Led {
    registers: *mut Registers,
    mask: u32,
}

impl Led {
    fn read(&self) -> u32 {
        // SAFETY: a register of this board, as `pins` was promised, that can be read at any time, without effect.
        unsafe { (&raw const (*self.registers).leds).read_volatile() }
    }

    fn write(&mut self, leds: u32) {
        // SAFETY: a register of this board, as `pins` was promised, that only switches its LEDs. Both LEDs share it, and
        // reading it, changing one bit and writing it back is sound because no interrupt of this firmware touches it.
        unsafe { (&raw mut (*self.registers).leds).write_volatile(leds) }
    }
}

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.write(self.read() & !self.mask);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.write(self.read() | self.mask);
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.read() & self.mask != 0)
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}

/// A button.
pub struct Button {
    registers: *const Registers,
    mask: u32,
}

impl ErrorType for Button {
    type Error = Infallible;
}

impl InputPin for Button {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: a register of this board, as `pins` was promised, that can be read at any time, without effect.
        let buttons = unsafe { (&raw const (*self.registers).buttons).read_volatile() };
        Ok(buttons & self.mask != 0)
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}

/// Seconds since the start, by the board's counter.
///
/// # Safety
/// `address` is where the board has FPGAIO.
#[cfg(feature = "device")]
#[must_use]
pub unsafe fn seconds(address: usize) -> u64 {
    // SAFETY: a register of this board, as was promised, that counts seconds and can be read at any time, without effect.
    u64::from(unsafe { ((address + 0x10) as *const u32).read_volatile() })
}
