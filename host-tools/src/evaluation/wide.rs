//! The innermost loops, compiled for the widest registers that this machine has.
//!
//! The command is built for every processor of an architecture, and picks when it runs: the same source, more of it at once.

/// A loop that is worth compiling more than once.
pub(super) trait Loops {
    /// Does it all, for registers of so many `f32`.
    ///
    /// It and what it calls must be `#[inline(always)]`: only what is inlined is compiled for the wider registers.
    fn run<const LANES: usize>(self);
}

/// Runs loops with the widest registers that there are.
pub(super) fn run(loops: impl Loops) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { avx512(loops) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { avx2(loops) };
        }
    }
    loops.run::<4>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn avx512(loops: impl Loops) {
    loops.run::<16>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(loops: impl Loops) {
    loops.run::<8>();
}

/// a · b + c, in one rounding where the processor can: registers of four are those of SSE2, which cannot, or of NEON.
#[inline(always)]
pub(super) fn multiply_add<const LANES: usize>(a: f32, b: f32, c: f32) -> f32 {
    if LANES > 4 || cfg!(target_arch = "aarch64") { a.mul_add(b, c) } else { a * b + c }
}
