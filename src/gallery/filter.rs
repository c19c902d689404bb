//! A search that passes over most templates and still finds the exact answer.
//!
//! Beside the codes lies a plane of coarse ones, q: integers from −7 to 7 with q / K near c / |c|. A coarse probe π, with
//! π / L near p / |p|, gives a sum π·q in a quarter of the instructions. By Cauchy and Schwarz
//!
//! ```text
//! cos(p, c) ≤ π·q / (L·K) + |r|·(1 + ε) + ε        ε ≥ |c/|c| − q/K|,  |r| = |p/|p| − π/L|
//! ```
//!
//! so a row whose bound is below what is looked for cannot be the answer; all others are scored exactly. ε is kept with each
//! row, rounded up, and for a block of eight rows its greatest; K is fixed by the dimension. Everything is an integer and
//! rounded to the safe side: what is passed over would not have changed the result.

use super::{SubjectId, Table};
use crate::arithmetic::{quotient, root};
use crate::kernel::coarse::{self, BLOCK, Bar, Coarse, DIMENSION, MOST, SLACK_ONE};
use crate::kernel::{self, STEP};
use crate::similarity::{Probe, Score};
use crate::template::MAX_CODE;
use core::num::NonZeroU32;
use core::ops::Range;

/// The scales of a dimension.
#[derive(Clone, Copy, Debug)]
struct Scales {
    /// K: the length that a row has before it is rounded to coarse elements.
    row: u32,
    /// Rows that come out longer are not kept, and always scored.
    longest_row: u32,
    /// L: the length of the coarse probe, such that no sum with a row reaches 2048.
    probe: u32,
}

impl Scales {
    const fn of(dimension: usize) -> Self {
        let dimension = dimension as u32;
        // An element of a row is 7 at two and a half times its usual magnitude.
        let row = root((784 * dimension / 100) as u64);
        let longest_row = root((row * row + dimension / 8) as u64) + 1;
        // Rounding makes the probe longer by √D / 2 at the most.
        let rounding = root(dimension as u64) / 2 + 1;
        let probe = match 2047u32.checked_div(longest_row) {
            Some(longest) => longest.saturating_sub(rounding),
            None => 0,
        };
        Self { row, longest_row, probe }
    }
}

/// Whether a dimension can have a filter plane.
pub(crate) const fn supports(dimension: usize) -> bool {
    dimension > 0 && dimension.is_multiple_of(STEP) && dimension <= DIMENSION
}

/// What codes are longer by than their length in factors.
const OF_FACTOR: NonZeroU32 = NonZeroU32::new(MAX_CODE as u32).expect("it is not 0");

/// Makes of an element the element times length / |code|, rounded: `factor` is the code's, 127 / |code| in Q0.31.
fn scale_to(length: u32, factor: u32) -> impl Fn(i8) -> i16 + Clone {
    let multiplier = (quotient(u64::from(length) * u64::from(factor), OF_FACTOR) >> 15) as i32;
    move |element| ((i32::from(element) * multiplier + (1 << 15)) >> 16) as i16
}

/// An upper bound of |code/|code| − coarse/length|, in 2⁻¹⁵, from the elements of both.
fn residual(elements: impl Iterator<Item = (i8, i16)>, length: u32, factor: u32) -> u32 {
    let (mut dot, mut norm_squared) = (0i32, 0i32);
    for (element, coarse) in elements {
        // Both have the same sign, or the coarse one is 0.
        dot += i32::from(element) * i32::from(coarse);
        norm_squared += i32::from(coarse) * i32::from(coarse);
    }
    let (dot, norm_squared) = (dot.unsigned_abs(), norm_squared.unsigned_abs());
    // length² · |residual|² = length² − 2 · length · dot / |code| + norm², in 2⁻²⁰. The factor of a norm-limited code is off
    // by up to 2⁻¹⁶.
    let least_factor = u64::from(factor - (factor >> 14));
    let cross = quotient(2 * u64::from(length) * u64::from(dot) * least_factor, OF_FACTOR) >> 11;
    let squares = u64::from(length * length + norm_squared) << 20;
    let root = u64::from(root(squares.saturating_sub(cross))) + 1;
    // No length is 0, for no dimension is.
    NonZeroU32::new(length).map_or(1 << 15, |length| quotient(root << 5, length) as u32 + 1)
}

