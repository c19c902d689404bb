//! Bundles: the one in use, and the next one, piece by piece.

use super::recognition::fits;
use super::{Device, InPlace, Layout, Part};
use cognate::BundleView;
use cognate::protocol::{Answer, Refusal};
use cognate::signature::{BundleVersion, PublicKey, SignedBundle, Slot, Slots, SlotsError};
use core::cell::RefCell;
use core::ops::Range;
use embedded_storage::nor_flash::NorFlashErrorKind;

/// The bundle in use, read in place for as long as the program runs; `None` when there is none that the key vouches for.
pub(super) fn find_bundle<'a, F: InPlace<'a>>(
    flash: &RefCell<F>,
    layout: &Layout,
    slots: &mut Slots<Part<'a, F>>,
    key: &PublicKey,
) -> Option<(BundleView<'a>, BundleVersion)> {
    let [a, b] = [Slot::A, Slot::B].map(|slot| place(layout, slots, slot));
    let version = {
        let flash = flash.try_borrow().ok()?;
        slots.open([flash.look(a)?, flash.look(b)?], key).ok()?.version()
    };
    let active = slots.active()?;
    // The bytes that were checked just now: nothing has been written since, and nothing will be.
    let bytes = flash.try_borrow_mut().ok()?.lend(place(layout, slots, active))?;
    Some((BundleView::new_checked(bytes).ok()?, version))
}

/// Where in the flash a slot is.
fn place<'a, F: InPlace<'a>>(layout: &Layout, slots: &Slots<Part<'a, F>>, slot: Slot) -> Range<u32> {
    let Range { start, end } = slots.range(slot);
    layout.slots.start.saturating_add(start)..layout.slots.start.saturating_add(end)
}

impl<'a, F, Clock, const D: usize, const N: usize, const IN: usize> Device<'a, F, Clock, D, N, IN>
where
    F: InPlace<'a>,
    Clock: FnMut() -> u64,
{
    pub(super) fn resume_update(&mut self) -> Result<Answer<'static>, Refusal> {
        self.slots.resume().map(|offset| Answer::Next { offset }).map_err(refusal)
    }

    pub(super) fn begin_update(&mut self) -> Result<Answer<'static>, Refusal> {
        self.slots.begin().map(|()| Answer::Next { offset: 0 }).map_err(refusal)
    }

    pub(super) fn update_piece(&mut self, offset: u32, piece: &[u8]) -> Result<Answer<'static>, Refusal> {
        match self.slots.write(offset, piece) {
            // Which byte is missing tells the host more than that it was another one.
            Err(SlotsError::Piece { expected }) => Ok(Answer::Next { offset: expected }),
            outcome => outcome.map(|offset| Answer::Next { offset }).map_err(refusal),
        }
    }

    /// Checks what has come, and takes it into use with the next start.
    pub(super) fn end_update(&mut self) -> Result<Answer<'static>, Refusal> {
        let slot = self.slots.receiving().map_err(refusal)?;
        let range = place(&self.layout, &self.slots, slot);
        let least = self.slots.version().next().ok_or(Refusal::Untrusted)?;
        {
            let flash = self.flash.try_borrow().map_err(|_| Refusal::Flash)?;
            check::<D, IN>(flash.look(range.clone()).ok_or(Refusal::Flash)?, &self.keys.bundles, least)?;
        }
        // It is good, and nothing is written there any more. Once more, because the mark is written to the same flash.
        let lent = self.flash.try_borrow_mut().map_err(|_| Refusal::Flash)?.lend(range);
        let signed = check::<D, IN>(lent.ok_or(Refusal::Flash)?, &self.keys.bundles, least)?;
        // Whether the mark is whole, only a start can tell.
        self.restart = true;
        self.slots.commit(slot, &signed).map(|()| Answer::Done).map_err(refusal)
    }
}

/// A bundle that this device can use.
fn check<'b, const D: usize, const IN: usize>(
    bytes: &'b [u8],
    key: &PublicKey,
    least: BundleVersion,
) -> Result<SignedBundle<'b>, Refusal> {
    let signed = SignedBundle::new_checked(bytes, key, least).map_err(|_| Refusal::Untrusted)?;
    if fits::<D, IN>(signed.view()) { Ok(signed) } else { Err(Refusal::Template) }
}

const fn refusal(error: SlotsError<NorFlashErrorKind>) -> Refusal {
    match error {
        SlotsError::TooLarge => Refusal::Full,
        SlotsError::Piece { .. } => Refusal::Piece,
        SlotsError::TooOld { .. } => Refusal::Untrusted,
        _ => Refusal::Flash,
    }
}
