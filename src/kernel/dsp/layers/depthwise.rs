//! Every channel by itself: the DSP instructions sum up two taps of one channel.
//!
//! A window of 3×3 is done for four channels at a time through the whole image. Two rows of the input are spread out to
//! words of two elements, the upper and the lower one, once for all windows that see them; two such rows of words are what
//! two rows of windows see, column by column: with the taps w₀, w₁, w₂ of a column and the elements x₀ to x₃ under each other,
//!
//! ```text
//! upper window: SMLAD (x₀ x₁)·(w₀ w₁) + SMLABT x₂·w₂
//! lower window: SMLATB x₁·w₀          + SMLAD (x₂ x₃)·(w₁ w₂)
//! ```
//!
//! Any other window is gathered tap by tap for all channels.

use super::super::super::layers::{Extent, Layer, Output, Sizes, every, gather_taps, portable, scratch_bytes};
use super::BLOCK;
use core::arch::naked_asm;

/// Does a layer; `false` where the portable way has to.
pub(super) fn convolve(layer: &Layer<'_>, input: &[i8], scratch: &mut [u8], output: &mut Output<'_>) -> bool {
    let shape = layer.filter.shape();
    let channels = shape.sizes().output.channels;
    if layer.rescale.shift != 0 || scratch.len() < scratch_bytes(shape, layer.filter.layout()) {
        return false;
    }
    let Output::Int8(out) = &mut *output else { return false };
    let (_, words, _) = bytemuck::pod_align_to_mut::<u8, u32>(scratch);
    if shape.is_three_by_three() {
        three_by_three(layer, input, words, out);
    } else {
        gathered(layer, input, words, out);
    }
    portable::convolve(layer, input, output, channels / BLOCK * BLOCK..channels);
    true
}

/// Bytes of a block of 3×3: biases, three columns, multipliers.
const BLOCK_BYTES: usize = 128;

/// Words of a column of the spread rows: the upper two rows of four channels, then the lower two.
const COLUMN: usize = 8;

fn three_by_three(layer: &Layer<'_>, input: &[i8], words: &mut [u32], out: &mut [i8]) {
    let shape = layer.filter.shape();
    let Sizes { input: extent, output, padding, stride, .. } = *shape.sizes();
    let columns = shape.line_columns();
    let Some(words) = words.get_mut(..columns * COLUMN) else { return };
    let padded = padding.width.min(columns);
    let seen = extent.width.min(columns - padded);
    let zero = [layer.input_zero; BLOCK];
    // Columns of padding stay as they are now.
    words.fill(u32::from(i16::from(layer.input_zero).cast_unsigned()) * 0x1_0001);
    let rows_at_once = if stride.height == 1 { 2 } else { 1 };
    let (blocks, row_length) = (output.channels / BLOCK, output.width * output.channels);
    for (block, weights) in layer.filter.bytes().chunks_exact(BLOCK_BYTES).take(blocks).enumerate() {
        let channel = block * BLOCK;
        for row in every(0..output.height, rows_at_once) {
            // The lower rows of before are the upper ones of two rows of windows a stride of one apart, or one of two.
            let goes_on = row > 0 && stride.height <= 2;
            for tap in [0, 2].into_iter().skip(usize::from(goes_on)) {
                let source = |tap| Source::of(shape.input_row(row, tap), input, extent, channel, &zero);
                let places = words.get_mut(padded * COLUMN..(padded + seen) * COLUMN).unwrap_or_default();
                spread(&source(tap), &source(tap + 1), places);
            }
            let rows = out.get_mut(row * row_length + channel..).unwrap_or_default();
            let end = row_length.min(rows.len());
            let Some((upper, lower)) = rows.split_at_mut_checked(end) else { return };
            let windows = Windows { weights, words, step: stride.width * COLUMN * 4, zero: layer.rescale.zero };
            let lower = if rows_at_once == 2 { lower } else { &mut [] };
            windows.run(upper, lower, output.channels, output.width);
        }
    }
}