/// A row's coarse elements and its slack. A row that is too long to be kept has elements of 0, which are off by 1.
fn coarse_row<I: Iterator<Item = i8> + Clone>(
    code: I,
    dimension: usize,
    factor: u32,
) -> (impl Iterator<Item = i8>, u8) {
    let scales = Scales::of(dimension);
    let most = i16::from(MOST);
    let scale = scale_to(scales.row, factor);
    // Not `clamp`, which panics where it cannot see that one limit is below the other.
    let coarse = code.clone().map(move |element| scale(element).max(-most).min(most));
    let norm_squared: u32 = coarse.clone().map(|element| u32::from(element.unsigned_abs()).pow(2)).sum();
    let keep = norm_squared <= scales.longest_row * scales.longest_row;
    let slack = (residual(code.zip(coarse.clone()), scales.row, factor) * u32::from(SLACK_ONE)).div_ceil(1 << 15);
    let keep = keep && slack < u32::from(SLACK_ONE);
    let slack = if keep { slack as u8 } else { SLACK_ONE };
    (coarse.map(move |element| if keep { element as i8 } else { 0 }), slack)
}

/// A coarse probe, and what its sums have to reach.
struct CoarseProbe {
    lanes: CoarseLanes,
    dimension: usize,
    /// L·K: what the sum of a cosine of one would be.
    product: u32,
    /// |r|, in 2⁻¹⁵.
    residual: u32,
    /// [`Bar::slope`], which does not depend on the score.
    slope: i32,
}

#[repr(align(4))]
struct CoarseLanes([i16; DIMENSION]);

impl CoarseProbe {
    fn new(probe: &Probe<'_>) -> Self {
        let template = probe.template();
        let (code, factor) = (template.code(), template.factor());
        let scales = Scales::of(code.len());
        let scale = scale_to(scales.probe, factor);
        let mut lanes = CoarseLanes([0; DIMENSION]);
        let elements = code.iter().zip(&mut lanes.0).map(|(element, lane)| {
            *lane = scale(*element);
            (*element, *lane)
        });
        let residual = residual(elements, scales.probe, factor);
        let product = scales.row * scales.probe;
        let sums_of_one = u64::from(product) * u64::from((1 << 15) + residual);
        let one = const { NonZeroU32::new((SLACK_ONE as u32) << 15).expect("it is not 0") };
        let slope = quotient((sums_of_one << 8) + u64::from(one.get() - 1), one) as i32;
        Self { lanes, dimension: code.len(), product, residual, slope }
    }

    fn lanes(&self) -> &[i16] {
        self.lanes.0.get(..self.dimension).unwrap_or_default()
    }

    /// The bar for rows whose cosine may be at or above that of a score.
    fn bar(&self, score: Score) -> Bar {
        // The error of a score is below 2⁹ units: `docs/fixed-point.md`.
        let cosine = (score.raw() - (1 << 9)) >> 8;
        let level = (self.product.cast_signed() * (cosine - self.residual.cast_signed())) >> 7;
        Bar { level, slope: self.slope }
    }
}

/// Blocks that so many rows take. Not `div_ceil`: built for size it is a function of its own, which divides by whatever it is
/// given and can panic.
const fn blocks_of(rows: usize) -> usize {
    rows / BLOCK + !rows.is_multiple_of(BLOCK) as usize
}

/// Where a block's bytes are.
const fn block_bytes(block: usize, dimension: usize) -> Range<usize> {
    block * BLOCK * dimension..(block + 1) * BLOCK * dimension
}

/// The coarse rows of a bundle's gallery, read in place from flash.
#[derive(Clone, Copy, Debug)]
pub struct FilterView<'a> {
    coarse: Coarse<'a>,
    /// The slack of each row.
    slacks: &'a [u8],
}

impl<'a> FilterView<'a> {
    /// Bytes of a plane for this many rows: coarse rows, a slack for each row and one for each block.
    pub(crate) const fn bytes(dimension: usize, rows: usize) -> Option<usize> {
        let blocks = blocks_of(rows);
        match blocks.checked_mul(BLOCK * dimension + 1) {
            Some(bytes) if supports(dimension) => bytes.checked_add(rows),
            _ => None,
        }
    }

