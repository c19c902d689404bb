//! How much RAM there is, and how deep the stack has been in it: `cortex-m-rt` fills it before `main`, and what has
//! changed has been used.
#![allow(unsafe_code)]

use cortex_m_rt::STACK_PAINT_VALUE;

unsafe extern "C" {
    /// The first byte of the region RAM: the linker script's, an address and not a value.
    static _ram_start: u8;
    /// The address behind its last byte.
    static _ram_end: u8;
    /// The first word above everything static.
    static _stack_end: u32;
    /// The address above the first word that the stack takes.
    static _stack_start: u32;
}

/// The bytes of the region `RAM`, for static data and stack together.
#[must_use]
pub fn ram_bytes() -> usize {
    &raw const _ram_end as usize - &raw const _ram_start as usize
}

/// The most bytes of stack that have been in use since the start, this function's own among them.
#[must_use]
pub fn peak_stack() -> u32 {
    let (mut word, start) = (&raw const _stack_end, &raw const _stack_start);
    // SAFETY: the words between the two symbols are RAM that belongs to the stack alone, and reading them is all that is
    // done. The ones that are in use differ from the fill at the latest at a return address.
    while word < start && unsafe { word.read_volatile() } == STACK_PAINT_VALUE {
        // SAFETY: `word` is below `start`, so the next one is at most one past the region.
        word = unsafe { word.add(1) };
    }
    (start as usize - word as usize) as u32
}
