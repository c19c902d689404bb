//! Every channel by itself: eight channels are the lanes of a vector.
//!
//! A window of 3×3 is done for eight channels at a time through the whole image. Rows of the input are brought side by side
//! without the other channels and with their padding, so that all columns of two windows are at fixed distances. The
//! products of two taps fit into 16 bits, 2 · 128 · 127 < 2¹⁵, and are summed up before they are widened.
//!
//! Any other window is gathered tap by tap for all channels.

use super::super::layers::{Extent, Layer, Output, Sizes, gather_taps, portable, scratch_bytes};
use super::layers::BLOCK;
use core::arch::naked_asm;

/// Does a layer; `false` where the portable way has to.
pub(super) fn convolve(layer: &Layer<'_>, input: &[i8], scratch: &mut [u8], output: &mut Output<'_>) -> bool {
    let shape = layer.filter.shape();
    let channels = shape.sizes().output.channels;
    if layer.rescale.shift != 0 || scratch.len() < scratch_bytes(shape, layer.filter.layout()) {
        return false;
    }
    let Output::Int8(out) = &mut *output else { return false };
    let scratch: &mut [i8] = bytemuck::must_cast_slice_mut(scratch);
    match shape.sizes().stride.width {
        1 if shape.is_three_by_three() => three_by_three(layer, input, scratch, out, two_windows),
        2 if shape.is_three_by_three() => three_by_three(layer, input, scratch, out, two_windows_apart),
        _ => gathered(layer, input, scratch, out),
    }
    portable::convolve(layer, input, output, channels / BLOCK * BLOCK..channels);
    true
}

/// Bytes of a block of 3×3: taps, zeros, biases, multipliers.
const BLOCK_BYTES: usize = 144;

/// Rows of eight channels: three of the input, which take turns, and one of padding.
struct Rows<'a> {
    bytes: &'a mut [i8],
    /// Bytes of a row.
    length: usize,
    /// Where the columns that are not padding are in a row.
    padded: usize,
    seen: usize,
}

/// The row that is padding.
const PADDING: usize = 3;

impl Rows<'_> {
    /// Where a row of the input is, or the padding.
    fn start(&self, row: Option<usize>) -> usize {
        row.map_or(PADDING, |row| row % PADDING) * self.length
    }

    /// Brings the eight channels of a row of the input here.
    fn fill(&mut self, row: usize, input: &[i8], extent: Extent, channel: usize) {
        let start = self.start(Some(row)) + self.padded * BLOCK;
        let Some(places) = self.bytes.get_mut(start..start + self.seen * BLOCK) else { return };
        let Some(from) = input.get(row * extent.width * extent.channels + channel..) else { return };
        if self.seen == 0 || from.len() < (self.seen - 1) * extent.channels + BLOCK {
            return;
        }
        // SAFETY: there are eight elements of each of the pixels, and places for them; there is at least one pixel.
        unsafe { copy_channels(from.as_ptr(), places.as_mut_ptr(), extent.channels, self.seen) }
    }
}

fn three_by_three(layer: &Layer<'_>, input: &[i8], scratch: &mut [i8], out: &mut [i8], kernel: Kernel) {
    let shape = layer.filter.shape();
    let Sizes { input: extent, output, padding, stride, .. } = *shape.sizes();
    let columns = shape.line_columns();
    let padded = padding.width.min(columns);
    // The last window of an odd number of them has one beside it that nobody asked for.
    let length = (columns + stride.width) * BLOCK;
    let Some(bytes) = scratch.get_mut(..(PADDING + 1) * length) else { return };
    // Columns of padding stay as they are now.
    bytes.fill(layer.input_zero);
    let mut rows = Rows { bytes, length, padded, seen: extent.width.min(columns - padded) };
    let blocks = output.channels / BLOCK;
    for (block, weights) in layer.filter.bytes().chunks_exact(BLOCK_BYTES).take(blocks).enumerate() {
        let channel = block * BLOCK;
        let mut next = 0;
        for row in 0..output.height {
            let seen = [0, 1, 2].map(|tap| shape.input_row(row, tap));
            for seen in seen.into_iter().flatten().filter(|seen| *seen >= next) {
                rows.fill(seen, input, extent, channel);
            }
            next = seen.into_iter().flatten().last().map_or(next, |last| next.max(last + 1));
            let starts = seen.map(|row| rows.start(row));
            let windows = Windows { layer, weights, rows: &*rows.bytes, starts, length, kernel };
            let place = row * output.width * output.channels + channel;
            windows.run(out.get_mut(place..).unwrap_or_default(), output.channels, output.width, stride.width);
        }
    }
}

