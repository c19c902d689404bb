//! The encoder: convolutions with BatchNorm, some of them in residual blocks, and one dense layer.

mod config;
mod cost;
mod family;

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData, activation::relu};

pub use config::{Block, Filters, Head, Join, Layer, NetConfig, Shape};
pub use cost::{Budget, Cost};
pub use family::Family;

use crate::rng::Rng;

/// The network under training.
#[derive(Module, Debug)]
pub(crate) struct Net {
    blocks: Vec<BlockNet>,
    /// Whether the dense layer sees the mean of each channel alone.
    pooled: bool,
    dense: Linear,
}

/// A block under training.
#[derive(Module, Debug)]
struct BlockNet {
    layers: Vec<ConvNorm>,
    /// At most one: what brings the input to the output's shape.
    shortcut: Vec<ConvNorm>,
    adds: bool,
    /// Whether a ReLU follows the sum.
    relu: bool,
}

/// A convolution and its BatchNorm under training.
#[derive(Module, Debug)]
struct ConvNorm {
    convolution: Conv2d,
    norm: BatchNorm,
    relu: bool,
}

/// A block as inference sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoldedBlock {
    pub(crate) layers: Vec<FoldedConv>,
    /// How its input comes back, where it does.
    pub(crate) join: Join,
    pub(crate) shortcut: Option<FoldedConv>,
}

/// A convolution with BatchNorm folded into it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoldedConv {
    pub(crate) stride: [usize; 2],
    pub(crate) groups: usize,
    pub(crate) relu: bool,
    /// Output channels, input channels of a group, height, width.
    pub(crate) shape: [usize; 4],
    /// Of this shape.
    pub(crate) weight: Vec<f32>,
    /// Shape `[out]`.
    pub(crate) bias: Vec<f32>,
}

/// The last layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dense {
    /// Embedding dimensions, input features.
    pub(crate) shape: [usize; 2],
    /// Shape `[out, in]`.
    pub(crate) weight: Vec<f32>,
    /// Shape `[out]`.
    pub(crate) bias: Vec<f32>,
}

impl Net {
    /// A network with random weights (He et al., 2015) for samples of this shape.
    pub(crate) fn new(config: &NetConfig, input: Shape, rng: &mut Rng, device: &Device) -> Self {
        let mut shape = input;
        let mut blocks = Vec::new();
        for block in &config.blocks {
            blocks.push(BlockNet::new(block, shape, config.batch_norm_momentum, rng, device));
            shape = block.output(shape);
        }
        let features = config.features(input);
        let mut dense = LinearConfig::new(features, config.embedding).init(device);
        // No ReLU follows, so the variance is that of LeCun's initialization: half of He's.
        let shape = [features, config.embedding];
        dense.weight = Param::from_tensor(normal(shape, 1.0 / features as f32, rng, device));
        dense.bias = Some(Param::from_tensor(Tensor::zeros([config.embedding], device)));
        Self { blocks, pooled: config.head == Head::Pool, dense }
    }

    /// Embeddings `[batch, dimensions]`, of any length, of samples `[batch, channels, height, width]`.
    ///
    /// BatchNorm uses the batch's statistics and updates its own on a device with gradients, and its own otherwise.
    pub(crate) fn forward(&self, samples: Tensor<4>) -> Tensor<2> {
        let last = self.blocks.iter().fold(samples, |layer, block| block.forward(layer));
        let features = if self.pooled { last.flatten::<3>(2, 3).mean_dim(2).flatten(1, 2) } else { last.flatten(1, 3) };
        self.dense.forward(features)
    }

    /// The convolutions as inference sees them.
    pub(crate) fn folded(&self) -> Vec<FoldedBlock> {
        self.blocks.iter().map(BlockNet::folded).collect()
    }

    /// What the dense layer sees of them.
    pub(crate) fn head(&self) -> Head {
        if self.pooled { Head::Pool } else { Head::Flatten }
    }

    /// Whether every weight is a number.
    pub(crate) fn is_finite(&self) -> bool {
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let folded = |layer: &FoldedConv| finite(&layer.weight) && finite(&layer.bias);
        let dense = self.dense();
        let blocks = self.folded();
        finite(&dense.weight) && blocks.iter().all(|block| block.layers.iter().chain(&block.shortcut).all(folded))
    }

