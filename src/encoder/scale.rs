//! Other scales and element types, and slopes that differ by sign and channel.

use super::plan::operators;
use super::tensor::{Element, Number, Tensor, numbers_mut};
use crate::kernel::portable::multiply_high;

/// Multipliers, one or one a channel, for either sign.
#[derive(Clone, Copy)]
pub(super) struct Slopes<'a> {
    pub(super) positive: &'a [[u8; 4]],
    pub(super) negative: &'a [[u8; 4]],
    pub(super) shift: u8,
}

/// mulhi((a − z_a) << shift, multiplier) + z.
pub(super) fn run<T: Number, const OPERATORS: u32>(
    slopes: &Slopes<'_>,
    [a_tensor, out_tensor]: [&Tensor; 2],
    a: &[T],
    out: &mut [u8],
) -> Option<()> {
    let (zero_a, zero) = (i32::from(a_tensor.zero), i32::from(out_tensor.zero));
    let negative = if slopes.negative.is_empty() { slopes.positive } else { slopes.negative };
    // Over and over: nobody divides to find an element's channel.
    let by_channel = slopes.positive.iter().zip(negative).cycle();
    let values = a.iter().zip(by_channel).map(|(element, (positive, negative))| {
        let centered = element.wide().wrapping_sub(zero_a);
        let multiplier = i32::from_le_bytes(if centered < 0 { *negative } else { *positive });
        multiply_high(centered.wrapping_shl(u32::from(slopes.shift)), multiplier).saturating_add(zero)
    });
    match out_tensor.element {
        Element::Int8 => put(numbers_mut::<i8>(out), values, i8::saturated),
        Element::Int16 if OPERATORS & operators::INT16 != 0 => put(numbers_mut::<i16>(out), values, i16::saturated),
        Element::Int16 => return None,
        Element::Int32 => put(numbers_mut::<i32>(out), values, |value| value),
    }
    Some(())
}

fn put<T>(out: &mut [T], values: impl Iterator<Item = i32>, saturated: impl Fn(i32) -> T) {
    out.iter_mut().zip(values).for_each(|(place, value)| *place = saturated(value));
}
