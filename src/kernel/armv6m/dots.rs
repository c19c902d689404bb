//! Dot products without a scan.

use core::arch::naked_asm;

/// The dot product of two codes from r0 to r2 and from r1 on, a byte at a time: 4.6 instructions an element, where the
/// compiler's loop takes 5.5.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn codes_dot(a: *const i8, b: *const i8, a_end: *const i8) -> i32 {
    macro_rules! one {
        ($index:literal) => {
            concat!(
                "ldrsb r2, [r0, ",
                $index,
                "]\n",
                "ldrsb r3, [r1, ",
                $index,
                "]\n",
                "muls r2, r3, r2\n",
                "add r12, r2\n",
            )
        };
    }
    macro_rules! four {
        () => {
            concat!(one!("r4"), one!("r5"), one!("r6"), one!("r7"), "adds r0, #4\n", "adds r1, #4\n")
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, lr}}",
        "mov lr, r2",
        "movs r4, #0",
        "movs r5, #1",
        "movs r6, #2",
        "movs r7, #3",
        "mov r12, r4",
        "2:",
        four!(),
        four!(),
        four!(),
        four!(),
        "cmp r0, lr",
        "bne 2b",
        "mov r0, r12",
        "pop {{r4, r5, r6, r7, pc}}",
    )
}

/// The dot product of every fifth word from r0 on and a code from r1 to r2, both norm-limited: 4.7 instructions an element.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn words_dot(words: *const i8, code: *const i8, code_end: *const i8) -> i32 {
    macro_rules! two {
        () => {
            concat!(
                "ldrsb r2, [r1, r4]\n",
                "ldrsb r3, [r1, r5]\n",
                "lsls r2, r2, #16\n",
                "adds r2, r2, r3\n",
                "ldr r3, [r0, #0]\n",
                "muls r2, r3, r2\n",
                "add r12, r2\n",
                "adds r0, #20\n",
                "adds r1, #2\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, lr}}",
        "mov r6, r2",
        "movs r4, #0",
        "movs r5, #1",
        "mov r12, r4",
        "2:",
        two!(),
        two!(),
        two!(),
        two!(),
        two!(),
        two!(),
        two!(),
        two!(),
        "cmp r1, r6",
        "bne 2b",
        // E + 2¹⁶ · dot.
        "mov r0, r12",
        "sxth r1, r0",
        "subs r0, r0, r1",
        "asrs r0, r0, #16",
        "pop {{r4, r5, r6, pc}}",
    )
}