/// A row of windows of 3×3.
struct Windows<'a> {
    layer: &'a Layer<'a>,
    weights: &'a [u8],
    rows: &'a [i8],
    /// Where its three rows begin.
    starts: [usize; 3],
    /// Bytes of a row.
    length: usize,
    kernel: Kernel,
}

/// What a kernel of windows of 3×3 is given; it knows the order of the fields.
#[repr(C)]
struct Arguments {
    rows: [*const i8; 3],
    weights: *const u8,
    out: *mut i8,
    pixel: usize,
    zero: i32,
    pairs: usize,
}

type Kernel = unsafe extern "C" fn(&Arguments);

impl Windows<'_> {
    /// The outputs of the windows are `pixel` elements apart.
    fn run(&self, out: &mut [i8], pixel: usize, windows: usize, stride: usize) {
        if out.len() < (windows - 1) * pixel + BLOCK {
            return;
        }
        self.pairs(0, out, pixel, windows / 2, stride);
        if windows % 2 == 1 {
            let mut two = [0; 2 * BLOCK];
            self.pairs(windows - 1, &mut two, BLOCK, 1, stride);
            let places = out.get_mut((windows - 1) * pixel..).unwrap_or_default();
            places.iter_mut().zip(two).take(BLOCK).for_each(|(place, value)| *place = value);
        }
    }

    /// Pairs of windows from a window on.
    fn pairs(&self, first: usize, out: &mut [i8], pixel: usize, pairs: usize, stride: usize) {
        let first = first * stride * BLOCK;
        let needed = first + ((2 * pairs - 1) * stride + 3) * BLOCK;
        let reaches = self.starts.iter().all(|start| start + self.length <= self.rows.len());
        if pairs == 0
            || needed > self.length
            || !reaches
            || self.weights.len() != BLOCK_BYTES
            || out.len() < (2 * pairs - 1) * pixel + BLOCK
        {
            return;
        }
        let arguments = Arguments {
            rows: self.starts.map(|start| self.rows.as_ptr().wrapping_add(start + first)),
            weights: self.weights.as_ptr(),
            out: out.as_mut_ptr(),
            pixel,
            zero: self.layer.rescale.zero,
            pairs,
        };
        // SAFETY: the three rows reach to the last column of the last window; the output has eight elements for every window;
        // the weights are a block, aligned to words; there is a pair.
        unsafe { (self.kernel)(&arguments) }
    }
}

/// Seven instructions for eight channels of two pixels.
#[unsafe(naked)]
unsafe extern "C" fn copy_channels(from: *const i8, places: *mut i8, pixel: usize, pixels: usize) {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "lsrs r4, r3, #1",
        "beq 3f",
        "dls lr, r4",
        "2:",
        "vldrb.u16 q0, [r0]",
        "add r0, r0, r2",
        "vstrb.16 q0, [r1], #8",
        "vldrb.u16 q0, [r0]",
        "add r0, r0, r2",
        "vstrb.16 q0, [r1], #8",
        "le lr, 2b",
        "3:",
        "lsls r3, r3, #31",
        "beq 4f",
        "vldrb.u16 q0, [r0]",
        "vstrb.16 q0, [r1]",
        "4:",
        "pop {{r4, pc}}",
    )
}

/// Adds 16-bit sums to 32-bit ones of even and odd channels.
macro_rules! widen {
    ($sum:literal, $even:literal, $odd:literal) => {
        concat!(
            "vmovlb.s16 q0, ",
            $sum,
            "\n",
            "vadd.i32 ",
            $even,
            ", ",
            $even,
            ", q0\n",
            "vmovlt.s16 q0, ",
            $sum,
            "\n",
            "vadd.i32 ",
            $odd,
            ", ",
            $odd,
            ", q0\n",
        )
    };
}

/// Two taps side by side in windows side by side, which have a column in common.
macro_rules! side_by_side {
    ($taps:literal, $next_tap:literal, $a:literal, $b:literal, $c:literal) => {
        concat!(
            "vldrb.s16 q0, [r4, #",
            $taps,
            "]\n",
            "vldrb.s16 q1, ",
            $a,
            "\n",
            "vmul.i16 q1, q1, q0\n",
            "vldrb.s16 q2, ",
            $b,
            "\n",
            "vmul.i16 q3, q2, q0\n",
            "vldrb.s16 q0, [r4, #",
            $next_tap,
            "]\n",
            "vmul.i16 q2, q2, q0\n",
            "vadd.i16 q1, q1, q2\n",
            "vldrb.s16 q2, ",
            $c,
            "\n",
            "vmul.i16 q2, q2, q0\n",
            "vadd.i16 q2, q3, q2\n",
            widen!("q1", "q4", "q5"),
            widen!("q2", "q6", "q7"),
        )
    };
}

