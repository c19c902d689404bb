//! Cortex-M0, M0+ and M23: no DSP instructions, and MULS that keeps 32 bits.
//!
//! For norm-limited codes one MULS does two multiply-accumulates. A word of [`Layout::Halfwords`] is a₀ + 2¹⁶·a₁, and the
//! probe's is p₁ + 2¹⁶·p₀; their product modulo 2³² is a₀·p₁ + 2¹⁶·(a₀·p₀ + a₁·p₁). Summed up, that is E + 2¹⁶·(a·p), and
//! because no norm is above √32760, both |E| and |a·p| stay below 2¹⁵ (Cauchy and Schwarz) and can be told apart.
//!
//! Instructions a multiply-accumulate, counted on a scan of rows of 128 elements: 1.33 with the keys. For plain rows with a
//! probe spread out to words it is 4.1, and 5.8 for what the compiler makes of a plain loop.
#![allow(unsafe_code)]

use super::{Codes, Finish, Group, Layout, Probe, Rows, STEP, portable};
use core::arch::naked_asm;
use core::num::NonZeroUsize;
use core::ops::Range;

/// What a log calls these kernels.
pub const NAME: &str = "armv6m";

/// Whether a filter plane is looked at. A filter plane would be slower here than to score all rows.
pub(crate) const FILTERS: bool = false;

/// For a norm-limited probe the first half of the lanes are the words of two elements; for any other a lane is an element.
pub type Lane = i32;

/// Rows of a block.
const BLOCK: usize = Layout::Halfwords.block_rows();

/// Blocks of five rows that are streamed.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    /// What is left of them.
    codes: &'a [i8],
    factors: &'a [[u8; 4]],
    /// The probe's words of two elements.
    words: &'a [Lane],
    /// Bytes of a block.
    bytes: NonZeroUsize,
    /// The first row of what is left.
    row: usize,
}

impl<'a> Blocks<'a> {
    /// `None` when the rows lie otherwise, or the probe is not spread out or not norm-limited.
    pub(super) fn new(rows: &Rows<'a>, probe: &Probe<'a>, blocks: Range<usize>) -> Option<Self> {
        let shape = rows.codes.shape;
        let bytes = NonZeroUsize::new(shape.block_bytes())?;
        let codes = rows.codes.bytes.get(blocks.start * bytes.get()..blocks.end * bytes.get())?;
        let factors = rows.factors.get(blocks.start * BLOCK..blocks.end * BLOCK)?;
        let words = probe.lanes.get(..probe.lanes.len() / 2)?;
        let fits = shape.layout == Layout::Halfwords && probe.lanes.len() == shape.dimension;
        let aligned = is_word_aligned(codes) && is_word_aligned(factors);
        let blocks = Self { codes, factors, words, bytes, row: blocks.start * BLOCK };
        (fits && aligned && probe.finish == Finish::NORM_LIMITED).then_some(blocks)
    }

    /// The next block with a key at or above the floor.
    pub(super) fn next(&mut self, floor: i32) -> Option<Group> {
        let (codes, words) = (self.codes.as_ptr_range(), self.words.as_ptr_range());
        if codes.is_empty() || words.is_empty() {
            return None;
        }
        let mut search = Search {
            codes: codes.start,
            codes_end: codes.end,
            lanes: words.start,
            lanes_end: words.end,
            // key = (product + 1) >> 1, so key ≥ floor is product ≥ 2·floor − 1.
            floor: floor.saturating_mul(2).saturating_sub(1),
            factors: self.factors.as_ptr(),
            keys: [0; BLOCK],
        };
        // SAFETY: codes are whole blocks of two elements a lane, a multiple of STEP and not 0; factors are as many as rows;
        // all of them are aligned to words (`new`), and outlive the call.
        let behind = unsafe { seek_norm_limited(&mut search) };
        if behind.is_null() {
            return None;
        }
        let bytes = behind.addr() - codes.start.addr();
        let rows = bytes / self.bytes * BLOCK;
        self.codes = self.codes.get(bytes..).unwrap_or_default();
        self.factors = self.factors.get(rows..).unwrap_or_default();
        self.row += rows;
        Some(Group::whole(self.row - BLOCK, search.keys))
    }
}

