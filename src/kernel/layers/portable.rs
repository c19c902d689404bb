//! The definition of every convolution, in plain Rust for any core.

use super::super::portable::dot;
use super::{Filter, Layer, Output, Shape, Sizes};
use core::ops::Range;

/// Some output channels of a layer: input and output are whole tensors.
pub fn convolve(layer: &Layer<'_>, input: &[i8], output: &mut Output<'_>, channels: Range<usize>) {
    let Sizes { output: extent, .. } = *layer.filter.shape().sizes();
    for row in 0..extent.height {
        for column in 0..extent.width {
            let pixel = (row * extent.width + column) * extent.channels;
            for channel in channels.clone() {
                let sum = sum(layer, input, row, column, channel);
                output.put(pixel + channel, sum, layer.filter.multiplier(channel), &layer.rescale);
            }
        }
    }
}

/// The sum of one output.
fn sum(layer: &Layer<'_>, input: &[i8], row: usize, column: usize, channel: usize) -> i32 {
    let shape = layer.filter.shape();
    let Some(weights) = layer.filter.row(channel) else { return gathered_sum(layer, input, row, column, channel) };
    let inputs = shape.group_inputs();
    let Sizes { input: extent, kernel, .. } = *shape.sizes();
    let first = first_input(shape, channel);
    let mut sum = layer.filter.bias(channel);
    let mut weights = weights;
    for tap_row in 0..kernel.height {
        let row = shape.input_row(row, tap_row);
        for tap_column in 0..kernel.width {
            let Some((tap, rest)) = weights.split_at_checked(inputs) else { return sum };
            weights = rest;
            let seen = row.zip(shape.input_column(column, tap_column)).and_then(|(row, column)| {
                let start = (row * extent.width + column) * extent.channels + first;
                input.get(start..start + inputs)
            });
            sum = sum.wrapping_add(match seen {
                Some(seen) => dot(seen, tap),
                None => tap.iter().fold(0i32, |sum, weight| sum.wrapping_add(padded(layer, *weight))),
            });
        }
    }
    sum
}

/// What a weight adds where it sees padding.
fn padded(layer: &Layer<'_>, weight: i8) -> i32 {
    i32::from(layer.input_zero) * i32::from(weight)
}

/// The same where the weights of a channel do not lie together: a weight at a time.
#[cold]
#[inline(never)]
fn gathered_sum(layer: &Layer<'_>, input: &[i8], row: usize, column: usize, channel: usize) -> i32 {
    let filter: &Filter<'_> = &layer.filter;
    let shape = filter.shape();
    let Sizes { input: extent, kernel, .. } = *shape.sizes();
    let first = first_input(shape, channel);
    let mut sum = filter.bias(channel);
    for (tap_row, tap_column) in (0..kernel.height).flat_map(|row| (0..kernel.width).map(move |column| (row, column))) {
        let pixel = shape.input_row(row, tap_row).zip(shape.input_column(column, tap_column));
        for index in 0..shape.group_inputs() {
            let weight = filter.weight(channel, tap_row, tap_column, index);
            let seen = pixel
                .and_then(|(row, column)| input.get((row * extent.width + column) * extent.channels + first + index));
            let product = seen.map_or_else(|| padded(layer, weight), |seen| i32::from(*seen) * i32::from(weight));
            sum = sum.wrapping_add(product);
        }
    }
    sum
}

/// The first of the input channels that an output channel sees.
fn first_input(shape: &Shape, channel: usize) -> usize {
    channel.checked_div(shape.group_outputs()).unwrap_or(0) * shape.group_inputs()
}
