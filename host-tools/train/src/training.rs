//! A whole run: from its data and configuration, or from a checkpoint, to its encoder.

use core::ops::ControlFlow;
use std::sync::mpsc::sync_channel;
use std::thread;

use burn::module::Module;
use burn::tensor::{Bytes, Device, TensorData};

use crate::batch::Batcher;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::error::TrainError;
use crate::held_out::{Best, HeldOut};
use crate::net::Net;
use crate::onnx::Recipe;
use crate::rng::Rng;
use crate::samples::{Labeled, Samples};
use crate::train::{Encoder, Progress, Run, TrainConfig, check, rate};

/// Batches that may wait for the network; one would do if making them always took the same time.
const AHEAD: usize = 2;

/// Everything that decides a run.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// Samples with their classes; may be empty if the batch takes none.
    pub labeled: &'a Labeled,
    /// Samples of which each is a class of its own; may be empty if the batch takes none. Both have the same shape.
    pub instances: &'a Samples,
    /// What ends the run early; without, it goes to its last step.
    pub held_out: Option<HeldOut<'a>>,
    /// How.
    pub config: &'a TrainConfig,
}

/// What a run has learned after a step.
pub struct State<'a> {
    run: &'a Run<'a>,
    best: Option<&'a Best<'a>>,
    losses: &'a [f32],
    recipe: &'a Recipe,
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
    let training = Training { labeled, instances, held_out: None, config };
    training.run(None, &mut |step, _| tell(progress, step))
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
    let training = Training { labeled, instances, held_out: Some(*held_out), config };
    training.run(None, &mut |step, _| tell(progress, step))
}

fn tell(progress: &mut dyn FnMut(Progress), step: Progress) -> ControlFlow<()> {
    progress(step);
    ControlFlow::Continue(())
}

