//! Convolutions on the DSP cores.
//!
//! As in a scan, a halfword carries a weight of two channels, and SXTB16 leaves one of them. Here the inputs are spread out
//! to int16 once for all channels of a window, and two windows share what is loaded and unpacked of the weights.

mod depthwise;
mod windows;

use super::super::layers::{FilterLayout, Layer, Line, Output, Stream, convolve_lines};
use super::is_word_aligned;
use core::mem;
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
    let Stream { layer, blocks, bytes, .. } = *stream;
    let kernels = if layer.filter.layout() == FilterLayout::Pairs { &Kernels::PAIRS } else { &Kernels::SINGLES };
    let shape = layer.filter.shape();
    let (outputs, pixel) = (shape.group_outputs(), shape.sizes().output.channels);
    let (whole, broken) = bytes.split_at(outputs / BLOCK * blocks.bytes);
    let mut window = 0;
    if let (Output::Int8(out), 0, Some(lanes)) = (&mut *output, layer.rescale.shift, lanes.get_mut(..blocks.depth)) {
        while let (Some(first), Some(second)) =
            (line.window(window, blocks.depth), line.window(window + 1, blocks.depth))
            && window + 1 < line.windows
        {
            windows::spread_two(first, second, lanes);
            let place = line.output + window * pixel;
            let Some((_, places)) = out.split_at_mut_checked(place) else { return };
            let Some((first, second)) = places.split_at_mut_checked(pixel) else { return };
            let (Some(first), Some(second)) = (first.get_mut(..outputs), second.get_mut(..outputs)) else { return };
            let (first, first_rest) = first.split_at_mut(outputs / BLOCK * BLOCK);
            let (second, second_rest) = second.split_at_mut(outputs / BLOCK * BLOCK);
            Two { weights: whole, lanes, first, second, zero: layer.rescale.zero }.run(kernels);
            if !broken.is_empty() {
                let [mut a, mut b] = [[0; BLOCK]; 2];
                Two { weights: broken, lanes, first: &mut a, second: &mut b, zero: layer.rescale.zero }.run(kernels);
                first_rest.iter_mut().zip(a).for_each(|(place, value)| *place = value);
                second_rest.iter_mut().zip(b).for_each(|(place, value)| *place = value);
            }
            window += 2;
        }
    }
    let Some(lanes) = lanes.get_mut(..blocks.depth / 2) else { return };
    while let Some(elements) = line.window(window, blocks.depth)
        && window < line.windows
    {
        windows::spread_one(elements, lanes);
        let place = line.output + window * pixel;
        for (index, weights) in bytes.chunks(SUMS * blocks.bytes).enumerate() {
            let mut sums = [[0; BLOCK]; SUMS];
            One { weights, lanes, block: blocks.bytes, sums: &mut sums }.run(kernels);
            let first = index * SUMS * BLOCK;
            let count = (outputs - first).min(SUMS * BLOCK);
            let mut multipliers = [[0; BLOCK]; SUMS];
            for (place, block) in multipliers.iter_mut().zip(weights.chunks_exact(blocks.bytes)) {
                let words = block.last_chunk::<{ BLOCK * mem::size_of::<i32>() }>().map(|bytes| bytes.as_chunks().0);
                place
                    .iter_mut()
                    .zip(words.unwrap_or_default())
                    .for_each(|(word, bytes)| *word = i32::from_le_bytes(*bytes));
            }
            let (sums, multipliers) = (sums.as_flattened(), multipliers.as_flattened());
            output.put_all(place + first, &sums[..count], &multipliers[..count], &layer.rescale);
        }
        window += 1;
    }
}

/// Blocks whose sums are held at once where a window is done by itself.
const SUMS: usize = 8;
