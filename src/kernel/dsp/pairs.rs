//! The scan of blocks of two rows.

use super::{BLOCK, Lane};
use core::arch::naked_asm;
use core::ops::Range;
use core::ptr;

/// What the kernels that seek are given and give; they know the offsets of the fields.
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
    pub(super) fn run(&mut self, kernel: unsafe extern "C" fn(&mut Self) -> *const i8) -> Option<usize> {
        if self.codes == self.codes_end || self.lanes == self.lanes_end {
            return None;
        }
        // SAFETY: codes are whole blocks of as many elements as there are lanes, a multiple of STEP and not 0 (and of TURN for
        // `seek_in_turns`); factors are as many as rows, or null; all of them are aligned to words (`Blocks::new`), and outlive
        // the call.
        let behind = unsafe { kernel(self) };
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

/// A kernel that goes through blocks of two rows until one has a key at or above the floor. `$turn` does some elements of
/// both.
///
/// On the stack lies a copy of [`Search`] up to its keys; r0 walks through the codes, r1 through the lanes up to r12, lr through
/// the factors; r10 and r11 are the sums. One kernel for cosines and dot products: to ask which it is takes two of 250
/// instructions, and a second kernel as much flash as the first.
macro_rules! seek {
    ($name:ident, $turn:expr) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(search: &mut Search) -> *const i8 {
            naked_asm!(
                cpu!(),
                "push {{r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
                "ldmia r0, {{r4, r5, r6, r7, r8, r9, r10}}",
                "push {{r4, r5, r6, r7, r8, r9, r10}}",
                "mov r0, r4",
                "mov lr, r10",
                // A block.
                "2:",
                "ldrd r1, r12, [sp, #8]",
                "mov r10, #0",
                "mov r11, #0",
                "3:",
                $turn,
                "cmp r1, r12",
                "bne 3b",
                "sub r10, r10, r11",
                "asr r10, r10, #8",
                "ldrd r2, r3, [sp, #16]",
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
                "ldr r12, [sp, #4]",
                "cmp r0, r12",
                "bne 2b",
                // No block is left.
                "mov r0, #0",
                "b 6f",
                // Found.
                "5:",
                "ldr r12, [sp, #28]",
                "strd r10, r11, [r12, #28]",
                "6:",
                "add sp, sp, #32",
                "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
            )
        }
    };
}

macro_rules! sixteen {
    () => {
        concat!(eight!(), eight!())
    };
}

macro_rules! sixty_four {
    () => {
        concat!(sixteen!(), sixteen!(), sixteen!(), sixteen!())
    };
}

seek!(seek_in_turns, sixty_four!());
seek!(seek, sixteen!());