/// Two taps anywhere.
macro_rules! two_taps {
    ($taps:literal, $next_tap:literal, $a:literal, $next_a:literal, $b:literal, $next_b:literal) => {
        concat!(
            "vldrb.s16 q0, [r4, #",
            $taps,
            "]\n",
            "vldrb.s16 q1, ",
            $a,
            "\n",
            "vmul.i16 q1, q1, q0\n",
            "vldrb.s16 q2, ",
            $next_a,
            "\n",
            "vmul.i16 q2, q2, q0\n",
            "vldrb.s16 q0, [r4, #",
            $next_tap,
            "]\n",
            "vldrb.s16 q3, ",
            $b,
            "\n",
            "vmul.i16 q3, q3, q0\n",
            "vadd.i16 q1, q1, q3\n",
            "vldrb.s16 q3, ",
            $next_b,
            "\n",
            "vmul.i16 q3, q3, q0\n",
            "vadd.i16 q2, q2, q3\n",
            widen!("q1", "q4", "q5"),
            widen!("q2", "q6", "q7"),
        )
    };
}

/// The last tap, whose products are widened as they are made.
macro_rules! one_tap {
    ($tap:literal, $a:literal, $next_a:literal) => {
        concat!(
            "vldrb.s16 q0, [r4, #",
            $tap,
            "]\n",
            "vldrb.s16 q1, ",
            $a,
            "\n",
            "vmullb.s16 q2, q1, q0\n",
            "vadd.i32 q4, q4, q2\n",
            "vmullt.s16 q3, q1, q0\n",
            "vadd.i32 q5, q5, q3\n",
            "vldrb.s16 q1, ",
            $next_a,
            "\n",
            "vmullb.s16 q2, q1, q0\n",
            "vadd.i32 q6, q6, q2\n",
            "vmullt.s16 q3, q1, q0\n",
            "vadd.i32 q7, q7, q3\n",
        )
    };
}

/// Nine taps of eight channels in two windows, 144 multiply-accumulates in 111 instructions.
///
/// r0 to r2 walk along the rows, r4 is at the weights, r7 walks through the outputs, which are r10 apart; the sums of even and odd
/// channels are in q4 and q5, and of the second window in q6 and q7. `$ahead` is what the rows' registers are ahead by.
macro_rules! two {
    ($name:ident, $ahead:literal, $taps:expr) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(arguments: &Arguments) {
            naked_asm!(
                cpu!(),
                "push {{r4, r5, r6, r7, r8, r9, r10, lr}}",
                "vpush {{d8, d9, d10, d11, d12, d13, d14, d15}}",
                "ldmia r0, {{r3, r4, r5, r6, r7, r8, r9, lr}}",
                concat!("add r0, r3, #", $ahead),
                concat!("add r1, r4, #", $ahead),
                concat!("add r2, r5, #", $ahead),
                "mov r4, r6",
                "mov r10, r8",
                "dls lr, lr",
                "2:",
                "vldrw.u32 q4, [r4, #80]",
                "vldrw.u32 q5, [r4, #96]",
                "vmov q6, q4",
                "vmov q7, q5",
                $taps,
                "vldrw.u32 q0, [r4, #112]",
                "vldrw.u32 q1, [r4, #128]",
                "vrmulh.s32 q4, q4, q0",
                "vrmulh.s32 q5, q5, q1",
                "vrmulh.s32 q6, q6, q0",
                "vrmulh.s32 q7, q7, q1",
                "vqmovnb.s32 q4, q4",
                "vqmovnt.s32 q4, q5",
                "vqmovnb.s32 q6, q6",
                "vqmovnt.s32 q6, q7",
                "vqadd.s16 q4, q4, r9",
                "vqadd.s16 q6, q6, r9",
                "vqmovnb.s16 q4, q4",
                "vqmovnb.s16 q6, q6",
                "vstrb.16 q4, [r7]",
                "add r7, r7, r10",
                "vstrb.16 q6, [r7]",
                "add r7, r7, r10",
                "le lr, 2b",
                "vpop {{d8, d9, d10, d11, d12, d13, d14, d15}}",
                "pop {{r4, r5, r6, r7, r8, r9, r10, pc}}",
            )
        }
    };
}

