//! Windows as dense layers: two at a time to int8, or one to its sums.

use super::BLOCK;
use core::arch::naked_asm;

/// What the layouts of two channels and of one channel a halfword have.
pub(super) struct Kernels {
    two: unsafe extern "C" fn(&TwoArguments),
    one: unsafe extern "C" fn(&OneArguments),
    sums: unsafe extern "C" fn(&OneArguments),
    /// Bytes of a step of four elements in each of the two.
    two_step: usize,
    one_step: usize,
}

impl Kernels {
    pub(super) const PAIRS: Self =
        Self { two: two_by_pairs, one: one_by_pairs, sums: sums_by_pairs, two_step: 96, one_step: 56 };
    pub(super) const SINGLES: Self =
        Self { two: two_by_singles, one: one_by_singles, sums: sums_by_singles, two_step: 88, one_step: 44 };
}

/// Steps of four elements that an inner loop does in a turn.
const TURN: usize = 4;

/// How many bytes of code the first turn of a loop passes over, which makes up for a last one that would be broken; with the
/// bit that says that code is Thumb.
const fn entry(steps: usize, step_bytes: usize) -> usize {
    (steps.next_multiple_of(TURN) - steps) * step_bytes + 1
}

/// Two windows and whole blocks of channels.
pub(super) struct Two<'a> {
    pub weights: &'a [u8],
    /// As [`spread_two`] leaves them.
    pub lanes: &'a [u32],
    /// One output a channel.
    pub first: &'a mut [i8],
    pub second: &'a mut [i8],
    pub zero: i32,
}

/// What the kernels of two windows are given; they know the order of the fields.
#[repr(C)]
struct TwoArguments {
    lanes: *const u32,
    lanes_end: *const u32,
    first: *mut i8,
    second: *mut i8,
    zero: i32,
    weights_end: *const u8,
    entry: usize,
    weights: *const u8,
}

impl Two<'_> {
    /// Nothing happens without blocks or lanes.
    pub(super) fn run(self, kernels: &Kernels) {
        let Self { weights, lanes, first, second, zero } = self;
        let blocks = first.len().min(second.len()) / BLOCK;
        if blocks == 0 || lanes.is_empty() || weights.is_empty() {
            return;
        }
        let arguments = TwoArguments {
            lanes: lanes.as_ptr(),
            lanes_end: lanes.as_ptr_range().end,
            first: first.as_mut_ptr(),
            second: second.as_mut_ptr(),
            zero,
            weights_end: weights.as_ptr_range().end,
            entry: entry(lanes.len() / 4, kernels.two_step),
            weights: weights.as_ptr(),
        };
        // SAFETY: the weights are whole blocks for as many elements as lanes are (`Blocks`, checked by `Filter::new`), at a
        // multiple of four; both outputs have four bytes for each block; all outlive the call.
        unsafe { (kernels.two)(&arguments) }
    }
}

/// One window and whole blocks of channels.
pub(super) struct One<'a> {
    pub weights: &'a [u8],
    /// As [`spread_one`] leaves them.
    pub lanes: &'a [u32],
    /// Bytes of a block.
    pub block: usize,
    pub zero: i32,
}

/// What the kernels of one window are given; they know the order of the fields.
#[repr(C)]
struct OneArguments {
    lanes: *const u32,
    weights_end: *const u8,
    entry: usize,
    zero: i32,
    weights: *const u8,
    lanes_end: *const u32,
    /// A byte a channel, or the word of a sum.
    out: *mut i8,
}

