//! The training loop.

use core::fmt;
use std::sync::mpsc::sync_channel;
use std::thread;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};

use crate::augment::Augment;
use crate::batch::{BatchConfig, Batcher};
use crate::eer::equal_error_rate;
use crate::loss::Loss;
use crate::net::{Net, NetConfig, Shape, values};
use crate::rng::Rng;
use crate::samples::{Labeled, Samples};

/// Batches that may wait for the network; one would do if making them always took the same time.
const AHEAD: usize = 2;
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
    /// The recipe of `models/glyphs.onnx`.
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 4000,
            rate: 2e-3,
            warm_up: 50,
            weight_decay: 1e-4,
            loss: Loss::default(),
            net: NetConfig::default(),
            batch: BatchConfig::default(),
            augment: Augment::default(),
        }
    }
}

/// Samples of subjects that training does not see, which say when it has learned enough.
#[derive(Debug, Clone, Copy)]
pub struct HeldOut<'a> {
    /// At least two classes, one of them with two samples.
    pub samples: &'a Labeled,
    /// Steps from one look to the next, above 0.
    pub every: usize,
    /// Looks without a lower equal error rate after which a run ends, above 0.
    pub patience: usize,
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

/// Why a run did not give an encoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TrainError {
    /// A batch would hold nothing.
    EmptyBatch,
    /// Labeled samples without a second one of their class have nothing to be drawn toward.
    NoPositive,
    /// The loss is one of pairs, but a class has another number of samples in a batch.
    NotPairs {
        /// Samples of a class in a batch.
        samples: usize,
    },
    /// A batch of one class has nothing to push it from.
    NoNegative,
    /// A setting that no data can make right.
    Setting {
        /// Its name in [`TrainConfig`].
        name: &'static str,
        /// What it must be.
        need: &'static str,
    },
    /// Labeled samples and instances must have one shape.
    ShapesDiffer {
        /// That of the labeled samples.
        labeled: Shape,
        /// That of the instances.
        instances: Shape,
    },
    /// Only what is square can be turned by 90°.
    NotSquare {
        /// Their shape.
        shape: Shape,
    },
    /// A batch wants more classes than there are.
    TooFewClasses {
        /// Classes in the data, turned ones included.
        have: usize,
        /// Classes in a batch.
        need: usize,
    },
    /// A batch wants more samples of a class than there are.
    TooFewSamples {
        /// The class.
        class: usize,
        /// Its samples.
        have: usize,
        /// Samples in a batch.
        need: usize,
    },
    /// A batch wants more instances than there are.
    TooFewInstances {
        /// Instances in the data.
        have: usize,
        /// Instances in a batch.
        need: usize,
    },
    /// The samples held out have not both genuine and impostor pairs.
    HeldOut,
    /// The loss became infinite or not a number.
    Diverged {
        /// The step, from 1.
        step: usize,
    },
}

/// A trained encoder for samples of one shape.
#[derive(Debug, Clone)]
pub struct Encoder {
    pub(crate) net: Net,
    pub(crate) shape: Shape,
}

/// Trains an encoder, telling `progress` after every step.
///
/// A set that the batch does not use may be empty, but has the same shape. Batches are made by one thread while
/// another trains; neither how fast each is nor how many cores there are changes the result.
///
/// # Errors
///
/// [`TrainError`]: data and configuration do not fit, before the first step; [`TrainError::Diverged`] later.
pub fn train(
    labeled: &Labeled,
    instances: &Samples,
    config: &TrainConfig,
    progress: &mut dyn FnMut(Progress),
) -> Result<Encoder, TrainError> {
    train_with(labeled, instances, None, config, progress)
}

