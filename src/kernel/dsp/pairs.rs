//! The scan of blocks of two rows.

use super::{BLOCK, Lane};
use core::arch::naked_asm;
use core::ops::Range;
use core::ptr;

/// What [`seek`] is given and gives; it knows the offsets of the fields.
#[repr(C)]
pub(super) struct Search {
    codes: *const i8,
    codes_end: *const i8,
    lanes: *const Lane,
    lanes_end: *const Lane,
    floor: i32,
    shift: u32,
    /// Null for dot products.
    factors: *const [u8; 4],
    pub(super) keys: [i32; BLOCK],
}

impl Search {
    /// Seeks cosines by the factors of the rows, or dot products without.
    pub(super) fn new(codes: &[i8], lanes: &[Lane], floor: i32, shift: u32, factors: Option<&[[u8; 4]]>) -> Self {
        let Range { start, end } = lanes.as_ptr_range();
        Self {
            codes: codes.as_ptr(),
            codes_end: codes.as_ptr_range().end,
            lanes: start,
            lanes_end: end,
            floor,
            shift,
            factors: factors.map_or(ptr::null(), <[_]>::as_ptr),
            keys: [0; BLOCK],
        }
    }

    /// The number of bytes up to the end of the block that was found.
    pub(super) fn run(&mut self) -> Option<usize> {
        if self.codes == self.codes_end || self.lanes == self.lanes_end {
            return None;
        }
        // SAFETY: codes are whole blocks of as many elements as there are lanes, a multiple of STEP and not 0; factors
        // are as many as rows, or null; all of them are aligned to words (`Blocks::new`), and outlive the call.
        let behind = unsafe { seek(self) };
        if behind.is_null() { None } else { Some(behind.addr() - self.codes.addr()) }
    }
}

/// Sixteen multiply-accumulates in 14 instructions: eight elements of two rows.
macro_rules! eight {
    () => {
        concat!(
            "ldmia r0!, {{r2, r3, r4, r5}}\n",
            "ldmia r1!, {{r6, r7, r8, r9}}\n",
            "smlad r10, r2, r6, r10\n",
            "sxtb16 r2, r2\n",
            "smlad r10, r3, r7, r10\n",
            "sxtb16 r3, r3\n",
            "smlad r10, r4, r8, r10\n",
            "sxtb16 r4, r4\n",
            "smlad r10, r5, r9, r10\n",
            "sxtb16 r5, r5\n",
            "smlad r11, r2, r6, r11\n",
            "smlad r11, r3, r7, r11\n",
            "smlad r11, r4, r8, r11\n",
            "smlad r11, r5, r9, r11\n",
        )
    };
}

macro_rules! sixteen {
    () => {
        concat!(eight!(), eight!())
    };
}

/// Goes through blocks of two rows until one has a key at or above the floor: 64 elements a turn, and first what is left of
/// them.
///
/// r0 walks through the codes, r1 through the lanes up to r12, lr through the factors; r10 and r11 are the sums. On the stack lies
/// what a block begins with, in the order of its registers, so that one instruction loads it and goes to where the first turn
/// begins; then the end of the codes, the floor, the shift, and the [`Search`]. One kernel for cosines and dot products: to ask
/// which it is takes two of 250 instructions, and a second kernel as much flash as the first.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn seek(search: &mut Search) -> *const i8 {
    naked_asm!(
        cpu!(),
        "push {{r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldmia r0, {{r4, r5, r6, r7, r8, r9, r10}}",
        "push {{r5, r8, r9}}",
        "mov r0, r4",
        "mov lr, r10",
        "mov r1, r6",
        "mov r4, r7",
        // Where the first turn begins: 2·C + N of its four sixteens are left, all of them if it is 0.
        "sub r2, r7, r6",
        "lsls r2, r2, #26",
        "adr.w r5, 30f",
        "bpl 2f",
        "adr.w r5, 33f",
        "bcc 3f",
        "adr.w r5, 31f",
        "b 3f",
        "2:",
        "it cs",
        "adrcs.w r5, 32f",
        "3:",
        // It is Thumb code.
        "add r5, r5, #1",
        "mov r2, #0",
        "mov r3, #0",
        "push {{r1, r2, r3, r4, r5}}",
        // A block.
        "2:",
        "ldmia sp, {{r1, r10, r11, r12, pc}}",
        "30:",
        sixteen!(),
        "31:",
        sixteen!(),
        "32:",
        sixteen!(),
        "33:",
        sixteen!(),
        "cmp r1, r12",
        "bne 30b",
        "sub r10, r10, r11",
        "asr r10, r10, #8",
        "ldrd r2, r3, [sp, #24]",
        "cmp lr, #0",
        "beq 4f",
        "ldrd r4, r5, [lr], #8",
        "lsl r10, r10, r3",
        "lsl r11, r11, r3",
        "smmulr r10, r10, r4",
        "smmulr r11, r11, r5",
        // The keys.
        "4:",
        "cmp r10, r2",
        "bge 5f",
        "cmp r11, r2",
        "bge 5f",
        "ldr r12, [sp, #20]",
        "cmp r0, r12",
        "bne 2b",
        // No block is left.
        "mov r0, #0",
        "b 6f",
        // Found.
        "5:",
        "ldr r12, [sp, #32]",
        "strd r10, r11, [r12, #28]",
        "6:",
        "add sp, sp, #36",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}
