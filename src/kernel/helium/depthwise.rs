//! Every channel by itself: eight channels are the lanes of a vector.
//!
//! A window of 3×3 is done for eight channels at a time. Lines, rows of the input with their padding and without the other
//! channels, have all columns of two windows at fixed distances; a band of them lasts for many rows of windows. The
//! products of two taps fit into 16 bits, 2 · 128 · 127 < 2¹⁵, and are summed up before they are widened.
//!
//! Any other window is gathered tap by tap for all channels.

use super::super::layers::{Extent, Layer, Output, Sizes, every, gather_taps, portable, scratch_bytes};
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

fn three_by_three(layer: &Layer<'_>, input: &[i8], scratch: &mut [i8], out: &mut [i8], kernel: Kernel) {
    let shape = layer.filter.shape();
    let Sizes { input: extent, output, padding, stride, .. } = *shape.sizes();
    let columns = shape.line_columns();
    let padded = padding.width.min(columns);
    let seen = extent.width.min(columns - padded);
    // The only window of a row has one beside it that nobody asked for.
    let length = (columns + stride.width) * BLOCK;
    let lines = shape.band_lines();
    let Some(bytes) = scratch.get_mut(..lines * length) else { return };
    // Padding left and right stays as it is now, and so does all of it where there is one band.
    bytes.fill(layer.input_zero);
    let rows_at_once = (lines - 3).checked_div(stride.height).unwrap_or(0) + 1;
    let blocks = output.channels / BLOCK;
    for (block, weights) in layer.filter.bytes().chunks_exact(BLOCK_BYTES).take(blocks).enumerate() {
        let channel = block * BLOCK;
        for row in every(0..output.height, rows_at_once) {
            let rows = rows_at_once.min(output.height - row);
            let lines = (rows - 1) * stride.height + 3;
            let above = padding.height.saturating_sub(row * stride.height).min(lines);
            let below = (extent.height + padding.height).saturating_sub(row * stride.height).min(lines).max(above);
            let Some(band) = bytes.get_mut(..lines * length) else { return };
            if rows_at_once < output.height {
                // The band before had other lines here.
                band.get_mut(..above * length).unwrap_or_default().fill(layer.input_zero);
                band.get_mut(below * length..).unwrap_or_default().fill(layer.input_zero);
            }
            if let (true, Some(first)) = (seen > 0 && above < below, shape.input_row(row, above)) {
                let from = input.get(first * extent.width * extent.channels + channel..).unwrap_or_default();
                let places = band.get_mut(above * length + padded * BLOCK..).unwrap_or_default();
                copy(from, extent, places, length, seen, below - above);
            }
            let place = row * output.width * output.channels + channel;
            let band = Band { layer, weights, lines: band, length, rows, kernel };
            band.run(out.get_mut(place..).unwrap_or_default());
        }
    }
}

/// Copies eight channels of the first pixels of some rows to lines.
fn copy(from: &[i8], extent: Extent, places: &mut [i8], length: usize, pixels: usize, rows: usize) {
    let row = extent.width * extent.channels;
    if pixels == 0
        || rows == 0
        || from.len() < (rows - 1) * row + (pixels - 1) * extent.channels + BLOCK
        || places.len() < (rows - 1) * length + pixels * BLOCK
    {
        return;
    }
    let skipped = (row - pixels * extent.channels, length - pixels * BLOCK);
    // SAFETY: both have the last pixel of the last row, and so all before it; there is at least one.
    unsafe {
        copy_channels(from.as_ptr(), places.as_mut_ptr(), extent.channels, pixels, rows, skipped.0, skipped.1);
    }
}

/// Seven instructions for eight channels of two pixels.
#[unsafe(naked)]
unsafe extern "C" fn copy_channels(
    from: *const i8,
    places: *mut i8,
    pixel: usize,
    pixels: usize,
    rows: usize,
    from_skipped: usize,
    places_skipped: usize,
) {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, lr}}",
        "ldrd r4, r5, [sp, #24]",
        "ldr r6, [sp, #32]",
        "lsr r7, r3, #1",
        "and r8, r3, #1",
        // A row.
        "1:",
        "wls lr, r7, 3f",
        "2:",
        "vldrb.u16 q0, [r0]",
        "add r0, r0, r2",
        "vstrb.16 q0, [r1], #8",
        "vldrb.u16 q0, [r0]",
        "add r0, r0, r2",
        "vstrb.16 q0, [r1], #8",
        "le lr, 2b",
        "3:",
        "cmp r8, #0",
        "beq 4f",
        "vldrb.u16 q0, [r0]",
        "add r0, r0, r2",
        "vstrb.16 q0, [r1], #8",
        "4:",
        "add r0, r0, r5",
        "add r1, r1, r6",
        "subs r4, r4, #1",
        "bne 1b",
        "pop {{r4, r5, r6, r7, r8, pc}}",
    )
}

