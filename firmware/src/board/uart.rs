//! The UART of Arm's MPS2 boards (CMSDK APB UART), byte by byte and without interrupts.
#![allow(unsafe_code)]

use core::convert::Infallible;
use embedded_io::{ErrorType, Read, Write};

/// The first UART of the AN386 image.
const ADDRESS: usize = 0x4000_4000;

/// Both directions are on.
const ENABLED: u32 = 0b11;
/// 115,200 baud at 25 MHz.
const DIVISOR: u32 = 217;
/// There is no room for a byte.
const TRANSMIT_FULL: u32 = 1 << 0;
/// A byte has come.
const RECEIVE_FULL: u32 = 1 << 1;

#[repr(C)]
struct Registers {
    data: u32,
    state: u32,
    control: u32,
    interrupts: u32,
    divisor: u32,
}

/// A UART.
pub struct Uart {
    registers: *mut Registers,
}

impl Uart {
    /// Switches it on.
    #[must_use]
    pub fn start() -> Self {
        let registers = ADDRESS as *mut Registers;
        // SAFETY: registers of this board, which no interrupt of this firmware touches.
        unsafe {
            (&raw mut (*registers).divisor).write_volatile(DIVISOR);
            (&raw mut (*registers).control).write_volatile(ENABLED);
        }
        Self { registers }
    }

    fn state(&self) -> u32 {
        // SAFETY: as for `start`; reading it has no effect.
        unsafe { (&raw const (*self.registers).state).read_volatile() }
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Read for Uart {
    /// Waits for a byte, and takes what there is.
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        while self.state() & RECEIVE_FULL == 0 {}
        let mut read = 0;
        for byte in bytes {
            if self.state() & RECEIVE_FULL == 0 {
                break;
            }
            // SAFETY: as for `start`; a byte has come, and reading it makes room for the next.
            *byte = unsafe { (&raw const (*self.registers).data).read_volatile() } as u8;
            read += 1;
        }
        Ok(read)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            while self.state() & TRANSMIT_FULL != 0 {}
            // SAFETY: as for `start`; there is room for a byte.
            unsafe { (&raw mut (*self.registers).data).write_volatile(u32::from(*byte)) };
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        while self.state() & TRANSMIT_FULL != 0 {}
        Ok(())
    }
}
