//! The discrete Fourier transform of whole numbers.

use super::tables::{cosine, nearest, sine};

/// What a transform of `2 · HALF` numbers turns by: e^(−2πi·k/(2·HALF)) in Q31, for k < HALF.
#[derive(Clone, Debug)]
pub(super) struct Turns<const HALF: usize>([[i32; 2]; HALF]);

impl<const HALF: usize> Turns<HALF> {
    pub(super) const fn new() -> Self {
        const {
            assert!(
                HALF.is_power_of_two() && HALF >= 4 && HALF <= 4096,
                "half a transform is a power of 2 from 4 to 4096"
            )
        }
        let (mut turns, mut k) = ([[0; 2]; HALF], 0);
        while k < HALF {
            let turn = k as f64 / (2 * HALF) as f64;
            turns[k] = [q31(cosine(turn)), q31(-sine(turn))];
            k += 1;
        }
        Self(turns)
    }

    fn turn(&self, k: usize) -> [i32; 2] {
        self.0.get(k).copied().unwrap_or_default()
    }
}

const fn q31(x: f64) -> i32 {
    let scaled = nearest(x * 2_147_483_648.0);
    if scaled > i32::MAX as i64 { i32::MAX } else { scaled as i32 }
}

/// A complex number by another: each part is a sum of two products, rounded once. A multiplication that accumulates is one
/// instruction, a rounding is three.
const fn rotate([re, im]: [i32; 2], [cos, sin]: [i32; 2]) -> [i32; 2] {
    const fn rounded(sum: i64) -> i32 {
        ((sum + (1 << 30)) >> 31) as i32
    }
    let [re, im, cos, sin] = [re as i64, im as i64, cos as i64, sin as i64];
    [rounded(re * cos + -im * sin), rounded(re * sin + im * cos)]
}

/// (x + 1) ≫ 1.
const fn half(x: i32) -> i32 {
    x.wrapping_add(1) >> 1
}

/// Transforms complex numbers in place and divides by their number: radix 2 (Cooley and Tukey, 1965), halved at each step. Parts
/// are of magnitude at most 2²⁹, and stay below 2³⁰.
pub(super) fn transform<const HALF: usize>(values: &mut [[i32; 2]; HALF], turns: &Turns<HALF>) {
    // A value is rounded once a step: with no more than 12 steps, 2²⁹ · √2 and what rounding adds are below 2³⁰.
    let shift = usize::BITS - HALF.trailing_zeros();
    for index in 0..HALF {
        let other = index.reverse_bits() >> shift;
        if index < other {
            values.swap(index, other);
        }
    }
    let (mut length, mut step) = (1, HALF);
    while length < HALF {
        for block in values.chunks_mut(2 * length) {
            let Some((low, high)) = block.split_at_mut_checked(length) else { return };
            for (k, (low, high)) in low.iter_mut().zip(high).enumerate() {
                // The transform's own turns are every second of those of twice its length.
                let [re, im] = rotate(*high, turns.turn(k * step));
                let [low_re, low_im] = *low;
                *low = [half(low_re.wrapping_add(re)), half(low_im.wrapping_add(im))];
                *high = [half(low_re.wrapping_sub(re)), half(low_im.wrapping_sub(im))];
            }
        }
        length *= 2;
        step /= 2;
    }
}

/// |X_k|² of the real numbers whose even ones are the first parts of what was transformed and whose odd ones are the second, with
/// X divided by `2 · HALF`, for k < HALF: at most 2⁶⁰.
pub(super) fn power<const HALF: usize>(values: &[[i32; 2]; HALF], turns: &Turns<HALF>, k: usize) -> u64 {
    let at = |index: usize| values.get(index & (HALF - 1)).copied().unwrap_or_default();
    let ([a_re, a_im], [b_re, b_im]) = (at(k), at(HALF.wrapping_sub(k)));
    // Of the even ones, and of the odd ones, twice each.
    let even = [a_re.wrapping_add(b_re), a_im.wrapping_sub(b_im)];
    let odd = [a_im.wrapping_add(b_im), b_re.wrapping_sub(a_re)];
    let [re, im] = rotate(odd.map(half), turns.turn(k));
    let whole = [half(even[0]).wrapping_add(re), half(even[1]).wrapping_add(im)].map(half);
    let square = |x: i32| u64::from(x.unsigned_abs()) * u64::from(x.unsigned_abs());
    square(whole[0]).wrapping_add(square(whole[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;
    use std::vec::Vec;

    #[test]
    fn it_is_the_transform_by_definition_to_a_few_steps() {
        const HALF: usize = 64;
        static TURNS: Turns<HALF> = Turns::new();
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state as i32) >> 2
        };
        let extreme = |index: usize| if index.is_multiple_of(2) { 1 << 29 } else { -(1 << 29) };
        let series: [Vec<i32>; 3] = [
            (0..2 * HALF).map(|_| random()).collect(),
            std::vec![1 << 29; 2 * HALF],
            (0..2 * HALF).map(extreme).collect(),
        ];
        for series in series {
            let mut values: [[i32; 2]; HALF] = core::array::from_fn(|n| [series[2 * n], series[2 * n + 1]]);
            transform(&mut values, &TURNS);
            for k in 0..HALF {
                let (mut re, mut im) = (0.0, 0.0);
                for (n, x) in series.iter().enumerate() {
                    let angle = -2.0 * PI * (k * n) as f64 / (2 * HALF) as f64;
                    re += f64::from(*x) * angle.cos();
                    im += f64::from(*x) * angle.sin();
                }
                let expected = (re * re + im * im).sqrt() / (2 * HALF) as f64;
                let found = (power(&values, &TURNS, k) as f64).sqrt();
                assert!((found - expected).abs() < 8.0, "{k}: {found} for {expected}");
            }
        }
    }
}
