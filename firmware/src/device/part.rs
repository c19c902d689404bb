//! Parts of one flash: for each of those who keep something in it, and for a bundle that is read in place.

use core::cell::RefCell;
use core::ops::Range;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

/// Flash that is in memory, too, so that a bundle is read where it is.
pub trait InPlace<'a>: NorFlash<Error = NorFlashErrorKind> {
    /// What is there now; `None` beyond the flash's end.
    fn look(&self, range: Range<u32>) -> Option<&[u8]>;

    /// The same for as long as the program runs: from now on nothing is written or erased there. Two ranges at most.
    fn lend(&mut self, range: Range<u32>) -> Option<&'a [u8]>;
}

/// A part of a flash that others have parts of, too.
#[derive(Debug)]
pub struct Part<'a, F> {
    flash: &'a RefCell<F>,
    range: Range<u32>,
}

impl<'a, F: NorFlash<Error = NorFlashErrorKind>> Part<'a, F> {
    /// The part of a flash between these bytes: whole pages.
    #[must_use]
    pub const fn new(flash: &'a RefCell<F>, range: Range<u32>) -> Self {
        Self { flash, range }
    }

    /// The same part, for another owner one after this one.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { flash: self.flash, range: self.range.clone() }
    }

    /// Where bytes of the part are in the flash.
    fn place(&self, offset: u32, length: usize) -> Result<u32, NorFlashErrorKind> {
        let begin = self.range.start.checked_add(offset);
        let end = u32::try_from(length).ok().zip(begin).and_then(|(length, begin)| begin.checked_add(length));
        begin
            .zip(end)
            .filter(|(_, end)| *end <= self.range.end)
            .map_or(Err(NorFlashErrorKind::OutOfBounds), |both| Ok(both.0))
    }

    fn with<T>(&self, access: impl FnOnce(&mut F) -> Result<T, NorFlashErrorKind>) -> Result<T, NorFlashErrorKind> {
        // Nobody keeps it borrowed: each access ends before the next begins.
        access(&mut *self.flash.try_borrow_mut().map_err(|_| NorFlashErrorKind::Other)?)
    }
}

impl<F> ErrorType for Part<'_, F> {
    type Error = NorFlashErrorKind;
}

impl<F: NorFlash<Error = NorFlashErrorKind>> ReadNorFlash for Part<'_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let at = self.place(offset, bytes.len())?;
        self.with(|flash| flash.read(at, bytes))
    }

    fn capacity(&self) -> usize {
        self.range.end.saturating_sub(self.range.start) as usize
    }
}

impl<F: NorFlash<Error = NorFlashErrorKind>> NorFlash for Part<'_, F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        let length = to.checked_sub(from).ok_or(NorFlashErrorKind::OutOfBounds)?;
        let at = self.place(from, length as usize)?;
        self.with(|flash| flash.erase(at, at.saturating_add(length)))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let at = self.place(offset, bytes.len())?;
        self.with(|flash| flash.write(at, bytes))
    }
}
