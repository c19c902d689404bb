//! Cortex-M4, M7 and M33: the DSP instructions of ARMv7E-M and ARMv8-M.
//!
//! SMLAD multiplies two pairs of int16 and adds both products to a sum. A halfword of [`Layout::Pairs`] carries an
//! element of two rows, h = 256·a + b, so with the probe as int16 pairs
//!
//! ```text
//! S = Σ h·p = 256·(a·p) + (b·p)        SMLAD on the word as it lies
//! T = Σ b·p                            SXTB16 leaves b, then SMLAD
//! a·p = (S − T) >> 8
//! ```
//!
//! are four multiplications for every three instructions, and the probe is loaded once for both rows. On the way sums
//! wrap around without harm: only 256·(a·p), at the end, has to stay below 2³¹, which it does up to 512 elements. Longer
//! rows are summed in columns of 512.
//!
//! Instructions a multiply-accumulate, counted on a scan of 1000 rows of 128 elements: 0.98 with the keys, where a loop in
//! Rust over one-instruction wrappers needs 1.03 (the compiler spills what does not fit its 13 registers) and a plain
//! loop 3.5.
#![allow(unsafe_code)]

mod coarse;
mod dots;
mod layers;
mod pairs;

pub(super) use super::portable::gathered_dot;
pub(crate) use super::portable::multiply_high;
pub(super) use super::seek_rows;
pub(super) use coarse::seek as seek_coarse;
pub(super) use layers::{convolve, convolve_line, interleave};

use super::{Finish, Group, Layout, Probe, Rows, STEP, portable};
use core::arch::asm;
use core::num::NonZeroUsize;
use core::ops::Range;
use dots::{code_dots, codes_dot, lanes_dot};
use pairs::Search;

/// What a log calls these kernels.
pub const NAME: &str = "dsp";

/// Whether a filter plane is looked at. Coarse rows are done in a third of the instructions.
pub(crate) const FILTERS: bool = true;

/// An element of the probe as int16, of four in the order 0, 2, 1, 3.
pub type Lane = i16;

/// Rows of a block.
const BLOCK: usize = Layout::Pairs.block_rows();

/// Elements whose sum S stays below 2³¹: 256 · 512 · 127² < 2³¹.
const COLUMN: usize = 512;

/// Blocks of two rows that are streamed.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    /// What is left of them.
    codes: &'a [i8],
    factors: &'a [[u8; 4]],
    /// The probe, and its lanes if it was spread out.
    code: &'a [i8],
    lanes: &'a [Lane],
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
        let Probe { code, lanes, finish } = *probe;
        let fits = shape.layout == Layout::Pairs && code.len() == shape.dimension;
        let aligned = is_word_aligned(codes) && is_word_aligned(factors) && is_word_aligned(code);
        let blocks = Self { codes, factors, code, lanes, finish, bytes, row: blocks.start * BLOCK };
        (fits && aligned).then_some(blocks)
    }

    /// The next block with a key at or above the floor.
    pub(super) fn next(&mut self, floor: i32) -> Option<Group> {
        let (shift, factors) = match self.finish {
            _ if self.lanes.is_empty() || self.lanes.len() > COLUMN => return self.next_by_dots(floor),
            Finish::Distance { .. } => return self.next_by_dots(floor),
            Finish::Cosine { shift } => (shift, Some(self.factors)),
            Finish::Dot => (0, None),
        };
        let mut search = Search::new(self.codes, self.lanes, floor, shift, factors);
        let behind = search.run()?;
        Some(self.advance(behind, search.keys))
    }

    /// The same by the dot products of one block after the other: a probe that is not spread out, sums beyond 31 bits, and
    /// distances. Apart from `next`, which a search calls for every hit.
    #[inline(never)]
    fn next_by_dots(&mut self, floor: i32) -> Option<Group> {
        while let (Some(block), Some(factors)) =
            (self.codes.get(..self.bytes.get()), self.factors.first_chunk::<BLOCK>())
        {
            let mut keys = self.dots(block);
            for (key, factor) in keys.iter_mut().zip(factors) {
                *key = portable::key(*key, u32::from_le_bytes(*factor), self.finish);
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

impl Blocks<'_> {
    /// The dot products of a block of any length, a column after the other.
    fn dots(&self, block: &[i8]) -> [i32; BLOCK] {
        let [mut first, mut second] = [0; BLOCK];
        for (column, block) in block.chunks(COLUMN * BLOCK).enumerate() {
            let elements = column * COLUMN..column * COLUMN + block.len() / BLOCK;
            let mut dots = [0; BLOCK];
            if let Some(lanes) = self.lanes.get(elements.clone()) {
                let mut search = Search::new(block, lanes, i32::MIN, 0, None);
                search.run();
                dots = search.keys;
            } else if let Some(code) = self.code.get(elements) {
                // SAFETY: a column of a block has two elements for each of the code's, a multiple of STEP and not 0; both are
                // aligned (`new`), also at the beginning of a column.
                unsafe { code_dots(block.as_ptr(), code.as_ptr(), code.as_ptr_range().end, &mut dots) };
            }
            let [more_first, more_second] = dots;
            (first, second) = (first + more_first, second + more_second);
        }
        [first, second]
    }
}

/// The dot product of a row as it is stored and a probe, whose lanes save a third of the instructions.
pub(super) fn row_dot(code: &[i8], probe: &Probe<'_>) -> i32 {
    if code.len() != probe.lanes.len() || !is_word_aligned(code) {
        return dot(code, probe.code);
    }
    let lanes = probe.lanes.as_ptr_range();
    // SAFETY: both have the same number of elements, a multiple of STEP and not 0 (`Probe::spread`), and are aligned.
    unsafe { lanes_dot(code.as_ptr(), lanes.start, lanes.end) }
}

/// The dot product of two codes as they are stored.
pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
    if a.len() != b.len() || !a.len().is_multiple_of(STEP) || a.is_empty() || !is_word_aligned(a) || !is_word_aligned(b)
    {
        return portable::dot(a, b);
    }
    // SAFETY: both have the same number of elements, a multiple of STEP and not 0, and are aligned.
    unsafe { codes_dot(a.as_ptr(), b.as_ptr(), a.as_ptr_range().end) }
}

/// Spreads a probe of a multiple of [`STEP`] elements into as many lanes.
pub(super) fn spread(code: &[i8], lanes: &mut [Lane], _: Finish) {
    for (four, lanes) in code.as_chunks::<4>().0.iter().zip(lanes.as_chunks_mut::<4>().0) {
        let word = u32::from_le_bytes(four.map(i8::cast_unsigned));
        let (even, odd): (u32, u32);
        // SAFETY: computes two registers from one.
        unsafe {
            asm!(
                "sxtb16 {even}, {word}",
                "sxtb16 {odd}, {word}, ror #8",
                word = in(reg) word, even = out(reg) even, odd = lateout(reg) odd,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        let [first, third] = [even as i16, (even >> 16) as i16];
        let [second, fourth] = [odd as i16, (odd >> 16) as i16];
        *lanes = [first, third, second, fourth];
    }
}

/// Whether words can be loaded from here on by LDM and LDRD.
fn is_word_aligned<T>(values: &[T]) -> bool {
    values.as_ptr().addr().is_multiple_of(4)
}
