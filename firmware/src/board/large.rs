//! Memory beside the application's, for measuring encoders that it has no room for: `cargo xtask bench` loads one there.
#![allow(unsafe_code)]

use core::slice;
use core::sync::atomic::{AtomicBool, Ordering};

unsafe extern "C" {
    /// The first byte of the region of the model: the linker script's, an address and not a value.
    static _model_start: u8;
    /// The address behind its last byte.
    static _model_end: u8;
    /// The first byte of the region of the arena.
    static mut _arena_start: u8;
    /// The address behind its last byte.
    static _arena_end: u8;
}

static TAKEN: AtomicBool = AtomicBool::new(false);

/// What was loaded, and whatever is behind it; empty on a board without such memory.
#[must_use]
pub fn model() -> &'static [u8] {
    let (start, end) = (&raw const _model_start, &raw const _model_end);
    // SAFETY: the linker script puts both around memory of this board that nothing is linked into and nothing writes while the
    // firmware runs.
    unsafe { slice::from_raw_parts(start, end as usize - start as usize) }
}

/// Memory to run in, once; empty on a board without such memory.
#[must_use]
pub fn arena() -> Option<&'static mut [u8]> {
    let taken = cortex_m::interrupt::free(|_| {
        let taken = TAKEN.load(Ordering::Relaxed);
        TAKEN.store(true, Ordering::Relaxed);
        taken
    });
    if taken {
        return None;
    }
    let (start, end) = (&raw mut _arena_start, &raw const _arena_end);
    // SAFETY: the linker script puts both around memory of this board that nothing is linked into; it is given out once; any
    // bytes are initialized ones to whoever cannot know what the board started with.
    Some(unsafe { slice::from_raw_parts_mut(start, end as usize - start as usize) })
}
