//! Lays out the constants of a layer. A host does it, and so do the tests on a device.

use super::filter::Blocks;
use super::{Filter, FilterLayout, Shape};
use core::fmt;

/// The constants of a layer, as one writes them down.
#[derive(Clone, Copy, Debug)]
pub struct Constants<'a> {
    /// `[output][row][column][input]`.
    pub weights: &'a [i8],
    /// What each output's sum begins with: minus the input's zero point times the sum of the weights is in it.
    pub biases: &'a [i32],
    /// What each output's sum is multiplied by, in 2⁻³².
    pub multipliers: &'a [i32],
}

/// Why constants cannot be laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PackError {
    /// There is no such layout of this layer: take another.
    Layout,
    /// Weights, biases, multipliers or the room for them do not have the length that goes with the shape.
    Length,
    /// The sum of an output channel could leave 32 bits: its weights or its bias are too great.
    Sum {
        /// The channel.
        channel: usize,
    },
    /// Two channels do not fit into a halfword, or the sum of this one could leave 24 bits: take [`FilterLayout::Singles`].
    Bound {
        /// The channel.
        channel: usize,
    },
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout => f.write_str("there is no such layout of this layer: take another"),
            Self::Length => {
                f.write_str("weights, biases, multipliers or the room for them are not as long as the shape has it")
            }
            Self::Sum { channel } => {
                write!(
                    f,
                    "the sum of output channel {channel} could leave 32 bits: its weights or its bias are too great"
                )
            }
            Self::Bound { channel } => {
                write!(
                    f,
                    "output channel {channel} cannot share a halfword with the next: take the layout of one channel a halfword"
                )
            }
        }
    }
}

impl core::error::Error for PackError {}

/// A sum of a channel that shares a halfword has to stay below this, so that 256 times it has 32 bits.
const SHARED_BOUND: i64 = 1 << 23;

/// Writes the constants of a layer into as many bytes as [`Filter::bytes_of`] says, and reads them.
///
/// ```
/// use cognate::kernel::layers::{Constants, FilterLayout, Shape, pack};
///
/// let shape = Shape::dense(2, 3).ok_or("one of the sizes is 0")?;
/// let constants = Constants { weights: &[1, 2, 3, 4, 5, 6], biases: &[7, 8, 9], multipliers: &[1 << 30; 3] };
/// let mut bytes = [0; 64];
/// let filter = pack(shape, FilterLayout::Pairs, &constants, &mut bytes[..48])?;
/// assert_eq!((filter.weight(2, 0, 0, 1), filter.bias(1)), (6, 8));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
/// When a length is wrong, or sums could leave the bits that they have in the layout.
pub fn pack<'a>(
    shape: Shape,
    layout: FilterLayout,
    constants: &Constants<'_>,
    out: &'a mut [u8],
) -> Result<Filter<'a>, PackError> {
    let bytes = Filter::bytes_of(&shape, layout).ok_or(PackError::Layout)?;
    let outputs = shape.sizes().output.channels;
    let Constants { weights, biases, multipliers } = constants;
    if weights.len() != outputs * shape.depth()
        || biases.len() != outputs
        || multipliers.len() != outputs
        || out.len() != bytes
    {
        return Err(PackError::Length);
    }
    let source = Source { shape, constants };
    source.check(layout)?;
    let mut writer = Writer { out: &mut *out };
    match Blocks::of(&shape, layout) {
        None => source.plain(&mut writer),
        Some(blocks) => {
            let groups = if shape.is_depthwise() { 1 } else { shape.sizes().groups };
            for (group, block) in (0..groups).flat_map(|group| (0..blocks.of_group).map(move |block| (group, block))) {
                let channels = Channels {
                    first: group * shape.group_outputs() + block * blocks.channels,
                    end: if shape.is_depthwise() { outputs } else { (group + 1) * shape.group_outputs() },
                };
                match (layout, shape.is_depthwise()) {
                    (FilterLayout::Lanes, false) => source.lanes(&mut writer, channels, blocks.depth),
                    (FilterLayout::Lanes, true) => source.depthwise_lanes(&mut writer, channels),
                    (_, true) => source.depthwise_pairs(&mut writer, channels),
                    (FilterLayout::Singles, false) => source.singles(&mut writer, channels, blocks.depth),
                    _ => source.pairs(&mut writer, channels, blocks.depth),
                }
            }
        }
    }
    Filter::new(shape, layout, out).ok_or(PackError::Length)
}

