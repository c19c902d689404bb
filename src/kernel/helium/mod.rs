//! Cortex-M55 and M85: Helium, the vector instructions of ARMv8.1-M.
//!
//! VMLADAVA multiplies 16 pairs of int8 and adds the products to a general register with an even number. There are eight of
//! those, so a block of [`Layout::Lanes`] has eight rows, and 16 elements of the probe are loaded once for all of them.
//!
//! Instructions a multiply-accumulate, counted on a scan of 1000 rows of 128 elements: 0.16 with the keys, and 0.75 for
//! what the compiler makes of a plain loop.
#![allow(unsafe_code)]

mod depthwise;
mod layers;
mod windows;

use super::{Finish, Group, Layout, Probe, Rows, STEP, portable};
use core::arch::naked_asm;
use core::num::NonZeroUsize;
use core::ops::Range;

pub(super) use super::portable::gathered_dot;
pub(crate) use super::portable::multiply_high;
pub(super) use super::seek_rows;
pub(super) use layers::{convolve, convolve_line, interleave};

/// What a log calls these kernels.
pub const NAME: &str = "helium";

/// Whether a filter plane is looked at. A filter plane would be slower here than to score all rows.
pub(crate) const FILTERS: bool = false;

/// A probe needs no other form than the one it is stored in.
pub type Lane = ();

/// Rows of a block.
const BLOCK: usize = Layout::Lanes.block_rows();

/// Elements that the inner loop of [`seek_cosine`] does in a turn.
const TURN: usize = 64;

/// Blocks of eight rows that are streamed.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    /// What is left of them.
    codes: &'a [i8],
    factors: &'a [[u8; 4]],
    code: &'a [i8],
    finish: Finish,
    /// Bytes of a block.
    bytes: NonZeroUsize,
    /// The first row of what is left.
    row: usize,
}

impl<'a> Blocks<'a> {
    /// `None` when the rows lie otherwise.
    pub(super) fn new(rows: &Rows<'a>, probe: &Probe<'a>, blocks: Range<usize>) -> Option<Self> {
        let shape = rows.codes.shape;
        let bytes = NonZeroUsize::new(shape.block_bytes())?;
        let codes = rows.codes.bytes.get(blocks.start * bytes.get()..blocks.end * bytes.get())?;
        let factors = rows.factors.get(blocks.start * BLOCK..blocks.end * BLOCK)?;
        let fits = shape.layout == Layout::Lanes && probe.code.len() == shape.dimension;
        // VLDRW wants the factors at words; bytes can be loaded from anywhere.
        let aligned = factors.as_ptr().addr().is_multiple_of(4);
        let blocks = Self { codes, factors, code: probe.code, finish: probe.finish, bytes, row: blocks.start * BLOCK };
        (fits && aligned).then_some(blocks)
    }

    /// The next block with a key at or above the floor.
    pub(super) fn next(&mut self, floor: i32) -> Option<Group> {
        let (kernel, shift): (Kernel, u32) = match self.finish {
            Finish::Cosine { shift } if self.code.len().is_multiple_of(TURN) => (seek_cosine, shift),
            Finish::Dot => (seek_dot, 0),
            finish => return self.next_by_dots(floor, finish),
        };
        let mut search = Search::new(self.codes, self.code, floor, shift, self.factors);
        let behind = search.run(kernel)?;
        Some(self.advance(behind, search.keys))
    }

    /// The same by the dot products of one block after the other. Apart from `next`, which a search calls for every hit.
    #[inline(never)]
    fn next_by_dots(&mut self, floor: i32, finish: Finish) -> Option<Group> {
        while let (Some(block), Some(factors)) =
            (self.codes.get(..self.bytes.get()), self.factors.first_chunk::<BLOCK>())
        {
            let mut search = Search::new(block, self.code, i32::MIN, 0, factors);
            search.run(seek_dot)?;
            let mut keys = search.keys;
            for (key, factor) in keys.iter_mut().zip(factors) {
                *key = portable::key(*key, u32::from_le_bytes(*factor), finish);
            }
            let group = self.advance(self.bytes.get(), keys);
            if keys.iter().any(|key| *key >= floor) {
                return Some(group);
            }
        }
        None
    }

    /// Goes on behind the block that ends so many bytes further on, whose keys these are.
    fn advance(&mut self, bytes: usize, keys: [i32; BLOCK]) -> Group {
        let rows = bytes / self.bytes * BLOCK;
        self.codes = self.codes.get(bytes..).unwrap_or_default();
        self.factors = self.factors.get(rows..).unwrap_or_default();
        self.row += rows;
        Group::whole(self.row - BLOCK, keys)
    }
}

/// The dot product of a row as it is stored and a probe.
pub(super) fn row_dot(code: &[i8], probe: &Probe<'_>) -> i32 {
    dot(code, probe.code)
}

/// The dot product of two codes as they are stored.
pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
    if a.len() != b.len() || a.is_empty() {
        return portable::dot(a, b);
    }
    // SAFETY: both have this number of elements, and it is not 0.
    unsafe { codes_dot(a.as_ptr(), b.as_ptr(), a.len()) }
}

/// There is nothing to spread.
pub(super) const fn spread(_: &[i8], _: &mut [Lane], _: Finish) {}

/// A kernel that seeks.
type Kernel = unsafe extern "C" fn(&mut Search) -> *const i8;

/// What the kernels are given and give; they know the offsets of the fields.
#[repr(C)]
struct Search {
    codes: *const i8,
    codes_end: *const i8,
    probe: *const i8,
    probe_end: *const i8,
    /// Keys above this are of interest.
    below: i32,
    shift: u32,
    factors: *const [u8; 4],
    keys: [i32; BLOCK],
}

