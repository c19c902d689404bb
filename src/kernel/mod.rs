//! The innermost loops, chosen in one place.
//!
//! [`portable`] is the definition. Every faster kernel returns the same integers, and is tested to: on the device itself,
//! on random and extreme codes of every dimension (`firmware/src/parity/`).
//!
//! ```text
//! Codes: rows of int8, in the layout that a kernel streams
//!   │  dot product of a row and the probe
//!   ▼
//! key = finish(dot, the row's factor)      an integer that orders rows as their similarity does
//!   │  Seek: the next group of rows with a key at or above a floor
//!   ▼
//! Group                                    the gallery looks whose they are
//! ```
//!
//! | module | cores | layout that it streams |
//! | --- | --- | --- |
//! | [`portable`] | all | every one |
//! | `armv6m` | Cortex-M0, M0+, M23 | [`Layout::Halfwords`], [`Layout::Rows`] |
//! | `dsp` | Cortex-M4, M7, M33 | [`Layout::Pairs`], [`Layout::Rows`] |
//! | `helium` | Cortex-M55, M85 | [`Layout::Lanes`], [`Layout::Rows`] |
//!
//! The same switch chooses the kernels of an encoder's [`layers`].
//!
//! `build.rs` says which module is compiled in; nothing else in the crate depends on the core. The fast ways are for
//! dimensions that are multiples of [`STEP`]; any other dimension, layout or alignment goes the portable way.

pub mod coarse;
mod codes;
pub mod layers;
pub mod portable;

/// What assembly begins with: which core it is for (`build.rs`).
#[cfg(not(cognate_kernel = "generic"))]
macro_rules! cpu {
    () => {
        concat!(".cpu ", env!("COGNATE_CPU"))
    };
}

#[cfg(cognate_kernel = "armv6m")]
mod armv6m;
#[cfg(cognate_kernel = "dsp")]
mod dsp;
#[cfg(cognate_kernel = "generic")]
mod generic;
#[cfg(cognate_kernel = "helium")]
mod helium;

#[cfg(cognate_kernel = "armv6m")]
use armv6m as active;
#[cfg(cognate_kernel = "dsp")]
use dsp as active;
#[cfg(cognate_kernel = "generic")]
use generic as active;
#[cfg(cognate_kernel = "helium")]
use helium as active;

pub(crate) use active::{FILTERS, multiply_high};
pub use active::{Lane, NAME};
pub use codes::{Codes, Layout};

use codes::Place;
use core::ops::Range;

/// What the fast ways advance by: dimensions that are multiples of it have them.
pub const STEP: usize = 16;

/// How a dot product becomes a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finish {
    /// The dot product itself.
    Dot,
    /// The cosine but for the probe's length: the upper half of (dot · 2^shift) · factor, where the factor is that of the
    /// row's length.
    Cosine {
        /// Of the probe.
        shift: u32,
    },
    /// The squared Euclidean distance, negative: 2·dot − Σrow² − Σprobe², where the row's factor is its Σc².
    Distance {
        /// Σprobe².
        norm: u32,
    },
}

/// Codes, and a factor for each row.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    codes: Codes<'a>,
    factors: &'a [[u8; 4]],
}

impl Finish {
    /// The finish of norm-limited codes: their dot products have 16 bits, whatever the probe.
    pub const NORM_LIMITED: Self = Self::Cosine { shift: 16 };
}

impl<'a> Rows<'a> {
    /// `None` unless there is a factor for each row.
    #[must_use]
    pub const fn new(codes: Codes<'a>, factors: &'a [[u8; 4]]) -> Option<Self> {
        if codes.rows() == factors.len() { Some(Self { codes, factors }) } else { None }
    }

    /// The codes.
    #[must_use]
    pub const fn codes(&self) -> &Codes<'a> {
        &self.codes
    }

    /// The factor of a row; 0 beyond the last.
    #[must_use]
    pub fn factor(&self, row: usize) -> u32 {
        self.factors.get(row).map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}

