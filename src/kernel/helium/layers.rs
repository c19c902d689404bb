//! Convolutions with Helium: VMLADAV multiplies and sums up 16 elements of one window and one channel.

use super::super::layers::{FilterLayout, Layer, Line, Output, Stream, convolve_lines, every};
use super::depthwise;
use super::windows::{One, Two};
use core::arch::naked_asm;

/// Channels of a block.
pub(super) const BLOCK: usize = 8;

/// Does a layer; `false` where the portable way has to.
pub(in super::super) fn convolve(layer: &Layer<'_>, input: &[i8], scratch: &mut [u8], output: &mut Output<'_>) -> bool {
    let filter = &layer.filter;
    // VLDRW wants biases and multipliers at words; bytes can be loaded from anywhere.
    if filter.layout() != FilterLayout::Lanes || !filter.bytes().as_ptr().addr().is_multiple_of(4) {
        return false;
    }
    if filter.shape().is_depthwise() {
        depthwise::convolve(layer, input, scratch, output)
    } else {
        convolve_lines(layer, input, scratch, output)
    }
}

/// Does a row of windows of one group. Nothing has to be spread out.
pub(in super::super) fn convolve_line(stream: &Stream<'_>, line: &Line<'_>, _: &mut [u32], output: &mut Output<'_>) {
    let Stream { layer, blocks, bytes, first } = *stream;
    let shape = layer.filter.shape();
    let (outputs, pixel) = (shape.group_outputs(), shape.sizes().output.channels);
    let Some((whole, broken)) = bytes.split_at_checked(outputs / BLOCK * blocks.bytes) else { return };
    match &mut *output {
        Output::Int8(out) if layer.rescale.shift == 0 => {
            let Some(out) = out.get_mut(line.output..) else { return };
            let two = Two { depth: blocks.depth, zero: layer.rescale.zero, line };
            two.run(whole, out, pixel, 0, line.windows);
            let rest = outputs % BLOCK;
            for window in every(0..line.windows, 2).filter(|_| !broken.is_empty()) {
                let mut values = [0; 2 * BLOCK];
                two.run(broken, &mut values, BLOCK, window, (line.windows - window).min(2));
                for (window, values) in (window..line.windows).zip(values.chunks_exact(BLOCK)) {
                    let places = out.get_mut(window * pixel + outputs - rest..).unwrap_or_default();
                    places.iter_mut().zip(values).take(rest).for_each(|(place, value)| *place = *value);
                }
            }
        }
        _ => {
            for window in 0..line.windows {
                let Some(elements) = line.window(window, blocks.depth) else { return };
                for (block, weights) in bytes.chunks_exact(blocks.bytes.max(1)).enumerate() {
                    let mut sums = [0; BLOCK];
                    One { elements, zero: 0 }.sums(weights, &mut sums);
                    let channel = block * BLOCK;
                    let multipliers: [i32; BLOCK] =
                        core::array::from_fn(|lane| layer.filter.multiplier(first + channel + lane));
                    let count = (outputs - channel).min(BLOCK);
                    let place = line.output + window * pixel + channel;
                    output.put_all(place, count, &sums, &multipliers, &layer.rescale);
                }
            }
        }
    }
}

/// Copies pieces of `length` elements that are `from_step` apart to places that are `step` apart; there are `count` of them.
pub(in super::super) fn interleave(
    from: &[i8],
    from_step: usize,
    places: &mut [i8],
    step: usize,
    count: usize,
    length: usize,
) {
    if count == 0
        || length == 0
        || from.len() < (count - 1) * from_step + length
        || places.len() < (count - 1) * step + length
    {
        return;
    }
    // SAFETY: both have the last piece, and so all before it; there is at least one, and of one element.
    unsafe { copy_pieces(from.as_ptr(), places.as_mut_ptr(), count, length, from_step, step) }
}

/// Ten instructions for a piece of 16 elements, where a call of `memcpy` takes three times as many.
#[unsafe(naked)]
unsafe extern "C" fn copy_pieces(
    from: *const i8,
    places: *mut i8,
    count: usize,
    length: usize,
    from_step: usize,
    step: usize,
) {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, lr}}",
        "ldrd r4, r5, [sp, #20]",
        "2:",
        "mov r6, r0",
        "mov r7, r1",
        "dlstp.8 lr, r3",
        "3:",
        "vldrb.8 q0, [r6], #16",
        "vstrb.8 q0, [r7], #16",
        "letp lr, 3b",
        "add r0, r0, r4",
        "add r1, r1, r5",
        "subs r2, r2, #1",
        "bne 2b",
        "pop {{r4, r5, r6, r7, pc}}",
    )
}
