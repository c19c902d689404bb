//! The shape of an encoder, layer by layer, and what it costs a device.

use core::fmt;

use super::Cost;
use crate::error::TrainError;

/// The size of a sample; a series has height 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Values at each place: 1 for gray images, the axes of an accelerometer.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns, or the steps of a series.
    pub width: usize,
}

/// The filters of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filters {
    /// So many, each over all input channels.
    Full(usize),
    /// One for each input channel, over that channel alone.
    Depthwise,
}

/// A convolution with its BatchNorm; the padding is such that n places become ⌈n / stride⌉.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// What its output channels are made of.
    pub filters: Filters,
    /// Height and width of the filters, odd.
    pub kernel: [usize; 2],
    /// Step along height and width.
    pub stride: [usize; 2],
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// How a block's input comes back behind its layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Not at all.
    None,
    /// It is added; through a 1 × 1 convolution, where the layers change its shape.
    Add,
    /// The same, with a ReLU behind the sum.
    AddRelu,
}

/// Layers in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// At least one.
    pub layers: Vec<Layer>,
    /// What becomes of its input.
    pub join: Join,
}

/// What the last dense layer sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Every place of every channel. Costs weights where pooling costs accuracy, if it counts where something is.
    Flatten,
    /// The mean of every channel.
    Pool,
}

/// An encoder; together with the [`Shape`] of the samples it says every shape.
#[derive(Debug, Clone, PartialEq)]
pub struct NetConfig {
    /// The convolutions in order.
    pub blocks: Vec<Block>,
    /// What the dense layer sees of them.
    pub head: Head,
    /// Dimensions of the embedding.
    pub embedding: usize,
    /// Share of the running statistics that a training step keeps.
    pub batch_norm_momentum: f64,
}

impl Default for NetConfig {
    /// That of `models/glyphs.onnx`: 24, 32, 64 and 40 channels into 64 dimensions, 89,784 parameters on 28 × 28 pixels,
    /// BatchNorm folded.
    fn default() -> Self {
        let block = |channels, stride| Block::from(Layer::full(channels, [3; 2], [stride; 2]));
        Self {
            blocks: vec![block(24, 2), block(32, 1), block(64, 2), block(40, 2)],
            head: Head::Flatten,
            embedding: 64,
            batch_norm_momentum: 0.97,
        }
    }
}

impl Layer {
    /// A convolution with ReLU.
    #[must_use]
    pub const fn full(channels: usize, kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { filters: Filters::Full(channels), kernel, stride, relu: true }
    }

    /// A depthwise convolution with ReLU.
    #[must_use]
    pub const fn depthwise(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { filters: Filters::Depthwise, kernel, stride, relu: true }
    }

    /// The same without ReLU.
    #[must_use]
    pub const fn linear(self) -> Self {
        Self { relu: false, ..self }
    }

    /// The shape that it makes of another.
    #[must_use]
    pub const fn output(&self, input: Shape) -> Shape {
        let channels = match self.filters {
            Filters::Full(channels) => channels,
            Filters::Depthwise => input.channels,
        };
        let [down, across] = self.stride;
        Shape { channels, height: input.height.div_ceil(down), width: input.width.div_ceil(across) }
    }

    /// Input channels that a filter is over.
    #[must_use]
    pub(crate) const fn filter_channels(&self, input: Shape) -> usize {
        match self.filters {
            Filters::Full(_) => input.channels,
            Filters::Depthwise => 1,
        }
    }
}

impl From<Layer> for Block {
    fn from(layer: Layer) -> Self {
        Self { layers: vec![layer], join: Join::None }
    }
}

impl Block {
    /// The shape that it makes of another.
    #[must_use]
    pub fn output(&self, input: Shape) -> Shape {
        self.layers.iter().fold(input, |shape, layer| layer.output(shape))
    }

    /// The convolution that brings the input to the output's shape, where it is added and has another.
    pub(crate) fn shortcut(&self, input: Shape) -> Option<Layer> {
        let output = self.output(input);
        let stride = self.layers.iter().fold([1; 2], |[a, b], layer| [a * layer.stride[0], b * layer.stride[1]]);
        let differs = self.join != Join::None && output != input;
        differs.then_some(Layer::full(output.channels, [1; 2], stride).linear())
    }
}

impl Shape {
    /// Values of a sample.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.channels, self.height, self.width)
    }
}

impl fmt::Display for NetConfig {
    /// One line: `24 3×3/2×2 relu | dw 3×3/1×1 relu, 32 1×1/1×1 + input | flatten | 64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for block in &self.blocks {
            let layers: Vec<String> = block.layers.iter().map(ToString::to_string).collect();
            f.write_str(&layers.join(", "))?;
            f.write_str(match block.join {
                Join::None => " | ",
                Join::Add => " + input | ",
                Join::AddRelu => " + input relu | ",
            })?;
        }
        let head = if self.head == Head::Pool { "pool" } else { "flatten" };
        write!(f, "{head} | {}", self.embedding)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.filters {
            Filters::Full(channels) => write!(f, "{channels}")?,
            Filters::Depthwise => f.write_str("dw")?,
        }
        let ([height, width], [down, across]) = (self.kernel, self.stride);
        write!(f, " {height}×{width}/{down}×{across}{}", if self.relu { " relu" } else { "" })
    }
}

