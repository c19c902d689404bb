//! Padding by itself, where it cannot be part of a convolution.

use super::run::Operands;
use super::tensor::Number;
use crate::kernel::layers::copy;

/// a, so many rows down and columns to the right, with the zero point around it.
pub(super) fn run<T: Number>(top: usize, left: usize, operands: Operands<'_, T>) {
    let Operands { a, a_tensor, out, out_tensor, .. } = operands;
    out.fill(T::saturated(i32::from(out_tensor.zero)));
    let (from, to) = (a_tensor.extent, out_tensor.extent);
    let length = from.width * from.channels;
    for (row, elements) in a.chunks_exact(length.max(1)).enumerate() {
        let start = ((row + top) * to.width + left) * to.channels;
        if let Some(place) = out.get_mut(start..start + length) {
            copy(place, elements);
        }
    }
}
