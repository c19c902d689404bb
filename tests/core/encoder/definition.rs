//! What operators compute, written down once more in wide integers, element by element.

use super::range;
use cognate::encoder::{Extent, Operator, Shape, Size, Sizes, Tensor, Window, pack};

/// (a · b + 2³¹) / 2³², rounded down.
fn mulhi(a: i64, b: i32) -> i64 {
    (i128::from(a) * i128::from(b) + (1 << 31)).div_euclid(1 << 32) as i64
}

/// x / 2^bits, rounded half up.
fn rounded(x: i128, bits: u8) -> i128 {
    if bits == 0 { x } else { (x + (1 << (bits - 1))).div_euclid(1 << bits) }
}

fn saturated(value: i64, tensor: &Tensor) -> i64 {
    let (least, greatest) = range(tensor.element);
    value.clamp(least, greatest)
}

/// Where an element is, row by row with its channels side by side.
fn at(extent: Extent, row: usize, column: usize, channel: usize) -> usize {
    (row * extent.width + column) * extent.channels + channel
}

/// The elements of a window over the input: row and column, or padding.
fn window_of(window: &Window, input: Extent, row: usize, column: usize) -> Vec<Option<(usize, usize)>> {
    let kernel =
        if window.kernel.height == 0 { Size { height: input.height, width: input.width } } else { window.kernel };
    let mut seen = Vec::new();
    for tap_row in 0..kernel.height {
        for tap_column in 0..kernel.width {
            let down = (row * window.stride.height + tap_row * window.dilation.height) as i64;
            let across = (column * window.stride.width + tap_column * window.dilation.width) as i64;
            let (row, column) = (down - window.padding.height as i64, across - window.padding.width as i64);
            let inside = (0..input.height as i64).contains(&row) && (0..input.width as i64).contains(&column);
            seen.push(inside.then_some((row as usize, column as usize)));
        }
    }
    seen
}

fn multiplier(words: &[[u8; 4]], index: usize) -> i32 {
    i32::from_le_bytes(if words.len() == 1 { words[0] } else { words[index % words.len()] })
}

/// What a step writes.
pub fn output(operator: &Operator<'_>, a: (&Tensor, &[i64]), b: Option<(&Tensor, &[i64])>, out: &Tensor) -> Vec<i64> {
    let (tensor, elements) = a;
    let input = tensor.extent;
    let (zero_a, zero) = (i64::from(tensor.zero), i64::from(out.zero));
    let zero_b = b.map_or(0, |(tensor, _)| i64::from(tensor.zero));
    let second = |index: usize| {
        let (tensor, elements) = b.unwrap();
        let place = match tensor.extent {
            Extent { height: 1, width: 1, channels: 1 } => 0,
            Extent { height: 1, width: 1, channels } => index % channels,
            _ => index,
        };
        elements[place] - zero_b
    };
    let mut written = Vec::new();
    for row in 0..out.extent.height {
        for column in 0..out.extent.width {
            for channel in 0..out.extent.channels {
                let index = at(out.extent, row, column, channel);
                let value = match *operator {
                    Operator::Convolution { .. } => {
                        convolution(operator, tensor, elements, out, [row, column, channel])
                    }
                    Operator::Add { factors: [f, g], shift } => {
                        let sum = i128::from(elements[index] - zero_a) * i128::from(f)
                            + i128::from(second(index)) * i128::from(g);
                        rounded(sum, shift).clamp(i32::MIN.into(), i32::MAX.into()) as i64 + zero
                    }
                    Operator::Multiply { multiplier, shift } => {
                        mulhi(((elements[index] - zero_a) * second(index)) << shift, multiplier) + zero
                    }
                    Operator::MaxPool { window } => {
                        let seen = window_of(&window, input, row, column).into_iter().flatten();
                        let values = seen.map(|(row, column)| elements[at(input, row, column, channel)]);
                        values.max().unwrap_or(range(out.element).0)
                    }
                    Operator::AveragePool { window, shift, drop, multipliers, .. } => {
                        let seen: Vec<_> = window_of(&window, input, row, column).into_iter().flatten().collect();
                        let value =
                            |(row, column): &(usize, usize)| elements[at(input, *row, *column, channel)] - zero_a;
                        let sum = rounded(seen.iter().map(value).sum::<i64>().into(), drop) as i64;
                        mulhi(sum << shift, multiplier(multipliers, seen.len().saturating_sub(1))) + zero
                    }
                    Operator::Pad { top, left } => {
                        let inside = row.checked_sub(top).zip(column.checked_sub(left));
                        let inside = inside.filter(|(row, column)| *row < input.height && *column < input.width);
                        inside.map_or(zero, |(row, column)| elements[at(input, row, column, channel)])
                    }
                    Operator::Concatenate => match channel.checked_sub(input.channels) {
                        None => elements[at(input, row, column, channel)],
                        Some(channel) => {
                            let (tensor, elements) = b.unwrap();
                            elements[at(tensor.extent, row, column, channel)]
                        }
                    },
                    Operator::Table { table } => i64::from(table[(elements[index] & 0xff) as usize].cast_signed()),
                    Operator::Scale { positive, negative, shift } => {
                        let centered = elements[index] - zero_a;
                        let list = if centered < 0 && !negative.is_empty() { negative } else { positive };
                        mulhi(centered << shift, multiplier(list, channel)) + zero
                    }
                };
                written.push(saturated(value, out));
            }
        }
    }
    written
}

fn convolution(
    operator: &Operator<'_>,
    tensor: &Tensor,
    elements: &[i64],
    out: &Tensor,
    [row, column, channel]: [usize; 3],
) -> i64 {
    let Operator::Convolution { window, groups, shift, drop, constants, .. } = *operator else { unreachable!() };
    let input = tensor.extent;
    let (inputs, outputs) = (input.channels / groups, out.extent.channels / groups);
    let taps = window_of(&window, input, row, column);
    let weights = out.extent.channels * taps.len() * inputs;
    let word = |at: usize| i32::from_le_bytes(constants[at..at + 4].try_into().unwrap());
    let words = weights.next_multiple_of(4);
    let mut sum = i128::from(word(words + channel * 4));
    for (tap, seen) in taps.iter().enumerate() {
        for index in 0..inputs {
            let weight = constants[(channel * taps.len() + tap) * inputs + index].cast_signed();
            let value = match seen {
                Some((row, column)) => elements[at(input, *row, *column, channel / outputs * inputs + index)],
                None => i64::from(tensor.zero),
            };
            sum += i128::from(value) * i128::from(weight);
        }
    }
    let multiplier = word(words + (out.extent.channels + channel) * 4);
    let sum = rounded(sum, drop).clamp(i32::MIN.into(), i32::MAX.into()) as i64;
    mulhi(sum << shift, multiplier) + i64::from(out.zero)
}

/// The constants of a convolution, plain.
pub fn plain(sizes: Sizes, weights: &[i8], biases: &[i32], multipliers: &[i32]) -> Option<Vec<u8>> {
    use cognate::encoder::{Constants, Filter, FilterLayout};
    let shape = Shape::new(sizes)?;
    let mut bytes = vec![0; Filter::bytes_of(&shape, FilterLayout::Plain)?];
    pack(shape, FilterLayout::Plain, &Constants { weights, biases, multipliers }, &mut bytes).ok()?;
    Some(bytes)
}
