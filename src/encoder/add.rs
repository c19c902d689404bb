//! Sums of two tensors.

use super::run::Operands;
use super::tensor::Number;

/// (factor_a · (a − z_a) + factor_b · (b − z_b) + 2^(shift − 1)) >> shift, + z.
pub(super) fn run<T: Number>([factor_a, factor_b]: [i32; 2], shift: u8, operands: Operands<'_, T>) {
    let Operands { a, a_tensor, b, b_tensor, out, out_tensor } = operands;
    let [zero_a, zero_b, zero] = [a_tensor.zero, b_tensor.zero, out_tensor.zero].map(i32::from);
    let half = 1i64 << shift >> 1;
    // One element of b for all, one a channel, or one each: they come in turns.
    for ((place, a), b) in out.iter_mut().zip(a).zip(b.iter().cycle()) {
        let (a, b) = (a.wide().wrapping_sub(zero_a), b.wide().wrapping_sub(zero_b));
        // Of bytes a product has at most 2³⁰, and a sum 31 bits.
        let scaled = if T::WIDE {
            let sum = i64::from(a) * i64::from(factor_a) + i64::from(b) * i64::from(factor_b);
            ((sum + half) >> shift).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
        } else {
            let sum = a.wrapping_mul(factor_a).wrapping_add(b.wrapping_mul(factor_b));
            sum.wrapping_add(half as i32).wrapping_shr(u32::from(shift))
        };
        *place = T::saturated(scaled.saturating_add(zero));
    }
}
