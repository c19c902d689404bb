//! The losses: what each asks of the embeddings of a batch.
//!
//! | [`Loss`] | draws together | pushes apart | source |
//! | --- | --- | --- | --- |
//! | `Contrastive` | every genuine pair | impostor pairs nearer than a margin | Hadsell, Chopra and LeCun (2006) |
//! | `Triplet` | a positive | one semi-hard negative, to a margin behind the positive | Schroff, Kalenichenko and Philbin (2015) |
//! | `NPair` | a pair | the positives of all other classes at once | Sohn (2016) |
//! | `NtXent` | two views of a sample | all other views | Chen et al. (2020) |
//! | `Supervised` | all members of a class | all other views | Khosla et al. (2020) |
//! | `Debiased` | two views of a sample | all others, less what is expected to be of the same class | Chuang et al. (2020) |
//!
//! All but `NPair` compare unit embeddings, as a gallery does. Every loss is a mean, so that a learning rate means the
//! same for batches of any size.

mod contrastive;
mod debiased;
mod n_pair;
mod supervised;
mod triplet;

#[cfg(test)]
mod reference;

use burn::tensor::{Tensor, TensorData};

use crate::batch::BatchConfig;
use crate::error::TrainError;

/// Added to a squared length before its root is taken, so that zero has a gradient.
const TINY: f32 = 1e-12;

/// A loss and its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Contrastive loss (Chopra, Hadsell and LeCun, 2005, in the form of Hadsell, Chopra and LeCun, 2006, equation 4).
    Contrastive {
        /// The Euclidean distance of unit embeddings from which on impostors are left alone, above 0; no two are more
        /// than 2 apart.
        margin: f32,
    },
    /// Triplet loss of FaceNet (Schroff et al., 2015, equation 2), with semi-hard negatives.
    Triplet {
        /// How much greater the squared distance to a negative is to be than that to the positive, above 0.
        margin: f32,
    },
    /// Multi-class N-pair loss (Sohn, 2016, equation 6), of embeddings as they are.
    NPair {
        /// The weight of the mean squared length, which nothing else keeps from growing; 0 or more.
        regularization: f32,
    },
    /// NT-Xent, the loss of SimCLR (Chen et al., 2020, equation 1).
    NtXent {
        /// τ, above 0.
        temperature: f32,
    },
    /// Supervised contrastive loss (Khosla et al., 2020, equation 2).
    Supervised {
        /// τ, above 0.
        temperature: f32,
    },
    /// Debiased contrastive loss (Chuang et al., 2020, equation 8).
    Debiased {
        /// t, above 0.
        temperature: f32,
        /// τ⁺, the chance that two samples drawn without labels are of the same class, at least 0 and below 1.
        prior: f32,
    },
}

impl Default for Loss {
    /// That of `models/glyphs.onnx`.
    fn default() -> Self {
        Self::Supervised { temperature: 0.1 }
    }
}

impl Loss {
    /// What the command line calls each, with the parameters to begin from.
    pub const NAMED: [(&'static str, Self); 6] = [
        ("contrastive", Self::Contrastive { margin: 1.0 }),
        ("triplet", Self::Triplet { margin: 0.2 }),
        ("n-pair", Self::NPair { regularization: 0.002 }),
        ("nt-xent", Self::NtXent { temperature: 0.2 }),
        ("supervised", Self::Supervised { temperature: 0.1 }),
        ("debiased", Self::Debiased { temperature: 0.2, prior: 0.1 }),
    ];

    /// Its name, the paper that defines it, and its parameters.
    pub(crate) fn describe(self) -> (&'static str, Vec<(&'static str, f32)>) {
        match self {
            Self::Contrastive { margin } => ("contrastive (Hadsell et al., 2006)", vec![("margin", margin)]),
            Self::Triplet { margin } => ("triplet, semi-hard (Schroff et al., 2015)", vec![("margin", margin)]),
            Self::NPair { regularization } => ("N-pair (Sohn, 2016)", vec![("regularization", regularization)]),
            Self::NtXent { temperature } => ("NT-Xent (Chen et al., 2020)", vec![("temperature", temperature)]),
            Self::Supervised { temperature } => {
                ("supervised contrastive (Khosla et al., 2020)", vec![("temperature", temperature)])
            }
            Self::Debiased { temperature, prior } => {
                ("debiased contrastive (Chuang et al., 2020)", vec![("temperature", temperature), ("prior", prior)])
            }
        }
    }

