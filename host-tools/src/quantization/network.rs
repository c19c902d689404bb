//! The network as the device sees it: few operators over rows × columns × channels, in the order in which they run.

use super::function::Function;

/// Rows, columns and channels of a tensor; channels are innermost in memory.
pub type Shape = [usize; 3];

/// A place in [`Network::nodes`], and so the tensor that the node there gives.
pub type NodeId = usize;

/// A network of one input and one output. Each node comes after those that it reads.
#[derive(Clone, PartialEq, Debug)]
pub struct Network {
    /// The first node is the input.
    pub nodes: Vec<Node>,
    /// The node that gives the embedding.
    pub output: NodeId,
    /// Whether the model brought its embeddings to unit length, which is left out here: a cosine does not see it.
    pub normalized: bool,
}

/// One operator and the tensor that it gives.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// The ONNX tensor whose values this one has.
    pub name: String,
    /// The places of the ONNX tensor's elements, in its own order, in this one.
    pub places: Vec<usize>,
    /// What it does.
    pub operator: Operator,
    /// What it reads.
    pub inputs: Vec<NodeId>,
    /// What it gives. A reader may see the same elements as another shape.
    pub shape: Shape,
}

/// What a node does.
#[derive(Clone, PartialEq, Debug)]
pub enum Operator {
    /// Nothing: the sample is here.
    Input,
    /// A convolution, and what is one: dense layers, and scaling by channel.
    Convolution(Convolution),
    /// The sum of two tensors of one shape.
    Add(Clip),
    /// The first tensor, every place multiplied by the second, which has one place.
    Scale(Clip),
    /// The greatest or mean element of each window.
    Pool(Window, Pooling),
    /// The same with a frame of a value around it.
    Pad(Padding),
    /// The channels of all inputs, one after the other.
    Concatenate,
    /// A function of each element.
    Function(Function),
    /// Each element, if it is negative, multiplied by its channel's slope.
    Slope(Vec<f32>),
}

/// A convolution with its bias, and the range that its results are cut to.
#[derive(Clone, PartialEq, Debug)]
pub struct Convolution {
    /// What is seen of the input.
    pub window: Window,
    /// Channels of the input and of the output fall into as many groups, each of its own.
    pub groups: usize,
    /// `[output channel][row][column][input channel of the group]`.
    pub weights: Vec<f32>,
    /// One an output channel.
    pub bias: Vec<f32>,
    /// What happens to the sum.
    pub clip: Clip,
}

/// A window that moves over an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The shape in which the input is seen.
    pub input: Shape,
    /// The shape of what it gives.
    pub output: Shape,
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// How far it moves.
    pub stride: [usize; 2],
    /// How far apart its elements are.
    pub dilation: [usize; 2],
    /// Rows above and columns left of the input.
    pub before: [usize; 2],
}

/// How a pool makes one element of many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pooling {
    /// The greatest inside of the input.
    Maximum,
    /// The mean of those inside of the input.
    Mean,
    /// The mean, where elements outside of the input count as zeros.
    MeanWithZeros,
}

/// A frame of one value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Padding {
    /// The shape in which the input is seen.
    pub input: Shape,
    /// Rows above and columns left of the input.
    pub before: [usize; 2],
    /// Rows below and columns right of the input.
    pub after: [usize; 2],
    /// What the frame is made of.
    pub value: f32,
}

/// The range that results are cut to; without an end where it is infinite.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Clip {
    /// The least.
    pub low: f32,
    /// The greatest.
    pub high: f32,
}

impl Clip {
    /// Nothing is cut.
    pub const NONE: Self = Self { low: f32::NEG_INFINITY, high: f32::INFINITY };

    /// A value, cut.
    #[must_use]
    pub const fn apply(self, value: f32) -> f32 {
        value.max(self.low).min(self.high)
    }

