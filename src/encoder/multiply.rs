//! Products of two tensors, such as the weights that a network gives its own channels.

use super::run::Operands;
use super::tensor::{Number, broadcast};
use crate::kernel::portable::multiply_high;

/// mulhi(((a − z_a) · (b − z_b)) << shift, multiplier) + z.
pub(super) fn run<T: Number>(multiplier: i32, shift: u8, operands: Operands<'_, T>) {
    let Operands { a, a_tensor, b, b_tensor, out, out_tensor } = operands;
    let [zero_a, zero_b, zero] = [a_tensor.zero, b_tensor.zero, out_tensor.zero].map(i32::from);
    for (index, (place, a)) in out.iter_mut().zip(a).enumerate() {
        let b = broadcast(b, a_tensor.extent.channels, index).wrapping_sub(zero_b);
        let product = a.wide().wrapping_sub(zero_a).wrapping_mul(b);
        let scaled = multiply_high(product.wrapping_shl(u32::from(shift)), multiplier);
        *place = T::saturated(scaled.saturating_add(zero));
    }
}