impl Training<'_> {
    /// How the run is done: what its ONNX file carries along, and what a checkpoint must agree with.
    #[must_use]
    pub fn recipe(&self) -> Recipe {
        let recipe = Recipe::new(self.labeled, self.instances, self.config)
            .with("labels_sha256", self.labeled.digest())
            .with("network", &self.config.net)
            .with("version", env!("CARGO_PKG_VERSION"));
        let Some(HeldOut { samples, every, patience }) = self.held_out else { return recipe };
        recipe
            .with("held_out_count", samples.samples().count())
            .with("held_out_values_sha256", samples.samples().digest())
            .with("held_out_labels_sha256", samples.digest())
            .with("held_out_every", every)
            .with("held_out_patience", patience)
    }

    /// The encoder before the first step.
    ///
    /// # Errors
    ///
    /// As [`Training::run`] before its first step.
    pub fn untrained(&self) -> Result<Encoder, TrainError> {
        self.batcher()?;
        let net = self.net(&Device::flex().autodiff()).valid();
        Ok(Encoder { net, ranges: None, shape: self.instances.shape() })
    }

    /// Trains, calling `after` with every step's progress and state; it ends the run by breaking. From a checkpoint, the run goes
    /// on to the same encoder that it would have given without.
    ///
    /// # Errors
    ///
    /// [`TrainError`]: what does not fit, before the first step; [`TrainError::Diverged`] and [`TrainError::Ended`] later.
    pub fn run(
        &self,
        from: Option<&Checkpoint>,
        after: &mut dyn FnMut(Progress, &State<'_>) -> ControlFlow<()>,
    ) -> Result<Encoder, TrainError> {
        let batcher = self.batcher()?;
        let (config, shape, recipe) = (self.config, self.instances.shape(), self.recipe());
        let device = Device::flex().autodiff();
        let mut run = Run::new(self.net(&device), config, device);
        let mut best = self.held_out.map(|held_out| Best::new(held_out, self.config.float_steps(), Vec::new(), None));
        let mut losses = Vec::new();
        if let Some(checkpoint) = from {
            checkpoint.require(&recipe)?;
            (run, best) = self.restored(run, checkpoint).ok_or(CheckpointError::Damaged)?;
            losses.clone_from(&checkpoint.losses);
        }
        let begin = losses.len();
        thread::scope(|scope| {
            let (sender, batches) = sync_channel(AHEAD);
            scope.spawn(move || {
                // Sending fails once the training side has given up: nobody needs the rest.
                (begin..config.steps).try_for_each(|step| sender.send(batcher.batch(step)))
            });
            for step in begin..config.steps {
                if best.as_ref().is_some_and(Best::is_over) {
                    break;
                }
                let Ok(batch) = batches.recv() else { break };
                let dims = [batch.classes.len(), shape.channels, shape.height, shape.width];
                let loss = run.step(step, TensorData::new(batch.values, dims), &batch.classes)?;
                losses.push(loss);
                let eer = match &mut best {
                    Some(best) => best.look(step + 1, config.steps, &run.net, run.ranges.as_deref())?,
                    None => None,
                };
                let state = State { run: &run, best: best.as_ref(), losses: &losses, recipe: &recipe };
                let progress = Progress { step: step + 1, steps: config.steps, loss, rate: rate(config, step), eer };
                if after(progress, &state).is_break() {
                    return Err(TrainError::Ended { step: step + 1 });
                }
            }
            Ok(())
        })?;
        let net = best.and_then(|best| best.net().cloned()).unwrap_or_else(|| run.net.valid());
        let ranges = run.ranges;
        if net.is_finite() {
            Ok(Encoder { net, ranges, shape })
        } else {
            Err(TrainError::Diverged { step: losses.len() })
        }
    }

    /// Checks everything that can be checked before the first step.
    fn batcher(&self) -> Result<Batcher<'_>, TrainError> {
        check(self.config)?;
        let TrainConfig { batch, augment, seed, loss, .. } = self.config;
        let batcher = Batcher::new(self.labeled, self.instances, *batch, augment, *seed)?;
        loss.check(*batch)?;
        if let Some(held_out) = &self.held_out {
            held_out.check(self.instances.shape())?;
        }
        Ok(batcher)
    }

    fn net(&self, device: &Device) -> Net {
        Net::new(&self.config.net, self.instances.shape(), &mut Rng::keyed(&[self.config.seed]), device)
    }

    /// What the checkpoint was made of; `None` if it is of another network.
    fn restored<'a>(&'a self, run: Run<'a>, checkpoint: &Checkpoint) -> Option<(Run<'a>, Option<Best<'a>>)> {
        let net = match &checkpoint.best[..] {
            [] => None,
            bytes => Some(run.net.valid().with_bytes(bytes)?),
        };
        let best =
            self.held_out.map(|held_out| Best::new(held_out, self.config.float_steps(), checkpoint.looks.clone(), net));
        let optimizer = run.optimizer.from_bytes(Bytes::from_bytes_vec(checkpoint.optimizer.clone())).ok()?;
        let (net, ranges) = (run.net.with_bytes(&checkpoint.net)?, checkpoint.ranges.clone());
        Some((Run { net, ranges, optimizer, config: run.config, device: run.device }, best))
    }
}

impl State<'_> {
    /// What the run can go on from.
    ///
    /// # Errors
    ///
    /// [`TrainError::Diverged`] when the step has left weights that are no numbers: nothing goes on from those.
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        if !self.run.net.valid().is_finite() {
            return Err(TrainError::Diverged { step: self.losses.len() });
        }
        Ok(Checkpoint {
            recipe: self.recipe.clone(),
            losses: self.losses.to_vec(),
            looks: self.best.map(|best| best.looks().to_vec()).unwrap_or_default(),
            ranges: self.run.ranges.clone(),
            net: self.run.net.to_bytes(),
            optimizer: self.run.optimizer.into_bytes().expect("a record in memory is written").to_vec(),
            best: self.best.and_then(Best::net).map(Net::to_bytes).unwrap_or_default(),
        })
    }
}
