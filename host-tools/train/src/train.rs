//! What a run is made of: its configuration, one step, and the encoder that it gives.

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};

use crate::augment::Augment;
use crate::batch::BatchConfig;
use crate::error::TrainError;
use crate::loss::Loss;
use crate::net::{Net, NetConfig, Range, Rounding, Shape, values};
use crate::samples::Samples;

/// Samples that [`Encoder::embed`] runs at once.
const CHUNK: usize = 256;

/// Everything that decides a run besides the data.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// Decides weights, batches and augmentation: the same seed gives the same encoder on the same machine.
    pub seed: u64,
    /// Optimizer steps, one batch each.
    pub steps: usize,
    /// Highest learning rate.
    pub rate: f64,
    /// Steps in which the rate rises to it, in a straight line; then it falls to zero as a cosine.
    pub warm_up: usize,
    /// Decoupled weight decay (Loshchilov and Hutter, 2019).
    pub weight_decay: f32,
    /// The last so many steps round weights and activations as an int8 device does, with BatchNorm as it is then: the encoder
    /// learns to live with it. Zero leaves it out.
    pub quantization_aware: usize,
    /// The loss.
    pub loss: Loss,
    /// The encoder.
    pub net: NetConfig,
    /// The batches.
    pub batch: BatchConfig,
    /// The augmentation.
    pub augment: Augment,
}

impl Default for TrainConfig {
    /// The recipe of `models/glyphs.onnx`, but for its last steps, which round.
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 4000,
            rate: 2e-3,
            warm_up: 50,
            weight_decay: 1e-4,
            quantization_aware: 0,
            loss: Loss::default(),
            net: NetConfig::default(),
            batch: BatchConfig::default(),
            augment: Augment::default(),
        }
    }
}

/// Where a run is, after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps done, from 1.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// The loss of this step's batch, nats.
    pub loss: f32,
    /// The learning rate of this step.
    pub rate: f64,
    /// The equal error rate of the samples held out, after steps that are followed by a look at them; a fraction.
    pub eer: Option<f64>,
}

/// A trained encoder for samples of one shape.
#[derive(Debug, Clone)]
pub struct Encoder {
    pub(crate) net: Net,
    /// Of each tensor that a device keeps, where the encoder was trained for them.
    pub(crate) ranges: Option<Vec<Range>>,
    pub(crate) shape: Shape,
}

/// Refuses settings that no data can make right; a comparison with NaN is false, so NaN is refused too.
pub(crate) fn check(config: &TrainConfig) -> Result<(), TrainError> {
    const POSITIVE: &str = "above zero";
    let settings = [
        ("steps", POSITIVE, config.steps > 0),
        ("rate", POSITIVE, config.rate > 0.0),
        // Before the first step BatchNorm has seen nothing that it could keep.
        ("quantization_aware", "fewer than steps", config.quantization_aware < config.steps),
    ];
    match settings.iter().find(|(_, _, right)| !right) {
        Some(&(name, need, _)) => Err(TrainError::Setting { name, need }),
        None => config.net.check(),
    }
}

/// The network and its optimizer.
pub(crate) struct Run<'a> {
    pub(crate) net: Net,
    /// From the first step that rounds.
    pub(crate) ranges: Option<Vec<Range>>,
    pub(crate) optimizer: burn::optim::ModuleOptimizer,
    pub(crate) config: &'a TrainConfig,
    pub(crate) device: Device,
}

impl<'a> Run<'a> {
    pub(crate) fn new(net: Net, config: &'a TrainConfig, device: Device) -> Self {
        let optimizer = AdamWConfig::new()
            .with_beta_1(0.9)
            // Shorter than the usual 0.999: a run has a few thousand steps.
            .with_beta_2(0.99)
            .with_epsilon(1e-8)
            .with_weight_decay(config.weight_decay)
            .init();
        Self { net, ranges: None, optimizer, config, device }
    }

    /// One step down the gradient of one batch.
    pub(crate) fn step(&mut self, step: usize, samples: TensorData, classes: &[usize]) -> Result<f32, TrainError> {
        let rounds = self.config.float_steps().is_some_and(|steps| step >= steps);
        if rounds && self.ranges.is_none() {
            // One batch has more values of each tensor than a range needs.
            self.ranges = Some(self.net.valid().observed(Tensor::from_data(samples.clone(), &Device::flex())));
        }
        let rounding = &mut Rounding::by(self.ranges.as_deref());
        let embeddings = self.net.forward(Tensor::from_data(samples, &self.device), rounding);
        let loss = self.config.loss.of(embeddings, classes);
        let value: f32 = loss.clone().into_scalar();
        if !value.is_finite() {
            return Err(TrainError::Diverged { step: step + 1 });
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.net);
        let rate = rate(self.config, step);
        self.net = self.optimizer.step(rate, self.net.clone(), gradients);
        Ok(value)
    }
}

