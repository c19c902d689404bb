//! What a convolution looks like.

/// Height, width and channels of a tensor, which lies row by row and has a pixel's channels side by side (NHWC).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Rows.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Channels of a pixel.
    pub channels: usize,
}

/// Something down and something across.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Down.
    pub height: usize,
    /// Across.
    pub width: usize,
}

/// The sizes of a convolution, as the caller names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Of the input.
    pub input: Extent,
    /// Of the output. Whatever of a window lies outside of the input is padding.
    pub output: Extent,
    /// Of the window.
    pub kernel: Size,
    /// From one window to the next.
    pub stride: Size,
    /// From one element of a window to the next.
    pub dilation: Size,
    /// How far the first window begins above and left of the input.
    pub padding: Size,
    /// Parts that the channels fall into: an output channel sees the input channels of its part alone.
    pub groups: usize,
}

/// Sizes of a convolution that fit together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    sizes: Sizes,
    // Kept, because a core without a division would compute them for each output.
    group_inputs: usize,
    group_outputs: usize,
}

/// The most elements of a tensor.
const MOST_ELEMENTS: usize = 1 << 26;
/// The most rows, pixels or channels.
const MOST: usize = 1 << 20;
/// The most products of a sum. Whether a sum fits is seen from its weights.
const MOST_DEPTH: usize = 1 << 20;
/// The greatest window, stride, dilation and padding.
const MOST_WINDOW: usize = 255;

/// The most lines of a band: those of 16 rows of windows. Two of them are brought again for the next band.
const BAND_LINES: usize = 18;

impl Extent {
    /// All elements. It fits if it is of a [`Shape`].
    #[must_use]
    pub const fn elements(&self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(self.channels)
    }

    const fn is_sound(&self) -> bool {
        let Self { height, width, channels } = *self;
        is_within(height, MOST)
            && is_within(width, MOST)
            && is_within(channels, MOST)
            && self.elements() <= MOST_ELEMENTS
    }
}

impl Size {
    /// As large both ways.
    #[must_use]
    pub const fn square(side: usize) -> Self {
        Self { height: side, width: side }
    }

    const fn is_sound(&self) -> bool {
        is_within(self.height, MOST_WINDOW) && is_within(self.width, MOST_WINDOW)
    }
}

const fn is_within(size: usize, most: usize) -> bool {
    1 <= size && size <= most
}

impl Shape {
    /// `None` if a size is 0 or too great, or the groups do not divide the channels.
    #[must_use]
    pub const fn new(sizes: Sizes) -> Option<Self> {
        let Sizes { input, output, kernel, stride, dilation, padding, groups } = sizes;
        let sound = input.is_sound() && output.is_sound() && kernel.is_sound() && stride.is_sound();
        let sound = sound && dilation.is_sound() && padding.height <= MOST_WINDOW && padding.width <= MOST_WINDOW;
        let (Some(group_inputs), Some(group_outputs)) =
            (input.channels.checked_div(groups), output.channels.checked_div(groups))
        else {
            return None;
        };
        let divided = group_inputs * groups == input.channels && group_outputs * groups == output.channels;
        if !(sound && divided) {
            return None;
        }
        let shape = Self { sizes, group_inputs, group_outputs };
        if shape.depth() <= MOST_DEPTH { Some(shape) } else { None }
    }

    /// A dense layer: a window that sees one pixel, which is all.
    #[must_use]
    pub const fn dense(inputs: usize, outputs: usize) -> Option<Self> {
        Self::new(Sizes {
            input: Extent { height: 1, width: 1, channels: inputs },
            output: Extent { height: 1, width: 1, channels: outputs },
            kernel: Size::square(1),
            stride: Size::square(1),
            dilation: Size::square(1),
            padding: Size::square(0),
            groups: 1,
        })
    }

    /// The sizes.
    #[must_use]
    pub const fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// Input channels that an output channel sees.
    #[must_use]
    pub const fn group_inputs(&self) -> usize {
        self.group_inputs
    }

    /// Output channels of a group.
    #[must_use]
    pub const fn group_outputs(&self) -> usize {
        self.group_outputs
    }

    /// Elements of a window.
    #[must_use]
    pub const fn taps(&self) -> usize {
        self.sizes.kernel.height * self.sizes.kernel.width
    }

    /// Products that an output sums up.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.taps().saturating_mul(self.group_inputs())
    }

    /// Multiply-accumulates of the whole, those with padding among them.
    #[must_use]
    pub const fn macs(&self) -> u64 {
        self.sizes.output.elements() as u64 * self.depth() as u64
    }

    /// Whether every channel is a group of its own.
    #[must_use]
    pub const fn is_depthwise(&self) -> bool {
        self.sizes.groups > 1 && self.group_inputs() == 1 && self.group_outputs() == 1
    }

    /// Whether the columns of a window have gaps between them.
    pub(in super::super) const fn dilates(&self) -> bool {
        self.sizes.kernel.width > 1 && self.sizes.dilation.width > 1
    }

    /// Columns, with those of the padding, that a row of windows sees when it has no gaps.
    pub(in super::super) const fn line_columns(&self) -> usize {
        let Sizes { output, kernel, stride, .. } = self.sizes;
        output.width.saturating_sub(1) * stride.width + kernel.width
    }

    /// Lines of the input, with those of the padding, that Helium brings side by side for windows of 3×3 at once.
    pub(in super::super) const fn band_lines(&self) -> usize {
        let all = (self.sizes.output.height - 1) * self.sizes.stride.height + 3;
        if all < BAND_LINES { all } else { BAND_LINES }
    }

    /// A window of three by three without gaps.
    pub(in super::super) const fn is_three_by_three(&self) -> bool {
        let Sizes { kernel, dilation, .. } = self.sizes;
        kernel.height == 3 && kernel.width == 3 && dilation.height == 1 && dilation.width == 1
    }

    /// The row of the input that a row of a window sees; `None` for padding.
    pub(crate) fn input_row(&self, row: usize, tap: usize) -> Option<usize> {
        let Sizes { input, stride, dilation, padding, .. } = self.sizes;
        let row = (row * stride.height + tap * dilation.height).checked_sub(padding.height)?;
        (row < input.height).then_some(row)
    }

    /// The same across.
    pub(crate) fn input_column(&self, column: usize, tap: usize) -> Option<usize> {
        let Sizes { input, stride, dilation, padding, .. } = self.sizes;
        let column = (column * stride.width + tap * dilation.width).checked_sub(padding.width)?;
        (column < input.width).then_some(column)
    }

    /// Which of some taps from one on, side by side without gaps, see the input and not padding.
    pub(super) fn seen_columns(&self, column: usize, tap: usize, count: usize) -> core::ops::Range<usize> {
        let Sizes { input, stride, dilation, padding, .. } = self.sizes;
        let column = column * stride.width + tap * dilation.width;
        let start = padding.width.saturating_sub(column).min(count);
        let end = (input.width + padding.width).saturating_sub(column).min(count);
        start..end.max(start)
    }
}