/// Where spread rows take four channels of each pixel of a row from.
struct Source<'a> {
    elements: &'a [i8],
    /// Elements from a pixel to the next.
    step: usize,
}

impl<'a> Source<'a> {
    /// A row of the input from a channel on, or padding.
    fn of(row: Option<usize>, input: &'a [i8], extent: Extent, channel: usize, zero: &'a [i8; BLOCK]) -> Self {
        let length = extent.width * extent.channels;
        let elements = row.and_then(|row| input.get(row * length..(row + 1) * length)?.get(channel..));
        match elements {
            Some(elements) => Self { elements, step: extent.channels },
            None => Self { elements: zero, step: 0 },
        }
    }

    fn has(&self, pixels: usize) -> bool {
        self.elements.len() >= (pixels - 1) * self.step + BLOCK
    }
}

/// Moves the lower two rows of every column up, and spreads two rows of the input below them.
fn spread(upper: &Source<'_>, lower: &Source<'_>, words: &mut [u32]) {
    let pixels = words.len() / COLUMN;
    if pixels == 0 || !upper.has(pixels) || !lower.has(pixels) {
        return;
    }
    // SAFETY: both rows have four elements of each of the pixels, and words are eight for each of them, whose number is not 0.
    unsafe {
        spread_rows(
            upper.elements.as_ptr(),
            lower.elements.as_ptr(),
            words.as_mut_ptr(),
            words.as_mut_ptr_range().end,
            upper.step,
            lower.step,
        );
    }
}

/// 14 instructions for eight elements, from any addresses.
#[unsafe(naked)]
unsafe extern "C" fn spread_rows(
    upper: *const i8,
    lower: *const i8,
    words: *mut u32,
    words_end: *mut u32,
    upper_step: usize,
    lower_step: usize,
) {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, lr}}",
        "ldrd r12, lr, [sp, #32]",
        // A column: r2 is at its lower half.
        "add r2, r2, #16",
        "add r3, r3, #16",
        "2:",
        "ldr r4, [r0]",
        "ldr r5, [r1]",
        "add r0, r0, r12",
        "add r1, r1, lr",
        "ldmia r2, {{r7, r8, r9, r10}}",
        "stmdb r2, {{r7, r8, r9, r10}}",
        "pkhbt r6, r4, r5, lsl #16",
        "pkhtb r5, r5, r4, asr #16",
        "sxtb16 r7, r6",
        "sxtb16 r8, r6, ror #8",
        "sxtb16 r9, r5",
        "sxtb16 r10, r5, ror #8",
        "stmia r2, {{r7, r8, r9, r10}}",
        "add r2, r2, #32",
        "cmp r2, r3",
        "bne 2b",
        "pop {{r4, r5, r6, r7, r8, r9, r10, pc}}",
    )
}

/// Windows of 3×3 over spread rows.
struct Windows<'a> {
    weights: &'a [u8],
    words: &'a [u32],
    /// Bytes from a window to the next.
    step: usize,
    zero: i32,
}

/// What the kernels are given; they know the order of the fields.
#[repr(C)]
struct Arguments {
    upper: *mut i8,
    lower: *mut i8,
    pixel: usize,
    zero: i32,
    words_end: *const u32,
    step: usize,
    weights: *const u8,
    words: *const u32,
}

impl Windows<'_> {
    /// A row of windows, or two; their outputs are `pixel` elements apart.
    fn run(&self, upper: &mut [i8], lower: &mut [i8], pixel: usize, windows: usize) {
        let needed = (windows - 1) * pixel + BLOCK;
        let bytes = (windows - 1) * self.step + 3 * COLUMN * 4;
        if upper.len() < needed || bytes > self.words.len() * 4 || self.weights.len() != BLOCK_BYTES {
            return;
        }
        let both = lower.len() >= needed;
        let words = self.words.as_ptr();
        let arguments = Arguments {
            upper: upper.as_mut_ptr(),
            lower: lower.as_mut_ptr(),
            pixel,
            zero: self.zero,
            // Where the window behind the last one would begin.
            words_end: words.wrapping_byte_add(windows * self.step),
            step: self.step,
            weights: self.weights.as_ptr(),
            words,
        };
        // SAFETY: the words are at least as many as the last window sees; each output has four elements for every window, the
        // lower one where there is one; the weights are a block, at a multiple of four (`super::convolve`).
        unsafe { if both { two_rows(&arguments) } else { one_row(&arguments) } }
    }
}