impl TrainConfig {
    /// Steps before the first one that rounds as a device does; `None` where none does.
    #[must_use]
    pub fn float_steps(&self) -> Option<usize> {
        (self.quantization_aware > 0).then(|| self.steps.saturating_sub(self.quantization_aware))
    }
}

/// The learning rate of a step: warm-up, then half a cosine to zero (Loshchilov and Hutter, 2017).
pub(crate) fn rate(config: &TrainConfig, step: usize) -> f64 {
    if step < config.warm_up {
        return config.rate * (step + 1) as f64 / config.warm_up as f64;
    }
    let done = (step - config.warm_up) as f64 / (config.steps - config.warm_up) as f64;
    config.rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

impl Encoder {
    /// The embeddings of samples, one after another, not normalized; of an encoder that was trained to be rounded, rounded as then.
    ///
    /// # Panics
    ///
    /// If the samples do not have the shape that the encoder was trained for.
    #[must_use]
    pub fn embed(&self, samples: &Samples) -> Vec<f32> {
        assert_eq!(samples.shape(), self.shape, "samples of another shape");
        embed(&self.net, self.ranges.as_deref(), samples)
    }

    /// The least and the greatest value of each tensor of [`Encoder::tensors`] but the embedding, of an encoder that was trained to be
    /// rounded.
    ///
    /// The file has these, too, but for that of a pool.
    #[must_use]
    pub fn ranges(&self) -> Option<Vec<[f32; 2]>> {
        let ranges = self.ranges.as_ref()?.iter();
        Some(ranges.map(|Range { low, high }| [*low, *high]).collect())
    }

    /// The tensors that a device keeps on the way from a sample to its embedding, each by places and then by channels, and the
    /// embedding last: with what they are rounded to, of an encoder that was trained to be rounded, and `None` of any other.
    ///
    /// `given` are tensors to go on from, in the same order, in place of its own: so each layer can be compared with another
    /// implementation's, which rounds a little differently, from the same input.
    ///
    /// # Panics
    ///
    /// As [`Encoder::embed`], unless there is one sample, and if a tensor that is given has another length.
    #[must_use]
    pub fn tensors(&self, sample: &Samples, given: &[Vec<f32>]) -> Option<Vec<Vec<f32>>> {
        assert_eq!((sample.shape(), sample.count()), (self.shape, 1), "one sample of the encoder's shape");
        let mut seen = Vec::new();
        let ranges = self.ranges.as_ref()?.iter();
        let mut rounding = Rounding::Watch { ranges, seen: &mut seen, given: given.iter() };
        let embedding = values(self.net.forward(batch(sample, &[0]), &mut rounding));
        seen.push(embedding);
        Some(seen)
    }
}

/// The embeddings of samples by a network without gradients.
pub(crate) fn embed(net: &Net, ranges: Option<&[Range]>, samples: &Samples) -> Vec<f32> {
    let indices: Vec<usize> = (0..samples.count()).collect();
    let chunk = |indices: &[usize]| values(net.forward(batch(samples, indices), &mut Rounding::by(ranges)));
    indices.chunks(CHUNK).flat_map(chunk).collect()
}

/// Some samples without gradients.
fn batch(samples: &Samples, indices: &[usize]) -> Tensor<4> {
    let Shape { channels, height, width } = samples.shape();
    let all: Vec<f32> = indices.iter().flat_map(|index| samples.values(*index)).copied().collect();
    Tensor::from_data(TensorData::new(all, [indices.len(), channels, height, width]), &Device::flex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_rises_to_its_peak_and_falls_to_zero() {
        let config = TrainConfig { steps: 250, ..TrainConfig::default() };
        let rates: Vec<f64> = (0..250).map(|step| rate(&config, step)).collect();
        assert_eq!(rates[0], config.rate / 50.0);
        assert_eq!(rates[49], config.rate);
        assert_eq!(rates[50], config.rate);
        assert!((rates[150] - config.rate / 2.0).abs() < 1e-12);
        assert!(rates[249] < config.rate * 1e-4);
        assert!(rates[50..].windows(2).all(|pair| pair[1] < pair[0]));
    }

    #[test]
    fn a_run_shorter_than_its_warm_up_only_rises() {
        let config = TrainConfig { steps: 10, ..TrainConfig::default() };
        let rates: Vec<f64> = (0..10).map(|step| rate(&config, step)).collect();
        assert!(rates.windows(2).all(|pair| pair[1] > pair[0]));
    }
}
