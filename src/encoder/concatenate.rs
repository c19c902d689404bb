//! Channels of two tensors side by side.

use super::run::Operands;
use super::tensor::Number;

/// Of each pixel the channels of a, then those of b.
pub(super) fn run<T: Number>(operands: Operands<'_, T>) {
    let Operands { a, a_tensor, b, b_tensor, out, .. } = operands;
    let (first, second) = (a_tensor.extent.channels, b_tensor.extent.channels);
    if first == 0 || second == 0 {
        return;
    }
    // Not a zip of chunks: it divides by their length, which a build for size takes for a division by zero.
    let (mut of_a, mut of_b, mut places) = (a, b, out);
    while let (Some((a, more_a)), Some((b, more_b))) = (of_a.split_at_checked(first), of_b.split_at_checked(second)) {
        let Some((pixel, more)) = core::mem::take(&mut places).split_at_mut_checked(first + second) else { return };
        pixel.iter_mut().zip(a.iter().chain(b)).for_each(|(place, element)| *place = *element);
        (of_a, of_b, places) = (more_a, more_b, more);
    }
}
