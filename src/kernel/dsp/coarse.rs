//! The filter plane.

use super::super::STEP;
use super::super::coarse::{self, Bar, Coarse, CoarseGroup};
use super::is_word_aligned;
use core::arch::naked_asm;
use core::num::NonZeroUsize;

/// The first block of coarse rows that a bar lets pass.
pub(in super::super) fn seek(coarse: &Coarse<'_>, probe: &[i16], bar: Bar) -> Option<CoarseGroup> {
    let Some(bytes) = NonZeroUsize::new(coarse::BLOCK * probe.len()) else { return None };
    let blocks = coarse.slacks().len();
    if !probe.len().is_multiple_of(STEP)
        || blocks * bytes.get() != coarse.bytes().len()
        || !is_word_aligned(coarse.bytes())
        || !is_word_aligned(probe)
    {
        return coarse::seek_portable(coarse, probe, bar);
    }
    if blocks == 0 {
        return None;
    }
    let mut search = CoarseSearch {
        codes: coarse.bytes().as_ptr(),
        codes_end: coarse.bytes().as_ptr_range().end,
        lanes: probe.as_ptr(),
        lanes_end: probe.as_ptr_range().end,
        slacks: coarse.slacks().as_ptr(),
        level: bar.level,
        slope: bar.slope,
        sums: [0; 4],
    };
    // SAFETY: codes are whole blocks of as many elements as there are lanes, a multiple of STEP and not 0, with a slack for
    // each; codes and lanes are aligned to words; all of them outlive the call.
    let behind = unsafe { seek_coarse_blocks(&mut search) };
    if behind.is_null() {
        return None;
    }
    let block = (behind.addr() - coarse.bytes().as_ptr().addr()) / bytes - 1;
    let mut sums = [0; coarse::BLOCK];
    for (pair, sum) in sums.as_chunks_mut().0.iter_mut().zip(search.sums) {
        let second = sum << 20 >> 20;
        *pair = [(sum - second) >> 12, second];
    }
    Some(CoarseGroup { block, sums })
}

/// What [`seek_coarse_blocks`] is given and gives; it knows the offsets of the fields.
#[repr(C)]
struct CoarseSearch {
    codes: *const i8,
    codes_end: *const i8,
    lanes: *const i16,
    lanes_end: *const i16,
    slacks: *const u8,
    level: i32,
    slope: i32,
    /// 4096 · the sum of a block's even row + that of the odd one.
    sums: [i32; 4],
}

/// Two elements of eight rows, 16 multiply-accumulates in five instructions; the lanes of the two are in `$lanes`.
macro_rules! coarse_two {
    ($lanes:literal) => {
        concat!(
            "ldmia r0!, {{r6, r7, r8, r9}}\n",
            "smlad r2, r6, ",
            $lanes,
            ", r2\n",
            "smlad r3, r7, ",
            $lanes,
            ", r3\n",
            "smlad r4, r8, ",
            $lanes,
            ", r4\n",
            "smlad r5, r9, ",
            $lanes,
            ", r5\n",
        )
    };
}

/// Sixteen elements of eight rows.
macro_rules! coarse_sixteen {
    () => {
        concat!(
            "ldmia r1!, {{r10, r11, r12}}\n",
            coarse_two!("r10"),
            coarse_two!("r11"),
            coarse_two!("r12"),
            "ldmia r1!, {{r10, r11, r12}}\n",
            coarse_two!("r10"),
            coarse_two!("r11"),
            coarse_two!("r12"),
            "ldmia r1!, {{r10, r11}}\n",
            coarse_two!("r10"),
            coarse_two!("r11"),
        )
    };
}

/// Goes through blocks of eight coarse rows until one has a sum that the bar lets pass: 0.38 instructions a
/// multiply-accumulate.
#[unsafe(naked)]
unsafe extern "C" fn seek_coarse_blocks(search: &mut CoarseSearch) -> *const i8 {
    naked_asm!(
        cpu!(),
        "push {{r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "ldmia r0, {{r4, r5, r6, r7, r8, r9, r10}}",
        "push {{r5, r8, r9, r10}}",
        "mov r0, r4",
        "mov r1, r6",
        "mov lr, r7",
        // An odd number of steps begins with half a turn.
        "sub r2, r7, r6",
        "lsls r2, r2, #26",
        "adr.w r6, 30f",
        "it mi",
        "adrmi.w r6, 31f",
        // It is Thumb code.
        "add r6, r6, #1",
        "mov r2, #0",
        "mov r3, #0",
        "mov r4, #0",
        "mov r5, #0",
        "push {{r1, r2, r3, r4, r5, r6}}",
        // A block: its lanes, sums of 0, and where its first turn begins.
        "2:",
        "ldmia sp, {{r1, r2, r3, r4, r5, pc}}",
        "30:",
        coarse_sixteen!(),
        "31:",
        coarse_sixteen!(),
        "cmp r1, lr",
        "bne 30b",
        // The least sum of interest: (level − slope · slack) >> 8, within 12 bits.
        "ldr r6, [sp, #28]",
        "ldrb r7, [r6], #1",
        "str r6, [sp, #28]",
        "ldrd r8, r9, [sp, #32]",
        "mls r7, r7, r9, r8",
        "ssat r7, #12, r7, asr #8",
        // Of a sum 4096·a + b: a ≥ least is sum ≥ 4096·least − 2048, and b ≥ least is sum · 2²⁰ ≥ least · 2²⁰.
        "lsl r8, r7, #12",
        "sub r8, r8, #2048",
        "lsl r9, r7, #20",
        "cmp r2, r8",
        "ittt lt",
        "cmplt r3, r8",
        "cmplt r4, r8",
        "cmplt r5, r8",
        "bge 5f",
        "cmp r9, r2, lsl #20",
        "ittt gt",
        "cmpgt r9, r3, lsl #20",
        "cmpgt r9, r4, lsl #20",
        "cmpgt r9, r5, lsl #20",
        "ble 5f",
        "ldr r12, [sp, #24]",
        "cmp r0, r12",
        "bne 2b",
        // No block is left.
        "mov r0, #0",
        "b 6f",
        // Found.
        "5:",
        "ldr r12, [sp, #40]",
        "add r12, r12, #28",
        "stmia r12, {{r2, r3, r4, r5}}",
        "6:",
        "add sp, sp, #44",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}
