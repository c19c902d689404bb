//! The constants of a convolution, and how they lie: each core streams them in an order of its own.

use super::Shape;

/// The order of a layer's weights, biases and multipliers.
///
/// Weights are int8. A bias is an i32 with the input's zero point folded in, a multiplier a fraction of 2³² as an i32. Every core
/// reads every layout and gets the same integers; how fast is another matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FilterLayout {
    /// Weights `[output][row][column][input]`, zeros up to a multiple of 4 bytes, the biases, the multipliers.
    Plain,
    /// For the DSP instructions of Cortex-M4, M7 and M33. Four output channels make a block: four words that begin their sums,
    /// the weights, four multipliers. A halfword is 256·a + b with weights of two channels, and the words that begin the sums
    /// of the two are 256·(bias a) + (bias b) and (bias b). Of four elements it is the order 0, 2, 1, 3.
    ///
    /// Elements are in the order `[column][row][input]`, and zeros up to a multiple of 4.
    ///
    /// Depthwise, four channels make a block: biases, weights, multipliers. A word has two taps of one channel. Of a window of
    /// 3×3 it is, column by column, the upper two of each channel and then the lower two; of any other window taps 0 and 1
    /// of each channel, 2 and 3, and so on, in the order `[row][column]`.
    Pairs,
    /// As [`FilterLayout::Pairs`], with one channel a halfword and so twice the bytes, for sums beyond 23 bits. There is
    /// none for depthwise.
    Singles,
    /// For Helium on Cortex-M55. Eight output channels make a block: channels 0, 2, 4 and 6, then 1, 3, 5 and 7. Of each four
    /// come 16 elements of each channel in turn, then the biases and the multipliers.
    ///
    /// Elements are in the order `[column][row][input]`, and zeros up to a multiple of 16.
    ///
    /// Depthwise, eight channels make a block: their taps in the order `[row][column]`, zeros up to a multiple of 16 bytes,
    /// the biases of 0, 2, 4, 6, 1, 3, 5 and 7, the multipliers in that order.
    Lanes,
}

impl FilterLayout {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Pairs, Self::Singles, Self::Lanes];

    /// What the core that is compiled for streams fastest.
    pub const NATIVE: Self = if cfg!(cognate_kernel = "helium") {
        Self::Lanes
    } else if cfg!(cognate_kernel = "dsp") {
        Self::Pairs
    } else {
        Self::Plain
    };
}

/// How the bytes of one group's block are found.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Blocks {
    /// Channels of a block.
    pub channels: usize,
    /// Bytes of a block.
    pub bytes: usize,
    /// Blocks of a group; of all channels where a channel is a group.
    pub of_group: usize,
    /// Elements of a channel, with the zeros behind them.
    pub depth: usize,
}

impl Blocks {
    /// `None` for [`FilterLayout::Plain`], which has none, and for what a layout does not have.
    pub(in super::super) const fn of(shape: &Shape, layout: FilterLayout) -> Option<Self> {
        let depthwise = shape.is_depthwise();
        let (channels, step) = match layout {
            FilterLayout::Plain => return None,
            FilterLayout::Singles if depthwise => return None,
            FilterLayout::Pairs | FilterLayout::Singles => (4, 4),
            FilterLayout::Lanes => (8, 16),
        };
        let depth = match layout {
            // Four words of each column.
            FilterLayout::Pairs if shape.is_three_by_three() && depthwise => 12,
            FilterLayout::Pairs if depthwise => shape.taps().next_multiple_of(2),
            FilterLayout::Lanes if depthwise => shape.taps().next_multiple_of(2),
            _ => shape.depth().next_multiple_of(step),
        };
        let weight = match layout {
            FilterLayout::Singles => 2,
            FilterLayout::Pairs if depthwise => 2,
            _ => 1,
        };
        let bytes = channels * (depth * weight + 8);
        let outputs = if depthwise { shape.sizes().output.channels } else { shape.group_outputs() };
        // Not `div_ceil`: built for size it is a function of its own, which can panic.
        let of_group = outputs / channels + !outputs.is_multiple_of(channels) as usize;
        Some(Self { channels, bytes, of_group, depth })
    }
}

