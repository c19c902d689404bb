//! NOR flash that fails on misuse and loses power when it is told to.
//!
//! Shared by everything that writes flash: `#[path]` brings it into the core's tests and into `cargo xtask`.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

/// A part with words of `WORD` bytes and pages of `PAGE` bytes. A word is written once after its page was erased, and an
/// access is aligned and in bounds: whatever is not so is an error, as real parts would damage data.
#[derive(Clone, Debug)]
pub struct MockFlash<const WORD: usize, const PAGE: usize> {
    bytes: Vec<u8>,
    /// One a word: whether it was written since it was erased, or may have been.
    written: Vec<bool>,
    /// How often each page was erased.
    erased: Vec<u32>,
    /// Words written and pages erased so far.
    operations: u64,
    cut: Option<Cut>,
    powered: bool,
    /// A page that takes no writes any more.
    worn_out: Option<usize>,
    /// A page that is not erased any more.
    stuck: Option<usize>,
}

/// When the power goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The operation, counted from 0 since the flash was made: a word that is written, a page that is erased.
    pub operation: u64,
    /// Where in it.
    pub moment: Moment,
}

/// Where in an operation the power goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// Nothing of it is done.
    Before,
    /// Some bits have changed, or all are noise: which, this number decides.
    Within(u64),
    /// It is done, and nobody was told.
    After,
}

/// Why an access failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlashError {
    /// Not whole words, or not whole pages.
    NotAligned,
    /// Outside of the part.
    OutOfBounds,
    /// A second write to a word.
    WrittenTwice,
    /// There is no power.
    NoPower,
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::WrittenTwice | Self::NoPower => NorFlashErrorKind::Other,
        }
    }
}

impl<const WORD: usize, const PAGE: usize> MockFlash<WORD, PAGE> {
    /// An erased part.
    pub fn new(pages: usize) -> Self {
        let bytes = pages * PAGE;
        Self {
            bytes: vec![0xff; bytes],
            written: vec![false; bytes / WORD],
            erased: vec![0; pages],
            operations: 0,
            cut: None,
            powered: true,
            worn_out: None,
            stuck: None,
        }
    }

    /// The power goes at this moment.
    pub fn cut_at(&mut self, cut: Cut) {
        self.cut = Some(cut);
    }

    /// The power comes back, and stays.
    pub fn restart(&mut self) {
        (self.cut, self.powered) = (None, true);
    }

    /// Words written and pages erased so far.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// How often each page was erased.
    pub fn wear(&self) -> &[u32] {
        &self.erased
    }

    /// A page stays as it is from now on, whatever is written to it.
    pub fn wear_out(&mut self, page: usize) {
        self.worn_out = Some(page);
    }

    /// A page holds what it holds from now on, however often it is erased.
    pub fn stick(&mut self, page: usize) {
        self.stuck = Some(page);
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it holds, to be damaged. A word counts as written from then on, unless it is erased.
    pub fn damage(&mut self, damage: impl FnOnce(&mut [u8])) {
        damage(&mut self.bytes);
        for (word, written) in self.bytes.chunks(WORD).zip(&mut self.written) {
            *written |= word.iter().any(|byte| *byte != 0xff);
        }
    }

    /// What happens to the operation that begins now.
    fn next(&mut self) -> Result<Option<Moment>, FlashError> {
        if !self.powered {
            return Err(FlashError::NoPower);
        }
        let cut = self.cut.filter(|cut| cut.operation == self.operations).map(|cut| cut.moment);
        self.operations += 1;
        self.powered = cut.is_none();
        if cut == Some(Moment::Before) { Err(FlashError::NoPower) } else { Ok(cut) }
    }

    fn check(&self, offset: u32, length: usize, align: usize) -> Result<usize, FlashError> {
        let offset = offset as usize;
        match offset.checked_add(length) {
            Some(end) if end <= self.bytes.len() => {}
            _ => return Err(FlashError::OutOfBounds),
        }
        if offset.is_multiple_of(align) && length.is_multiple_of(align) {
            Ok(offset)
        } else {
            Err(FlashError::NotAligned)
        }
    }

    fn write_word(&mut self, at: usize, new: &[u8]) -> Result<(), FlashError> {
        let moment = self.next()?;
        if std::mem::replace(&mut self.written[at / WORD], true) {
            return Err(FlashError::WrittenTwice);
        }
        let word = &mut self.bytes[at..at + WORD];
        match moment {
            Some(Moment::Within(seed)) => {
                torn(word, new, seed);
                // A word that still looks erased is one for whoever comes back.
                self.written[at / WORD] = word.iter().any(|byte| *byte != 0xff);
                Err(FlashError::NoPower)
            }
            Some(_) => {
                word.copy_from_slice(new);
                Err(FlashError::NoPower)
            }
            None if self.worn_out == Some(at / PAGE) => Ok(()),
            None => {
                word.copy_from_slice(new);
                Ok(())
            }
        }
    }

    fn erase_page(&mut self, at: usize) -> Result<(), FlashError> {
        let moment = self.next()?;
        self.erased[at / PAGE] += 1;
        if self.stuck == Some(at / PAGE) {
            return if moment.is_some() { Err(FlashError::NoPower) } else { Ok(()) };
        }
        let words = at / WORD..(at + PAGE) / WORD;
        let page = &mut self.bytes[at..at + PAGE];
        if let Some(Moment::Within(seed)) = moment {
            torn(page, &[0xff; PAGE], seed);
            // Half erased, no word of it can be relied on; only a page that looks erased is taken for one.
            let looks_erased = page.iter().all(|byte| *byte == 0xff);
            self.written[words].fill(!looks_erased);
            return Err(FlashError::NoPower);
        }
        page.fill(0xff);
        self.written[words].fill(false);
        if moment.is_some() { Err(FlashError::NoPower) } else { Ok(()) }
    }
}

/// Each bit that changes has changed or not or, with every fourth seed, everything is noise.
fn torn(bytes: &mut [u8], new: &[u8], seed: u64) {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for (byte, new) in bytes.iter_mut().zip(new) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let noise = (state >> 24) as u8;
        *byte = if seed % 4 == 3 { noise } else { (*byte & !noise) | (new & noise) };
    }
}

impl<const WORD: usize, const PAGE: usize> ErrorType for MockFlash<WORD, PAGE> {
    type Error = FlashError;
}

impl<const WORD: usize, const PAGE: usize> ReadNorFlash for MockFlash<WORD, PAGE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let offset = self.check(offset, bytes.len(), 1)?;
        if !self.powered {
            return Err(FlashError::NoPower);
        }
        bytes.copy_from_slice(&self.bytes[offset..offset + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WORD: usize, const PAGE: usize> NorFlash for MockFlash<WORD, PAGE> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let length = to.checked_sub(from).ok_or(FlashError::OutOfBounds)? as usize;
        let from = self.check(from, length, PAGE)?;
        (from..from + length).step_by(PAGE).try_for_each(|page| self.erase_page(page))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let offset = self.check(offset, bytes.len(), WORD)?;
        bytes.chunks(WORD).enumerate().try_for_each(|(word, new)| self.write_word(offset + word * WORD, new))
    }
}
