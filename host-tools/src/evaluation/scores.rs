//! From dot products to scores.

use super::rows::COSINE_ONE;
use super::wide::Loops;
use cognate::kernel::{Finish, portable};
use cognate::similarity::Probe;

/// Rows of unit length: the cosine, to the nearest step.
pub(super) struct Cosines<'a> {
    pub(super) dots: &'a [f32],
    pub(super) scores: &'a mut [i32],
}

impl Loops for Cosines<'_> {
    #[inline(always)]
    fn run<const LANES: usize>(self) {
        for (score, &dot) in self.scores.iter_mut().zip(self.dots) {
            *score = nearest(f64::from(dot) * f64::from(COSINE_ONE)).clamp(-COSINE_ONE, COSINE_ONE);
        }
    }
}

/// Minus the squared distances.
pub(super) struct Distances<'a> {
    pub(super) dots: &'a [f32],
    /// The square of the probe's length.
    pub(super) probe: f64,
    /// Those of the other rows.
    pub(super) norms: &'a [f64],
    pub(super) scores: &'a mut [i32],
}

impl Loops for Distances<'_> {
    #[inline(always)]
    fn run<const LANES: usize>(self) {
        for ((score, &dot), norm) in self.scores.iter_mut().zip(self.dots).zip(self.norms) {
            *score = nearest(2.0 * f64::from(dot) - self.probe - norm).min(0);
        }
    }
}

/// Codes: the core's own score. The dot products are whole and below 2²⁴.
pub(super) struct Templates<'a> {
    pub(super) dots: &'a [f32],
    pub(super) probe: &'a Probe<'a>,
    /// One of each row.
    pub(super) factors: &'a [u32],
    pub(super) scores: &'a mut [i32],
}

impl Loops for Templates<'_> {
    #[inline(always)]
    fn run<const LANES: usize>(self) {
        let probe = self.probe;
        match probe.kernel().finish() {
            // `portable::key` for a cosine. It is not inlined out of the core, and billions of them are wanted.
            Finish::Cosine { shift } => {
                self.each(|dot, factor| portable::multiply_high(dot.wrapping_shl(shift), factor.cast_signed()));
            }
            finish => self.each(|dot, factor| portable::key(dot, factor, finish)),
        }
    }
}

impl Templates<'_> {
    #[inline(always)]
    fn each(self, key: impl Fn(i32, u32) -> i32) {
        for ((score, &dot), &factor) in self.scores.iter_mut().zip(self.dots).zip(self.factors) {
            *score = self.probe.score(key(nearest(dot.into()), factor)).raw();
        }
    }
}

/// A number of less than 31 bits as the nearest whole one, ties to the even: what is added leaves it in the lowest bits, which
/// any processor does several at a time.
#[inline(always)]
fn nearest(value: f64) -> i32 {
    const ALIGN: f64 = 6_755_399_441_055_744.0; // 1.5 · 2⁵²
    (value + ALIGN).to_bits() as i32
}