impl NetConfig {
    /// Values that the dense layer sees.
    #[must_use]
    pub fn features(&self, input: Shape) -> usize {
        let last = self.blocks.iter().fold(input, |shape, block| block.output(shape));
        match self.head {
            Head::Flatten => last.len(),
            Head::Pool => last.channels,
        }
    }

    /// What it costs a device, as int8.
    #[must_use]
    pub fn cost(&self, input: Shape) -> Cost {
        let mut cost = Cost::default();
        let mut shape = input;
        for block in &self.blocks {
            let shortcut = block.shortcut(shape);
            let output = block.output(shape);
            // What is added stays in RAM while the layers run.
            let held = match (block.join, &shortcut) {
                (Join::None, _) => 0,
                (_, None) => shape.len(),
                (_, Some(_)) => output.len(),
            };
            if let Some(layer) = &shortcut {
                cost.add(layer, shape, shape.len());
            }
            let mut between = shape;
            for (index, layer) in block.layers.iter().enumerate() {
                // The first layer's input is what is held, unless a shortcut made something else of it.
                let is_held = index == 0 && shortcut.is_none();
                cost.add(layer, between, if is_held { 0 } else { held });
                between = layer.output(between);
            }
            shape = output;
        }
        cost.add_dense(self.features(input), self.embedding);
        cost
    }

    /// Refuses what no data can make right.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        const POSITIVE: &str = "above zero";
        let layers = || self.blocks.iter().flat_map(|block| &block.layers);
        let settings = [
            ("embedding", POSITIVE, self.embedding > 0),
            ("blocks", "at least one", !self.blocks.is_empty()),
            ("layers", "at least one a block", self.blocks.iter().all(|block| !block.layers.is_empty())),
            ("channels", POSITIVE, layers().all(|layer| layer.filters != Filters::Full(0))),
            ("stride", POSITIVE, layers().all(|layer| !layer.stride.contains(&0))),
            ("kernel", "odd", layers().all(|layer| layer.kernel.iter().all(|side| side % 2 == 1))),
            ("batch_norm_momentum", "in 0..=1", (0.0..=1.0).contains(&self.batch_norm_momentum)),
        ];
        match settings.iter().find(|(_, _, right)| !right) {
            Some(&(name, need, _)) => Err(TrainError::Setting { name, need }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLYPH: Shape = Shape { channels: 1, height: 28, width: 28 };

    #[test]
    fn the_default_costs_what_its_documentation_says() {
        let cost = NetConfig::default().cost(GLYPH);
        // 89,784 parameters, of which 24 + 32 + 64 + 40 + 64 biases have four bytes.
        assert_eq!(cost.weights, 89_784 + 3 * 224);
        assert_eq!(cost.macs, 2_709_856);
        // The second convolution: 14 × 14 places of 24 channels in, and of 32 out.
        assert_eq!(cost.ram, 14 * 14 * (24 + 32));
    }

    #[test]
    fn a_residual_block_holds_its_input_and_has_a_shortcut_where_its_shape_changes() {
        let layers = vec![Layer::full(8, [3; 2], [1; 2]), Layer::full(8, [3; 2], [1; 2]).linear()];
        let block = Block { layers, join: Join::AddRelu };
        let same = Shape { channels: 8, height: 4, width: 4 };
        assert_eq!(block.shortcut(same), None);
        let fewer = Shape { channels: 6, ..same };
        assert_eq!(block.shortcut(fewer), Some(Layer::full(8, [1; 2], [1; 2]).linear()));
        let net = |block: &Block| NetConfig { blocks: vec![block.clone()], head: Head::Pool, ..NetConfig::default() };
        // The input, what lies between, and the output.
        assert_eq!(net(&block).cost(same).ram, 3 * same.len());
        let plain = Block { join: Join::None, ..block.clone() };
        assert_eq!(net(&plain).cost(same).ram, 2 * same.len());
        assert_eq!(net(&block).cost(fewer).macs - net(&plain).cost(fewer).macs, 16 * 6 * 8);
    }

    #[test]
    fn one_line_says_everything() {
        let layers = vec![Layer::depthwise([3; 2], [2; 2]), Layer::full(8, [1; 2], [1; 2]).linear()];
        let block = Block { layers, join: Join::AddRelu };
        let net = NetConfig { blocks: vec![block], ..NetConfig::default() };
        assert_eq!(net.to_string(), "dw 3×3/2×2 relu, 8 1×1/1×1 + input relu | flatten | 64");
    }

    #[test]
    fn a_series_is_as_wide_as_its_stride_leaves_it() {
        let series = Shape { channels: 3, height: 1, width: 101 };
        let layer = Layer::depthwise([1, 5], [1, 2]);
        assert_eq!(layer.output(series), Shape { width: 51, ..series });
    }
}