impl Search {
    fn new(codes: &[i8], code: &[i8], floor: i32, shift: u32, factors: &[[u8; 4]]) -> Self {
        let (codes, code) = (codes.as_ptr_range(), code.as_ptr_range());
        Self {
            codes: codes.start,
            codes_end: codes.end,
            probe: code.start,
            probe_end: code.end,
            // No key is as low as the lowest integer.
            below: floor.saturating_sub(1),
            shift,
            factors: factors.as_ptr(),
            keys: [0; BLOCK],
        }
    }

    /// The number of bytes up to the end of the block that was found.
    fn run(&mut self, kernel: Kernel) -> Option<usize> {
        if self.codes == self.codes_end || self.probe == self.probe_end {
            return None;
        }
        // SAFETY: codes are whole blocks of as many elements as the probe has, a multiple of STEP (and of TURN for
        // `seek_cosine`) and not 0; factors are as many as rows and aligned to words (`Blocks::new`); all outlive the call.
        let behind = unsafe { kernel(self) };
        if behind.is_null() { None } else { Some(behind.addr() - self.codes.addr()) }
    }
}

/// Sixteen elements of eight rows, 128 multiply-accumulates in 17 instructions; `$op` begins a sum or adds to it.
macro_rules! step {
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
            "vldrb.8 q1, [r1], #16\n",
            $op,
            " r8, q0, q1\n",
            "vldrb.8 q2, [r1], #16\n",
            $op,
            " r10, q0, q2\n",
            "vldrb.8 q1, [r1], #16\n",
            $op,
            " r12, q0, q1\n",
            "vldrb.8 q2, [r1], #16\n",
            $op,
            " lr, q0, q2\n",
        )
    };
}

/// A kernel that goes through blocks of eight rows until one has a key at or above the floor. `$sums` leaves the sums in
/// the even registers; `$finish` makes the keys of them, which lie in q0 and q1, and may use q2, q3 and the even registers. It
/// also brings r3 back to the probe's beginning.
///
/// r1 walks through the codes up to r5, r3 through the probe up to r7, r9 through the factors; r11 is what keys have to be above.
/// On the stack lie the probe, the shift and the [`Search`].
macro_rules! seek {
    ($name:ident, $sums:expr, $finish:expr) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(search: &mut Search) -> *const i8 {
            naked_asm!(
                cpu!(),
                "push {{r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
                "ldrd r1, r5, [r0, #0]",
                "ldrd r2, r7, [r0, #8]",
                "ldrd r11, r3, [r0, #16]",
                "ldr r9, [r0, #24]",
                "push {{r2, r3}}",
                "mov r3, r2",
                // A block.
                "2:",
                $sums,
                "vmov q0[2], q0[0], r0, r4",
                "vmov q0[3], q0[1], r2, r6",
                "vmov q1[2], q1[0], r8, r12",
                "vmov q1[3], q1[1], r10, lr",
                $finish,
                "vmax.s32 q2, q0, q1",
                "mov r0, r11",
                "vmaxv.s32 r0, q2",
                "cmp r0, r11",
                "bgt 5f",
                "cmp r1, r5",
                "bne 2b",
                // No block is left.
                "mov r0, #0",
                "b 6f",
                // Found.
                "5:",
                "ldr r0, [sp, #8]",
                "adds r0, r0, #28",
                "vstrw.32 q0, [r0]",
                "vstrw.32 q1, [r0, #16]",
                "mov r0, r1",
                "6:",
                "add sp, sp, #12",
                "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
            )
        }
    };
}

// The first step begins the sums: without it, eight registers would have to be cleared for each block.
seek!(
    seek_cosine,
    concat!(
        step!("vmladav.s8"),
        step!("vmladava.s8"),
        step!("vmladava.s8"),
        step!("vmladava.s8"),
        "cmp r3, r7\n",
        "beq 4f\n",
        "3:\n",
        step!("vmladava.s8"),
        step!("vmladava.s8"),
        step!("vmladava.s8"),
        step!("vmladava.s8"),
        "cmp r3, r7\n",
        "bne 3b\n",
        "4:\n",
    ),
    concat!(
        "ldrd r3, r0, [sp, #0]\n",
        "vldrw.u32 q2, [r9], #16\n",
        "vldrw.u32 q3, [r9], #16\n",
        "vshl.s32 q0, r0\n",
        "vshl.s32 q1, r0\n",
        "vrmulh.s32 q0, q0, q2\n",
        "vrmulh.s32 q1, q1, q3\n",
    )
);
seek!(
    seek_dot,
    concat!(
        step!("vmladav.s8"),
        "cmp r3, r7\n",
        "beq 4f\n",
        "3:\n",
        step!("vmladava.s8"),
        "cmp r3, r7\n",
        "bne 3b\n",
        "4:\n",
    ),
    "ldr r3, [sp, #0]\n"
);

/// The dot product of r2 elements from r0 and r1 on; the predicated loop leaves out what is beyond the last.
#[unsafe(naked)]
unsafe extern "C" fn codes_dot(a: *const i8, b: *const i8, elements: usize) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "mov r12, #0",
        "dlstp.8 lr, r2",
        "2:",
        "vldrb.8 q0, [r0], #16",
        "vldrb.8 q1, [r1], #16",
        "vmladava.s8 r12, q0, q1",
        "letp lr, 2b",
        "mov r0, r12",
        "pop {{r4, pc}}",
    )
}

const _: () = assert!(STEP == 16, "a step is a vector of int8");

/// The filter plane has no kernel of its own.
pub(super) use super::coarse::seek_portable as seek_coarse;