/// The constants of a layer, read where they lie.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    shape: Shape,
    layout: FilterLayout,
    bytes: &'a [u8],
}

impl<'a> Filter<'a> {
    /// Bytes that the constants of a layer take; `None` where there is no such layout.
    #[must_use]
    pub const fn bytes_of(shape: &Shape, layout: FilterLayout) -> Option<usize> {
        let channels = shape.sizes().output.channels;
        match layout {
            FilterLayout::Plain => match channels.checked_mul(shape.depth()) {
                Some(weights) => weights.next_multiple_of(4).checked_add(channels * 8),
                None => None,
            },
            _ => {
                let Some(blocks) = Blocks::of(shape, layout) else { return None };
                let groups = if shape.is_depthwise() { 1 } else { shape.sizes().groups };
                match blocks.bytes.checked_mul(blocks.of_group) {
                    Some(group) => group.checked_mul(groups),
                    None => None,
                }
            }
        }
    }

    /// `None` unless there are as many bytes as the layout takes. What they hold can only make the sums wrong.
    #[must_use]
    pub const fn new(shape: Shape, layout: FilterLayout, bytes: &'a [u8]) -> Option<Self> {
        match Self::bytes_of(&shape, layout) {
            Some(length) if length == bytes.len() => Some(Self { shape, layout, bytes }),
            _ => None,
        }
    }

    /// What the layer looks like.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How its constants lie.
    #[must_use]
    pub const fn layout(&self) -> FilterLayout {
        self.layout
    }

