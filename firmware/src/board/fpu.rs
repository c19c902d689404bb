//! The one setting of an FPU that could change what arithmetic comes to.
#![allow(unsafe_code)]

/// Has the FPU take subnormal numbers for zero, or not, as after a reset: FPSCR.FZ. Without an FPU this does nothing.
///
/// Rust expects the FPU as after a reset. Start-up code of a vendor or a library in C may leave it otherwise all the same,
/// and `selftest` shows that every template, score and decision stays what it is.
pub fn flush_subnormals(on: bool) {
    #[cfg(target_abi = "eabihf")]
    set_flush(on);
    #[cfg(not(target_abi = "eabihf"))]
    let _ = on;
}

/// Whether subnormal numbers count as zero now, found by comparing one.
#[must_use]
pub fn flushes_subnormals() -> bool {
    core::hint::black_box(1e-40f32) == 0.0
}

#[cfg(target_abi = "eabihf")]
fn set_flush(on: bool) {
    use core::arch::asm;

    const FZ: u32 = 1 << 24;
    let mut control: u32;
    // SAFETY: only reads the register.
    unsafe { asm!("vmrs {}, fpscr", out(reg) control, options(nomem, nostack, preserves_flags)) };
    control = if on { control | FZ } else { control & !FZ };
    // SAFETY: changes FZ alone. No memory depends on it; it changes what the FPU makes of subnormal numbers, which is
    // what is asked for. Without `nomem`, so that the arithmetic around the call is not moved over it with its values.
    unsafe { asm!("vmsr fpscr, {}", in(reg) control, options(nostack)) };
}
