//! Channels of two tensors side by side.

use super::run::Operands;
use super::tensor::Number;

/// Of each pixel the channels of a, then those of b.
pub(super) fn run<T: Number>(operands: Operands<'_, T>) {
    let Operands { a, a_tensor, b, b_tensor, out, .. } = operands;
    let (first, second) = (a_tensor.extent.channels, b_tensor.extent.channels);
    let pixels = out.chunks_exact_mut((first + second).max(1));
    for ((pixel, a), b) in pixels.zip(a.chunks_exact(first.max(1))).zip(b.chunks_exact(second.max(1))) {
        pixel.iter_mut().zip(a.iter().chain(b)).for_each(|(place, element)| *place = *element);
    }
}
