//! Flash by callbacks.
#![allow(unsafe_code)]

use crate::configuration::{COGNATE_FLASH_PAGE, COGNATE_FLASH_WORD};
use crate::status::Status;
use core::ffi::c_void;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

/// The flash of a store, by functions that return 0 when they did what they are for, and anything else when they did not.
///
/// Offsets are counted in bytes from the beginning of the store's area. The library reads any place, writes whole words of
/// COGNATE_FLASH_WORD bytes that were erased before, each once, and erases whole pages of COGNATE_FLASH_PAGE bytes. After a write
/// has returned, its bytes must be in flash: the order of writes is what survives a power cut.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Flash {
    /// Handed to the functions.
    pub context: *mut c_void,
    /// Bytes of the area: whole pages.
    pub bytes: u32,
    /// Reads bytes.
    pub read: Option<unsafe extern "C" fn(context: *mut c_void, offset: u32, bytes: *mut u8, count: usize) -> i32>,
    /// Writes words.
    pub write: Option<unsafe extern "C" fn(context: *mut c_void, offset: u32, bytes: *const u8, count: usize) -> i32>,
    /// Erases pages, from an offset to the one behind them.
    pub erase: Option<unsafe extern "C" fn(context: *mut c_void, begin: u32, end: u32) -> i32>,
}

impl Flash {
    /// Refuses flash that cannot be called.
    pub(crate) fn check(&self) -> Result<(), Status> {
        let there = self.read.is_some() && self.write.is_some() && self.erase.is_some();
        if !there {
            return Err(Status::NullPointer);
        }
        let whole = (self.bytes as usize).is_multiple_of(COGNATE_FLASH_PAGE);
        if whole { Ok(()) } else { Err(Status::StoreArea) }
    }

    /// Pages of the area.
    pub(crate) const fn pages(&self) -> u32 {
        self.bytes / COGNATE_FLASH_PAGE as u32
    }

    fn require(&self, begin: u32, count: usize, unit: usize) -> Result<(), NorFlashErrorKind> {
        let end = (begin as usize).checked_add(count).ok_or(NorFlashErrorKind::OutOfBounds)?;
        if end > self.bytes as usize {
            return Err(NorFlashErrorKind::OutOfBounds);
        }
        let aligned = (begin as usize).is_multiple_of(unit) && count.is_multiple_of(unit);
        if aligned { Ok(()) } else { Err(NorFlashErrorKind::NotAligned) }
    }
}

fn outcome(returned: Option<i32>) -> Result<(), NorFlashErrorKind> {
    if returned == Some(0) { Ok(()) } else { Err(NorFlashErrorKind::Other) }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        self.require(offset, bytes.len(), Self::READ_SIZE)?;
        // SAFETY: `cognate_open_stored` asks for a function of this meaning; it gets room for as many bytes as it is told.
        outcome(self.read.map(|read| unsafe { read(self.context, offset, bytes.as_mut_ptr(), bytes.len()) }))
    }

    fn capacity(&self) -> usize {
        self.bytes as usize
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = COGNATE_FLASH_WORD;
    const ERASE_SIZE: usize = COGNATE_FLASH_PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        let count = to.checked_sub(from).ok_or(NorFlashErrorKind::OutOfBounds)?;
        self.require(from, count as usize, Self::ERASE_SIZE)?;
        // SAFETY: as for `read`; it gets no memory.
        outcome(self.erase.map(|erase| unsafe { erase(self.context, from, to) }))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        self.require(offset, bytes.len(), Self::WRITE_SIZE)?;
        // SAFETY: as for `read`; it gets as many bytes as it is told, to read.
        outcome(self.write.map(|write| unsafe { write(self.context, offset, bytes.as_ptr(), bytes.len()) }))
    }
}
