//! Encoders in the shapes of known ones, with made-up weights: what they cost does not depend on what they know.

use super::pseudo_random;
use anyhow::{Context, Result};
use cognate::ModelDigest;
use cognate::encoder::{
    Constants, Element, EncoderContents, Extent, Filter, FilterLayout, InputForm, Operator, Shape, Size, Sizes, Step,
    Tensor, Window, pack,
};

/// What is measured.
pub const ENCODERS: [&str; 3] = ["encoder:glyphs", "encoder:keyword", "encoder:mobilefacenet"];

/// Of the tensors. The kernels need not know that it is the same for all.
const ZERO: i8 = -5;

/// A network being put together, in places of the arena that take turns.
pub struct Network {
    layout: FilterLayout,
    tensors: Vec<Tensor>,
    nodes: Vec<Node>,
    /// The multiply-accumulates of its convolutions.
    pub macs: u64,
    random: u32,
}

struct Node {
    kind: Kind,
    inputs: [u16; 2],
    output: u16,
}

enum Kind {
    Convolution { window: Window, groups: usize, layout: FilterLayout, constants: Vec<u8> },
    Add,
    MaxPool(Window),
    Table,
}

/// A function of elements; which one is of no account.
const TABLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let element = (index as u8).cast_signed();
        table[index] = (if element < ZERO { element / 4 } else { element }).cast_unsigned();
        index += 1;
    }
    table
};

/// Pixels to int8.
const PIXELS: [u8; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = index as u8 ^ 0x80;
        index += 1;
    }
    table
};

/// Where a window goes.
#[derive(Clone, Copy)]
struct Over {
    kernel: [usize; 2],
    stride: usize,
    padding: [usize; 2],
}

const POINT: Over = Over { kernel: [1, 1], stride: 1, padding: [0, 0] };

impl Network {
    /// The encoder of that name, its constants in a layout.
    ///
    /// # Errors
    /// When there is none, or something of it does not fit together.
    pub fn new(name: &str, layout: FilterLayout) -> Result<Self> {
        let network = Self { layout, tensors: Vec::new(), nodes: Vec::new(), macs: 0, random: 1 };
        match name {
            "encoder:glyphs" => network.glyphs(),
            "encoder:keyword" => network.keyword(),
            "encoder:mobilefacenet" => network.mobilefacenet(),
            _ => None,
        }
        .with_context(|| format!("there is no encoder {name}, or its shapes do not fit together"))
    }

    /// `models/glyphs.onnx`.
    fn glyphs(mut self) -> Option<Self> {
        let square = |stride| Over { kernel: [3, 3], stride, padding: [1, 1] };
        let mut at = self.input([28, 28, 1]);
        for (channels, stride) in [(24, 2), (32, 1), (64, 2), (40, 2)] {
            at = self.convolution(at, channels, square(stride), 1, None)?;
        }
        self.output(at, 64)?;
        Some(self)
    }

    /// The embedding model of openWakeWord.
    fn keyword(mut self) -> Option<Self> {
        let across = Over { kernel: [1, 3], stride: 1, padding: [0, 1] };
        let down = Over { kernel: [3, 1], stride: 1, padding: [0, 0] };
        let first = Over { kernel: [3, 3], stride: 1, padding: [0, 1] };
        let input = self.input([76, 32, 1]);
        let mut at = self.rectified(input, 24, first)?;
        at = self.rectified(at, 24, across)?;
        at = self.rectified(at, 24, down)?;
        for (pool, channels, pairs) in [([2, 2], 48, 2), ([1, 2], 72, 2), ([2, 2], 96, 2), ([1, 2], 96, 2)] {
            at = self.pool(at, pool);
            for _ in 0..pairs {
                at = self.rectified(at, channels, across)?;
                at = self.rectified(at, channels, down)?;
            }
        }
        at = self.pool(at, [2, 2]);
        self.output(at, 96)?;
        Some(self)
    }

