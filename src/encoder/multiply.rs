//! Products of two tensors, such as the weights that a network gives its own channels.

use super::run::Operands;
use super::tensor::Number;
use crate::kernel::portable::multiply_high;

/// mulhi(((a − z_a) · (b − z_b)) << shift, multiplier) + z.
pub(super) fn run<T: Number>(multiplier: i32, shift: u8, operands: Operands<'_, T>) {
    let Operands { a, a_tensor, b, b_tensor, out, out_tensor } = operands;
    let [zero_a, zero_b, zero] = [a_tensor.zero, b_tensor.zero, out_tensor.zero].map(i32::from);
    // One element of b for all, one a channel, or one each: they come in turns.
    for ((place, a), b) in out.iter_mut().zip(a).zip(b.iter().cycle()) {
        let product = a.wide().wrapping_sub(zero_a).wrapping_mul(b.wide().wrapping_sub(zero_b));
        let scaled = multiply_high(product.wrapping_shl(u32::from(shift)), multiplier);
        *place = T::saturated(scaled.saturating_add(zero));
    }
}
