//! Counts the instructions of a decision or an embedding with SysTick, which nearly every Cortex-M has.
#![allow(unsafe_code)]

use crate::Meter;
use core::arch::asm;
use core::fmt;
use core::sync::atomic::{Ordering, compiler_fence};
use cortex_m::peripheral::{SYST, syst::SystClkSource};

/// SysTick counts down from here and begins again: 24 bits.
const RELOAD: u32 = 0x00ff_ffff;

/// Turns of the calibration loop: enough ticks for five digits, few enough not to wrap.
const TURNS: u32 = 1_000_000;
/// Instructions of a turn.
const INSTRUCTIONS_A_TURN: u32 = 2;

/// Thousandths, shown with three decimals.
#[derive(Clone, Copy)]
pub struct Milli(pub u32);

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Milli {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=u32}.{=u32:03}", self.0 / 1000, self.0 % 1000);
    }
}

/// A count of instructions, on average over what was counted.
///
/// Under QEMU with `-icount shift=0` an instruction takes a nanosecond of the emulated clock, and a tick is a whole
/// number or a fraction of instructions that differs from board to board. So it is measured at start-up against a loop
/// of known length. On silicon the same counter gives cycles in units of that loop: do not call them instructions.
pub struct Counter {
    per_tick: Milli,
    began: u32,
    ticks: u64,
    count: u32,
}

impl Counter {
    /// SysTick begins again after so many.
    pub const MOST_TICKS: u32 = RELOAD;

    /// Starts SysTick and measures how many instructions a tick is.
    #[must_use]
    pub fn start(mut systick: SYST) -> Self {
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(RELOAD);
        systick.clear_current();
        systick.enable_counter();
        let began = SYST::get_current();
        run_turns(TURNS);
        let ticks = ticks_since(began).max(1);
        let per_tick = u64::from(TURNS) * u64::from(INSTRUCTIONS_A_TURN) * 1000 / u64::from(ticks);
        Self { per_tick: Milli(per_tick as u32), began: 0, ticks: 0, count: 0 }
    }

    /// Instructions in a tick.
    #[must_use]
    pub const fn instructions_per_tick(&self) -> Milli {
        self.per_tick
    }

    /// Runs something and counts its ticks; it takes less than [`Counter::MOST_TICKS`].
    pub fn ticks<T>(&self, run: impl FnOnce() -> T) -> (u32, T) {
        let began = SYST::get_current();
        compiler_fence(Ordering::SeqCst);
        let result = run();
        compiler_fence(Ordering::SeqCst);
        (ticks_since(began), result)
    }

    /// All instructions that were counted.
    #[must_use]
    pub fn instructions(&self) -> u64 {
        self.ticks * u64::from(self.per_tick.0) / 1000
    }

    /// A counter for something else.
    #[must_use]
    pub const fn another(&self) -> Self {
        Self { per_tick: self.per_tick, began: 0, ticks: 0, count: 0 }
    }

    /// How often something was counted.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Instructions of each, on average; 0 before the first. Each takes less than [`Counter::MOST_TICKS`].
    ///
    /// A tick begins at a point that has nothing to do with what is counted, so that the rounding of single counts
    /// averages out.
    #[must_use]
    pub fn instructions_each(&self) -> u32 {
        self.instructions().checked_div(u64::from(self.count)).unwrap_or(0) as u32
    }
}

impl Meter for Counter {
    fn begin(&mut self) {
        self.began = SYST::get_current();
        // The compiler must not move what is counted over the two reads of the counter.
        compiler_fence(Ordering::SeqCst);
    }

    fn end(&mut self) {
        compiler_fence(Ordering::SeqCst);
        self.ticks += u64::from(ticks_since(self.began));
        self.count += 1;
    }
}

/// Ticks since the counter stood at `began`, at most one round ago.
fn ticks_since(began: u32) -> u32 {
    began.wrapping_sub(SYST::get_current()) & RELOAD
}

/// Runs two instructions a turn, whatever the compiler would have made of a loop.
#[allow(asm_sub_register, reason = "clippy also reads this on a host of 64 bits")]
fn run_turns(turns: u32) {
    // SAFETY: only the register it is given and the flags change.
    unsafe { asm!("2: subs {turns}, {turns}, #1", "bne 2b", turns = inout(reg) turns => _, options(nomem, nostack)) };
}