/// Nine taps of four channels in two windows, 72 multiply-accumulates in 72 instructions, and 41 around them.
///
/// r0 is at the weights, r1 walks through the words; the sums of the upper window are in r2 to r5, of the lower one in r6 to r9.
/// On the stack lie the first six of the arguments.
#[unsafe(naked)]
unsafe extern "C" fn two_rows(arguments: &Arguments) {
    macro_rules! column {
        ($upper:literal, $next_upper:literal, $lower:literal, $next_lower:literal, $w0:literal, $w1:literal, $w2:literal, $w3:literal) => {
            concat!(
                "ldrd r10, r11, [r1, #",
                $upper,
                "]\n",
                "ldrd r12, lr, [r0, #",
                $w0,
                "]\n",
                "smlad r2, r10, r12, r2\n",
                "smlad r3, r11, lr, r3\n",
                "smlatb r6, r10, r12, r6\n",
                "smlatb r7, r11, lr, r7\n",
                "ldrd r10, r11, [r1, #",
                $next_upper,
                "]\n",
                "ldrd r12, lr, [r0, #",
                $w1,
                "]\n",
                "smlad r4, r10, r12, r4\n",
                "smlad r5, r11, lr, r5\n",
                "smlatb r8, r10, r12, r8\n",
                "smlatb r9, r11, lr, r9\n",
                "ldrd r10, r11, [r1, #",
                $lower,
                "]\n",
                "ldrd r12, lr, [r0, #",
                $w2,
                "]\n",
                "smlabt r2, r10, r12, r2\n",
                "smlabt r3, r11, lr, r3\n",
                "smlad r6, r10, r12, r6\n",
                "smlad r7, r11, lr, r7\n",
                "ldrd r10, r11, [r1, #",
                $next_lower,
                "]\n",
                "ldrd r12, lr, [r0, #",
                $w3,
                "]\n",
                "smlabt r4, r10, r12, r4\n",
                "smlabt r5, r11, lr, r5\n",
                "smlad r8, r10, r12, r8\n",
                "smlad r9, r11, lr, r9\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldmia r0, {{r2, r3, r4, r5, r6, r7, r8, r9}}",
        "push {{r2, r3, r4, r5, r6, r7}}",
        "mov r0, r8",
        "mov r1, r9",
        "2:",
        "ldmia r0, {{r2, r3, r4, r5}}",
        "mov r6, r2",
        "mov r7, r3",
        "mov r8, r4",
        "mov r9, r5",
        column!("0", "8", "16", "24", "16", "24", "32", "40"),
        column!("32", "40", "48", "56", "48", "56", "64", "72"),
        column!("64", "72", "80", "88", "80", "88", "96", "104"),
        "ldr r10, [sp, #12]",
        "ldrd r12, lr, [r0, #112]",
        "smmlar r2, r2, r12, r10",
        "smmlar r3, r3, lr, r10",
        "smmlar r6, r6, r12, r10",
        "smmlar r7, r7, lr, r10",
        "ldrd r12, lr, [r0, #120]",
        "smmlar r4, r4, r12, r10",
        "smmlar r5, r5, lr, r10",
        "smmlar r8, r8, r12, r10",
        "smmlar r9, r9, lr, r10",
        "ldrd r10, r11, [sp, #0]",
        "ssat r2, #8, r2",
        "ssat r3, #8, r3",
        "ssat r4, #8, r4",
        "ssat r5, #8, r5",
        "ssat r6, #8, r6",
        "ssat r7, #8, r7",
        "ssat r8, #8, r8",
        "ssat r9, #8, r9",
        "ldr r12, [sp, #8]",
        "strb r2, [r10]",
        "strb r3, [r10, #1]",
        "strb r4, [r10, #2]",
        "strb r5, [r10, #3]",
        "strb r6, [r11]",
        "strb r7, [r11, #1]",
        "strb r8, [r11, #2]",
        "strb r9, [r11, #3]",
        "add r10, r10, r12",
        "add r11, r11, r12",
        "strd r10, r11, [sp, #0]",
        "ldrd r12, lr, [sp, #16]",
        "add r1, r1, lr",
        "cmp r1, r12",
        "bne 2b",
        "add sp, sp, #24",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

/// One row of windows: nine taps of four channels, 36 multiply-accumulates in 48 instructions, and 24 around them. Registers and
/// stack are those of [`two_rows`].
#[unsafe(naked)]
unsafe extern "C" fn one_row(arguments: &Arguments) {
    macro_rules! column {
        ($upper:literal, $next_upper:literal, $lower:literal, $next_lower:literal, $w0:literal, $w1:literal, $w2:literal, $w3:literal) => {
            concat!(
                "ldrd r6, r7, [r1, #",
                $upper,
                "]\n",
                "ldrd r8, r9, [r0, #",
                $w0,
                "]\n",
                "ldrd r10, r11, [r1, #",
                $next_upper,
                "]\n",
                "ldrd r12, lr, [r0, #",
                $w1,
                "]\n",
                "smlad r2, r6, r8, r2\n",
                "smlad r3, r7, r9, r3\n",
                "smlad r4, r10, r12, r4\n",
                "smlad r5, r11, lr, r5\n",
                "ldrd r6, r7, [r1, #",
                $lower,
                "]\n",
                "ldrd r8, r9, [r0, #",
                $w2,
                "]\n",
                "ldrd r10, r11, [r1, #",
                $next_lower,
                "]\n",
                "ldrd r12, lr, [r0, #",
                $w3,
                "]\n",
                "smlabt r2, r6, r8, r2\n",
                "smlabt r3, r7, r9, r3\n",
                "smlabt r4, r10, r12, r4\n",
                "smlabt r5, r11, lr, r5\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldmia r0, {{r2, r3, r4, r5, r6, r7, r8, r9}}",
        "push {{r2, r3, r4, r5, r6, r7}}",
        "mov r0, r8",
        "mov r1, r9",
        "2:",
        "ldmia r0, {{r2, r3, r4, r5}}",
        column!("0", "8", "16", "24", "16", "24", "32", "40"),
        column!("32", "40", "48", "56", "48", "56", "64", "72"),
        column!("64", "72", "80", "88", "80", "88", "96", "104"),
        "ldr r10, [sp, #12]",
        "ldrd r6, r7, [r0, #112]",
        "ldrd r8, r9, [r0, #120]",
        "smmlar r2, r2, r6, r10",
        "smmlar r3, r3, r7, r10",
        "smmlar r4, r4, r8, r10",
        "smmlar r5, r5, r9, r10",
        "ldr r10, [sp, #0]",
        "ldr r12, [sp, #8]",
        "ssat r2, #8, r2",
        "ssat r3, #8, r3",
        "ssat r4, #8, r4",
        "ssat r5, #8, r5",
        "strb r2, [r10]",
        "strb r3, [r10, #1]",
        "strb r4, [r10, #2]",
        "strb r5, [r10, #3]",
        "add r10, r10, r12",
        "str r10, [sp, #0]",
        "ldrd r12, lr, [sp, #16]",
        "add r1, r1, lr",
        "cmp r1, r12",
        "bne 2b",
        "add sp, sp, #24",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

/// Any window: its taps are gathered for all channels, then summed up four channels at a time.
fn gathered(layer: &Layer<'_>, input: &[i8], words: &mut [u32], out: &mut [i8]) {
    let shape = layer.filter.shape();
    let channels = shape.sizes().output.channels;
    let (blocks, step) = (channels / BLOCK, channels.next_multiple_of(BLOCK));
    let taps = shape.taps().next_multiple_of(2);
    let Some(words) = words.get_mut(..taps * step / 4) else { return };
    let Some(weights) = layer.filter.bytes().get(..blocks * BLOCK * (taps * 2 + 8)) else { return };
    if blocks == 0 {
        return;
    }
    for (pixel, places) in out.chunks_exact_mut(channels.max(1)).enumerate() {
        gather_taps(layer, input, pixel, bytemuck::must_cast_slice_mut(words), step);
        let arguments = GatheredArguments {
            taps: words.as_ptr(),
            step,
            out: places.as_mut_ptr(),
            zero: layer.rescale.zero,
            weights_end: weights.as_ptr_range().end,
            all_taps: words.len() * 4,
            weights: weights.as_ptr(),
        };
        // SAFETY: the taps are an even number of runs of all channels, at a multiple of four; the weights are blocks for that
        // number of taps (`Blocks`), at a multiple of four, at least one; the output has an element for each of their channels.
        unsafe { gathered_window(&arguments) };
    }
}

/// What [`gathered_window`] is given; it knows the order of the fields.
#[repr(C)]
struct GatheredArguments {
    taps: *const u32,
    step: usize,
    out: *mut i8,
    zero: i32,
    weights_end: *const u8,
    /// Bytes of all taps.
    all_taps: usize,
    weights: *const u8,
}

/// Two taps of four channels, eight multiply-accumulates in 17 instructions.
///
/// r0 walks through the weights, r1 through the taps up to lr; the sums are in r2 to r5. On the stack lie the first six of the
/// arguments.
#[unsafe(naked)]
unsafe extern "C" fn gathered_window(arguments: &GatheredArguments) {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldmia r0, {{r2, r3, r4, r5, r6, r7, r8}}",
        "push {{r2, r3, r4, r5, r6, r7}}",
        "mov r12, r3",
        "mov r0, r8",
        // A block.
        "2:",
        "ldr r1, [sp, #0]",
        "ldr lr, [sp, #20]",
        "ldmia r0!, {{r2, r3, r4, r5}}",
        "add lr, lr, r1",
        "3:",
        "ldr r6, [r1]",
        "ldr r7, [r1, r12]",
        "add r1, r1, r12, lsl #1",
        "pkhbt r8, r6, r7, lsl #16",
        "pkhtb r6, r7, r6, asr #16",
        "ldrd r10, r11, [r0], #8",
        "sxtb16 r9, r8",
        "sxtb16 r8, r8, ror #8",
        "smlad r2, r9, r10, r2",
        "smlad r3, r8, r11, r3",
        "ldrd r10, r11, [r0], #8",
        "sxtb16 r9, r6",
        "sxtb16 r6, r6, ror #8",
        "smlad r4, r9, r10, r4",
        "smlad r5, r6, r11, r5",
        "cmp r1, lr",
        "bne 3b",
        "ldmia r0!, {{r6, r7, r8, r9}}",
        "ldrd r10, r11, [sp, #8]",
        "smmlar r2, r2, r6, r11",
        "smmlar r3, r3, r7, r11",
        "smmlar r4, r4, r8, r11",
        "smmlar r5, r5, r9, r11",
        "ssat r2, #8, r2",
        "ssat r3, #8, r3",
        "ssat r4, #8, r4",
        "ssat r5, #8, r5",
        "strb r2, [r10], #1",
        "strb r3, [r10], #1",
        "strb r4, [r10], #1",
        "strb r5, [r10], #1",
        "str r10, [sp, #8]",
        "ldrd r7, r8, [sp, #0]",
        "add r7, r7, #4",
        "str r7, [sp, #0]",
        "ldr r6, [sp, #16]",
        "cmp r0, r6",
        "bne 2b",
        "add sp, sp, #24",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}
