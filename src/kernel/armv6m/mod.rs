//! Cortex-M0, M0+ and M23: no DSP instructions, and MULS that keeps 32 bits.
//!
//! For norm-limited codes one MULS does two multiply-accumulates. A word of [`Layout::Halfwords`] is a₀ + 2¹⁶·a₁, and the
//! probe's is p₁ + 2¹⁶·p₀; their product modulo 2³² is a₀·p₁ + 2¹⁶·(a₀·p₀ + a₁·p₁). Summed up, that is E + 2¹⁶·(a·p), and
//! because no norm is above √32760, both |E| and |a·p| stay below 2¹⁵ (Cauchy and Schwarz) and can be told apart.
//!
//! Instructions a multiply-accumulate, counted on a scan of rows of 128 elements: 1.33 with the keys. For plain rows with a
//! probe spread out to words it is 4.1, and 5.8 for what the compiler makes of a plain loop.
#![allow(unsafe_code)]

mod blocks;
mod dots;
mod rows;

use super::layers::{Layer, Output};
use super::{Finish, Group, Layout, Probe, Rows, STEP, portable};
use blocks::{Search, seek_norm_limited};
use core::ops::Range;
use dots::{codes_dot, words_dot};
use rows::{RowSearch, lanes_dot, seek_cosine};

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
    /// The first row of what is left.
    row: usize,
}

impl<'a> Blocks<'a> {
    /// `None` when the rows lie otherwise, or the probe is not spread out or not norm-limited.
    pub(super) fn new(rows: &Rows<'a>, probe: &Probe<'a>, blocks: Range<usize>) -> Option<Self> {
        let shape = rows.codes.shape;
        let bytes = shape.block_bytes();
        let codes = rows.codes.bytes.get(blocks.start * bytes..blocks.end * bytes)?;
        let factors = rows.factors.get(blocks.start * BLOCK..blocks.end * BLOCK)?;
        let words = probe.lanes.get(..probe.lanes.len() / 2)?;
        let fits = shape.layout == Layout::Halfwords && probe.lanes.len() == shape.dimension;
        let aligned = is_word_aligned(codes) && is_word_aligned(factors);
        let blocks = Self { codes, factors, words, row: blocks.start * BLOCK };
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
        // By the bytes it would take a division, which the core does not have.
        let rows = (search.factors.addr() - self.factors.as_ptr().addr()) / size_of::<[u8; 4]>();
        self.codes = self.codes.get(bytes..).unwrap_or_default();
        self.factors = self.factors.get(rows..).unwrap_or_default();
        self.row += rows;
        Some(Group::whole(self.row - BLOCK, search.keys))
    }
}

/// The first row with a key at or above the floor, among rows that lie as they are: [`super::seek_rows`], which is for whatever
/// the kernel does not take.
pub(super) fn seek_rows(codes: &[i8], factors: &[[u8; 4]], probe: &Probe<'_>, floor: i32) -> Option<(usize, i32)> {
    let Finish::Cosine { shift } = probe.finish else { return super::seek_rows(codes, factors, probe, floor) };
    let codes = codes.get(..factors.len() * probe.code.len())?;
    let aligned = is_word_aligned(codes) && is_word_aligned(factors);
    if !aligned || codes.is_empty() || probe.lanes.len() != probe.code.len() || probe.finish == Finish::NORM_LIMITED {
        return super::seek_rows(codes, factors, probe, floor);
    }
    let (codes, lanes) = (codes.as_ptr_range(), probe.lanes.as_ptr_range());
    let mut search = RowSearch {
        codes: codes.start,
        codes_end: codes.end,
        lanes: lanes.start,
        lanes_end: lanes.end,
        floor,
        shift,
        factors: factors.as_ptr(),
        key: 0,
    };
    // SAFETY: codes are whole rows of as many elements as there are lanes, a multiple of STEP and not 0 (`Probe::spread`), and
    // at least one; factors are as many as rows; all of them are aligned to words, and outlive the call.
    let behind = unsafe { seek_cosine(&mut search) };
    if behind.is_null() {
        return None;
    }
    let rows = (search.factors.addr() - factors.as_ptr().addr()) / size_of::<[u8; 4]>();
    Some((rows - 1, search.key))
}

/// The dot product of a row as it is stored and a probe, whose lanes save a tenth of the instructions.
pub(super) fn row_dot(code: &[i8], probe: &Probe<'_>) -> i32 {
    if probe.lanes.len() != code.len() || probe.finish == Finish::NORM_LIMITED || !is_word_aligned(code) {
        return dot(code, probe.code);
    }
    let Range { start, end } = probe.lanes.as_ptr_range();
    // SAFETY: both have the same number of elements, a multiple of STEP and not 0 (`Probe::spread`), and are aligned.
    unsafe { lanes_dot(code.as_ptr(), start, end) }
}

/// The dot product of a row of a block and a probe as it is stored.
pub(super) fn gathered_dot(layout: Layout, block: &[i8], lane: usize, probe: &Probe<'_>) -> i32 {
    let (row, code) = (block.get(lane * 4..).unwrap_or_default(), probe.code);
    let fits = layout == Layout::Halfwords && block.len() == BLOCK * 2 * code.len() && code.len().is_multiple_of(STEP);
    if !fits || code.is_empty() || probe.finish != Finish::NORM_LIMITED || !is_word_aligned(row) {
        return portable::gathered_dot(layout, block, lane, probe);
    }
    // SAFETY: the row's words are every fifth from here on, one for two elements, of which there are a multiple of STEP and not
    // 0; they are aligned. Both codes are norm-limited.
    unsafe { words_dot(row.as_ptr(), code.as_ptr(), code.as_ptr_range().end) }
}

/// The dot product of two codes as they are stored.
pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
    if a.len() != b.len() || !a.len().is_multiple_of(STEP) || a.is_empty() {
        return portable::dot(a, b);
    }
    // SAFETY: both have the same number of elements, a multiple of STEP and not 0.
    unsafe { codes_dot(a.as_ptr(), b.as_ptr(), a.as_ptr_range().end) }
}

/// [`portable::multiply_high`] by products of 16 bits: there is no instruction for more, and the compiler's library takes
/// twice as many for a general one.
pub(crate) const fn multiply_high(a: i32, b: i32) -> i32 {
    let (a_high, a_low) = (a >> 16, a & 0xffff);
    let (b_high, b_low) = (b >> 16, b & 0xffff);
    let low = a_low.cast_unsigned().wrapping_mul(b_low.cast_unsigned()) >> 16;
    let middle = a_high * b_low + low.cast_signed();
    let other_middle = a_low * b_high + (middle & 0xffff);
    a_high * b_high + (middle >> 16) + (((other_middle >> 15) + 1) >> 1)
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

const _: () = assert!(STEP == 16, "the inner loops do 16 elements a turn");

/// The filter plane has no kernel of its own.
pub(super) use super::coarse::seek_portable as seek_coarse;

/// Every layer goes the portable way.
pub(super) const fn convolve(_: &Layer<'_>, _: &[i8], _: &mut [u8], _: &mut Output<'_>) -> bool {
    false
}