impl One<'_> {
    /// Nothing happens without blocks or lanes, or with too few outputs.
    pub(super) fn run(self, kernels: &Kernels, out: &mut [i8]) {
        if out.len() * self.block >= self.weights.len() * BLOCK {
            self.call(kernels.one, kernels.one_step, out.as_mut_ptr());
        }
    }

    /// The same to sums.
    pub(super) fn sums(self, kernels: &Kernels, sums: &mut [[i32; BLOCK]]) {
        if sums.len() * self.block >= self.weights.len() {
            self.call(kernels.sums, kernels.one_step, sums.as_mut_ptr().cast());
        }
    }

    fn call(self, kernel: unsafe extern "C" fn(&OneArguments), step: usize, out: *mut i8) {
        let Self { weights, lanes, zero, .. } = self;
        if weights.is_empty() || lanes.is_empty() {
            return;
        }
        let arguments = OneArguments {
            lanes: lanes.as_ptr(),
            weights_end: weights.as_ptr_range().end,
            entry: entry(lanes.len() / 2, step),
            zero,
            weights: weights.as_ptr(),
            lanes_end: lanes.as_ptr_range().end,
            out,
        };
        // SAFETY: the weights are whole blocks for as many elements as lanes are (`Blocks`, checked by `Filter::new`), at a
        // multiple of four; there are outputs for each block, as the callers see to; all outlive the call.
        unsafe { kernel(&arguments) }
    }
}

/// Spreads two windows of the same length, a multiple of four, to int16: elements 0 and 2 of the first, of the second, then 1
/// and 3 of the first, of the second.
pub(super) fn spread_two(first: &[i8], second: &[i8], lanes: &mut [u32]) {
    if first.is_empty() || first.len() != second.len() || first.len() != lanes.len() || !first.len().is_multiple_of(4) {
        return;
    }
    // SAFETY: all three have this number of elements, which is a multiple of four and not 0.
    unsafe { spread_two_windows(first.as_ptr(), second.as_ptr(), lanes.as_mut_ptr(), first.as_ptr_range().end) }
}

/// Spreads a window whose length is a multiple of four: elements 0 and 2, then 1 and 3.
pub(super) fn spread_one(window: &[i8], lanes: &mut [u32]) {
    if window.is_empty() || window.len() != 2 * lanes.len() || !window.len().is_multiple_of(4) {
        return;
    }
    // SAFETY: there are half as many lanes as elements, whose number is a multiple of four and not 0.
    unsafe { spread_window(window.as_ptr(), lanes.as_mut_ptr(), window.as_ptr_range().end) }
}

/// Nine instructions for eight elements. Words are loaded from any address.
#[unsafe(naked)]
unsafe extern "C" fn spread_two_windows(first: *const i8, second: *const i8, lanes: *mut u32, first_end: *const i8) {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, lr}}",
        "2:",
        "ldr r8, [r0], #4",
        "ldr r12, [r1], #4",
        "sxtb16 r4, r8",
        "sxtb16 r5, r12",
        "sxtb16 r6, r8, ror #8",
        "sxtb16 r7, r12, ror #8",
        "stmia r2!, {{r4, r5, r6, r7}}",
        "cmp r0, r3",
        "bne 2b",
        "pop {{r4, r5, r6, r7, r8, pc}}",
    )
}

/// Six instructions for four elements.
#[unsafe(naked)]
unsafe extern "C" fn spread_window(window: *const i8, lanes: *mut u32, window_end: *const i8) {
    naked_asm!(
        cpu!(),
        "2:",
        "ldr r3, [r0], #4",
        "sxtb16 r12, r3",
        "sxtb16 r3, r3, ror #8",
        "strd r12, r3, [r1], #8",
        "cmp r0, r2",
        "bne 2b",
        "bx lr",
    )
}

/// Two elements, two windows, four channels that share halfwords: 16 multiply-accumulates in 12 instructions, all of them of
/// four bytes.
macro_rules! two_pairs {
    () => {
        concat!(
            "ldrd r12, lr, [r1], #8\n",
            "ldrd r10, r11, [r0], #8\n",
            "smlad r2, r10, r12, r2\n",
            "smlad r6, r10, lr, r6\n",
            "sxtb16 r10, r10\n",
            "smlad r4, r11, r12, r4\n",
            "smlad r8, r11, lr, r8\n",
            "sxtb16 r11, r11\n",
            "smlad r3, r10, r12, r3\n",
            "smlad r7, r10, lr, r7\n",
            "smlad r5, r11, r12, r5\n",
            "smlad r9, r11, lr, r9\n",
        )
    };
}

