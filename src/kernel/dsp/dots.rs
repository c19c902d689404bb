//! Dot products without a scan.

use super::{BLOCK, Lane};
use core::arch::naked_asm;

/// The dot products of a block of two rows (r0) and a code from r1 to r2, to r3: 1.1 instructions a multiply-accumulate, of
/// which the lanes of a spread probe save a fifth. For the few templates of a verification spreading does not pay.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn code_dots(
    block: *const i8,
    code: *const i8,
    code_end: *const i8,
    dots: &mut [i32; BLOCK],
) {
    macro_rules! four {
        ($code:literal, $even:literal, $odd:literal) => {
            concat!(
                "sxtb16 r10, ",
                $code,
                "\n",
                "sxtb16 ",
                $code,
                ", ",
                $code,
                ", ror #8\n",
                "smlad r11, ",
                $even,
                ", r10, r11\n",
                "sxtb16 ",
                $even,
                ", ",
                $even,
                "\n",
                "smlad r12, ",
                $even,
                ", r10, r12\n",
                "smlad r11, ",
                $odd,
                ", ",
                $code,
                ", r11\n",
                "sxtb16 ",
                $odd,
                ", ",
                $odd,
                "\n",
                "smlad r12, ",
                $odd,
                ", ",
                $code,
                ", r12\n",
            )
        };
    }
    macro_rules! eight {
        () => {
            concat!(
                "ldmia r0!, {{r4, r5, r6, r7}}\n",
                "ldmia r1!, {{r8, r9}}\n",
                four!("r8", "r4", "r5"),
                four!("r9", "r6", "r7"),
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "mov r11, #0",
        "mov r12, #0",
        "2:",
        eight!(),
        eight!(),
        "cmp r1, r2",
        "bne 2b",
        "sub r11, r11, r12",
        "asr r11, r11, #8",
        "strd r11, r12, [r3]",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

/// The dot product of a code (r0) and as many lanes from r1 to r2: 1.4 instructions an element.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn lanes_dot(code: *const i8, lanes: *const Lane, lanes_end: *const Lane) -> i32 {
    macro_rules! eight {
        () => {
            concat!(
                "ldmia r0!, {{r4, r5}}\n",
                "ldmia r1!, {{r6, r7, r8, r9}}\n",
                "sxtb16 r10, r4\n",
                "sxtb16 r4, r4, ror #8\n",
                "smlad r12, r10, r6, r12\n",
                "smlad r12, r4, r7, r12\n",
                "sxtb16 r10, r5\n",
                "sxtb16 r5, r5, ror #8\n",
                "smlad r12, r10, r8, r12\n",
                "smlad r12, r5, r9, r12\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, lr}}",
        "mov r12, #0",
        "2:",
        eight!(),
        eight!(),
        "cmp r1, r2",
        "bne 2b",
        "mov r0, r12",
        "pop {{r4, r5, r6, r7, r8, r9, r10, pc}}",
    )
}

/// The dot product of two codes from r0 to r2 and from r1 on: 1.75 instructions an element, where the compiler's loop
/// takes 3.5.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn codes_dot(a: *const i8, b: *const i8, a_end: *const i8) -> i32 {
    macro_rules! sixteen {
        () => {
            concat!(
                "ldmia r0!, {{r3, r4, r5, r6}}\n",
                "ldmia r1!, {{r7, r8, r9, r10}}\n",
                four!("r3", "r7"),
                four!("r4", "r8"),
                four!("r5", "r9"),
                four!("r6", "r10"),
            )
        };
    }
    macro_rules! four {
        ($a:literal, $b:literal) => {
            concat!(
                "sxtb16 r11, ",
                $a,
                "\n",
                "sxtb16 lr, ",
                $b,
                "\n",
                "smlad r12, r11, lr, r12\n",
                "sxtb16 ",
                $a,
                ", ",
                $a,
                ", ror #8\n",
                "sxtb16 ",
                $b,
                ", ",
                $b,
                ", ror #8\n",
                "smlad r12, ",
                $a,
                ", ",
                $b,
                ", r12\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "mov r12, #0",
        // An odd number of steps begins with half a turn.
        "sub r3, r2, r0",
        "lsls r3, r3, #27",
        "bmi 3f",
        "2:",
        sixteen!(),
        "3:",
        sixteen!(),
        "cmp r0, r2",
        "bne 2b",
        "mov r0, r12",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}
