//! Convolutions: the loops are the core's (`src/kernel/layers/`); of 16-bit tensors they are here.

use super::plan::{Operator, Window};
use super::tensor::{Element, Tensor, numbers_mut};
use crate::kernel::layers::{self, Extent, Filter, Layer, Output, Rescale, Shape, Size, Sizes};

/// What a convolution between two tensors looks like; `None` when its sizes do not fit together.
pub(super) fn shape(operator: &Operator<'_>, a: &Tensor, out: &Tensor) -> Option<Shape> {
    let Operator::Convolution { window, groups, .. } = *operator else { return None };
    let Extent { height, width, .. } = a.extent;
    let kernel = if window == Window::WHOLE { Size { height, width } } else { window.kernel };
    let Window { stride, dilation, padding, .. } = window;
    Shape::new(Sizes { input: a.extent, output: out.extent, kernel, stride, dilation, padding, groups })
}

/// Its constants, which are as long as its shape needs.
pub(super) fn filter<'a>(operator: &Operator<'a>, shape: Shape) -> Option<Filter<'a>> {
    let Operator::Convolution { layout, constants, .. } = *operator else { return None };
    Filter::new(shape, layout, constants)
}

fn rescale(operator: &Operator<'_>, out: &Tensor) -> Option<Rescale> {
    let Operator::Convolution { shift, .. } = *operator else { return None };
    Some(Rescale { shift: u32::from(shift), zero: i32::from(out.zero) })
}

/// The output as the kernels take it.
fn typed<'m>(out: &Tensor, bytes: &'m mut [u8]) -> Output<'m> {
    match out.element {
        Element::Int8 => Output::Int8(numbers_mut(bytes)),
        Element::Int16 => Output::Int16(numbers_mut(bytes)),
        Element::Int32 => Output::Int32(numbers_mut(bytes)),
    }
}

/// A convolution of int8.
pub(super) fn run(
    operator: &Operator<'_>,
    [a, out]: [&Tensor; 2],
    input: &[i8],
    scratch: &mut [u8],
    output: &mut [u8],
) -> Option<()> {
    let filter = filter(operator, shape(operator, a, out)?)?;
    let layer = Layer { filter, input_zero: a.zero, rescale: rescale(operator, out)? };
    layers::convolve(&layer, input, scratch, &mut typed(out, output));
    Some(())
}

/// A convolution of int16, which are without zero point: sums of 64 bits.
pub(super) fn run_wide(
    operator: &Operator<'_>,
    [a, out]: [&Tensor; 2],
    input: &[i16],
    output: &mut [u8],
) -> Option<()> {
    let shape = shape(operator, a, out)?;
    let filter = filter(operator, shape)?;
    let rescale = rescale(operator, out)?;
    let Operator::Convolution { drop, .. } = *operator else { return None };
    let mut output = typed(out, output);
    let Extent { height, width, channels } = out.extent;
    for row in 0..height {
        for column in 0..width {
            for channel in 0..channels {
                let sum = narrowed(wide_sum(&filter, input, [row, column], channel), drop);
                let at = (row * width + column) * channels + channel;
                output.put(at, sum, filter.multiplier(channel), &rescale);
            }
        }
    }
    Some(())
}

/// bias + Σ input · weight of one output.
fn wide_sum(filter: &Filter<'_>, input: &[i16], [row, column]: [usize; 2], channel: usize) -> i64 {
    let shape = filter.shape();
    let Sizes { input: extent, kernel, .. } = *shape.sizes();
    let inputs = shape.group_inputs();
    let first = channel.checked_div(shape.group_outputs()).unwrap_or_default() * inputs;
    // Whoever lays out sums of 64 bits leaves the weights plain; of another layout they are found one by one.
    let row_of_weights = filter.row(channel);
    let mut sum = i64::from(filter.bias(channel));
    for tap_row in 0..kernel.height {
        let Some(row) = shape.input_row(row, tap_row) else { continue };
        for tap_column in 0..kernel.width {
            let Some(column) = shape.input_column(column, tap_column) else { continue };
            let start = (row * extent.width + column) * extent.channels + first;
            let seen = input.get(start..start + inputs).unwrap_or_default();
            let tap = (tap_row * kernel.width + tap_column) * inputs;
            if let Some(weights) = row_of_weights.and_then(|row| row.get(tap..tap + inputs)) {
                for (element, weight) in seen.iter().zip(weights) {
                    sum += i64::from(i32::from(*element) * i32::from(*weight));
                }
                continue;
            }
            for (index, element) in seen.iter().enumerate() {
                let weight = filter.weight(channel, tap_row, tap_column, index);
                sum += i64::from(i32::from(*element) * i32::from(weight));
            }
        }
    }
    sum
}

/// A sum of 64 bits without its lowest bits, rounded half up, cut to 32.
pub(super) fn narrowed(sum: i64, drop: u8) -> i32 {
    let rounded = sum.saturating_add(1 << drop >> 1) >> drop;
    rounded.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}