    /// All of them.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The weights of a channel one after the other, `[row][column][input]`; `None` where they do not lie so.
    pub(crate) fn row(&self, channel: usize) -> Option<&'a [i8]> {
        if self.layout == FilterLayout::Plain { Some(self.rows(channel, 1)) } else { None }
    }

    /// The weights of some channels of a plain filter.
    pub(super) fn rows(&self, channel: usize, count: usize) -> &'a [i8] {
        let depth = self.shape.depth();
        bytemuck::must_cast_slice(self.bytes.get(channel * depth..(channel + count) * depth).unwrap_or_default())
    }

    /// A weight: of an output channel, and of what it sees a row, a column and an input channel of its group. 0 beyond the
    /// last.
    #[must_use]
    pub fn weight(&self, channel: usize, row: usize, column: usize, input: usize) -> i8 {
        let (kernel, inputs) = (self.shape.sizes().kernel, self.shape.group_inputs());
        if row >= kernel.height || column >= kernel.width || input >= inputs {
            return 0;
        }
        let streamed = (column * kernel.height + row) * inputs + input;
        let tap = row * kernel.width + column;
        match self.layout {
            FilterLayout::Plain => self.byte(channel * self.shape.depth() + tap * inputs + input),
            _ if self.shape.is_depthwise() => self.depthwise_weight(channel, row, column),
            FilterLayout::Pairs => {
                let Some((start, lane, _)) = self.block(channel) else { return 0 };
                // Two words of a pair of elements, two pairs of four elements.
                let word = 2 * (streamed / 4 * 2 + streamed % 2) + lane / 2;
                let half = self.half(start + 16 + word * 4 + streamed % 4 / 2 * 2);
                let second = half as i8;
                if lane % 2 == 1 { second } else { (half.wrapping_sub(i16::from(second)) >> 8) as i8 }
            }
            FilterLayout::Singles => {
                let Some((start, lane, _)) = self.block(channel) else { return 0 };
                let word = 4 * (streamed / 4 * 2 + streamed % 2) + lane;
                self.half(start + 16 + word * 4 + streamed % 4 / 2 * 2) as i8
            }
            FilterLayout::Lanes => {
                let Some((start, lane, blocks)) = self.block(channel) else { return 0 };
                let four = start + lane % 2 * (blocks.bytes / 2);
                self.byte(four + (streamed / 16 * 4 + lane / 2) * 16 + streamed % 16)
            }
        }
    }

    fn depthwise_weight(&self, channel: usize, row: usize, column: usize) -> i8 {
        let Some((start, lane, _)) = self.block(channel) else { return 0 };
        let tap = row * self.shape.sizes().kernel.width + column;
        match self.layout {
            FilterLayout::Lanes => self.byte(start + tap * 8 + lane),
            // The upper two, and of the lower two the second.
            _ if self.shape.is_three_by_three() => {
                let (word, half) = if row < 2 { (lane, row) } else { (4 + lane, 1) };
                self.half(start + 16 + (column * 8 + word) * 4 + half * 2) as i8
            }
            _ => self.half(start + 16 + (tap / 2 * 4 + lane) * 4 + tap % 2 * 2) as i8,
        }
    }

    /// What a sum begins with.
    #[must_use]
    pub fn bias(&self, channel: usize) -> i32 {
        if self.layout == FilterLayout::Plain {
            return self.word(self.plain_words() + channel * 4);
        }
        match (self.layout, self.block(channel)) {
            (FilterLayout::Pairs, Some((start, lane, _))) if !self.shape.is_depthwise() => {
                let second = self.word(start + lane / 2 * 8 + 4);
                let both = self.word(start + lane / 2 * 8);
                if lane % 2 == 1 { second } else { both.wrapping_sub(second) >> 8 }
            }
            (FilterLayout::Pairs | FilterLayout::Singles, Some((start, lane, _))) => self.word(start + lane * 4),
            (FilterLayout::Lanes, Some((start, lane, blocks))) => self.word(self.lane_words(start, lane, blocks)),
            (FilterLayout::Plain, _) | (_, None) => 0,
        }
    }

    /// What a sum is multiplied by, in 2⁻³².
    #[must_use]
    pub fn multiplier(&self, channel: usize) -> i32 {
        if self.layout == FilterLayout::Plain {
            return self.word(self.plain_words() + (self.shape.sizes().output.channels + channel) * 4);
        }
        match (self.layout, self.block(channel)) {
            (FilterLayout::Pairs | FilterLayout::Singles, Some((start, lane, blocks))) => {
                self.word(start + blocks.bytes - 16 + lane * 4)
            }
            (FilterLayout::Lanes, Some((start, lane, blocks))) => {
                let behind = if self.shape.is_depthwise() { 32 } else { 16 };
                self.word(self.lane_words(start, lane, blocks) + behind)
            }
            (FilterLayout::Plain, _) | (_, None) => 0,
        }
    }

    /// Where the biases of a plain filter begin.
    const fn plain_words(&self) -> usize {
        (self.shape.sizes().output.channels * self.shape.depth()).next_multiple_of(4)
    }

    /// Where the bias of a lane is: of a half block, or at the end of one for depthwise.
    const fn lane_words(&self, start: usize, lane: usize, blocks: Blocks) -> usize {
        if self.shape.is_depthwise() {
            start + blocks.bytes - 64 + lane % 2 * 16 + lane / 2 * 4
        } else {
            start + (lane % 2 + 1) * (blocks.bytes / 2) - 32 + lane / 2 * 4
        }
    }

    /// Where the block of a channel begins, and which of its channels it is.
    fn block(&self, channel: usize) -> Option<(usize, usize, Blocks)> {
        let blocks = Blocks::of(&self.shape, self.layout)?;
        let (group, channel) = if self.shape.is_depthwise() {
            (0, channel)
        } else {
            let outputs = self.shape.group_outputs();
            (channel.checked_div(outputs)?, channel.checked_rem(outputs)?)
        };
        let block = group * blocks.of_group + channel.checked_div(blocks.channels)?;
        Some((block * blocks.bytes, channel.checked_rem(blocks.channels)?, blocks))
    }

    fn byte(&self, at: usize) -> i8 {
        self.bytes.get(at).map_or(0, |byte| byte.cast_signed())
    }

    fn half(&self, at: usize) -> i16 {
        self.bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| i16::from_le_bytes(*bytes))
    }

    fn word(&self, at: usize) -> i32 {
        self.bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| i32::from_le_bytes(*bytes))
    }
}