    /// Cut by this range first and by another then.
    #[must_use]
    pub const fn then(self, next: Self) -> Self {
        Self { low: next.apply(self.low), high: next.apply(self.high) }
    }
}

impl Window {
    /// A window of one place over all channels of every place.
    #[must_use]
    pub const fn point(input: Shape, channels: usize) -> Self {
        Self {
            input,
            output: [input[0], input[1], channels],
            kernel: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            before: [0, 0],
        }
    }

    /// Whether it reaches over the edges of the input.
    #[must_use]
    pub fn is_padded(&self) -> bool {
        (0..2).any(|axis| {
            let reach = (self.output[axis] - 1) * self.stride[axis] + (self.kernel[axis] - 1) * self.dilation[axis] + 1;
            self.before[axis] > 0 || reach > self.input[axis]
        })
    }

    /// The row or column of the input, if it is inside, that tap `tap` of the window at place `place` of an axis sees.
    #[must_use]
    pub fn seen(&self, axis: usize, place: usize, tap: usize) -> Option<usize> {
        let padded = place * self.stride[axis] + tap * self.dilation[axis];
        padded.checked_sub(self.before[axis]).filter(|&seen| seen < self.input[axis])
    }
}

impl Convolution {
    /// Each channel multiplied by a factor, with a summand.
    #[must_use]
    pub fn by_channel(places: usize, factors: Vec<f32>, summands: Vec<f32>) -> Self {
        let channels = factors.len();
        let window = Window::point([places, 1, channels], channels);
        Self { window, groups: channels, weights: factors, bias: summands, clip: Clip::NONE }
    }

    /// Input channels of one group.
    #[must_use]
    pub const fn group_inputs(&self) -> usize {
        self.window.input[2] / self.groups
    }

    /// Output channels of one group.
    #[must_use]
    pub const fn group_outputs(&self) -> usize {
        self.window.output[2] / self.groups
    }

    /// Weights of one output channel.
    #[must_use]
    pub const fn row(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1] * self.group_inputs()
    }

    /// Whether each channel is seen alone.
    #[must_use]
    pub const fn is_depthwise(&self) -> bool {
        self.groups == self.window.input[2] && self.groups == self.window.output[2] && self.groups > 1
    }

    /// Whether it only multiplies each channel by a factor, with a summand.
    #[must_use]
    pub fn is_by_channel(&self) -> bool {
        let Window { input, output, kernel, before, .. } = self.window;
        input == output && kernel == [1, 1] && before == [0, 0] && self.groups == input[2]
    }

    /// Multiplications with an accumulation.
    #[must_use]
    pub const fn macs(&self) -> u64 {
        let [rows, columns, channels] = self.window.output;
        (rows * columns * channels * self.row()) as u64
    }
}

impl Operator {
    /// The range that its results are cut to, where it cuts them.
    #[must_use]
    pub const fn clip(&self) -> Option<Clip> {
        match self {
            Self::Convolution(Convolution { clip, .. }) | Self::Add(clip) | Self::Scale(clip) => Some(*clip),
            _ => None,
        }
    }
}

impl Node {
    /// Elements of the tensor.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Network {
    /// The nodes that read what a node gives.
    pub fn readers(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let reads = move |reader: &NodeId| self.nodes[*reader].inputs.contains(&id);
        (id + 1..self.nodes.len()).filter(reads)
    }

    /// Multiplications with an accumulation, for one sample.
    #[must_use]
    pub fn macs(&self) -> u64 {
        let of_node = |node: &Node| match &node.operator {
            Operator::Convolution(convolution) => convolution.macs(),
            _ => 0,
        };
        self.nodes.iter().map(of_node).sum()
    }
}

impl Padding {
    /// The shape with the frame.
    #[must_use]
    pub const fn output(&self) -> Shape {
        let [rows, columns, channels] = self.input;
        [rows + self.before[0] + self.after[0], columns + self.before[1] + self.after[1], channels]
    }
}
