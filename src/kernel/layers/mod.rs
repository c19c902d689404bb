//! Convolutions of int8, dense and depthwise ones among them, to the same integers on every core.
//!
//! ```text
//! sum = bias + Σ input · weight                    32 bits; padding is the input's zero point
//! out = saturated(mulhi(sum << shift, multiplier) + zero)
//! ```
//!
//! [`portable`] is the definition. The others are for the layout that their core streams, and what they cannot do goes the
//! portable way. They bring the columns of all rows that a row of windows sees side by side (`lines.rs`): a window is then one
//! run of elements, and every window is a dense layer.

mod filter;
#[cfg(any(cognate_kernel = "dsp", cognate_kernel = "helium"))]
mod lines;
mod pack;
pub mod portable;
mod shape;
#[cfg(test)]
mod tests;

pub(super) use filter::Blocks;
pub use filter::{Filter, FilterLayout};
#[cfg(cognate_kernel = "dsp")]
pub(super) use lines::interleave as interleave_portable;
#[cfg(any(cognate_kernel = "dsp", cognate_kernel = "helium"))]
pub(super) use lines::{Line, Stream, convolve as convolve_lines, gather_taps};
pub use pack::{Constants, PackError, pack};
pub use shape::{Extent, Shape, Size, Sizes};

use super::active;

/// As many elements as both have. Not `copy_from_slice`: where it is not inlined, a function that can panic stays.
pub(crate) fn copy<T: Copy>(places: &mut [T], elements: &[T]) {
    places.iter_mut().zip(elements).for_each(|(place, element)| *place = *element);
}

/// Every so many-th of a range, from its first. Not `step_by`: where it is not inlined, a function that can panic stays.
pub(super) fn every(range: core::ops::Range<usize>, step: usize) -> impl Iterator<Item = usize> {
    let next = move |at: &usize| at.checked_add(step.max(1));
    core::iter::successors(Some(range.start), next).take_while(move |at| *at < range.end)
}

/// A convolution and what its numbers stand for.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// Its shape and its constants.
    pub filter: Filter<'a>,
    /// The zero point of the input: what padding is.
    pub input_zero: i8,
    /// How sums become outputs.
    pub rescale: Rescale,
}

/// How the sum of a channel becomes an output, beside the channel's multiplier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rescale {
    /// Bits that a sum is shifted left before it is multiplied, for scales of ½ and more.
    pub shift: u32,
    /// The zero point of the output.
    pub zero: i32,
}

/// Where the outputs go, and so what they become: whole tensors of their shape.
#[derive(Debug)]
pub enum Output<'a> {
    /// Rescaled, with the zero point added, and saturated.
    Int8(&'a mut [i8]),
    /// The same for int16.
    Int16(&'a mut [i16]),
    /// Rescaled only.
    Int32(&'a mut [i32]),
}

impl Rescale {
    /// mulhi(sum << shift, multiplier) + zero, not yet saturated.
    #[must_use]
    pub fn apply(&self, sum: i32, multiplier: i32) -> i32 {
        super::multiply_high(sum.wrapping_shl(self.shift), multiplier).saturating_add(self.zero)
    }
}

impl Output<'_> {
    /// Elements that there is room for.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Int8(out) => out.len(),
            Self::Int16(out) => out.len(),
            Self::Int32(out) => out.len(),
        }
    }

    /// Whether there is no room.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts what the first sums become, one after the other.
    #[cfg(any(cognate_kernel = "dsp", cognate_kernel = "helium"))]
    pub(super) fn put_all(&mut self, at: usize, count: usize, sums: &[i32], multipliers: &[i32], rescale: &Rescale) {
        let values = sums.iter().zip(multipliers).take(count);
        let values = values.map(|(sum, multiplier)| rescale.apply(*sum, *multiplier));
        match self {
            Self::Int8(out) => {
                let places = out.get_mut(at..).unwrap_or_default();
                places.iter_mut().zip(values).for_each(|(place, value)| *place = saturated8(value));
            }
            Self::Int16(out) => {
                let places = out.get_mut(at..).unwrap_or_default();
                places.iter_mut().zip(values).for_each(|(place, value)| *place = saturated16(value));
            }
            Self::Int32(out) => {
                let places = out.get_mut(at..).unwrap_or_default();
                places.iter_mut().zip(values).for_each(|(place, value)| *place = value);
            }
        }
    }

    /// Puts what a sum becomes.
    pub(crate) fn put(&mut self, at: usize, sum: i32, multiplier: i32, rescale: &Rescale) {
        let value = rescale.apply(sum, multiplier);
        match self {
            Self::Int8(out) => {
                if let Some(place) = out.get_mut(at) {
                    *place = saturated8(value);
                }
            }
            Self::Int16(out) => {
                if let Some(place) = out.get_mut(at) {
                    *place = saturated16(value);
                }
            }
            Self::Int32(out) => {
                if let Some(place) = out.get_mut(at) {
                    *place = value;
                }
            }
        }
    }
}

const fn saturated8(value: i32) -> i8 {
    if value < -0x80 {
        i8::MIN
    } else if value > 0x7f {
        i8::MAX
    } else {
        value as i8
    }
}

const fn saturated16(value: i32) -> i16 {
    if value < -0x8000 {
        i16::MIN
    } else if value > 0x7fff {
        i16::MAX
    } else {
        value as i16
    }
}

/// Bytes of scratch with which a layer is done the fast way of the core that streams this layout; with less it is done the
/// portable way.
#[must_use]
pub fn scratch_bytes(shape: &Shape, layout: FilterLayout) -> usize {
    let Some(blocks) = Blocks::of(shape, layout) else { return 0 };
    let Sizes { output, kernel, stride, .. } = *shape.sizes();
    let columns = shape.line_columns();
    if shape.is_depthwise() {
        if shape.is_three_by_three() {
            return match layout {
                // Eight bytes of each column.
                FilterLayout::Lanes => SLACK + shape.band_lines() * (columns + stride.width) * 8,
                // Eight words of each column.
                _ => SLACK + columns * 32,
            };
        }
        return SLACK + blocks.depth * (output.channels + SLACK);
    }
    // Two windows as int16, two windows as they are, and a line.
    let window = blocks.depth.next_multiple_of(16);
    let line = if shape.dilates() { 0 } else { columns * kernel.height * shape.group_inputs() };
    SLACK + window * 4 + window * 2 + line + SLACK
}

/// What loads may read beyond the last element, and alignment costs.
const SLACK: usize = 16;

/// Does a layer: `input` and `output` are whole tensors, [`scratch_bytes`] says what `scratch` should have.
///
/// Nothing is done when the tensors are not as long as the shape has it.
pub fn convolve(layer: &Layer<'_>, input: &[i8], scratch: &mut [u8], output: &mut Output<'_>) {
    let sizes = layer.filter.shape().sizes();
    if input.len() != sizes.input.elements() || output.len() != sizes.output.elements() {
        return;
    }
    if !active::convolve(layer, input, scratch, output) {
        portable::convolve(layer, input, output, 0..sizes.output.channels);
    }
}
