//! How a sample becomes the input tensor.

use super::error::RunError;
use super::tensor::{Element, Number, Tensor, numbers_mut};
use crate::kernel::layers::copy;
use crate::kernel::portable::multiply_high;

/// A sample as a sensor or a front end has it: rows of pixels, a pixel's channels side by side; a series is one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sample<'a> {
    /// What the first step reads.
    Int8(&'a [i8]),
    /// Pixels.
    Uint8(&'a [u8]),
    /// A series or features.
    Int16(&'a [i16]),
}

/// What samples an encoder takes, and how they become its input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputForm<'a> {
    /// As they are.
    Int8,
    /// By a table of 256 int8 elements; one, or one a channel.
    Uint8 {
        /// The tables.
        tables: &'a [[u8; 256]],
    },
    /// mulhi((x − offset) << 14, multiplier) + z; one offset and multiplier, or one a channel.
    Int16 {
        /// Of magnitude at most 2¹⁵.
        offsets: &'a [[u8; 4]],
        /// As many.
        multipliers: &'a [[u8; 4]],
    },
}

impl<'a> InputForm<'a> {
    /// `None` when the constants are not those of the form and the tensor.
    pub(super) fn new(form: u8, constants: &'a [u8], input: &Tensor) -> Option<Self> {
        let one_each = |count: usize| count == 1 || count == input.extent.channels;
        match form {
            0 if constants.is_empty() && input.element == Element::Int8 => Some(Self::Int8),
            1 if input.element == Element::Int8 => {
                let (tables, rest) = constants.as_chunks();
                (rest.is_empty() && one_each(tables.len())).then_some(Self::Uint8 { tables })
            }
            2 if input.element != Element::Int32 => {
                let (words, rest) = constants.as_chunks::<4>();
                let (offsets, multipliers) = words.split_at_checked(words.len() / 2)?;
                let in_range = |offset: &[u8; 4]| i32::from_le_bytes(*offset).unsigned_abs() <= 1 << 15;
                let whole = rest.is_empty() && offsets.len() == multipliers.len() && one_each(offsets.len());
                (whole && offsets.iter().all(in_range)).then_some(Self::Int16 { offsets, multipliers })
            }
            _ => None,
        }
    }

    /// Bytes of an element of a sample.
    #[must_use]
    pub const fn element_bytes(&self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 { .. } => 1,
            Self::Int16 { .. } => 2,
        }
    }

    /// The sample that these bytes are as they lie in memory; `None` where they are not whole elements at a place that a core
    /// can load them from.
    #[must_use]
    pub fn sample_in<'b>(&self, bytes: &'b [u8]) -> Option<Sample<'b>> {
        match self {
            Self::Int8 => bytemuck::try_cast_slice(bytes).ok().map(Sample::Int8),
            Self::Uint8 { .. } => Some(Sample::Uint8(bytes)),
            Self::Int16 { .. } => bytemuck::try_cast_slice(bytes).ok().map(Sample::Int16),
        }
    }

    /// The number that stands for it in a file.
    pub(super) const fn number(&self) -> u8 {
        match self {
            Self::Int8 => 0,
            Self::Uint8 { .. } => 1,
            Self::Int16 { .. } => 2,
        }
    }

    /// Its constants, in the parts that follow each other in a file.
    pub(super) const fn constants(&self) -> [&'a [u8]; 2] {
        match self {
            Self::Int8 => [&[], &[]],
            Self::Uint8 { tables } => [tables.as_flattened(), &[]],
            Self::Int16 { offsets, multipliers } => [offsets.as_flattened(), multipliers.as_flattened()],
        }
    }

    /// Writes the input tensor.
    pub(super) fn put(&self, sample: Sample<'_>, input: &Tensor, out: &mut [u8]) -> Result<(), RunError> {
        let expected = input.extent.elements();
        let require = |found| if found == expected { Ok(()) } else { Err(RunError::SampleLength { expected, found }) };
        match (*self, sample) {
            (Self::Int8, Sample::Int8(elements)) => {
                require(elements.len())?;
                copy(numbers_mut(out), elements);
            }
            (Self::Uint8 { tables }, Sample::Uint8(pixels)) => {
                require(pixels.len())?;
                let of_channels = tables.iter().cycle();
                for ((place, pixel), table) in out.iter_mut().zip(pixels).zip(of_channels) {
                    *place = table.get(usize::from(*pixel)).copied().unwrap_or_default();
                }
            }
            (Self::Int16 { offsets, multipliers }, Sample::Int16(series)) => {
                require(series.len())?;
                let zero = i32::from(input.zero);
                let by_channel = offsets.iter().zip(multipliers).cycle();
                let values = series.iter().zip(by_channel).map(|(value, (offset, multiplier))| {
                    let centered = i32::from(*value).wrapping_sub(i32::from_le_bytes(*offset));
                    multiply_high(centered.wrapping_shl(14), i32::from_le_bytes(*multiplier)).saturating_add(zero)
                });
                match input.element {
                    Element::Int8 => put_saturated::<i8>(out, values),
                    _ => put_saturated::<i16>(out, values),
                }
            }
            _ => return Err(RunError::SampleForm),
        }
        Ok(())
    }
}

fn put_saturated<T: Number>(out: &mut [u8], values: impl Iterator<Item = i32>) {
    numbers_mut::<T>(out).iter_mut().zip(values).for_each(|(place, value)| *place = T::saturated(value));
}