/// Rows of windows of 3×3 over lines of eight channels.
struct Band<'a> {
    layer: &'a Layer<'a>,
    weights: &'a [u8],
    lines: &'a [i8],
    /// Bytes of a line.
    length: usize,
    /// Rows of windows.
    rows: usize,
    kernel: Kernel,
}

/// What a kernel of windows of 3×3 is given; it knows the order of the fields.
#[repr(C)]
struct Arguments {
    lines: *const i8,
    length: usize,
    weights: *const u8,
    /// From the end of a row of windows to the beginning of the next one.
    lines_skipped: isize,
    out_skipped: isize,
    out: *mut i8,
    rows: usize,
    zero: i32,
    pixel: usize,
    pairs: usize,
}

type Kernel = unsafe extern "C" fn(&Arguments);

impl Band<'_> {
    /// `out` begins with the band's first output.
    fn run(&self, out: &mut [i8]) {
        let Sizes { output, .. } = *self.layer.filter.shape().sizes();
        let (windows, pixel) = (output.width, output.channels);
        let row = windows * pixel;
        if windows == 1 {
            // The second window of each pair is nobody's.
            for (index, places) in (0..self.rows).zip(out.chunks_mut(row.max(1))) {
                let mut two = [0; 2 * BLOCK];
                self.pairs(&mut two, [index, 0], 1, 1, BLOCK, 2 * BLOCK);
                places.iter_mut().zip(two).take(BLOCK).for_each(|(place, value)| *place = value);
            }
            return;
        }
        self.pairs(out, [0, 0], self.rows, windows / 2, pixel, row);
        if windows % 2 == 1 {
            // The last but one once more.
            let out = out.get_mut((windows - 2) * pixel..).unwrap_or_default();
            self.pairs(out, [0, windows - 2], self.rows, 1, pixel, row);
        }
    }

    /// Pairs of windows of some rows, from a row and a window on; outputs of windows are `pixel` elements apart, and of rows `row`.
    fn pairs(&self, out: &mut [i8], [first, window]: [usize; 2], rows: usize, pairs: usize, pixel: usize, row: usize) {
        let stride = self.layer.filter.shape().sizes().stride;
        let start = first * stride.height * self.length + window * stride.width * BLOCK;
        // What the last window of a row sees.
        let columns = ((2 * pairs).wrapping_sub(1) * stride.width + 3) * BLOCK;
        let Some(lines) = self.lines.get(start..) else { return };
        if pairs == 0
            || rows == 0
            || self.weights.len() != BLOCK_BYTES
            || lines.len() < ((rows - 1) * stride.height + 2) * self.length + columns
            || out.len() < (rows - 1) * row + (2 * pairs - 1) * pixel + BLOCK
        {
            return;
        }
        let arguments = Arguments {
            lines: lines.as_ptr(),
            length: self.length,
            weights: self.weights.as_ptr(),
            lines_skipped: (stride.height * self.length).wrapping_sub(2 * pairs * stride.width * BLOCK).cast_signed(),
            out_skipped: row.wrapping_sub(2 * pairs * pixel).cast_signed(),
            out: out.as_mut_ptr(),
            rows,
            zero: self.layer.rescale.zero,
            pixel,
            pairs,
        };
        // SAFETY: lines and outputs reach to the last window of the last row; the weights are a block, aligned to words; there
        // are a row and a pair.
        unsafe { (self.kernel)(&arguments) }
    }
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
/// r0 to r2 walk along the lines, r4 is at the weights, r7 walks through the outputs, which are r10 apart; the sums of even and odd
/// channels are in q4 and q5, and of the second window in q6 and q7. `$ahead` is what the lines' registers are ahead by.
macro_rules! two {
    ($name:ident, $ahead:literal, $taps:expr) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(arguments: &Arguments) {
            naked_asm!(
                cpu!(),
                "push {{r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
                "vpush {{d8, d9, d10, d11, d12, d13, d14, d15}}",
                "ldmia r0, {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}}",
                concat!("add r0, r2, #", $ahead),
                "add r1, r0, r3",
                "add r2, r1, r3",
                // A row.
                "1:",
                "dls lr, r11",
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
                "add r0, r0, r5",
                "add r1, r1, r5",
                "add r2, r2, r5",
                "add r7, r7, r6",
                "subs r8, r8, #1",
                "bne.w 1b",
                "vpop {{d8, d9, d10, d11, d12, d13, d14, d15}}",
                "pop {{r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
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
    for (pixel, out) in out.chunks_exact_mut(channels.max(1)).enumerate() {
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
