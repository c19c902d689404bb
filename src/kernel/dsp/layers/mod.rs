//! Convolutions on the DSP cores.
//!
//! As in a scan, a halfword carries a weight of two channels, and SXTB16 leaves one of them. Here the inputs are spread out
//! to int16 once for all channels of a window, and two windows share what is loaded and unpacked of the weights.

mod depthwise;
mod windows;

use super::super::layers::{FilterLayout, Layer, Line, Output, Stream, convolve_lines, every};
use super::is_word_aligned;
use core::array::from_fn;
use windows::{Kernels, One, Two};

pub(in super::super) use super::super::layers::interleave_portable as interleave;

/// Channels of a block.
const BLOCK: usize = 4;

/// Does a layer; `false` where the portable way has to.
pub(in super::super) fn convolve(layer: &Layer<'_>, input: &[i8], scratch: &mut [u8], output: &mut Output<'_>) -> bool {
    let filter = &layer.filter;
    match filter.layout() {
        // Words are loaded in pairs, which has to be from a multiple of four.
        _ if !is_word_aligned(filter.bytes()) => false,
        FilterLayout::Pairs if filter.shape().is_depthwise() => depthwise::convolve(layer, input, scratch, output),
        FilterLayout::Pairs | FilterLayout::Singles => convolve_lines(layer, input, scratch, output),
        FilterLayout::Plain | FilterLayout::Lanes => false,
    }
}

/// Does a row of windows of one group.
pub(in super::super) fn convolve_line(
    stream: &Stream<'_>,
    line: &Line<'_>,
    lanes: &mut [u32],
    output: &mut Output<'_>,
) {
    let kernels = match stream.layer.filter.layout() {
        FilterLayout::Singles => &Kernels::SINGLES,
        _ => &Kernels::PAIRS,
    };
    match &mut *output {
        Output::Int8(out) if stream.layer.rescale.shift == 0 => to_int8(stream, line, lanes, out, kernels),
        _ => to_sums(stream, line, lanes, output, kernels),
    }
}

fn to_int8(stream: &Stream<'_>, line: &Line<'_>, lanes: &mut [u32], out: &mut [i8], kernels: &Kernels) {
    let Stream { layer, blocks, bytes, .. } = *stream;
    let (outputs, pixel) = (layer.filter.shape().group_outputs(), layer.filter.shape().sizes().output.channels);
    let whole = outputs / BLOCK * BLOCK;
    let Some((weights, broken)) = bytes.split_at_checked(outputs / BLOCK * blocks.bytes) else { return };
    let zero = layer.rescale.zero;
    let Some(mut out) = out.get_mut(line.output..) else { return };
    for window in every(0..line.windows, 2) {
        let Some(first) = line.window(window, blocks.depth) else { return };
        let Some(second) = line.window(window + 1, blocks.depth).filter(|_| window + 1 < line.windows) else {
            let (Some(lanes), Some(places)) = (lanes.get_mut(..blocks.depth / 2), out.get_mut(..outputs)) else {
                return;
            };
            windows::spread_one(first, lanes);
            let Some((places, rest)) = places.split_at_mut_checked(whole) else { return };
            let lanes = &*lanes;
            One { weights, lanes, block: blocks.bytes, zero }.run(kernels, places);
            if !broken.is_empty() {
                let mut values = [0; BLOCK];
                One { weights: broken, lanes, block: blocks.bytes, zero }.run(kernels, &mut values);
                rest.iter_mut().zip(values).for_each(|(place, value)| *place = value);
            }
            return;
        };
        let Some(lanes) = lanes.get_mut(..blocks.depth) else { return };
        windows::spread_two(first, second, lanes);
        let Some((places, behind)) = out.split_at_mut_checked(pixel) else { return };
        let (Some(first), Some(second)) = (places.get_mut(..outputs), behind.get_mut(..outputs)) else { return };
        let (Some((first, first_rest)), Some((second, second_rest))) =
            (first.split_at_mut_checked(whole), second.split_at_mut_checked(whole))
        else {
            return;
        };
        let lanes = &*lanes;
        Two { weights, lanes, first, second, zero }.run(kernels);
        if !broken.is_empty() {
            let [mut a, mut b] = [[0; BLOCK]; 2];
            Two { weights: broken, lanes, first: &mut a, second: &mut b, zero }.run(kernels);
            first_rest.iter_mut().zip(a).for_each(|(place, value)| *place = value);
            second_rest.iter_mut().zip(b).for_each(|(place, value)| *place = value);
        }
        out = behind.get_mut(pixel..).unwrap_or_default();
    }
}

/// Everything else than int8 is made of the sums, a block at a time.
fn to_sums(stream: &Stream<'_>, line: &Line<'_>, lanes: &mut [u32], output: &mut Output<'_>, kernels: &Kernels) {
    let Stream { layer, blocks, bytes, first } = *stream;
    let (outputs, pixel) = (layer.filter.shape().group_outputs(), layer.filter.shape().sizes().output.channels);
    let Some(lanes) = lanes.get_mut(..blocks.depth / 2) else { return };
    for window in 0..line.windows {
        let Some(elements) = line.window(window, blocks.depth) else { return };
        windows::spread_one(elements, lanes);
        for (block, weights) in bytes.chunks_exact(blocks.bytes.max(1)).enumerate() {
            let mut sums = [[0; BLOCK]];
            One { weights, lanes, block: blocks.bytes, zero: 0 }.sums(kernels, &mut sums);
            let channel = block * BLOCK;
            let multipliers: [i32; BLOCK] = from_fn(|lane| layer.filter.multiplier(first + channel + lane));
            let count = (outputs - channel).min(BLOCK);
            let place = line.output + window * pixel + channel;
            output.put_all(place, count, sums.as_flattened(), &multipliers, &layer.rescale);
        }
    }
}