/// Rows that a kernel does at once, and their keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    first: usize,
    len: usize,
    keys: [i32; Layout::NATIVE_GROUP],
}

impl Group {
    /// A row alone.
    const fn single(row: usize, key: i32) -> Self {
        let mut keys = [0; Layout::NATIVE_GROUP];
        keys[0] = key;
        Self { first: row, len: 1, keys }
    }

    /// All that the core's kernel does at once.
    #[cfg(not(cognate_kernel = "generic"))]
    const fn whole(first: usize, keys: [i32; Layout::NATIVE_GROUP]) -> Self {
        Self { first, len: Layout::NATIVE_GROUP, keys }
    }

    /// Leaves out the rows from `end` on.
    fn until(mut self, end: usize) -> Self {
        self.len = self.len.min(end.saturating_sub(self.first));
        self
    }

    /// The row behind the last of the group.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.first + self.len
    }

    /// The rows and their keys.
    pub fn keys(&self) -> impl Iterator<Item = (usize, i32)> + use<'_> {
        (self.first..).zip(self.keys.iter().take(self.len).copied())
    }

    /// The key of a row that is in the group.
    #[must_use]
    pub fn key_of(&self, row: usize) -> Option<i32> {
        let index = row.checked_sub(self.first)?;
        if index < self.len { self.keys.get(index).copied() } else { None }
    }
}

/// A probe as the kernels take it.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    code: &'a [i8],
    lanes: &'a [Lane],
    finish: Finish,
}

impl<'a> Probe<'a> {
    /// A probe whose code lies as it is stored: every kernel takes it, and those of some cores are slower with it.
    #[must_use]
    pub const fn new(code: &'a [i8], finish: Finish) -> Self {
        Self { code, lanes: &[], finish }
    }

    /// A probe that is spread out once for a whole scan, into as many lanes as it has elements.
    #[must_use]
    pub fn spread(code: &'a [i8], lanes: &'a mut [Lane], finish: Finish) -> Self {
        if code.is_empty() || code.len() != lanes.len() || !code.len().is_multiple_of(STEP) {
            return Self::new(code, finish);
        }
        active::spread(code, lanes, finish);
        Self { code, lanes, finish }
    }

    /// Its elements.
    #[must_use]
    pub const fn code(&self) -> &'a [i8] {
        self.code
    }

    /// Its elements as this core's kernels take them; none when it was not spread out.
    #[must_use]
    pub const fn lanes(&self) -> &'a [Lane] {
        self.lanes
    }

    /// How its dot products become keys.
    #[must_use]
    pub const fn finish(&self) -> Finish {
        self.finish
    }
}

/// The dot product of two codes of the same length, as they are stored.
///
/// ```
/// assert_eq!(cognate::kernel::dot(&[127, -3], &[2, 10]), 224);
/// ```
#[must_use]
pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    active::dot(a, b)
}

/// The rows that a kernel does at once with this one, and their keys; `None` beyond the last row.
pub(crate) fn group_of(rows: &Rows<'_>, probe: &Probe<'_>, row: usize) -> Option<Group> {
    // Only a layout whose blocks have so many rows has a kernel on this core.
    let block = row / Layout::NATIVE_GROUP;
    if (block + 1) * Layout::NATIVE_GROUP <= rows.codes.rows()
        && let Some(mut blocks) = active::Blocks::new(rows, probe, block..block + 1)
    {
        return blocks.next(i32::MIN);
    }
    (row < rows.codes.rows()).then(|| Group::single(row, row_key(rows, probe, row)))
}

/// The key of a row by itself.
#[inline(never)]
fn row_key(rows: &Rows<'_>, probe: &Probe<'_>, row: usize) -> i32 {
    let dot = match rows.codes.place(row) {
        Place::Plain(code) => active::row_dot(code, probe),
        Place::Block(block, lane) => active::gathered_dot(rows.codes.layout(), block, lane, probe),
    };
    key(dot, rows.factor(row), probe.finish)
}

