//! The scan of blocks of five rows of norm-limited codes.

use super::{BLOCK, Lane};
use core::arch::naked_asm;

/// What [`seek_norm_limited`] is given and gives; it knows the offsets of the fields, and moves `factors` on.
#[repr(C)]
pub(super) struct Search {
    pub(super) codes: *const i8,
    pub(super) codes_end: *const i8,
    pub(super) lanes: *const Lane,
    pub(super) lanes_end: *const Lane,
    pub(super) floor: i32,
    pub(super) factors: *const [u8; 4],
    pub(super) keys: [i32; BLOCK],
}

/// Ten multiply-accumulates in 12 instructions: two elements of five rows.
macro_rules! two {
    () => {
        concat!(
            "ldmia r1!, {{r2}}\n",
            "ldmia r0!, {{r3, r4, r5, r6, r7}}\n",
            "muls r3, r2, r3\n",
            "add r8, r3\n",
            "muls r4, r2, r4\n",
            "add r9, r4\n",
            "muls r5, r2, r5\n",
            "add r10, r5\n",
            "muls r6, r2, r6\n",
            "add r11, r6\n",
            "muls r7, r2, r7\n",
            "add r12, r7\n",
        )
    };
}

/// A sum E + 2¹⁶·(a·p) becomes a·p, and then its product with the upper bits of the row's factor from r1; r2 is lost.
macro_rules! product {
    ($sum:literal) => {
        concat!(
            "sxth r2, ",
            $sum,
            "\n",
            "subs ",
            $sum,
            ", ",
            $sum,
            ", r2\n",
            "asrs ",
            $sum,
            ", ",
            $sum,
            ", #16\n",
            "ldmia r1!, {{r2}}\n",
            "lsrs r2, r2, #15\n",
            "muls ",
            $sum,
            ", r2, ",
            $sum,
            "\n",
        )
    };
}

/// A product of which (x + 1) >> 1 is the key.
macro_rules! key {
    ($product:literal) => {
        concat!("adds ", $product, ", #1\n", "asrs ", $product, ", ", $product, ", #1\n")
    };
}

/// Goes through blocks of five rows until one has a key at or above the floor.
///
/// r0 walks through the codes, r1 through the lanes up to lr. On the stack lie the [`Search`], the end of the codes, the lanes,
/// the floor and the next factor.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn seek_norm_limited(search: &mut Search) -> *const i8 {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r4, r5, r6, r7}}",
        "mov r1, r0",
        "ldmia r1!, {{r2, r3, r4, r5, r6, r7}}",
        "push {{r0, r3, r4, r6, r7}}",
        "mov r0, r2",
        "mov lr, r5",
        // A block.
        "2:",
        "ldr r1, [sp, #8]",
        "movs r2, #0",
        "mov r8, r2",
        "mov r9, r2",
        "mov r10, r2",
        "mov r11, r2",
        "mov r12, r2",
        "3:",
        two!(),
        two!(),
        two!(),
        two!(),
        two!(),
        two!(),
        two!(),
        two!(),
        "cmp r1, lr",
        "bne 3b",
        "ldr r1, [sp, #16]",
        "mov r3, r8",
        "mov r4, r9",
        "mov r5, r10",
        "mov r6, r11",
        "mov r7, r12",
        product!("r3"),
        product!("r4"),
        product!("r5"),
        product!("r6"),
        product!("r7"),
        "str r1, [sp, #16]",
        "ldr r1, [sp, #12]",
        "cmp r3, r1",
        "bge 5f",
        "cmp r4, r1",
        "bge 5f",
        "cmp r5, r1",
        "bge 5f",
        "cmp r6, r1",
        "bge 5f",
        "cmp r7, r1",
        "bge 5f",
        "ldr r1, [sp, #4]",
        "cmp r0, r1",
        "beq 4f",
        "b 2b",
        // No block is left.
        "4:",
        "movs r0, #0",
        "b 6f",
        // Found.
        "5:",
        key!("r3"),
        key!("r4"),
        key!("r5"),
        key!("r6"),
        key!("r7"),
        "ldr r2, [sp, #0]",
        "ldr r1, [sp, #16]",
        "str r1, [r2, #20]",
        "adds r2, #24",
        "stmia r2!, {{r3, r4, r5, r6, r7}}",
        "6:",
        "add sp, #20",
        "pop {{r4, r5, r6, r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r4, r5, r6, r7, pc}}",
    )
}