/// Channels from one on; those from the end on are not there, and are zeros.
#[derive(Clone, Copy)]
struct Channels {
    first: usize,
    end: usize,
}

impl Channels {
    fn at(self, lane: usize) -> Option<usize> {
        Some(self.first + lane).filter(|channel| *channel < self.end)
    }
}

struct Source<'a> {
    shape: Shape,
    constants: &'a Constants<'a>,
}

impl Source<'_> {
    /// Whether every sum has the bits that it needs.
    fn check(&self, layout: FilterLayout) -> Result<(), PackError> {
        let shares = layout == FilterLayout::Pairs && !self.shape.is_depthwise();
        for (channel, bias) in self.constants.biases.iter().enumerate() {
            let weights = self.row(channel);
            let sum: i64 = weights.iter().map(|weight| i64::from(weight.unsigned_abs())).sum();
            let bound = i64::from(bias.unsigned_abs()) + 128 * sum;
            if bound > i64::from(i32::MAX) {
                return Err(PackError::Sum { channel });
            }
            let lane = channel.checked_rem(self.shape.group_outputs()).unwrap_or(0) % 4;
            if shares && lane.is_multiple_of(2) {
                // −128 would take the halfword below its range where the other weight is negative, too.
                let fits = bound < SHARED_BOUND && !weights.contains(&i8::MIN);
                if !fits {
                    return Err(PackError::Bound { channel });
                }
            }
        }
        Ok(())
    }

    fn row(&self, channel: usize) -> &[i8] {
        let depth = self.shape.depth();
        self.constants.weights.get(channel * depth..(channel + 1) * depth).unwrap_or_default()
    }

    /// A weight by its place in the order `[column][row][input]`; 0 beyond the last.
    fn streamed(&self, channel: Option<usize>, index: usize) -> i32 {
        let (kernel, inputs) = (self.shape.sizes().kernel, self.shape.group_inputs());
        let (Some(tap), Some(input)) = (index.checked_div(inputs), index.checked_rem(inputs)) else { return 0 };
        let (Some(column), Some(row)) = (tap.checked_div(kernel.height), tap.checked_rem(kernel.height)) else {
            return 0;
        };
        if column >= kernel.width {
            return 0;
        }
        self.tap(channel, (row * kernel.width + column) * inputs + input)
    }

    /// A weight by its place in the order `[row][column][input]`; 0 beyond the last.
    fn tap(&self, channel: Option<usize>, index: usize) -> i32 {
        channel.and_then(|channel| self.row(channel).get(index)).map_or(0, |weight| i32::from(*weight))
    }

    fn bias(&self, channel: Option<usize>) -> i32 {
        channel.and_then(|channel| self.constants.biases.get(channel)).copied().unwrap_or(0)
    }

    fn multiplier(&self, channel: Option<usize>) -> i32 {
        channel.and_then(|channel| self.constants.multipliers.get(channel)).copied().unwrap_or(0)
    }

    fn plain(&self, out: &mut Writer<'_>) {
        let weights: &[u8] = bytemuck::must_cast_slice(self.constants.weights);
        out.put(weights);
        for _ in weights.len()..weights.len().next_multiple_of(4) {
            out.put(&[0]);
        }
        let words = self.constants.biases.iter().chain(self.constants.multipliers);
        words.for_each(|word| out.word(*word));
    }

    fn pairs(&self, out: &mut Writer<'_>, channels: Channels, depth: usize) {
        let two = [channels.at(0), channels.at(2)].into_iter().zip([channels.at(1), channels.at(3)]);
        for (a, b) in two.clone() {
            out.word(self.bias(a).wrapping_mul(256).wrapping_add(self.bias(b)));
            out.word(self.bias(b));
        }
        for element in pairs_of_elements(depth) {
            for (a, b) in two.clone() {
                let half = |element| 256 * self.streamed(a, element) + self.streamed(b, element);
                out.halves(half(element), half(element + 2));
            }
        }
        self.multipliers(out, channels, [0, 1, 2, 3]);
    }

    fn singles(&self, out: &mut Writer<'_>, channels: Channels, depth: usize) {
        self.biases(out, channels, [0, 1, 2, 3]);
        for element in pairs_of_elements(depth) {
            for lane in 0..4 {
                let half = |element| self.streamed(channels.at(lane), element);
                out.halves(half(element), half(element + 2));
            }
        }
        self.multipliers(out, channels, [0, 1, 2, 3]);
    }

    fn lanes(&self, out: &mut Writer<'_>, channels: Channels, depth: usize) {
        for lanes in [[0, 2, 4, 6], [1, 3, 5, 7]] {
            for first in (0..depth).step_by(16) {
                for lane in lanes {
                    let step = (first..first + 16).map(|element| self.streamed(channels.at(lane), element));
                    step.for_each(|weight| out.put(&(weight as i8).to_le_bytes()));
                }
            }
            self.biases(out, channels, lanes);
            self.multipliers(out, channels, lanes);
        }
    }

    fn depthwise_pairs(&self, out: &mut Writer<'_>, channels: Channels) {
        self.biases(out, channels, [0, 1, 2, 3]);
        let mut two = |first, second| {
            for lane in 0..4 {
                out.halves(self.tap(channels.at(lane), first), self.tap(channels.at(lane), second));
            }
        };
        if self.shape.is_three_by_three() {
            for column in 0..3 {
                two(column, column + 3);
                two(column + 3, column + 6);
            }
        } else {
            (0..self.shape.taps()).step_by(2).for_each(|tap| two(tap, tap + 1));
        }
        self.multipliers(out, channels, [0, 1, 2, 3]);
    }

    fn depthwise_lanes(&self, out: &mut Writer<'_>, channels: Channels) {
        for tap in 0..self.shape.taps().next_multiple_of(2) {
            (0..8).for_each(|lane| out.put(&(self.tap(channels.at(lane), tap) as i8).to_le_bytes()));
        }
        for lanes in [[0, 2, 4, 6], [1, 3, 5, 7]] {
            self.biases(out, channels, lanes);
        }
        for lanes in [[0, 2, 4, 6], [1, 3, 5, 7]] {
            self.multipliers(out, channels, lanes);
        }
    }

    fn biases(&self, out: &mut Writer<'_>, channels: Channels, lanes: [usize; 4]) {
        lanes.into_iter().for_each(|lane| out.word(self.bias(channels.at(lane))));
    }

    fn multipliers(&self, out: &mut Writer<'_>, channels: Channels, lanes: [usize; 4]) {
        lanes.into_iter().for_each(|lane| out.word(self.multiplier(channels.at(lane))));
    }
}

/// The first elements of the pairs 0 and 2, 1 and 3 of every four.
fn pairs_of_elements(depth: usize) -> impl Iterator<Item = usize> {
    (0..depth).step_by(4).flat_map(|four| [four, four + 1])
}

/// What is left to be written.
struct Writer<'a> {
    out: &'a mut [u8],
}

impl Writer<'_> {
    /// Writes bytes; what does not fit, which is nothing, is left out.
    fn put(&mut self, bytes: &[u8]) {
        if let Some((place, rest)) = core::mem::take(&mut self.out).split_at_mut_checked(bytes.len()) {
            place.copy_from_slice(bytes);
            self.out = rest;
        }
    }

    fn word(&mut self, word: i32) {
        self.put(&word.to_le_bytes());
    }

    /// A word of two int16.
    fn halves(&mut self, low: i32, high: i32) {
        self.put(&(low as i16).to_le_bytes());
        self.put(&(high as i16).to_le_bytes());
    }
}
