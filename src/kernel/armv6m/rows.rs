//! Rows as they lie, with a probe spread out to words.

use super::Lane;
use core::arch::naked_asm;

/// What [`seek_cosine`] is given and gives; it knows the offsets of the fields, and moves `factors` on.
#[repr(C)]
pub(super) struct RowSearch {
    pub(super) codes: *const i8,
    pub(super) codes_end: *const i8,
    pub(super) lanes: *const Lane,
    pub(super) lanes_end: *const Lane,
    pub(super) floor: i32,
    pub(super) shift: u32,
    pub(super) factors: *const [u8; 4],
    pub(super) key: i32,
}

/// Four elements of a row from r0 on, with their lanes from r1 on, to the sum in r12: 16 instructions.
macro_rules! four_lanes {
    () => {
        concat!(
            "ldmia r0!, {{r2}}\n",
            "ldmia r1!, {{r4, r5, r6, r7}}\n",
            "sxtb r3, r2\n",
            "muls r4, r3, r4\n",
            "add r12, r4\n",
            "lsls r3, r2, #16\n",
            "asrs r3, r3, #24\n",
            "muls r5, r3, r5\n",
            "add r12, r5\n",
            "lsls r3, r2, #8\n",
            "asrs r3, r3, #24\n",
            "muls r6, r3, r6\n",
            "add r12, r6\n",
            "asrs r2, r2, #24\n",
            "muls r7, r2, r7\n",
            "add r12, r7\n",
        )
    };
}

/// Goes through rows until one has a key at or above the floor: 4.4 instructions an element.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn seek_cosine(search: &mut RowSearch) -> *const i8 {
    naked_asm!(
        cpu!(),
        "push {{r0, r4, r5, r6, r7, lr}}",
        "ldr r1, [r0, #12]",
        "mov lr, r1",
        "ldr r0, [r0, #0]",
        // A row.
        "2:",
        "ldr r1, [sp, #0]",
        "ldr r1, [r1, #8]",
        "movs r2, #0",
        "mov r12, r2",
        "3:",
        four_lanes!(),
        four_lanes!(),
        four_lanes!(),
        four_lanes!(),
        "cmp r1, lr",
        "bne 3b",
        // Its key, as `multiply_high` computes it: (dot << shift) in halves r1 and r2, the factor in halves r3 and r4.
        "ldr r7, [sp, #0]",
        "ldr r6, [r7, #24]",
        "ldmia r6!, {{r3}}",
        "str r6, [r7, #24]",
        "ldr r2, [r7, #20]",
        "mov r1, r12",
        "lsls r1, r2",
        "uxth r2, r1",
        "asrs r1, r1, #16",
        "uxth r4, r3",
        "asrs r3, r3, #16",
        "mov r5, r4",
        "muls r5, r2, r5",
        "lsrs r5, r5, #16",
        "muls r4, r1, r4",
        "adds r4, r4, r5",
        "uxth r5, r4",
        "asrs r4, r4, #16",
        "muls r2, r3, r2",
        "adds r5, r5, r2",
        "asrs r5, r5, #15",
        "adds r5, #1",
        "asrs r5, r5, #1",
        "muls r1, r3, r1",
        "adds r1, r1, r4",
        "adds r1, r1, r5",
        "ldr r2, [r7, #16]",
        "cmp r1, r2",
        "bge 5f",
        "ldr r2, [r7, #4]",
        "cmp r0, r2",
        "beq 4f",
        "b 2b",
        // No row is left.
        "4:",
        "movs r0, #0",
        "b 6f",
        // Found.
        "5:",
        "str r1, [r7, #28]",
        "6:",
        "add sp, #4",
        "pop {{r4, r5, r6, r7, pc}}",
    )
}

/// The dot product of a code (r0) and as many lanes from r1 to r2: 4.1 instructions an element.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn lanes_dot(code: *const i8, lanes: *const Lane, lanes_end: *const Lane) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, lr}}",
        "mov lr, r2",
        "movs r2, #0",
        "mov r12, r2",
        "2:",
        four_lanes!(),
        four_lanes!(),
        four_lanes!(),
        four_lanes!(),
        "cmp r1, lr",
        "bne 2b",
        "mov r0, r12",
        "pop {{r4, r5, r6, r7, pc}}",
    )
}