    /// A plane in these bytes; `None` unless it is exactly what the rows give.
    pub(crate) fn new_checked(table: &Table<'_>, bytes: &'a [u8]) -> Option<Self> {
        let dimension = table.rows.codes().dimension();
        let view = Self::parse(dimension, table.used, bytes)?;
        for row in 0..table.used {
            let (expected, slack) = coarse_row(table.rows.codes().row(row), dimension, table.rows.factor(row));
            if !view.has(row, dimension, expected) || view.slacks.get(row) != Some(&slack) {
                return None;
            }
        }
        // Rows that only fill the last block are zero.
        let end = view.coarse.slacks().len() * BLOCK;
        if !(table.used..end).all(|row| view.has(row, dimension, core::iter::repeat_n(0, dimension))) {
            return None;
        }
        // Not a zip of chunks: built for size, their length is a function that can panic.
        let mut slacks = view.slacks.chunks(BLOCK);
        view.coarse
            .slacks()
            .iter()
            .all(|block| slacks.next().and_then(|rows| rows.iter().max()) == Some(block))
            .then_some(view)
    }

    /// Whether a coarse row has these elements.
    fn has(&self, row: usize, dimension: usize, elements: impl Iterator<Item = i8>) -> bool {
        let bytes = block_bytes(row / BLOCK, dimension);
        let block = self.coarse.bytes().get(bytes).unwrap_or_default();
        elements.enumerate().all(|(index, element)| coarse::get(block, row % BLOCK, index) == i16::from(element))
    }

    fn parse(dimension: usize, rows: usize, bytes: &'a [u8]) -> Option<Self> {
        if Self::bytes(dimension, rows) != Some(bytes.len()) {
            return None;
        }
        let blocks = blocks_of(rows);
        let (coarse, slacks) = bytes.split_at_checked(blocks * BLOCK * dimension)?;
        let (block_slacks, slacks) = slacks.split_at_checked(blocks)?;
        Some(Self { coarse: Coarse::new(bytemuck::must_cast_slice(coarse), block_slacks), slacks })
    }

    /// Writes the plane of these rows into bytes that are zero and as many as [`FilterView::bytes`].
    pub(crate) fn write<C: Iterator<Item = i8> + Clone>(
        dimension: usize,
        rows: impl ExactSizeIterator<Item = (C, u32)>,
        bytes: &mut [u8],
    ) {
        let count = rows.len();
        let blocks = blocks_of(count);
        let Some((coarse, slacks)) = bytes.split_at_mut_checked(blocks * BLOCK * dimension) else { return };
        let Some((block_slacks, slacks)) = slacks.split_at_mut_checked(blocks) else { return };
        let coarse: &mut [i8] = bytemuck::must_cast_slice_mut(coarse);
        for (row, (code, factor)) in rows.enumerate() {
            let (elements, slack) = coarse_row(code, dimension, factor);
            let block = row / BLOCK;
            let lanes = coarse.get_mut(block_bytes(block, dimension));
            if let (Some(lanes), Some(place), Some(most)) = (lanes, slacks.get_mut(row), block_slacks.get_mut(block)) {
                coarse::put(lanes, row % BLOCK, elements);
                *place = slack;
                *most = slack.max(*most);
            }
        }
    }

    /// As [`Scan::find`], passing over rows that cannot reach the floor. Returns how many rows were scored.
    pub(crate) fn find(
        &self,
        table: &Table<'_>,
        probe: &Probe<'_>,
        mut floor: i32,
        owner: impl Fn(usize) -> Option<SubjectId>,
        visit: &mut dyn FnMut(SubjectId, i32) -> i32,
    ) -> usize {
        // On some cores rows are scored as fast as coarse ones; and the bound is one of cosines.
        if !kernel::FILTERS || !probe.template().space().form.is_cosine() {
            return table.find(probe, floor, owner, visit);
        }
        let coarse_probe = CoarseProbe::new(probe);
        let mut bar = coarse_probe.bar(probe.score(floor));
        // A bar that most rows pass is not worth looking at.
        if bar.least(0) <= 0 {
            return table.find(probe, floor, owner, visit);
        }
        let mut keys = table.keys(probe);
        let (mut from, mut scored) = (0, 0);
        let blocks = blocks_of(table.used);
        while let Some(group) = coarse::seek(&self.coarse, coarse_probe.lanes(), bar, from..blocks) {
            from = group.block + 1;
            // No row of the block has a lower one.
            let least = bar.least(self.coarse.slacks().get(group.block).copied().unwrap_or(u8::MAX));
            for (lane, sum) in group.sums.into_iter().enumerate().filter(|(_, sum)| *sum >= least) {
                let row = group.block * BLOCK + lane;
                let slack = self.slacks.get(row).copied().unwrap_or(u8::MAX);
                if sum < bar.least(slack) || row >= table.used {
                    continue;
                }
                scored += 1;
                if let Some(key) = keys.of(row).filter(|key| *key >= floor)
                    && let Some(subject) = owner(row)
                {
                    let raised = visit(subject, key);
                    if raised != floor {
                        floor = raised;
                        bar = coarse_probe.bar(probe.score(floor));
                    }
                }
            }
        }
        scored
    }
}