    /// foamliu/MobileFaceNet.
    fn mobilefacenet(mut self) -> Option<Self> {
        let square = |stride| Over { kernel: [3, 3], stride, padding: [1, 1] };
        let mut at = self.input([112, 112, 3]);
        at = self.convolution(at, 64, square(2), 1, None)?;
        at = self.convolution(at, 64, square(1), 64, None)?;
        at = self.convolution(at, 64, POINT, 1, None)?;
        // Channels inside a block, channels behind it, the stride of its first, and how many there are.
        let blocks = [(128, 64, 2, 5), (256, 128, 2, 7), (512, 128, 2, 1), (256, 128, 1, 2)];
        for (inside, outside, stride, count) in blocks {
            for index in 0..count {
                let first = index == 0 && stride == 2;
                // Of the first block with a stride it is twice the channels before it.
                let residual = (!first).then_some(at);
                let wide = self.convolution(at, inside, POINT, 1, residual)?;
                let seen = self.convolution(wide, inside, square(if first { 2 } else { 1 }), inside, residual)?;
                at = self.convolution(seen, outside, POINT, 1, residual)?;
                if let Some(residual) = residual {
                    at = self.add(residual, at);
                }
            }
        }
        at = self.convolution(at, 512, POINT, 1, None)?;
        let side = self.tensors[usize::from(at)].extent.height;
        at = self.convolution(at, 512, Over { kernel: [side, side], ..POINT }, 512, None)?;
        self.output(at, 128)?;
        Some(self)
    }

    fn input(&mut self, [height, width, channels]: [usize; 3]) -> u16 {
        self.tensor(Extent { height, width, channels }, Element::Int8, [None; 2])
    }

    /// A tensor in a place that none of these has.
    fn tensor(&mut self, extent: Extent, element: Element, others: [Option<u16>; 2]) -> u16 {
        let taken = others.map(|other| other.map(|other| self.tensors[usize::from(other)].offset));
        let place = (0..3).find(|place| !taken.contains(&Some(*place))).unwrap_or_default();
        let zero = if element == Element::Int8 { ZERO } else { 0 };
        self.tensors.push(Tensor { extent, element, zero, offset: place });
        (self.tensors.len() - 1) as u16
    }

    fn convolution(&mut self, from: u16, channels: usize, over: Over, groups: usize, kept: Option<u16>) -> Option<u16> {
        self.any_convolution(from, channels, over, groups, kept, Element::Int8)
    }

    fn any_convolution(
        &mut self,
        from: u16,
        channels: usize,
        Over { kernel, stride, padding }: Over,
        groups: usize,
        kept: Option<u16>,
        element: Element,
    ) -> Option<u16> {
        let size = |[height, width]: [usize; 2]| Size { height, width };
        let input = self.tensors[usize::from(from)].extent;
        let windows = |length: usize, axis: usize| (length + 2 * padding[axis] - kernel[axis]) / stride + 1;
        let output = Extent { height: windows(input.height, 0), width: windows(input.width, 1), channels };
        let window =
            Window { kernel: size(kernel), stride: Size::square(stride), padding: size(padding), ..Window::POINT };
        let Window { stride, dilation, padding, kernel } = window;
        let shape = Shape::new(Sizes { input, output, kernel, stride, dilation, padding, groups })?;
        self.macs += shape.macs();
        let (layout, constants) = self.constants(shape)?;
        let out = self.tensor(output, element, [Some(from), kept]);
        let kind = Kind::Convolution { window, groups, layout, constants };
        self.nodes.push(Node { kind, inputs: [from, Step::NO_INPUT], output: out });
        Some(out)
    }