/// The dot product of a row and a probe. A probe spread out to words saves a third of the instructions.
pub(super) fn row_dot(codes: &Codes<'_>, row: usize, probe: &Probe<'_>) -> i32 {
    let Some(code) = codes.plain_row(row) else { return portable::gathered_dot(codes, row, probe) };
    if probe.lanes.len() != code.len() || probe.finish == Finish::NORM_LIMITED || !is_word_aligned(code) {
        return portable::dot(code, probe.code);
    }
    let Range { start, end } = probe.lanes.as_ptr_range();
    // SAFETY: both have the same number of elements, a multiple of STEP and not 0 (`Probe::spread`), and are aligned.
    unsafe { lanes_dot(code.as_ptr(), start, end) }
}

/// The dot product of two codes as they are stored.
pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
    portable::dot(a, b)
}

/// Spreads a probe of a multiple of [`STEP`] elements into as many lanes.
pub(super) fn spread(code: &[i8], lanes: &mut [Lane], finish: Finish) {
    if finish == Finish::NORM_LIMITED {
        for ([first, second], lane) in code.as_chunks().0.iter().zip(lanes) {
            *lane = i32::from(*second).wrapping_add(i32::from(*first) << 16);
        }
    } else {
        code.iter().zip(lanes).for_each(|(element, lane)| *lane = i32::from(*element));
    }
}

/// Whether words can be loaded from here on.
fn is_word_aligned<T>(values: &[T]) -> bool {
    values.as_ptr().addr().is_multiple_of(4)
}

/// What [`seek_norm_limited`] is given and gives; it knows the offsets of the fields, and moves `codes` and `factors` on.
#[repr(C)]
struct Search {
    codes: *const i8,
    codes_end: *const i8,
    lanes: *const Lane,
    lanes_end: *const Lane,
    floor: i32,
    factors: *const [u8; 4],
    keys: [i32; BLOCK],
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

/// A sum E + 2¹⁶·(a·p) becomes a·p, and then its product with the upper bits of the row's factor from r1; r0 is lost.
macro_rules! product {
    ($sum:literal) => {
        concat!(
            "sxth r0, ",
            $sum,
            "\n",
            "subs ",
            $sum,
            ", ",
            $sum,
            ", r0\n",
            "asrs ",
            $sum,
            ", ",
            $sum,
            ", #16\n",
            "ldmia r1!, {{r0}}\n",
            "lsrs r0, r0, #15\n",
            "muls ",
            $sum,
            ", r0, ",
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
#[unsafe(naked)]
unsafe extern "C" fn seek_norm_limited(search: &mut Search) -> *const i8 {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, lr}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "push {{r0, r4, r5, r6, r7}}",
        "ldr r1, [r0, #12]",
        "mov lr, r1",
        "ldr r0, [r0, #0]",
        // A block.
        "2:",
        "ldr r2, [sp, #0]",
        "ldr r1, [r2, #8]",
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
        "ldr r2, [sp, #0]",
        "str r0, [r2, #0]",
        "ldr r1, [r2, #20]",
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
        "str r1, [r2, #20]",
        "ldr r1, [r2, #16]",
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
        "ldr r0, [r2, #0]",
        "ldr r1, [r2, #4]",
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
        "ldr r0, [r2, #0]",
        "adds r2, #24",
        "stmia r2!, {{r3, r4, r5, r6, r7}}",
        "6:",
        "add sp, #4",
        "pop {{r4, r5, r6, r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "pop {{r4, r5, r6, r7, pc}}",
    )
}

/// The dot product of a code (r0) and as many lanes from r1 to r2: 4.1 instructions an element.
#[unsafe(naked)]
unsafe extern "C" fn lanes_dot(code: *const i8, lanes: *const Lane, lanes_end: *const Lane) -> i32 {
    macro_rules! four {
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
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, r7, lr}}",
        "mov lr, r2",
        "movs r2, #0",
        "mov r12, r2",
        "2:",
        four!(),
        four!(),
        four!(),
        four!(),
        "cmp r1, lr",
        "bne 2b",
        "mov r0, r12",
        "pop {{r4, r5, r6, r7, pc}}",
    )
}

const _: () = assert!(STEP == 16, "the inner loops do 16 elements a turn");

/// The filter plane has no kernel of its own.
pub(super) use super::coarse::seek_portable as seek_coarse;
