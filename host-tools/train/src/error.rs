//! Why a run does not give an encoder.

use core::fmt;

use crate::checkpoint::CheckpointError;
use crate::net::Shape;

/// Why a run did not give an encoder.
#[derive(Debug, Clone, PartialEq)]
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
    /// A run does not go on from this checkpoint.
    Checkpoint(CheckpointError),
    /// Whoever was told of the progress ended the run.
    Ended {
        /// Steps done.
        step: usize,
    },
}

impl From<CheckpointError> for TrainError {
    fn from(error: CheckpointError) -> Self {
        Self::Checkpoint(error)
    }
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
            Self::Checkpoint(error) => error.fmt(f),
            Self::Ended { step } => write!(f, "ended after step {step}; go on from its checkpoint"),
        }
    }
}

impl core::error::Error for TrainError {}