// The last load of a row goes on to the next two windows, 16 bytes further, or 32.
two!(
    two_windows,
    "8",
    concat!(
        side_by_side!("0", "8", "[r0, #-8]", "[r0]", "[r0, #8]"),
        two_taps!("16", "24", "[r0, #8]", "[r0, #16]!", "[r1, #-8]", "[r1]"),
        side_by_side!("32", "40", "[r1]", "[r1, #8]", "[r1, #16]!"),
        side_by_side!("48", "56", "[r2, #-8]", "[r2]", "[r2, #8]"),
        one_tap!("64", "[r2, #8]", "[r2, #16]!"),
    )
);
two!(
    two_windows_apart,
    "0",
    concat!(
        two_taps!("0", "8", "[r0]", "[r0, #16]", "[r0, #8]", "[r0, #24]"),
        two_taps!("16", "24", "[r0, #16]", "[r0, #32]!", "[r1]", "[r1, #16]"),
        two_taps!("32", "40", "[r1, #8]", "[r1, #24]", "[r1, #16]", "[r1, #32]!"),
        two_taps!("48", "56", "[r2]", "[r2, #16]", "[r2, #8]", "[r2, #24]"),
        one_tap!("64", "[r2, #16]", "[r2, #32]!"),
    )
);

/// Any window: its taps are gathered for all channels, then summed up eight channels at a time.
fn gathered(layer: &Layer<'_>, input: &[i8], scratch: &mut [i8], out: &mut [i8]) {
    let shape = layer.filter.shape();
    let (channels, taps) = (shape.sizes().output.channels, shape.taps());
    let (blocks, step) = (channels / BLOCK, channels.next_multiple_of(BLOCK));
    let Some(places) = scratch.get_mut(..taps * step) else { return };
    let Some(weights) = layer.filter.bytes().get(..blocks * BLOCK * (taps.next_multiple_of(2) + 8)) else { return };
    if blocks == 0 {
        return;
    }
    for (pixel, out) in out.chunks_exact_mut(channels).enumerate() {
        gather_taps(layer, input, pixel, places, step);
        let arguments = GatheredArguments {
            places: places.as_ptr(),
            step,
            taps,
            // A block is an even number of taps.
            padding: taps % 2 * BLOCK,
            weights: weights.as_ptr(),
            weights_end: weights.as_ptr_range().end,
            out: out.as_mut_ptr(),
            zero: layer.rescale.zero,
        };
        // SAFETY: the places are all channels of each of the taps; the weights are blocks for that number of taps (`Blocks`),
        // aligned to words, at least one; the output has an element for each of their channels.
        unsafe { gathered_window(&arguments) };
    }
}

/// What [`gathered_window`] is given; it knows the order of the fields.
#[repr(C)]
struct GatheredArguments {
    places: *const i8,
    step: usize,
    taps: usize,
    padding: usize,
    weights: *const u8,
    weights_end: *const u8,
    out: *mut i8,
    zero: i32,
}

/// A tap of eight channels in eight instructions.
#[unsafe(naked)]
unsafe extern "C" fn gathered_window(arguments: &GatheredArguments) {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, lr}}",
        "vpush {{d8, d9, d10, d11}}",
        "ldmia r0, {{r1, r2, r3, r4, r5, r6, r7, r8}}",
        // A block.
        "2:",
        "mov r0, r1",
        "vmov.i32 q4, #0",
        "vmov.i32 q5, #0",
        "dls lr, r3",
        "3:",
        "vldrb.s16 q0, [r0]",
        "add r0, r0, r2",
        "vldrb.s16 q1, [r5], #8",
        "vmullb.s16 q2, q0, q1",
        "vadd.i32 q4, q4, q2",
        "vmullt.s16 q3, q0, q1",
        "vadd.i32 q5, q5, q3",
        "le lr, 3b",
        "add r5, r5, r4",
        "vldrw.u32 q0, [r5], #16",
        "vldrw.u32 q1, [r5], #16",
        "vldrw.u32 q2, [r5], #16",
        "vldrw.u32 q3, [r5], #16",
        "vadd.i32 q4, q4, q0",
        "vadd.i32 q5, q5, q1",
        "vrmulh.s32 q4, q4, q2",
        "vrmulh.s32 q5, q5, q3",
        "vqmovnb.s32 q4, q4",
        "vqmovnt.s32 q4, q5",
        "vqadd.s16 q4, q4, r8",
        "vqmovnb.s16 q4, q4",
        "vstrb.16 q4, [r7], #8",
        "add r1, r1, #8",
        "cmp r5, r6",
        "bne 2b",
        "vpop {{d8, d9, d10, d11}}",
        "pop {{r4, r5, r6, r7, r8, r9, r10, pc}}",
    )
}
