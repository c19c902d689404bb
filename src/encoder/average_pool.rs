//! The mean of each window, and how windows of pooling go over a tensor.

use super::convolution::narrowed;
use super::plan::Window;
use super::run::Operands;
use super::tensor::{Number, Tensor};
use crate::kernel::portable::multiply_high;
use core::ops::Range;

/// How a sum becomes a mean.
#[derive(Clone, Copy)]
pub(super) struct Mean<'a> {
    pub(super) shift: u8,
    pub(super) drop: u8,
    pub(super) multipliers: &'a [[u8; 4]],
}

/// mulhi(Σ << shift, multiplier) + z.
pub(super) fn run<T: Number>(window: &Window, mean: Mean<'_>, operands: Operands<'_, T>) {
    let Operands { a, a_tensor, out, out_tensor, .. } = operands;
    let channels = a_tensor.extent.channels;
    let (zero_a, zero) = (i32::from(a_tensor.zero), i32::from(out_tensor.zero));
    for_each_window(window, &a_tensor, &out_tensor, |pixel, rows, columns| {
        let elements = rows.len() * columns.len();
        let by_count = if mean.multipliers.len() == 1 { 0 } else { elements.saturating_sub(1) };
        let multiplier = mean.multipliers.get(by_count).map_or(0, |bytes| i32::from_le_bytes(*bytes));
        for channel in 0..channels {
            let seen = rows.clone().flat_map(|row| columns.clone().map(move |column| (row, column)));
            let seen =
                seen.filter_map(|(row, column)| a.get((row * a_tensor.extent.width + column) * channels + channel));
            let sum = if T::WIDE {
                let sum = seen.fold(0i64, |sum, element| sum + i64::from(element.wide()));
                narrowed(sum, mean.drop)
            } else {
                seen.fold(0i32, |sum, element| sum.wrapping_add(element.wide().wrapping_sub(zero_a)))
            };
            let scaled = multiply_high(sum.wrapping_shl(u32::from(mean.shift)), multiplier);
            if let Some(place) = out.get_mut(pixel * channels + channel) {
                *place = T::saturated(scaled.saturating_add(zero));
            }
        }
    });
}

/// The most elements of the tensor that a window has.
pub(super) fn most_elements(window: &Window, a: &Tensor) -> usize {
    if *window == Window::WHOLE {
        a.extent.height.saturating_mul(a.extent.width)
    } else {
        window.kernel.height.saturating_mul(window.kernel.width)
    }
}

/// Calls `see` for each pixel of the output with its number and the rows and columns of the input that its window has.
pub(super) fn for_each_window(
    window: &Window,
    a: &Tensor,
    out: &Tensor,
    mut see: impl FnMut(usize, Range<usize>, Range<usize>),
) {
    let is_whole = *window == Window::WHOLE;
    let part = |index: usize, stride: usize, padding: usize, kernel: usize, whole: usize| {
        if is_whole {
            return 0..whole;
        }
        let begin = index.saturating_mul(stride);
        let end = begin.saturating_add(kernel).saturating_sub(padding).min(whole);
        begin.saturating_sub(padding).min(end)..end
    };
    let Window { kernel, stride, padding, .. } = *window;
    for row in 0..out.extent.height {
        let rows = part(row, stride.height, padding.height, kernel.height, a.extent.height);
        for column in 0..out.extent.width {
            let columns = part(column, stride.width, padding.width, kernel.width, a.extent.width);
            see(row * out.extent.width + column, rows.clone(), columns);
        }
    }
}
