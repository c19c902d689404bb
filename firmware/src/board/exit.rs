//! How a firmware ends: with an exit code for the process that runs it, whatever happened. QEMU takes it by semihosting, and so
//! does `probe-rs`.
//!
//! `panic-probe` hangs in QEMU, so the panic handler is our own.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};
use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};

/// Ends as the outcome says: exit code 0, or the failure in the log and exit code 1.
pub fn finish<Failure: defmt::Format>(outcome: Result<(), Failure>) -> ! {
    match outcome {
        Ok(()) => succeed(),
        Err(failure) => {
            defmt::error!("{}", failure);
            fail()
        }
    }
}

/// Ends with exit code 0.
pub fn succeed() -> ! {
    exit(EXIT_SUCCESS)
}

/// Ends with exit code 1. Log the reason before.
pub fn fail() -> ! {
    exit(EXIT_FAILURE)
}

fn exit(status: debug::ExitStatus) -> ! {
    // Over RTT the last lines may not have been fetched yet.
    defmt::flush();
    debug::exit(status);
    // Where nobody takes the exit: stay here.
    loop {
        cortex_m::asm::wfi();
    }
}

/// Whether a panic or a fault is being reported. One while reporting would otherwise come back here for ever: the
/// logger panics when it is entered twice.
static REPORTING: AtomicBool = AtomicBool::new(false);

fn report_once(report: impl FnOnce()) -> ! {
    if !REPORTING.load(Ordering::Relaxed) {
        REPORTING.store(true, Ordering::Relaxed);
        report();
    }
    fail()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    report_once(|| defmt::error!("{}", defmt::Display2Format(info)))
}

// The attribute of `cortex-m-rt` makes the function an exception handler, which is unsafe to write by hand.
#[allow(unsafe_code)]
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    report_once(|| defmt::error!("hard fault at {=u32:#010x}", frame.pc()))
}