/// The first of rows that lie as they are, with their factors, whose key is at or above the floor: how many are before it,
/// and its key.
fn seek_rows(codes: &[i8], factors: &[[u8; 4]], probe: &Probe<'_>, floor: i32) -> Option<(usize, i32)> {
    let mut rest = codes;
    for (passed, factor) in factors.iter().enumerate() {
        let (code, behind) = rest.split_at_checked(probe.code.len())?;
        rest = behind;
        let key = key(active::row_dot(code, probe), u32::from_le_bytes(*factor), probe.finish);
        if key >= floor {
            return Some((passed, key));
        }
    }
    None
}

/// [`portable::key`], as this core multiplies.
pub(crate) fn key(dot: i32, factor: u32, finish: Finish) -> i32 {
    match finish {
        Finish::Cosine { shift } => multiply_high(dot.wrapping_shl(shift), factor.cast_signed()),
        Finish::Dot | Finish::Distance { .. } => portable::key(dot, factor, finish),
    }
}

/// Goes through rows and stops at groups of interest.
///
/// A range that begins inside a block begins with the block; one that ends inside a block can end with a group that is of
/// interest only for a row behind it.
#[derive(Debug)]
pub struct Seek<'a> {
    rows: &'a Rows<'a>,
    probe: &'a Probe<'a>,
    blocks: Option<active::Blocks<'a>>,
    /// The next row that is not in one of the blocks.
    row: usize,
    end: usize,
    /// The first row that lies as it is, and all from the next of those on.
    first_plain: usize,
    plain: &'a [i8],
}

impl<'a> Seek<'a> {
    /// Before the first row of the range, which ends with the rows at the latest.
    #[must_use]
    pub fn new(rows: &'a Rows<'a>, probe: &'a Probe<'a>, range: Range<usize>) -> Self {
        let (blocked, block_rows) = (rows.codes.shape.blocked_rows(), rows.codes.layout().block_rows());
        let (start, end) = (range.start, range.end.min(rows.codes.rows()));
        let plain = rows.codes.plain_rows(start);
        let mut seek = Self { rows, probe, blocks: None, row: start, end, first_plain: blocked, plain };
        if start < end.min(blocked) {
            // Not `div_ceil`: built for size it is a function of its own, which can panic.
            let last = end.min(blocked);
            let blocks = start / block_rows..last / block_rows + usize::from(!last.is_multiple_of(block_rows));
            seek.blocks = active::Blocks::new(rows, probe, blocks);
            if seek.blocks.is_some() {
                seek.row = blocked;
            }
        }
        seek
    }

    /// The next group of rows that has a key at or above the floor; keys of the same group may be below it.
    pub fn next(&mut self, floor: i32) -> Option<Group> {
        if let Some(blocks) = &mut self.blocks {
            if let Some(group) = blocks.next(floor) {
                return Some(group.until(self.end));
            }
            self.blocks = None;
        }
        self.next_row(floor)
    }

    /// The same for rows one by one. Apart from `next`, which a search calls for every hit.
    #[inline(never)]
    fn next_row(&mut self, floor: i32) -> Option<Group> {
        while self.row < self.end.min(self.first_plain) {
            let row = self.row;
            self.row += 1;
            let key = row_key(self.rows, self.probe, row);
            if key >= floor {
                return Some(Group::single(row, key));
            }
        }
        let factors = self.rows.factors.get(self.row..self.end).unwrap_or_default();
        let (passed, key) = active::seek_rows(self.plain, factors, self.probe, floor)?;
        let row = self.row + passed;
        self.row = row + 1;
        self.plain = self.plain.get((passed + 1) * self.rows.codes.dimension()..).unwrap_or_default();
        Some(Group::single(row, key))
    }
}