/// The same, ended early when the samples held out get no better; the encoder is the one that did best on them.
///
/// # Errors
///
/// As [`train`], and [`TrainError::HeldOut`] when there is no equal error rate of the samples held out.
pub fn train_held_out(
    labeled: &Labeled,
    instances: &Samples,
    held_out: &HeldOut<'_>,
    config: &TrainConfig,
    progress: &mut dyn FnMut(Progress),
) -> Result<Encoder, TrainError> {
    let shapes = [held_out.samples.samples().shape(), instances.shape()];
    if shapes[0] != shapes[1] {
        return Err(TrainError::ShapesDiffer { labeled: shapes[0], instances: shapes[1] });
    }
    for (name, value) in [("every", held_out.every), ("patience", held_out.patience)] {
        if value == 0 {
            return Err(TrainError::Setting { name, need: "above zero" });
        }
    }
    train_with(labeled, instances, Some(held_out), config, progress)
}

fn train_with(
    labeled: &Labeled,
    instances: &Samples,
    held_out: Option<&HeldOut<'_>>,
    config: &TrainConfig,
    progress: &mut dyn FnMut(Progress),
) -> Result<Encoder, TrainError> {
    check(config)?;
    let batcher = Batcher::new(labeled, instances, config.batch, &config.augment, config.seed)?;
    config.loss.check(config.batch)?;
    let shape = instances.shape();
    let device = Device::flex().autodiff();
    let net = Net::new(&config.net, shape, &mut Rng::keyed(&[config.seed]), &device);
    let net = thread::scope(|scope| {
        let (sender, batches) = sync_channel(AHEAD);
        scope.spawn(move || {
            // Sending fails once the training side has given up: nobody needs the rest.
            (0..config.steps).try_for_each(|step| sender.send(batcher.batch(step)))
        });
        let mut run = Run::new(net, config, device);
        let mut best = held_out.map(Best::new);
        for (step, batch) in batches.iter().enumerate() {
            let dims = [batch.classes.len(), shape.channels, shape.height, shape.width];
            let loss = run.step(step, TensorData::new(batch.values, dims), &batch.classes)?;
            let eer = match &mut best {
                Some(best) => best.look(step + 1, config.steps, &run.net)?,
                None => None,
            };
            progress(Progress { step: step + 1, steps: config.steps, loss, rate: rate(config, step), eer });
            if best.as_ref().is_some_and(Best::is_over) {
                break;
            }
        }
        Ok(best.and_then(|best| best.net).unwrap_or_else(|| run.net.valid()))
    })?;
    Ok(Encoder { net, shape })
}

/// Refuses settings that no data can make right; a comparison with NaN is false, so NaN is refused too.
fn check(config: &TrainConfig) -> Result<(), TrainError> {
    const POSITIVE: &str = "above zero";
    let settings = [("steps", config.steps > 0), ("rate", config.rate > 0.0)];
    match settings.iter().find(|(_, right)| !right) {
        Some(&(name, _)) => Err(TrainError::Setting { name, need: POSITIVE }),
        None => config.net.check(),
    }
}

/// The network and its optimizer.
struct Run<'a> {
    net: Net,
    optimizer: burn::optim::ModuleOptimizer,
    config: &'a TrainConfig,
    device: Device,
}

impl<'a> Run<'a> {
    fn new(net: Net, config: &'a TrainConfig, device: Device) -> Self {
        let optimizer = AdamWConfig::new()
            .with_beta_1(0.9)
            // Shorter than the usual 0.999: a run has a few thousand steps.
            .with_beta_2(0.99)
            .with_epsilon(1e-8)
            .with_weight_decay(config.weight_decay)
            .init();
        Self { net, optimizer, config, device }
    }

    /// One step down the gradient of one batch.
    fn step(&mut self, step: usize, samples: TensorData, classes: &[usize]) -> Result<f32, TrainError> {
        let embeddings = self.net.forward(Tensor::from_data(samples, &self.device));
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

/// The network that did best on what was held out.
struct Best<'a> {
    held_out: &'a HeldOut<'a>,
    eer: f64,
    net: Option<Net>,
    /// Looks since.
    looks: usize,
}

impl<'a> Best<'a> {
    fn new(held_out: &'a HeldOut<'a>) -> Self {
        Self { held_out, eer: f64::INFINITY, net: None, looks: 0 }
    }

