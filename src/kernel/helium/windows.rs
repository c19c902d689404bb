//! Windows as dense layers: a row of them two at a time to int8, or one by itself.

use super::super::layers::Line;
use super::layers::BLOCK;
use core::arch::naked_asm;

/// Elements of a step.
const STEP: usize = 16;
/// Steps of an inner loop, behind the first one.
const TURN: usize = 8;
/// Bytes of code of a step.
const TWO_STEP: usize = 56;
const ONE_STEP: usize = 68;
/// Steps of the inner loop where a window is done by itself.
const ONE_TURN: usize = 4;

/// How many bytes of code the first turn of a loop passes over, which makes up for a last one that would be broken. With no
/// steps it is the whole loop.
const fn entry(steps: usize, turn: usize, step_bytes: usize) -> usize {
    let whole = if steps == 0 { turn } else { steps.next_multiple_of(turn) };
    // The lowest bit says that code is Thumb.
    (whole - steps) * step_bytes + 1
}

/// A row of windows.
#[derive(Clone, Copy)]
pub(super) struct Two<'a> {
    /// Elements of a window, with the zeros behind them.
    pub depth: usize,
    pub zero: i32,
    pub line: &'a Line<'a>,
}

/// What the kernels of two windows are given; they know the offsets of the fields.
#[repr(C)]
struct TwoArguments {
    first: *const i8,
    second: *const i8,
    zero: i32,
    entry: usize,
    second_entry: usize,
    weights: *const u8,
    weights_end: *const u8,
    out: *mut i8,
    /// Outputs from a window to the next.
    pixel: usize,
    /// Elements from two windows to the next two.
    step: usize,
    pairs: usize,
    depth: usize,
}

impl Two<'_> {
    /// Whole blocks of channels, from window `first` on; the outputs of the windows are `pixel` elements apart.
    pub(super) fn run(&self, weights: &[u8], out: &mut [i8], pixel: usize, first: usize, windows: usize) {
        let Self { depth, zero, line } = *self;
        let outputs = weights.len().checked_div(BLOCK * (depth + 8)).unwrap_or(0) * BLOCK;
        let Some(elements) = line.elements.get(first * line.step..) else { return };
        if outputs == 0
            || windows == 0
            || elements.len() < (windows - 1) * line.step + depth
            || out.len() < (windows - 1) * pixel + outputs
        {
            return;
        }
        let pairs = windows / 2;
        if pairs > 0 {
            let steps = depth / STEP - 1;
            let entry = entry(steps, TURN, TWO_STEP);
            let weights = weights.as_ptr_range();
            let mut arguments = TwoArguments {
                first: elements.as_ptr(),
                second: elements.as_ptr().wrapping_add(line.step),
                zero,
                entry,
                second_entry: entry,
                weights: weights.start,
                weights_end: weights.end,
                out: out.as_mut_ptr(),
                pixel,
                step: 2 * line.step,
                pairs,
                depth,
            };
            let kernel = if steps <= TURN { two_short_windows } else { two_windows };
            // SAFETY: the weights are whole blocks for so many elements (`Blocks`), at least one, and aligned to words; elements
            // and outputs reach to the last window; there is a pair; all outlive the call.
            unsafe { kernel(&mut arguments) }
        }
        if windows % 2 == 1 {
            let last = windows - 1;
            let elements = elements.get(last * line.step..).and_then(|elements| elements.get(..depth));
            let places = out.get_mut(last * pixel..).and_then(|places| places.get_mut(..outputs));
            if let (Some(elements), Some(places)) = (elements, places) {
                One { elements, zero }.int8(weights, places);
            }
        }
    }
}

/// One window.
#[derive(Clone, Copy)]
pub(super) struct One<'a> {
    /// A multiple of 16.
    pub elements: &'a [i8],
    pub zero: i32,
}

/// What the kernels of one window are given; they know the order of the fields.
#[repr(C)]
struct OneArguments {
    elements: *const i8,
    weights_end: *const u8,
    entry: usize,
    /// Bytes of half a block.
    half: usize,
    weights: *const u8,
    zero: i32,
    out: *mut i8,
    elements_end: *const i8,
}

impl One<'_> {
    /// Whole blocks of channels to int8.
    fn int8(self, weights: &[u8], out: &mut [i8]) {
        self.run(one_to_int8, weights, out.as_mut_ptr(), out.len());
    }

    /// One block to its sums.
    pub(super) fn sums(self, weights: &[u8], sums: &mut [i32; BLOCK]) {
        if weights.len() == BLOCK * (self.elements.len() + 8) {
            self.run(one_to_sums, weights, sums.as_mut_ptr().cast(), BLOCK);
        }
    }

    fn run(self, kernel: unsafe extern "C" fn(&OneArguments), weights: &[u8], out: *mut i8, outputs: usize) {
        let Self { elements, zero } = self;
        let half = BLOCK / 2 * (elements.len() + 8);
        if elements.is_empty() || outputs == 0 || weights.len() * BLOCK != outputs * 2 * half {
            return;
        }
        let (elements, weights) = (elements.as_ptr_range(), weights.as_ptr_range());
        let arguments = OneArguments {
            elements: elements.start,
            weights_end: weights.end,
            entry: entry(self.elements.len() / STEP - 1, ONE_TURN, ONE_STEP),
            half,
            weights: weights.start,
            zero,
            out,
            elements_end: elements.end,
        };
        // SAFETY: the weights are whole blocks for so many elements, at least one, and aligned to words; there is an output
        // for each channel; all outlive the call.
        unsafe { kernel(&arguments) }
    }
}

