//! Flash for the reference builds, of which only the size counts.

use super::{Port, bundle};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

/// Where the flash's controller would be: a word at a time through a port.
#[derive(Clone, Copy, Debug)]
pub struct Outside;

static ADDRESS: Port<u32> = Port::new(0);
static WORD: Port<u32> = Port::new(0);

impl ErrorType for Outside {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Outside {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        for (at, bytes) in (offset..).step_by(4).zip(bytes.as_chunks_mut().0) {
            ADDRESS.write(at);
            *bytes = WORD.read().to_le_bytes();
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        bundle().len()
    }
}

impl NorFlash for Outside {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        ADDRESS.write(from);
        WORD.write(to);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        for (at, bytes) in (offset..).step_by(4).zip(bytes.as_chunks().0) {
            ADDRESS.write(at);
            WORD.write(u32::from_le_bytes(*bytes));
        }
        Ok(())
    }
}
