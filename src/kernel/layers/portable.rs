//! The definition of every convolution, in plain Rust for any core.

use super::super::portable::dot;
use super::{Filter, FilterLayout, Layer, Output, Shape, Sizes, every};
use core::ops::Range;

/// Some output channels of a layer: input and output are whole tensors.
pub fn convolve(layer: &Layer<'_>, input: &[i8], output: &mut Output<'_>, channels: Range<usize>) {
    let shape = layer.filter.shape();
    let Sizes { output: extent, .. } = *shape.sizes();
    if channels.is_empty() {
        return;
    }
    for (row, column) in (0..extent.height).flat_map(|row| (0..extent.width).map(move |column| (row, column))) {
        let mut put = |channel, sum| {
            let pixel = (row * extent.width + column) * extent.channels;
            output.put(pixel + channel, sum, layer.filter.multiplier(channel), &layer.rescale);
        };
        if let Some(places) = places(layer, input, row, column) {
            for channel in channels.clone() {
                let weights = layer.filter.rows(channel, 1);
                let sum = weights.iter().zip(&places).fold(layer.filter.bias(channel), |sum, (weight, place)| {
                    // What is not there is padding.
                    let seen = input.get(place + channel).unwrap_or(&layer.input_zero);
                    sum.wrapping_add(i32::from(*weight) * i32::from(*seen))
                });
                put(channel, sum);
            }
        } else if let Some(seen) = pixel(layer, input, row, column) {
            for channel in channels.clone() {
                let weights = layer.filter.rows(channel, 1);
                put(channel, layer.filter.bias(channel).wrapping_add(dot(seen, weights)));
            }
        } else {
            channels.clone().for_each(|channel| put(channel, sum(layer, input, row, column, channel)));
        }
    }
}

/// What a window of one pixel sees, which is the same for all channels; `None` where a window sees anything else.
fn pixel<'a>(layer: &Layer<'_>, input: &'a [i8], row: usize, column: usize) -> Option<&'a [i8]> {
    let shape = layer.filter.shape();
    let Sizes { input: extent, groups, .. } = *shape.sizes();
    if shape.taps() != 1 || groups != 1 || layer.filter.layout() != FilterLayout::Plain {
        return None;
    }
    let (row, column) = (shape.input_row(row, 0)?, shape.input_column(column, 0)?);
    let start = (row * extent.width + column) * extent.channels;
    input.get(start..start + extent.channels)
}

/// The sum of one output: of a row of the window what it sees of the input at once, where that lies together.
fn sum(layer: &Layer<'_>, input: &[i8], row: usize, column: usize, channel: usize) -> i32 {
    let shape = layer.filter.shape();
    let Some(mut weights) = layer.filter.row(channel) else {
        return gathered_sum(layer, input, row, column, channel);
    };
    let Sizes { input: extent, kernel, groups, .. } = *shape.sizes();
    let (inputs, first) = (shape.group_inputs(), first_input(shape, channel));
    // Taps that are brought together: with their gaps, or other channels between them, it is one by one.
    let together = if groups == 1 && !shape.dilates() { kernel.width } else { 1 };
    let mut sum = layer.filter.bias(channel);
    for tap_row in 0..kernel.height {
        let row = shape.input_row(row, tap_row);
        for tap in every(0..kernel.width, together) {
            let Some((taps, rest)) = weights.split_at_checked(together * inputs) else { return sum };
            weights = rest;
            let Range { start, end } = row.map_or(0..0, |_| shape.seen_columns(column, tap, together));
            let (Some(seen), Some(before), Some(behind)) =
                (taps.get(start * inputs..end * inputs), taps.get(..start * inputs), taps.get(end * inputs..))
            else {
                return sum;
            };
            if let (Some(row), Some(column)) = (row, shape.input_column(column, tap + start)) {
                let place = (row * extent.width + column) * extent.channels + first;
                let elements = input.get(place..place + seen.len()).unwrap_or_default();
                sum = sum.wrapping_add(dot(elements, seen));
            }
            for weight in before.iter().chain(behind) {
                sum = sum.wrapping_add(padded(layer, *weight));
            }
        }
    }
    sum
}

/// The most taps of a depthwise window whose places are held.
const PLACES: usize = 49;

/// Where the first channel of each tap of a depthwise window is, which is the same for all channels: padding is behind the end.
/// `None` for other layers, and for greater windows.
fn places(layer: &Layer<'_>, input: &[i8], row: usize, column: usize) -> Option<[usize; PLACES]> {
    let shape = layer.filter.shape();
    if !shape.is_depthwise() || shape.taps() > PLACES || layer.filter.layout() != FilterLayout::Plain {
        return None;
    }
    let Sizes { input: extent, kernel, .. } = *shape.sizes();
    let mut places = [input.len(); PLACES];
    let taps = (0..kernel.height).flat_map(|row| (0..kernel.width).map(move |column| (row, column)));
    for (place, (tap_row, tap_column)) in places.iter_mut().zip(taps) {
        if let (Some(row), Some(column)) = (shape.input_row(row, tap_row), shape.input_column(column, tap_column)) {
            *place = (row * extent.width + column) * extent.channels;
        }
    }
    Some(places)
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
    if shape.sizes().groups == 1 {
        return 0;
    }
    channel.checked_div(shape.group_outputs()).unwrap_or(0) * shape.group_inputs()
}