/// The same for four channels in halfwords of their own: 16 multiply-accumulates in 11 instructions.
macro_rules! two_singles {
    () => {
        concat!(
            "ldrd r12, lr, [r1], #8\n",
            "ldrd r10, r11, [r0], #8\n",
            "smlad r2, r10, r12, r2\n",
            "smlad r6, r10, lr, r6\n",
            "smlad r3, r11, r12, r3\n",
            "smlad r7, r11, lr, r7\n",
            "ldrd r10, r11, [r0], #8\n",
            "smlad r4, r10, r12, r4\n",
            "smlad r8, r10, lr, r8\n",
            "smlad r5, r11, r12, r5\n",
            "smlad r9, r11, lr, r9\n",
        )
    };
}

/// Two windows: r0 walks through the weights, r1 through the lanes; the sums of the first are in r2 to r5, of the second in r6
/// to r9. All of a core's registers are in use. `$apart` takes sums apart that share halfwords.
///
/// On the stack lie lanes, their end, the two outputs, the zero point, the end of the weights, and where the inner loop begins.
macro_rules! two_windows {
    ($name:ident, $two:ident, $apart:expr) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(arguments: &TwoArguments) {
            naked_asm!(
                cpu!(),
                "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
                "ldmia r0, {{r2, r3, r4, r5, r6, r7, r8, r9}}",
                "adr.w r10, 3f",
                "add r8, r8, r10",
                "push {{r2, r3, r4, r5, r6, r7, r8}}",
                "mov r0, r9",
                // A block.
                "2:",
                "ldr r1, [sp, #0]",
                "ldmia r0!, {{r2, r3, r4, r5}}",
                "mov r6, r2",
                "mov r7, r3",
                "mov r8, r4",
                "mov r9, r5",
                "ldr pc, [sp, #24]",
                "3:",
                $two!(),
                $two!(),
                $two!(),
                $two!(),
                $two!(),
                $two!(),
                $two!(),
                $two!(),
                "ldr r10, [sp, #4]",
                "cmp r1, r10",
                "bne 3b",
                "ldmia r0!, {{r10, r11, r12, lr}}",
                "ldr r1, [sp, #16]",
                $apart,
                "smmlar r2, r2, r10, r1",
                "smmlar r3, r3, r11, r1",
                "smmlar r4, r4, r12, r1",
                "smmlar r5, r5, lr, r1",
                "smmlar r6, r6, r10, r1",
                "smmlar r7, r7, r11, r1",
                "smmlar r8, r8, r12, r1",
                "smmlar r9, r9, lr, r1",
                "ldrd r10, r11, [sp, #8]",
                "ssat r2, #8, r2",
                "ssat r3, #8, r3",
                "ssat r4, #8, r4",
                "ssat r5, #8, r5",
                "ssat r6, #8, r6",
                "ssat r7, #8, r7",
                "ssat r8, #8, r8",
                "ssat r9, #8, r9",
                "strb r2, [r10], #1",
                "strb r3, [r10], #1",
                "strb r4, [r10], #1",
                "strb r5, [r10], #1",
                "strb r6, [r11], #1",
                "strb r7, [r11], #1",
                "strb r8, [r11], #1",
                "strb r9, [r11], #1",
                "strd r10, r11, [sp, #8]",
                "ldr r12, [sp, #20]",
                "cmp r0, r12",
                "bne 2b",
                "add sp, sp, #28",
                "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
            )
        }
    };
}

two_windows!(
    two_by_pairs,
    two_pairs,
    concat!(
        "sub r2, r2, r3\n",
        "sub r4, r4, r5\n",
        "sub r6, r6, r7\n",
        "sub r8, r8, r9\n",
        "asr r2, r2, #8\n",
        "asr r4, r4, #8\n",
        "asr r6, r6, #8\n",
        "asr r8, r8, #8\n",
    )
);
two_windows!(two_by_singles, two_singles, "");