    /// The equal error rate now, when it is time for a look: behind the last step, too.
    fn look(&mut self, done: usize, steps: usize, net: &Net) -> Result<Option<f64>, TrainError> {
        if !done.is_multiple_of(self.held_out.every) && done != steps {
            return Ok(None);
        }
        let net = net.valid();
        let embeddings = embed(&net, self.held_out.samples.samples());
        let eer = equal_error_rate(&embeddings, self.held_out.samples.classes()).ok_or(TrainError::HeldOut)?;
        self.looks += 1;
        if eer < self.eer {
            (self.eer, self.net, self.looks) = (eer, Some(net), 0);
        }
        Ok(Some(eer))
    }

    fn is_over(&self) -> bool {
        self.looks >= self.held_out.patience
    }
}

/// The learning rate of a step: warm-up, then half a cosine to zero (Loshchilov and Hutter, 2017).
fn rate(config: &TrainConfig, step: usize) -> f64 {
    if step < config.warm_up {
        return config.rate * (step + 1) as f64 / config.warm_up as f64;
    }
    let done = (step - config.warm_up) as f64 / (config.steps - config.warm_up) as f64;
    config.rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

impl Encoder {
    /// The embeddings of samples, one after another, not normalized.
    ///
    /// # Panics
    ///
    /// If the samples do not have the shape that the encoder was trained for.
    #[must_use]
    pub fn embed(&self, samples: &Samples) -> Vec<f32> {
        assert_eq!(samples.shape(), self.shape, "samples of another shape");
        embed(&self.net, samples)
    }
}

/// The embeddings of samples by a network without gradients.
fn embed(net: &Net, samples: &Samples) -> Vec<f32> {
    let Shape { channels, height, width } = samples.shape();
    let indices: Vec<usize> = (0..samples.count()).collect();
    let chunk = |indices: &[usize]| {
        let all: Vec<f32> = indices.iter().flat_map(|index| samples.values(*index)).copied().collect();
        let dims = [indices.len(), channels, height, width];
        values(net.forward(Tensor::from_data(TensorData::new(all, dims), &Device::flex())))
    };
    indices.chunks(CHUNK).flat_map(chunk).collect()
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyBatch => f.write_str("a batch holds nothing; ask for classes or instances"),
            Self::NoPositive => {
                f.write_str("a class needs two samples in a batch, one to draw the other near; ask for at least 2")
            }
            Self::NotPairs { samples } => write!(
                f,
                "this loss is one of pairs, but a batch takes {samples} samples of a class; take 2, or choose another loss"
            ),
            Self::NoNegative => f.write_str("a batch has a single class; ask for two or more, or for instances"),
            Self::Setting { name, need } => write!(f, "{name} must be {need}"),
            Self::ShapesDiffer { labeled, instances } => {
                write!(f, "labeled samples are {labeled} and instances {instances}; bring both to one shape")
            }
            Self::NotSquare { shape } => {
                write!(f, "samples of {shape} cannot be turned by 90°; make them square or leave turned classes out")
            }
            Self::TooFewClasses { have, need } => {
                write!(f, "{have} classes, but a batch takes {need}; add classes or make the batch smaller")
            }
            Self::TooFewSamples { class, have, need } => write!(
                f,
                "class {class} has {have} samples, but a batch takes {need}; add samples, take fewer or leave it out"
            ),
            Self::TooFewInstances { have, need } => {
                write!(f, "{have} instances, but a batch takes {need}; add instances or make the batch smaller")
            }
            Self::HeldOut => f.write_str(
                "the samples held out have no pair of one class or none of two; hold out two classes of two samples or more",
            ),
            Self::Diverged { step } => {
                write!(f, "the loss is no number any more at step {step}; lower the rate or lengthen the warm-up")
            }
        }
    }
}

impl core::error::Error for TrainError {}

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
