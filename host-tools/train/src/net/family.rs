//! Families of encoders that grow with one number, their width.

use super::{Block, Budget, Filters, Head, Join, Layer, NetConfig, Shape};

/// Places along the longer side of the sample at which a family stops halving it.
const SMALLEST: usize = 7;
/// How much wider an inverted residual block is inside (Sandler et al., 2018).
const EXPANSION: usize = 6;
/// The greatest width that is tried for a budget.
const WIDEST: usize = 512;

/// A way of building an encoder for any sample and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// 3 × 3 convolutions in a row.
    Plain,
    /// Depthwise-separable convolutions: a filter for each channel, then a mixture of channels (Zhang et al., 2017, for
    /// keywords on microcontrollers).
    DsCnn,
    /// Inverted residuals with linear bottlenecks (Sandler et al., 2018).
    MobileNetV2,
    /// Residual blocks of two convolutions (He et al., 2016).
    ResNet,
}

impl Family {
    /// What the command line calls each.
    pub const NAMED: [(&'static str, Self); 4] = [
        ("plain", Self::Plain),
        ("ds-cnn", Self::DsCnn),
        ("mobilenet-v2", Self::MobileNetV2),
        ("resnet", Self::ResNet),
    ];

    /// An encoder whose first layer has `width` channels. Each halving of the sample, until its longer side has at most seven
    /// places, makes half as many channels more. Filters of a series have one row.
    #[must_use]
    pub fn config(self, input: Shape, width: usize, head: Head, embedding: usize) -> NetConfig {
        let is_series = input.height == 1;
        let kernel = if is_series { [1, 3] } else { [3, 3] };
        let mut blocks = vec![Block::from(Layer::full(width, kernel, halved(input)))];
        let mut shape = blocks[0].output(input);
        let mut channels = width;
        while blocks.len() == 1 || shape.height.max(shape.width) > SMALLEST {
            let stride = if shape.height.max(shape.width) > SMALLEST { halved(shape) } else { [1; 2] };
            channels += channels.div_ceil(2);
            for block in self.stage(shape.channels, channels, kernel, stride) {
                shape = block.output(shape);
                blocks.push(block);
            }
        }
        NetConfig { blocks, head, embedding, ..NetConfig::default() }
    }

    /// The blocks of one size of the sample.
    fn stage(self, inputs: usize, channels: usize, kernel: [usize; 2], stride: [usize; 2]) -> Vec<Block> {
        let stay = [1; 2];
        match self {
            Self::Plain => vec![Layer::full(channels, kernel, stride).into()],
            Self::DsCnn => vec![separable(channels, kernel, stride), separable(channels, kernel, stay)],
            Self::MobileNetV2 => vec![
                inverted(inputs, channels, kernel, stride, Join::None),
                inverted(channels, channels, kernel, stay, Join::Add),
            ],
            Self::ResNet => {
                let layers = vec![Layer::full(channels, kernel, stride), Layer::full(channels, kernel, stay).linear()];
                vec![Block { layers, join: Join::AddRelu }]
            }
        }
    }

    /// The widest encoder within the budget; `None` when even a width of 1 is beyond it.
    #[must_use]
    pub fn within(self, budget: &Budget, input: Shape, head: Head, embedding: usize) -> Option<NetConfig> {
        let at = |width| self.config(input, width, head, embedding);
        // Costs rise with the width, so the first that does not fit ends the search.
        (1..=WIDEST).map(at).take_while(|config| budget.holds(&config.cost(input))).last()
    }
}

/// The stride that halves a sample: a series has one row, which stays.
const fn halved(shape: Shape) -> [usize; 2] {
    if shape.height == 1 { [1, 2] } else { [2, 2] }
}

fn separable(channels: usize, kernel: [usize; 2], stride: [usize; 2]) -> Block {
    let layers = vec![Layer::depthwise(kernel, stride), Layer::full(channels, [1; 2], [1; 2])];
    Block { layers, join: Join::None }
}

fn inverted(inputs: usize, channels: usize, kernel: [usize; 2], stride: [usize; 2], join: Join) -> Block {
    let expand = Layer::full(inputs * EXPANSION, [1; 2], [1; 2]);
    let project = Layer { filters: Filters::Full(channels), ..Layer::full(channels, [1; 2], [1; 2]).linear() };
    Block { layers: vec![expand, Layer::depthwise(kernel, stride), project], join }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: Shape = Shape { channels: 1, height: 28, width: 28 };
    const SERIES: Shape = Shape { channels: 3, height: 1, width: 128 };

    #[test]
    fn every_family_ends_small_and_keeps_a_series_a_series() {
        for (name, family) in Family::NAMED {
            for input in [IMAGE, SERIES, Shape { channels: 1, height: 76, width: 32 }] {
                let config = family.config(input, 8, Head::Flatten, 16);
                let last = config.blocks.iter().fold(input, |shape, block| block.output(shape));
                assert!(last.height.max(last.width) <= SMALLEST, "{name}: {last:?} of {input:?}");
                assert!(last.height.max(last.width) * 2 >= SMALLEST, "{name}: {last:?} of {input:?}");
                assert_eq!(config.check(), Ok(()));
                let one_row = config.blocks.iter().flat_map(|block| &block.layers).all(|layer| layer.kernel[0] == 1);
                assert_eq!(one_row, input.height == 1, "{name}");
            }
        }
    }

    #[test]
    fn a_budget_finds_the_widest_that_fits() {
        let budget = Budget { weights: 60_000, ram: 32_000, macs: 2_000_000 };
        for (name, family) in Family::NAMED {
            for (input, head) in [(IMAGE, Head::Flatten), (SERIES, Head::Pool)] {
                let found = family.within(&budget, input, head, 32).unwrap();
                assert!(budget.holds(&found.cost(input)), "{name}");
                let Filters::Full(width) = found.blocks[0].layers[0].filters else { panic!("{name}") };
                assert!(width > 1, "{name}");
                assert!(!budget.holds(&family.config(input, width + 1, head, 32).cost(input)), "{name}");
            }
            let nothing = Budget { ram: 500, ..Budget::NONE };
            assert_eq!(family.within(&nothing, IMAGE, Head::Pool, 32), None);
        }
    }
}