/// Sixteen elements of two windows and four channels: 128 multiply-accumulates in 14 instructions, all of them of four bytes;
/// `$op` begins a sum or adds to it.
macro_rules! two_step {
    ($op:literal) => {
        concat!(
            "vldrb.8 q0, [r3], #16\n",
            "vldrb.8 q2, [r1], #16\n",
            $op,
            " r0, q0, q2\n",
            "vldrb.8 q1, [r9], #16\n",
            $op,
            " r8, q1, q2\n",
            "vldrb.8 q3, [r1], #16\n",
            $op,
            " r2, q0, q3\n",
            "vldrb.8 q2, [r1], #16\n",
            $op,
            " r10, q1, q3\n",
            $op,
            " r4, q0, q2\n",
            "vldrb.8 q3, [r1], #16\n",
            $op,
            " r12, q1, q2\n",
            $op,
            " r6, q0, q3\n",
            $op,
            " lr, q1, q3\n",
        )
    };
}

/// The sums of four channels of two windows, in even registers, become vectors, get their biases and are multiplied.
macro_rules! rescale {
    ($first:literal, $second:literal) => {
        concat!(
            "vmov ",
            $first,
            "[2], ",
            $first,
            "[0], r0, r4\n",
            "vmov ",
            $first,
            "[3], ",
            $first,
            "[1], r2, r6\n",
            "vmov ",
            $second,
            "[2], ",
            $second,
            "[0], r8, r12\n",
            "vmov ",
            $second,
            "[3], ",
            $second,
            "[1], r10, lr\n",
            "vldrw.u32 q0, [r1], #16\n",
            "vldrw.u32 q1, [r1], #16\n",
            "vadd.i32 ",
            $first,
            ", ",
            $first,
            ", q0\n",
            "vadd.i32 ",
            $second,
            ", ",
            $second,
            ", q0\n",
            "vrmulh.s32 ",
            $first,
            ", ",
            $first,
            ", q1\n",
            "vrmulh.s32 ",
            $second,
            ", ",
            $second,
            ", q1\n",
        )
    };
}

/// Two windows at a time: r1 walks through the weights, r3 and r9 through the windows, r7 and r5 through their outputs; the sums
/// are in the even registers. The arguments lie on the stack.
///
/// `$prepare` and `$zero` bring the zero point into a register, `$again` goes back to the beginning of an inner loop.
macro_rules! two {
    ($name:ident, $prepare:expr, $zero:literal, $load_zero:literal, $again:expr, $second_again:expr) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(arguments: &mut TwoArguments) {
            naked_asm!(
                cpu!(),
                "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
                "vpush {{d8, d9, d10, d11, d12, d13, d14, d15}}",
                "sub sp, sp, #48",
                "mov r12, sp",
                "ldmia r0!, {{r1, r2, r3, r4, r5, r6}}",
                "adr.w r7, 3f",
                "add r4, r4, r7",
                "adr.w r7, 5f",
                "add r5, r5, r7",
                "stmia r12!, {{r1, r2, r3, r4, r5, r6}}",
                "ldmia r0, {{r1, r2, r3, r4, r5, r6}}",
                "stmia r12, {{r1, r2, r3, r4, r5, r6}}",
                // Two windows.
                "1:",
                "ldrd r7, r0, [sp, #28]",
                "ldr r1, [sp, #20]",
                "add r5, r7, r0",
                $prepare,
                // A block.
                "2:",
                "ldrd r3, r9, [sp, #0]",
                two_step!("vmladav.s8"),
                "ldr pc, [sp, #12]",
                "3:",
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                $again,
                rescale!("q6", "q7"),
                "vqmovnb.s32 q6, q6",
                "vqmovnb.s32 q7, q7",
                "ldrd r3, r9, [sp, #0]",
                two_step!("vmladav.s8"),
                "ldr pc, [sp, #16]",
                "5:",
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                two_step!("vmladava.s8"),
                $second_again,
                rescale!("q4", "q5"),
                "vqmovnt.s32 q6, q4",
                "vqmovnt.s32 q7, q5",
                $load_zero,
                concat!("vqadd.s16 q6, q6, ", $zero),
                concat!("vqadd.s16 q7, q7, ", $zero),
                "vqmovnb.s16 q6, q6",
                "vqmovnb.s16 q7, q7",
                "vstrb.16 q6, [r7], #8",
                "vstrb.16 q7, [r5], #8",
                "ldr r0, [sp, #24]",
                "cmp r1, r0",
                "bne.w 2b",
                "ldrd r3, r9, [sp, #0]",
                "ldrd r0, r2, [sp, #36]",
                "add r3, r3, r0",
                "add r9, r9, r0",
                "strd r3, r9, [sp, #0]",
                "ldrd r0, r4, [sp, #28]",
                "add r0, r0, r4, lsl #1",
                "str r0, [sp, #28]",
                "subs r2, r2, #1",
                "str r2, [sp, #40]",
                "bne.w 1b",
                "add sp, sp, #48",
                "vpop {{d8, d9, d10, d11, d12, d13, d14, d15}}",
                "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
            )
        }
    };
}

