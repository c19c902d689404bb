//! The encoder: convolutions with BatchNorm, some of them in residual blocks, and one dense layer.

mod config;
mod convolution;
mod cost;
mod family;
mod rounding;

use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData, activation::relu, module::linear};

pub use config::{Block, Filters, Head, Join, Layer, NetConfig, Shape};
pub use cost::{Budget, Cost};
pub use family::Family;

use crate::rng::Rng;
use convolution::Convolution;
pub(crate) use rounding::{Range, Rounding};

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
    convolution: Convolution,
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
    /// What the sum is cut to, where the encoder was trained for a range.
    pub(crate) range: Option<Range>,
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
    /// What its results are cut to, where the encoder was trained for a range.
    pub(crate) range: Option<Range>,
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
    /// BatchNorm uses the batch's statistics and updates its own on a device with gradients, and its own otherwise, or where
    /// anything is rounded.
    pub(crate) fn forward(&self, samples: Tensor<4>, rounding: &mut Rounding<'_>) -> Tensor<2> {
        let [batch, channels, height, width] = samples.dims();
        let first = samples.permute([2, 3, 1, 0]).reshape([height * width, channels, batch]);
        let last = self.blocks.iter().fold(first, |layer, block| block.forward(layer, rounding));
        let last = if self.pooled { rounding.tensor(last.mean_dim(0)) } else { last };
        // ONNX flattens a sample channel by channel.
        let features = last.permute([2, 1, 0]).flatten(1, 2);
        linear(features, self.dense_weight(rounding.is_on()), self.dense.bias.as_ref().map(Param::val))
    }

    /// `[features, dimensions]`, rounded or not.
    fn dense_weight(&self, is_rounded: bool) -> Tensor<2> {
        let weight = self.dense.weight.val();
        if is_rounded { rounding::weights(weight, 0) } else { weight }
    }

    /// The range of each tensor that a pass over these samples makes, weights rounded.
    pub(crate) fn observed(&self, samples: Tensor<4>) -> Vec<Range> {
        let mut ranges = Vec::new();
        let _embeddings = self.forward(samples, &mut Rounding::Observe(&mut ranges));
        ranges
    }

    /// The convolutions as inference sees them; rounded where there are ranges.
    pub(crate) fn folded(&self, ranges: Option<&[Range]>) -> Vec<FoldedBlock> {
        let mut ranges = ranges.map(|ranges| ranges.iter().copied());
        let mut next = || ranges.as_mut().and_then(Iterator::next);
        self.blocks.iter().map(|block| block.folded(&mut next)).collect()
    }

    /// What the dense layer sees of them.
    pub(crate) fn head(&self) -> Head {
        if self.pooled { Head::Pool } else { Head::Flatten }
    }

    /// Whether every weight is a number.
    pub(crate) fn is_finite(&self) -> bool {
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let folded = |layer: &FoldedConv| finite(&layer.weight) && finite(&layer.bias);
        let dense = self.dense(false);
        let blocks = self.folded(None);
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

    /// The last layer, rounded or not.
    pub(crate) fn dense(&self, is_rounded: bool) -> Dense {
        let [features, dimensions] = self.dense.weight.dims();
        let bias = self.dense.bias.as_ref().expect("the dense layer was made with a bias");
        Dense {
            shape: [dimensions, features],
            weight: values(self.dense_weight(is_rounded).transpose()),
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

    /// Of and to `[places, channels, batch]`.
    fn forward(&self, input: Tensor<3>, rounding: &mut Rounding<'_>) -> Tensor<3> {
        let output = self.layers.iter().fold(input.clone(), |layer, next| next.forward(layer, rounding));
        if !self.adds {
            return output;
        }
        let sum = output + self.shortcut.iter().fold(input, |layer, next| next.forward(layer, rounding));
        rounding.tensor(if self.relu { relu(sum) } else { sum })
    }

    /// `range` gives those of its tensors, in the order of [`BlockNet::forward`].
    fn folded(&self, range: &mut impl FnMut() -> Option<Range>) -> FoldedBlock {
        let join = match (self.adds, self.relu) {
            (false, _) => Join::None,
            (true, false) => Join::Add,
            (true, true) => Join::AddRelu,
        };
        FoldedBlock {
            layers: self.layers.iter().map(|layer| layer.folded(range())).collect(),
            join,
            shortcut: self.shortcut.first().map(|layer| layer.folded(range())),
            range: if self.adds { range() } else { None },
        }
    }
}

impl ConvNorm {
    /// A convolution without bias, which BatchNorm would take away again.
    fn new(layer: &Layer, input: Shape, momentum: f64, rng: &mut Rng, device: &Device) -> Self {
        let convolution = Convolution::new(layer, input, rng, device);
        let norm = BatchNormConfig::new(layer.output(input).channels)
            // burn's momentum is the share of the new, not of the old.
            .with_momentum(1.0 - momentum)
            .init(device);
        Self { convolution, norm, relu: layer.relu }
    }

    /// Of and to `[places, channels, batch]`.
    fn forward(&self, input: Tensor<3>, rounding: &mut Rounding<'_>) -> Tensor<3> {
        let normed = if rounding.is_on() {
            let (weight, bias) = self.rounded();
            self.convolution.with(weight, input) + bias.reshape([1, -1, 1])
        } else {
            self.norm.forward(self.convolution.forward(input))
        };
        rounding.tensor(if self.relu { relu(normed) } else { normed })
    }

    /// Weights with BatchNorm in them, rounded, and the bias `[outputs]`: what [`ConvNorm::folded`] says, with gradients.
    fn rounded(&self) -> (Tensor<2>, Tensor<1>) {
        let Self { convolution, norm, .. } = self;
        let [gamma, beta] = [&norm.gamma, &norm.beta].map(|parameter| parameter.val());
        let device = gamma.device();
        let [mean, variance] = [&norm.running_mean, &norm.running_var].map(|state| state.value().to_device(&device));
        let factors = gamma / (variance + norm.epsilon).sqrt();
        (convolution.rounded(factors.clone()), beta - mean * factors)
    }

    /// γ(w∗x − μ)/√(σ² + ε) + β is a convolution with weights wγ/√(σ² + ε) and bias β − μγ/√(σ² + ε).
    ///
    /// Worked out in f64, so that folding adds no error beyond one rounding to f32; where there is a range, as it was trained.
    fn folded(&self, range: Option<Range>) -> FoldedConv {
        let Self { convolution, norm, relu } = self;
        let (weight, bias) = match range {
            Some(_) => {
                let (weight, bias) = self.rounded();
                (convolution.by_shape(weight), values(bias))
            }
            None => {
                let [gamma, beta] = [&norm.gamma, &norm.beta].map(|parameter| values(parameter.val()));
                let [mean, variance] = [&norm.running_mean, &norm.running_var].map(|state| values(state.value()));
                let factor =
                    |(gamma, variance): (&f32, &f32)| f64::from(*gamma) / (f64::from(*variance) + norm.epsilon).sqrt();
                let factors: Vec<f64> = gamma.iter().zip(&variance).map(factor).collect();
                let weights = convolution.weights();
                let row = weights.len() / factors.len();
                let folded = |(index, weight): (usize, &f32)| (f64::from(*weight) * factors[index / row]) as f32;
                let bias =
                    |channel: usize| (f64::from(beta[channel]) - f64::from(mean[channel]) * factors[channel]) as f32;
                (weights.iter().enumerate().map(folded).collect(), (0..factors.len()).map(bias).collect())
            }
        };
        FoldedConv {
            stride: convolution.stride(),
            groups: convolution.groups(),
            relu: *relu,
            shape: convolution.shape(),
            weight,
            bias,
            range,
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
