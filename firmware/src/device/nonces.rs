//! Numbers that are used once, without random ones: a count of starts in flash, and one of this start.

use cognate::protocol::session::Nonce;
use embedded_storage::nor_flash::{NorFlash, NorFlashErrorKind};

/// Bytes of a mark: the number of a start, and its complement.
const MARK: usize = 8;

/// Counts starts in two pages, and gives numbers that none before has given.
///
/// A mark is written once at each start, before the first number is given: a start whose mark was cut has given none. When a page
/// is full, the next mark goes to the other one, which is erased for it; the latest is always in one of the two.
#[derive(Debug)]
pub struct Nonces {
    start: u32,
    given: u64,
}

impl Nonces {
    /// Counts this start, in a part of flash of two pages.
    ///
    /// # Errors
    /// Those of the flash, [`NorFlashErrorKind::OutOfBounds`] when it has not two pages or its words do not divide a mark, and
    /// [`NorFlashErrorKind::Other`] after the last start that can be counted.
    pub fn start<F: NorFlash<Error = NorFlashErrorKind>>(mut flash: F) -> Result<Self, NorFlashErrorKind> {
        let page = u32::try_from(F::ERASE_SIZE).map_err(|_| NorFlashErrorKind::OutOfBounds)?;
        if flash.capacity() < 2 * F::ERASE_SIZE || !MARK.is_multiple_of(F::WRITE_SIZE) || page == 0 {
            return Err(NorFlashErrorKind::OutOfBounds);
        }
        let (mut latest, mut of_page, mut free) = (0, 0, [None; 2]);
        for (number, free) in [0, 1].into_iter().zip(&mut free) {
            let begin = page.saturating_mul(number);
            for at in (begin..begin.saturating_add(page)).step_by(MARK) {
                let mut mark = [0; MARK];
                flash.read(at, &mut mark)?;
                if mark == [0xff; MARK] {
                    free.get_or_insert(at);
                    continue;
                }
                // What is behind it is no place to write to: nothing is written over.
                *free = None;
                if let Some(start) = start_of(mark).filter(|start| *start > latest) {
                    (latest, of_page) = (start, number);
                }
            }
        }
        let start = latest.checked_add(1).ok_or(NorFlashErrorKind::Other)?;
        let other = page.saturating_mul(1 - of_page);
        let at = match free.get(of_page as usize).copied().flatten() {
            Some(at) => at,
            None => {
                flash.erase(other, other.saturating_add(page))?;
                other
            }
        };
        flash.write(at, &mark_of(start))?;
        Ok(Self { start, given: 0 })
    }

    /// The next number; `None` when there are no more.
    pub fn give(&mut self) -> Option<Nonce> {
        self.given = self.given.checked_add(1)?;
        let mut nonce = Nonce::default();
        let bytes = self.start.to_le_bytes().into_iter().chain(self.given.to_le_bytes());
        nonce.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        Some(nonce)
    }
}

fn mark_of(start: u32) -> [u8; MARK] {
    (u64::from(start) | u64::from(!start) << 32).to_le_bytes()
}

fn start_of(mark: [u8; MARK]) -> Option<u32> {
    let number = u64::from_le_bytes(mark);
    let (start, complement) = (number as u32, (number >> 32) as u32);
    (start == !complement && start > 0).then_some(start)
}
