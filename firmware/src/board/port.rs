//! LEDs and buttons on ports whose outputs are switched by writing ones to a register, as most microcontrollers have them.
#![allow(unsafe_code)]

use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, InputPin, OutputPin, StatefulOutputPin};

/// Bits of a register.
#[derive(Clone, Copy)]
pub struct Bits {
    register: *mut u32,
    mask: u32,
}

impl Bits {
    /// Those bits of a register that are 1 in the mask.
    pub const fn new(register: usize, mask: u32) -> Self {
        Self { register: register as *mut u32, mask }
    }

    /// Writes ones there, and zeros to the rest of the register.
    ///
    /// # Safety
    /// The register is one of this board, and takes that without effect on memory.
    pub unsafe fn write(self) {
        // SAFETY: as promised.
        unsafe { self.register.write_volatile(self.mask) }
    }

    /// Whether any of them is 1.
    ///
    /// # Safety
    /// The register is one of this board that can be read at any time, without effect.
    pub unsafe fn any(self) -> bool {
        // SAFETY: as promised.
        unsafe { self.register.read_volatile() & self.mask != 0 }
    }
}

/// The level of a pin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Ground.
    Low,
    /// The supply.
    High,
}

/// An LED, high while lit as the application wants it.
pub struct Led {
    high: Bits,
    low: Bits,
    output: Bits,
    lit: Level,
}

impl Led {
    /// An LED that is lit at a level. `high` and `low` are what is written to bring the pin there, `output` is where it is read
    /// back.
    ///
    /// # Safety
    /// The registers are those of this board, the pin is an output, and nothing else uses it.
    pub const unsafe fn new([high, low]: [Bits; 2], output: Bits, lit: Level) -> Self {
        Self { high, low, output, lit }
    }

    fn switch(&mut self, level: Level) {
        let bits = if level == Level::High { self.high } else { self.low };
        // SAFETY: `new` was promised a register that changes this pin alone.
        unsafe { bits.write() }
    }
}

impl ErrorType for Led {
    type Error = Infallible;
}

impl OutputPin for Led {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.switch(if self.lit == Level::High { Level::Low } else { Level::High });
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.switch(self.lit);
        Ok(())
    }
}

impl StatefulOutputPin for Led {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: `new` was promised that it is a register of outputs.
        let is_high = unsafe { self.output.any() };
        Ok(is_high == (self.lit == Level::High))
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        self.is_set_high().map(|high| !high)
    }
}

/// A button, high while pressed as the application wants it.
pub struct Button {
    input: Bits,
    pressed: Level,
}

impl Button {
    /// A button that brings its pin to a level while it is pressed.
    ///
    /// # Safety
    /// The register is this board's for the levels of inputs, and the pin is one.
    pub const unsafe fn new(input: Bits, pressed: Level) -> Self {
        Self { input, pressed }
    }
}

impl ErrorType for Button {
    type Error = Infallible;
}

impl InputPin for Button {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: as `new` was promised.
        let is_high = unsafe { self.input.any() };
        Ok(is_high == (self.pressed == Level::High))
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}