/// Four elements of one window and four channels that share halfwords: 16 multiply-accumulates in 14 instructions, all of them
/// of four bytes.
macro_rules! four_pairs {
    () => {
        concat!(
            "ldmia r0!, {{r6, r7, r8, r9}}\n",
            "ldrd r10, r11, [r1], #8\n",
            "smlad r2, r6, r10, r2\n",
            "sxtb16 r6, r6\n",
            "smlad r4, r7, r10, r4\n",
            "sxtb16 r7, r7\n",
            "smlad r3, r6, r10, r3\n",
            "smlad r5, r7, r10, r5\n",
            "smlad r2, r8, r11, r2\n",
            "sxtb16 r8, r8\n",
            "smlad r4, r9, r11, r4\n",
            "sxtb16 r9, r9\n",
            "smlad r3, r8, r11, r3\n",
            "smlad r5, r9, r11, r5\n",
        )
    };
}

/// The same for four channels in halfwords of their own: 16 multiply-accumulates in 11 instructions.
macro_rules! four_singles {
    () => {
        concat!(
            "ldrd r10, r11, [r1], #8\n",
            "ldmia r0!, {{r6, r7, r8, r9}}\n",
            "smlad r2, r6, r10, r2\n",
            "smlad r3, r7, r10, r3\n",
            "smlad r4, r8, r10, r4\n",
            "smlad r5, r9, r10, r5\n",
            "ldmia r0!, {{r6, r7, r8, r9}}\n",
            "smlad r2, r6, r11, r2\n",
            "smlad r3, r7, r11, r3\n",
            "smlad r4, r8, r11, r4\n",
            "smlad r5, r9, r11, r5\n",
        )
    };
}

/// One window: r0 walks through the weights, r1 through the lanes up to r12, lr through the outputs; the sums are in r2 to r5.
/// `$apart` takes sums apart that share halfwords, `$finish` makes outputs of them.
///
/// On the stack lie lanes, the end of the weights, where the inner loop begins, and the zero point.
macro_rules! one_window {
    ($name:ident, $four:ident, $apart:expr, $finish:expr) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(arguments: &OneArguments) {
            naked_asm!(
                cpu!(),
                "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
                "ldmia r0, {{r2, r3, r4, r5, r6, r7, r8}}",
                "adr.w r10, 3f",
                "add r4, r4, r10",
                "push {{r2, r3, r4, r5}}",
                "mov r0, r6",
                "mov r12, r7",
                "mov lr, r8",
                // A block.
                "2:",
                "ldr r1, [sp, #0]",
                "ldmia r0!, {{r2, r3, r4, r5}}",
                "ldr pc, [sp, #8]",
                "3:",
                $four!(),
                $four!(),
                $four!(),
                $four!(),
                "cmp r1, r12",
                "bne 3b",
                $apart,
                $finish,
                "ldr r10, [sp, #4]",
                "cmp r0, r10",
                "bne 2b",
                "add sp, sp, #16",
                "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
            )
        }
    };
}

macro_rules! apart {
    () => {
        concat!("sub r2, r2, r3\n", "sub r4, r4, r5\n", "asr r2, r2, #8\n", "asr r4, r4, #8\n")
    };
}

macro_rules! to_int8 {
    () => {
        concat!(
            "ldmia r0!, {{r6, r7, r8, r9}}\n",
            "ldr r10, [sp, #12]\n",
            "smmlar r2, r2, r6, r10\n",
            "smmlar r3, r3, r7, r10\n",
            "smmlar r4, r4, r8, r10\n",
            "smmlar r5, r5, r9, r10\n",
            "ssat r2, #8, r2\n",
            "ssat r3, #8, r3\n",
            "ssat r4, #8, r4\n",
            "ssat r5, #8, r5\n",
            "strb r2, [lr], #1\n",
            "strb r3, [lr], #1\n",
            "strb r4, [lr], #1\n",
            "strb r5, [lr], #1\n",
        )
    };
}

/// The multipliers are passed over.
macro_rules! to_sums {
    () => {
        concat!("add r0, r0, #16\n", "stmia lr!, {{r2, r3, r4, r5}}\n")
    };
}

one_window!(one_by_pairs, four_pairs, apart!(), to_int8!());
one_window!(sums_by_pairs, four_pairs, apart!(), to_sums!());
one_window!(one_by_singles, four_singles, "", to_int8!());
one_window!(sums_by_singles, four_singles, "", to_sums!());