    /// Refuses parameters that no data can make right, and batches that the loss is not defined for.
    pub(crate) fn check(self, batch: BatchConfig) -> Result<(), TrainError> {
        for (name, value) in self.describe().1 {
            // A comparison with NaN is false, so NaN is refused, too.
            let (need, right) = match name {
                "regularization" => ("0 or more", (0.0..f32::INFINITY).contains(&value)),
                "prior" => ("at least 0 and below 1", (0.0..1.0).contains(&value)),
                _ => ("above zero", value > 0.0 && value.is_finite()),
            };
            if !right {
                return Err(TrainError::Setting { name, need });
            }
        }
        let of_pairs = matches!(self, Self::NPair { .. } | Self::NtXent { .. } | Self::Debiased { .. });
        if of_pairs && batch.classes > 0 && batch.samples != 2 {
            return Err(TrainError::NotPairs { samples: batch.samples });
        }
        if batch.classes + batch.instances < 2 {
            return Err(TrainError::NoNegative);
        }
        Ok(())
    }

    /// The loss of one batch, of shape `[1]`.
    ///
    /// `embeddings` has shape `[n, dimensions]` and any length. `classes` has n entries; where [`Loss::check`] asked for
    /// pairs, those of a class follow each other.
    pub(crate) fn of(self, embeddings: Tensor<2>, classes: &[usize]) -> Tensor<1> {
        match self {
            Self::Contrastive { margin } => contrastive::contrastive(embeddings, classes, margin),
            Self::Triplet { margin } => triplet::triplet(embeddings, classes, margin),
            Self::NPair { regularization } => n_pair::n_pair(embeddings, regularization),
            // With exactly one positive an anchor, they are the same.
            Self::NtXent { temperature } | Self::Supervised { temperature } => {
                supervised::supervised_contrastive(embeddings, classes, temperature)
            }
            Self::Debiased { temperature, prior } => debiased::debiased(embeddings, temperature, prior),
        }
    }
}

/// The cosines of all embeddings with all, of shape `[n, n]`.
fn cosines(embeddings: Tensor<2>) -> Tensor<2> {
    let length = (embeddings.clone().square().sum_dim(1) + TINY).sqrt();
    let unit = embeddings / length;
    unit.clone().matmul(unit.transpose())
}

/// The squared Euclidean distances of all unit embeddings from all, 0 to 4, of shape `[n, n]`.
fn squared_distances(embeddings: Tensor<2>) -> Tensor<2> {
    (cosines(embeddings) * -2.0 + 2.0).clamp_min(0.0)
}

/// A constant matrix of side n like this tensor: one value a pair.
fn constant(like: &Tensor<2>, n: usize, value: impl Fn(usize, usize) -> f32) -> Tensor<2> {
    let values: Vec<f32> = (0..n * n).map(|index| value(index / n, index % n)).collect();
    Tensor::from_data(TensorData::new(values, [n, n]), &like.device())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: BatchConfig = BatchConfig { classes: 3, samples: 2, instances: 0, turned: false, mixup: None };

    #[test]
    fn parameters_out_of_range_are_refused() {
        let name = |loss: Loss| match loss.check(PAIRS) {
            Err(TrainError::Setting { name, .. }) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(Loss::Contrastive { margin: 0.0 }), "margin");
        assert_eq!(name(Loss::Triplet { margin: f32::INFINITY }), "margin");
        assert_eq!(name(Loss::NPair { regularization: -1.0 }), "regularization");
        assert_eq!(name(Loss::NtXent { temperature: f32::NAN }), "temperature");
        assert_eq!(name(Loss::Supervised { temperature: -0.1 }), "temperature");
        assert_eq!(name(Loss::Debiased { temperature: 0.5, prior: 1.0 }), "prior");
    }

    #[test]
    fn losses_of_pairs_refuse_greater_classes() {
        let threes = BatchConfig { samples: 3, ..PAIRS };
        for loss in [
            Loss::NPair { regularization: 0.0 },
            Loss::NtXent { temperature: 0.5 },
            Loss::Debiased { temperature: 0.5, prior: 0.1 },
        ] {
            assert_eq!(loss.check(PAIRS), Ok(()));
            assert_eq!(loss.check(threes), Err(TrainError::NotPairs { samples: 3 }));
            // Instances always come as two views.
            assert_eq!(loss.check(BatchConfig { classes: 0, instances: 4, ..threes }), Ok(()));
        }
        assert_eq!(Loss::Triplet { margin: 0.2 }.check(threes), Ok(()));
    }

    #[test]
    fn a_class_alone_has_nothing_to_be_pushed_from() {
        let alone = BatchConfig { classes: 1, ..PAIRS };
        assert_eq!(Loss::default().check(alone), Err(TrainError::NoNegative));
    }
}