/// What a [`Gallery`](super::Gallery) keeps beside its templates to find the best of them sooner: [`Unfiltered`] or a
/// [`FilterPlane`].
pub trait Filter<const D: usize>: sealed::Sealed {
    #[doc(hidden)]
    fn put(&mut self, row: usize, code: &[i8], factor: u32);

    #[doc(hidden)]
    fn clear(&mut self, row: usize);

    #[doc(hidden)]
    fn view(&self) -> Option<FilterView<'_>>;
}

mod sealed {
    pub trait Sealed {}
}

/// Nothing: a search looks at every template.
#[derive(Clone, Copy, Debug)]
pub struct Unfiltered;

impl sealed::Sealed for Unfiltered {}

impl<const D: usize> Filter<D> for Unfiltered {
    fn put(&mut self, _: usize, _: &[i8], _: u32) {}

    fn clear(&mut self, _: usize) {}

    #[inline]
    fn view(&self) -> Option<FilterView<'_>> {
        None
    }
}

/// The coarse rows of a gallery in RAM: one byte an element more, and most templates done in a third of the instructions.
///
/// It is for cores with DSP instructions, cosines, and dimensions that are multiples of 16 up to 256; it has as many rows as
/// the gallery, a multiple of eight. What does not fit does not compile:
///
/// ```compile_fail,E0080
/// cognate::gallery::FilterPlane::<64, 12>::new();
/// ```
#[derive(Clone, Debug)]
pub struct FilterPlane<const D: usize, const N: usize> {
    coarse: Plane<D, N>,
    slacks: [u8; N],
    /// One a block; those behind the last block are not used.
    block_slacks: [u8; N],
}

/// At an address from which words can be loaded.
#[derive(Clone, Debug)]
#[repr(align(4))]
struct Plane<const D: usize, const N: usize>([[i8; D]; N]);

impl<const D: usize, const N: usize> FilterPlane<D, N> {
    /// Bytes of RAM that the whole plane takes.
    pub const BYTES: usize = size_of::<Self>();

    /// The plane of an empty gallery.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a gallery makes its own")]
    pub const fn new() -> Self {
        const {
            assert!(supports(D), "a filter plane is for dimensions that are multiples of 16, up to 256");
            assert!(N.is_multiple_of(BLOCK), "a filter plane has a multiple of eight rows");
        }
        Self { coarse: Plane([[0; D]; N]), slacks: [0; N], block_slacks: [0; N] }
    }

    fn write(&mut self, row: usize, elements: impl Iterator<Item = i8>, slack: u8) {
        let block = row / BLOCK;
        let lanes = self.coarse.0.as_flattened_mut().get_mut(block_bytes(block, D));
        if let (Some(lanes), Some(place)) = (lanes, self.slacks.get_mut(row)) {
            coarse::put(lanes, row % BLOCK, elements);
            *place = slack;
        }
        let rows = self.slacks.get(block * BLOCK..(block + 1) * BLOCK).unwrap_or_default();
        if let (Some(most), Some(place)) = (rows.iter().max(), self.block_slacks.get_mut(block)) {
            *place = *most;
        }
    }
}

impl<const D: usize, const N: usize> sealed::Sealed for FilterPlane<D, N> {}

impl<const D: usize, const N: usize> Filter<D> for FilterPlane<D, N> {
    fn put(&mut self, row: usize, code: &[i8], factor: u32) {
        let (elements, slack) = coarse_row(code.iter().copied(), D, factor);
        self.write(row, elements, slack);
    }

    fn clear(&mut self, row: usize) {
        self.write(row, core::iter::repeat_n(0, D), 0);
    }

    fn view(&self) -> Option<FilterView<'_>> {
        let coarse = Coarse::new(self.coarse.0.as_flattened(), &self.block_slacks);
        Some(FilterView { coarse, slacks: &self.slacks })
    }
}
