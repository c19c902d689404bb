//! NOR flash for the device on a link: a part of RAM whose words go to a file of whoever runs the emulator as they are written, so
//! that stopping it at any moment, and starting it again with the same file, is a power cut.
#![allow(unsafe_code)]

use crate::device::InPlace;
use core::ops::Range;
use core::slice;
use core::sync::atomic::{AtomicBool, Ordering};
use cortex_m_semihosting::syscall;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

unsafe extern "C" {
    /// The first byte of the region NOR: the linker script's, an address and not a value.
    static mut _nor_start: u8;
    /// The address behind its last byte.
    static _nor_end: u8;
}

/// A word, which is written once after its page was erased.
const WORD: usize = 8;
/// A page.
const PAGE: usize = 4096;
/// Bytes that are erased at once: a cut can come between.
const STEP: usize = 512;
/// Bytes of the longest name of a file.
const NAME: usize = 512;

// The operations of Arm's semihosting.
const OPEN: usize = 0x01;
const WRITE: usize = 0x05;
const READ: usize = 0x06;
const SEEK: usize = 0x0a;
const LENGTH: usize = 0x0c;
const COMMAND_LINE: usize = 0x15;

/// To read and write a binary file that there is, and to make one.
const EXISTING: usize = 3;
const NEW: usize = 7;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// The flash. There is one.
pub struct Nor {
    file: usize,
    /// What was lent for good: nothing is written there.
    lent: [Range<u32>; 2],
}

impl Nor {
    /// Bytes of it.
    fn bytes() -> usize {
        &raw const _nor_end as usize - &raw const _nor_start as usize
    }

    /// The flash with what is in the file that the emulator was told of as the command line, which is made when there is none. `None`
    /// when there is no such file or it has another length, and the second time.
    #[must_use]
    pub fn take() -> Option<Self> {
        let taken = cortex_m::interrupt::free(|_| {
            let taken = TAKEN.load(Ordering::Relaxed);
            TAKEN.store(true, Ordering::Relaxed);
            taken
        });
        let mut name = [0_u8; NAME];
        let line = [name.as_mut_ptr() as usize, NAME];
        // SAFETY: the block names this buffer and its length, which are written to, and no more.
        let failed = unsafe { syscall(COMMAND_LINE, &line) };
        let length = name.iter().position(|byte| *byte == 0)?;
        if taken || failed != 0 || length == 0 {
            return None;
        }
        let start = (&raw mut _nor_start).cast::<u8>();
        let existing = open(&name, length, EXISTING);
        if let Some(file) = existing {
            // SAFETY: the file's number and nothing else is read.
            let found = unsafe { syscall(LENGTH, &[file]) };
            if found != Self::bytes() {
                return None;
            }
            let block = [file, start as usize, Self::bytes()];
            // SAFETY: the linker script puts the region around memory of this board that nothing is linked into, and nobody else
            // has it: this is the first time.
            let missing = unsafe { syscall(READ, &block) };
            return (missing == 0).then_some(Self { file, lent: [0..0, 0..0] });
        }
        let file = open(&name, length, NEW)?;
        // SAFETY: as above; all of it is bytes.
        unsafe { start.write_bytes(0xff, Self::bytes()) };
        let flash = Self { file, lent: [0..0, 0..0] };
        flash.keep(0, Self::bytes()).ok()?;
        Some(flash)
    }

    /// What is in it, from a place on that was checked.
    fn at(&self, offset: u32) -> *mut u8 {
        // SAFETY: callers have checked that it is within the region.
        unsafe { (&raw mut _nor_start).cast::<u8>().add(offset as usize) }
    }

    /// Puts bytes of it into the file.
    fn keep(&self, offset: u32, length: usize) -> Result<(), NorFlashErrorKind> {
        // SAFETY: two numbers are read.
        let sought = unsafe { syscall(SEEK, &[self.file, offset as usize]) };
        // SAFETY: the bytes are within the region, as callers have checked, and are read.
        let missing = unsafe { syscall(WRITE, &[self.file, self.at(offset) as usize, length]) };
        if sought == 0 && missing == 0 { Ok(()) } else { Err(NorFlashErrorKind::Other) }
    }

    fn check(&self, offset: u32, length: usize, align: usize) -> Result<u32, NorFlashErrorKind> {
        let end = (offset as usize).checked_add(length).filter(|end| *end <= Self::bytes());
        let end = end.ok_or(NorFlashErrorKind::OutOfBounds)?;
        if (offset as usize).is_multiple_of(align) && length.is_multiple_of(align) {
            Ok(end as u32)
        } else {
            Err(NorFlashErrorKind::NotAligned)
        }
    }

    /// The end of what may be changed.
    fn check_change(&self, offset: u32, length: usize, align: usize) -> Result<u32, NorFlashErrorKind> {
        let end = self.check(offset, length, align)?;
        let is_lent = self.lent.iter().any(|lent| lent.start < end && offset < lent.end);
        if is_lent { Err(NorFlashErrorKind::Other) } else { Ok(end) }
    }
}

fn open(name: &[u8; NAME], length: usize, mode: usize) -> Option<usize> {
    let block = [name.as_ptr() as usize, mode, length];
    // SAFETY: the block names this buffer, which has a zero at its length, and it is read.
    let file = unsafe { syscall(OPEN, &block) };
    (file != usize::MAX).then_some(file)
}

impl ErrorType for Nor {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Nor {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        self.check(offset, bytes.len(), 1)?;
        // SAFETY: checked just now to be within the region, which is no memory that the caller has.
        unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(self.at(offset), bytes.len()) };
        Ok(())
    }

    fn capacity(&self) -> usize {
        Self::bytes()
    }
}

impl NorFlash for Nor {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        let length = to.checked_sub(from).ok_or(NorFlashErrorKind::OutOfBounds)? as usize;
        let end = self.check_change(from, length, PAGE)?;
        for offset in (from..end).step_by(STEP) {
            // SAFETY: within what was checked, and nobody has a reference to it: what was lent is not changed, and what is only
            // looked at borrows this flash.
            unsafe { self.at(offset).write_bytes(0xff, STEP) };
            self.keep(offset, STEP)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let end = self.check_change(offset, bytes.len(), WORD)?;
        for (at, word) in (offset..end).step_by(WORD).zip(bytes.as_chunks::<WORD>().0) {
            let place = self.at(at).cast::<[u8; WORD]>();
            // SAFETY: as for erasing.
            unsafe {
                if place.read() != [0xff; WORD] {
                    return Err(NorFlashErrorKind::Other);
                }
                place.write(*word);
            }
            self.keep(at, WORD)?;
        }
        Ok(())
    }
}

impl InPlace<'static> for Nor {
    fn look(&self, range: Range<u32>) -> Option<&[u8]> {
        let length = range.end.checked_sub(range.start)? as usize;
        self.check(range.start, length, 1).ok()?;
        // SAFETY: within the region, and while it is looked at nothing is written, which takes the flash for itself.
        Some(unsafe { slice::from_raw_parts(self.at(range.start), length) })
    }

    fn lend(&mut self, range: Range<u32>) -> Option<&'static [u8]> {
        let length = range.end.checked_sub(range.start)? as usize;
        self.check(range.start, length, 1).ok()?;
        let place = self.lent.iter_mut().find(|lent| lent.start == lent.end)?;
        *place = range.clone();
        // SAFETY: within the region, and from now on nothing is written or erased there.
        Some(unsafe { slice::from_raw_parts(self.at(range.start), length) })
    }
}