    /// All of it as a record of burn.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // BatchNorm keeps its latest statistics aside until somebody asks for them; a copy without gradients does.
        let _synchronized = self.valid();
        self.clone().into_record().into_bytes().expect("a record in memory is written").to_vec()
    }

    /// The same network with what [`Net::to_bytes`] wrote; `None` if that is of another.
    pub(crate) fn with_bytes(self, bytes: &[u8]) -> Option<Self> {
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes.to_vec())).ok()?;
        self.try_load_record(record).ok()
    }

    /// The last layer.
    pub(crate) fn dense(&self) -> Dense {
        let [features, dimensions] = self.dense.weight.dims();
        let bias = self.dense.bias.as_ref().expect("the dense layer was made with a bias");
        Dense {
            shape: [dimensions, features],
            weight: values(self.dense.weight.val().transpose()),
            bias: values(bias.val()),
        }
    }
}

impl BlockNet {
    fn new(block: &Block, input: Shape, momentum: f64, rng: &mut Rng, device: &Device) -> Self {
        let mut shape = input;
        let mut layers = Vec::new();
        for layer in &block.layers {
            layers.push(ConvNorm::new(layer, shape, momentum, rng, device));
            shape = layer.output(shape);
        }
        let shortcut = block.shortcut(input).map(|layer| ConvNorm::new(&layer, input, momentum, rng, device));
        Self {
            layers,
            shortcut: shortcut.into_iter().collect(),
            adds: block.join != Join::None,
            relu: block.join == Join::AddRelu,
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let output = self.layers.iter().fold(input.clone(), |layer, next| next.forward(layer));
        if !self.adds {
            return output;
        }
        let sum = output + self.shortcut.iter().fold(input, |layer, next| next.forward(layer));
        if self.relu { relu(sum) } else { sum }
    }

    fn folded(&self) -> FoldedBlock {
        let join = match (self.adds, self.relu) {
            (false, _) => Join::None,
            (true, false) => Join::Add,
            (true, true) => Join::AddRelu,
        };
        FoldedBlock {
            layers: self.layers.iter().map(ConvNorm::folded).collect(),
            join,
            shortcut: self.shortcut.first().map(ConvNorm::folded),
        }
    }
}

impl ConvNorm {
    /// A convolution without bias, which BatchNorm would take away again.
    fn new(layer: &Layer, input: Shape, momentum: f64, rng: &mut Rng, device: &Device) -> Self {
        let (outputs, inputs) = (layer.output(input).channels, layer.filter_channels(input));
        let [height, width] = layer.kernel;
        let [down, across] = layer.kernel.map(|side| side / 2);
        let mut convolution = Conv2dConfig::new([input.channels, outputs], layer.kernel)
            .with_stride(layer.stride)
            .with_groups(input.channels / inputs)
            .with_padding(PaddingConfig2d::Explicit(down, across, down, across))
            .with_bias(false)
            .init(device);
        let variance = 2.0 / (inputs * height * width) as f32;
        convolution.weight = Param::from_tensor(normal([outputs, inputs, height, width], variance, rng, device));
        let norm = BatchNormConfig::new(outputs)
            // burn's momentum is the share of the new, not of the old.
            .with_momentum(1.0 - momentum)
            .init(device);
        Self { convolution, norm, relu: layer.relu }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let normed = self.norm.forward(self.convolution.forward(input));
        if self.relu { relu(normed) } else { normed }
    }

    /// γ(w∗x − μ)/√(σ² + ε) + β is a convolution with weights wγ/√(σ² + ε) and bias β − μγ/√(σ² + ε).
    ///
    /// Worked out in f64, so that folding adds no error beyond one rounding to f32.
    fn folded(&self) -> FoldedConv {
        let Self { convolution, norm, relu } = self;
        let shape = convolution.weight.dims();
        let [outputs, inputs, height, width] = shape;
        let weight: Vec<f32> = values(convolution.weight.val());
        let [gamma, beta] = [&norm.gamma, &norm.beta].map(|parameter| values(parameter.val()));
        let [mean, variance] = [&norm.running_mean, &norm.running_var].map(|state| values(state.value()));
        let factors: Vec<f64> = gamma
            .iter()
            .zip(&variance)
            .map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + norm.epsilon).sqrt())
            .collect();
        let folded = |(index, weight): (usize, &f32)| {
            let channel = index / (inputs * height * width);
            (f64::from(*weight) * factors[channel]) as f32
        };
        let bias = |channel: usize| (f64::from(beta[channel]) - f64::from(mean[channel]) * factors[channel]) as f32;
        FoldedConv {
            stride: convolution.stride,
            groups: convolution.groups,
            relu: *relu,
            shape,
            weight: weight.iter().enumerate().map(folded).collect(),
            bias: (0..outputs).map(bias).collect(),
        }
    }
}

/// Normal random numbers from the run's own generator: burn's has one state for the whole process.
fn normal<const D: usize>(shape: [usize; D], variance: f32, rng: &mut Rng, device: &Device) -> Tensor<D> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| rng.normal() * variance.sqrt()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A tensor's values by rows.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data();
    data.try_into_vec().expect("the flex device computes in f32")
}