// Windows of one turn need no end to compare with, and keep the zero point where the others have it: what both save is a
// fiftieth for 64 elements.
two!(two_short_windows, "ldr r11, [sp, #8]\n", "r11", "", "", "");
two!(
    two_windows,
    "ldr r11, [sp, #0]\nldr r0, [sp, #44]\nadd r11, r11, r0\n",
    "r0",
    "ldr r0, [sp, #8]",
    "cmp r3, r11\nbne.w 3b\n",
    "cmp r3, r11\nbne.w 5b\n"
);

/// Sixteen elements of one window and eight channels: 128 multiply-accumulates in 17 instructions, all of them of four bytes.
macro_rules! one_step {
    ($op:literal) => {
        concat!(
            "vldrb.8 q0, [r3], #16\n",
            "vldrb.8 q1, [r1], #16\n",
            $op,
            " r0, q0, q1\n",
            "vldrb.8 q2, [r1], #16\n",
            $op,
            " r2, q0, q2\n",
            "vldrb.8 q1, [r1], #16\n",
            $op,
            " r4, q0, q1\n",
            "vldrb.8 q2, [r1], #16\n",
            $op,
            " r6, q0, q2\n",
            "vldrb.8 q1, [r9], #16\n",
            $op,
            " r8, q0, q1\n",
            "vldrb.8 q2, [r9], #16\n",
            $op,
            " r10, q0, q2\n",
            "vldrb.8 q1, [r9], #16\n",
            $op,
            " r12, q0, q1\n",
            "vldrb.8 q2, [r9], #16\n",
            $op,
            " lr, q0, q2\n",
        )
    };
}

/// One window: r1 walks through the weights of channels 0, 2, 4 and 6, r9 through the others, r3 through the window up to r11, r7
/// through the outputs; r5 is the zero point. `$finish` makes outputs of the sums in q0 and q1.
///
/// On the stack lie the window, the end of the weights, where the inner loop begins, and the bytes of half a block.
macro_rules! one {
    ($name:ident, $finish:expr) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(arguments: &OneArguments) {
            naked_asm!(
                cpu!(),
                "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
                "ldmia r0, {{r1, r2, r3, r4, r5, r6, r7, r8}}",
                "adr.w r9, 3f",
                "add r3, r3, r9",
                "push {{r1, r2, r3, r4}}",
                "mov r1, r5",
                "add r9, r1, r4",
                "mov r5, r6",
                "mov r11, r8",
                // A block.
                "2:",
                "ldr r3, [sp, #0]",
                one_step!("vmladav.s8"),
                "ldr pc, [sp, #8]",
                "3:",
                one_step!("vmladava.s8"),
                one_step!("vmladava.s8"),
                one_step!("vmladava.s8"),
                one_step!("vmladava.s8"),
                "cmp r3, r11",
                "bne.w 3b",
                "vmov q0[2], q0[0], r0, r4",
                "vmov q0[3], q0[1], r2, r6",
                "vmov q1[2], q1[0], r8, r12",
                "vmov q1[3], q1[1], r10, lr",
                "vldrw.u32 q2, [r1], #16",
                "vldrw.u32 q3, [r9], #16",
                "vadd.i32 q0, q0, q2",
                "vadd.i32 q1, q1, q3",
                "vldrw.u32 q2, [r1], #16",
                "vldrw.u32 q3, [r9], #16",
                $finish,
                "ldr r0, [sp, #4]",
                "ldr r2, [sp, #12]",
                "mov r1, r9",
                "add r9, r9, r2",
                "cmp r1, r0",
                "bne.w 2b",
                "add sp, sp, #16",
                "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
            )
        }
    };
}

one!(
    one_to_int8,
    concat!(
        "vrmulh.s32 q0, q0, q2\n",
        "vrmulh.s32 q1, q1, q3\n",
        "vqmovnb.s32 q0, q0\n",
        "vqmovnt.s32 q0, q1\n",
        "vqadd.s16 q0, q0, r5\n",
        "vqmovnb.s16 q0, q0\n",
        "vstrb.16 q0, [r7], #8\n",
    )
);
one!(one_to_sums, concat!("vst20.32 {{q0, q1}}, [r7]\n", "vst21.32 {{q0, q1}}, [r7]!\n"));