    /// Weights up to ±127, and a scale with which outputs are about as large as inputs.
    fn constants(&mut self, shape: Shape) -> Option<(FilterLayout, Vec<u8>)> {
        let outputs = shape.sizes().output.channels;
        let random = &mut self.random;
        let weights: Vec<_> =
            (0..outputs * shape.depth()).map(|_| ((pseudo_random(random) % 255) as i32 - 127) as i8).collect();
        let biases: Vec<_> = (0..outputs).map(|_| (pseudo_random(random) % 2000) as i32 - 1000).collect();
        let scale = (1u64 << 32) / (74 * (shape.depth() as u64).isqrt().max(1));
        let multipliers: Vec<_> =
            (0..outputs).map(|_| (scale / 2 + u64::from(pseudo_random(random)) % scale) as i32).collect();
        let constants = Constants { weights: &weights, biases: &biases, multipliers: &multipliers };
        [self.layout, FilterLayout::Singles, FilterLayout::Plain].into_iter().find_map(|layout| {
            let mut bytes = vec![0; Filter::bytes_of(&shape, layout)?];
            // Two channels a halfword are not for every sum.
            pack(shape, layout, &constants, &mut bytes).ok()?;
            Some((layout, bytes))
        })
    }

    /// A convolution and a function of its outputs, in place.
    fn rectified(&mut self, from: u16, channels: usize, over: Over) -> Option<u16> {
        let out = self.convolution(from, channels, over, 1, None)?;
        self.nodes.push(Node { kind: Kind::Table, inputs: [out, Step::NO_INPUT], output: out });
        Some(out)
    }

    fn pool(&mut self, from: u16, [height, width]: [usize; 2]) -> u16 {
        let input = self.tensors[usize::from(from)].extent;
        let output = Extent { height: input.height / height, width: input.width / width, ..input };
        let size = Size { height, width };
        let out = self.tensor(output, Element::Int8, [Some(from), None]);
        let window = Window { kernel: size, stride: size, ..Window::POINT };
        self.nodes.push(Node { kind: Kind::MaxPool(window), inputs: [from, Step::NO_INPUT], output: out });
        out
    }

    fn add(&mut self, a: u16, b: u16) -> u16 {
        let extent = self.tensors[usize::from(a)].extent;
        let out = self.tensor(extent, Element::Int8, [Some(a), Some(b)]);
        self.nodes.push(Node { kind: Kind::Add, inputs: [a, b], output: out });
        out
    }

    /// A dense layer over everything.
    fn output(&mut self, from: u16, dimension: usize) -> Option<u16> {
        let Extent { height, width, .. } = self.tensors[usize::from(from)].extent;
        let over = Over { kernel: [height, width], ..POINT };
        self.any_convolution(from, dimension, over, 1, None, Element::Int32)
    }

    /// Its file.
    ///
    /// # Errors
    /// When it is no encoder.
    pub fn encode(mut self) -> Result<Vec<u8>> {
        let place = self.tensors.iter().map(Tensor::bytes).max().unwrap_or_default().next_multiple_of(16);
        self.tensors.iter_mut().for_each(|tensor| tensor.offset *= place);
        let operator = |kind| match kind {
            &Kind::Convolution { window, groups, layout, ref constants } => {
                Operator::Convolution { window, groups, layout, shift: 0, drop: 0, constants }
            }
            Kind::Add => Operator::Add { factors: [1 << 19, 1 << 19], shift: 20 },
            &Kind::MaxPool(window) => Operator::MaxPool { window },
            Kind::Table => Operator::Table { table: &TABLE },
        };
        let steps: Vec<_> = self
            .nodes
            .iter()
            .map(|Node { kind, inputs, output }| Step { operator: operator(kind), inputs: *inputs, output: *output })
            .collect();
        let contents = EncoderContents {
            digest: ModelDigest::new(*b"what is measured"),
            input_form: InputForm::Uint8 { tables: &[PIXELS] },
            sound: None,
            input: 0,
            output: steps.last().context("it has no steps")?.output,
            exponent: 0,
            tensors: &self.tensors,
            steps: &steps,
        };
        let mut bytes = vec![0; contents.encoded_len()];
        contents.encode(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of the encoders that they stand for: 234 and 42 million. The project's own one is counted here.
    #[test]
    fn the_networks_have_the_sizes_of_those_that_they_stand_for() {
        let macs = |name| (Network::new(name, FilterLayout::Plain).unwrap().macs + 500_000) / 1_000_000;
        assert_eq!(ENCODERS.map(macs), [3, 42, 234]);
        assert!(Network::new("encoder:other", FilterLayout::Plain).is_err());
    }
}
