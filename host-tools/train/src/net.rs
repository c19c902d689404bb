//! The encoder: a stack of 3 × 3 convolutions, flattened into one dense layer.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData, activation::relu};

use crate::rng::Rng;

/// Side of every convolution's kernel.
pub(crate) const KERNEL: usize = 3;

/// One convolution with its BatchNorm and ReLU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Output channels.
    pub channels: usize,
    /// Stride along both axes; with the padding of one pixel, n becomes ⌈n / stride⌉.
    pub stride: usize,
}

/// The shape of the encoder; together with the size of the images it says every shape.
#[derive(Debug, Clone, PartialEq)]
pub struct NetConfig {
    /// The convolutions in order; the first one takes one gray channel.
    pub stages: Vec<Stage>,
    /// Dimensions of the embedding.
    pub embedding: usize,
    /// Share of the running statistics that a training step keeps.
    pub batch_norm_momentum: f64,
}

impl Default for NetConfig {
    /// 24, 32, 64 and 40 channels into 64 dimensions: 89,784 parameters on 28 × 28 pixels, BatchNorm folded.
    ///
    /// Flattening costs parameters where global pooling costs accuracy: where a stroke lies is what tells glyphs apart.
    fn default() -> Self {
        let stage = |channels, stride| Stage { channels, stride };
        Self {
            stages: vec![stage(24, 2), stage(32, 1), stage(64, 2), stage(40, 2)],
            embedding: 64,
            batch_norm_momentum: 0.97,
        }
    }
}

/// The network under training.
#[derive(Module, Debug)]
pub(crate) struct Net {
    convolutions: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    dense: Linear,
}

/// A convolution with BatchNorm folded into it, followed by ReLU.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoldedConv {
    pub(crate) stride: usize,
    /// Output channels, input channels.
    pub(crate) channels: [usize; 2],
    /// Shape `[out, in, KERNEL, KERNEL]`.
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
    /// A network with random weights (He et al., 2015) for gray images of this size.
    pub(crate) fn new(config: &NetConfig, width: usize, height: usize, rng: &mut Rng, device: &Device) -> Self {
        let (mut channels, mut width, mut height) = (1, width, height);
        let (mut convolutions, mut norms) = (Vec::new(), Vec::new());
        for stage in &config.stages {
            convolutions.push(convolution(channels, *stage, rng, device));
            let norm = BatchNormConfig::new(stage.channels)
                // burn's momentum is the share of the new, not of the old.
                .with_momentum(1.0 - config.batch_norm_momentum);
            norms.push(norm.init(device));
            channels = stage.channels;
            (width, height) = (width.div_ceil(stage.stride), height.div_ceil(stage.stride));
        }
        let features = channels * width * height;
        let mut dense = LinearConfig::new(features, config.embedding).init(device);
        // No ReLU follows, so the variance is that of LeCun's initialization: half of He's.
        let shape = [features, config.embedding];
        dense.weight = Param::from_tensor(normal(shape, 1.0 / features as f32, rng, device));
        dense.bias = Some(Param::from_tensor(Tensor::zeros([config.embedding], device)));
        Self { convolutions, norms, dense }
    }

    /// Embeddings `[batch, dimensions]`, of any length, of images `[batch, 1, height, width]` in 0..=1.
    ///
    /// BatchNorm uses the batch's statistics and updates its own on a device with gradients, and its own otherwise.
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut layer = images;
        for (convolution, norm) in self.convolutions.iter().zip(&self.norms) {
            layer = relu(norm.forward(convolution.forward(layer)));
        }
        self.dense.forward(layer.flatten(1, 3))
    }

    /// The convolutions as inference sees them.
    pub(crate) fn folded(&self) -> Vec<FoldedConv> {
        let layers = self.convolutions.iter().zip(&self.norms);
        layers.map(|(convolution, norm)| fold(convolution, norm)).collect()
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

/// A convolution without bias, which BatchNorm would take away again.
fn convolution(inputs: usize, stage: Stage, rng: &mut Rng, device: &Device) -> Conv2d {
    let mut layer = Conv2dConfig::new([inputs, stage.channels], [KERNEL; 2])
        .with_stride([stage.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_bias(false)
        .init(device);
    let shape = [stage.channels, inputs, KERNEL, KERNEL];
    let variance = 2.0 / (inputs * KERNEL * KERNEL) as f32;
    layer.weight = Param::from_tensor(normal(shape, variance, rng, device));
    layer
}

/// Normal random numbers from the run's own generator: burn's has one state for the whole process.
fn normal<const D: usize>(shape: [usize; D], variance: f32, rng: &mut Rng, device: &Device) -> Tensor<D> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| rng.normal() * variance.sqrt()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// γ(w∗x − μ)/√(σ² + ε) + β is a convolution with weights wγ/√(σ² + ε) and bias β − μγ/√(σ² + ε).
///
/// Worked out in f64, so that folding adds no error beyond one rounding to f32.
fn fold(convolution: &Conv2d, norm: &BatchNorm) -> FoldedConv {
    let [outputs, inputs, ..] = convolution.weight.dims();
    let weight: Vec<f32> = values(convolution.weight.val());
    let [gamma, beta] = [&norm.gamma, &norm.beta].map(|parameter| values(parameter.val()));
    let [mean, variance] = [&norm.running_mean, &norm.running_var].map(|state| values(state.value()));
    let factors: Vec<f64> = gamma
        .iter()
        .zip(&variance)
        .map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + norm.epsilon).sqrt())
        .collect();
    let folded = |(index, weight): (usize, &f32)| {
        let channel = index / (inputs * KERNEL * KERNEL);
        (f64::from(*weight) * factors[channel]) as f32
    };
    let bias = |channel: usize| (f64::from(beta[channel]) - f64::from(mean[channel]) * factors[channel]) as f32;
    FoldedConv {
        stride: convolution.stride[0],
        channels: [outputs, inputs],
        weight: weight.iter().enumerate().map(folded).collect(),
        bias: (0..outputs).map(bias).collect(),
    }
}

/// A tensor's values by rows.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data();
    data.try_into_vec().expect("the flex device computes in f32")
}
