//! Why a bundle cannot be used or changed.

use super::LEAST_SAMPLES;
use crate::file::Unreadable;
use cognate::bundle::WriteError;
use cognate::protection::ProtectionError;
use cognate::quality::Refusal;
use cognate::{BundleError, ModelDigest, PolicyError};

/// Why a file is not a bundle that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// A device would refuse it.
    #[error("{0}")]
    Refused(BundleError),
    /// Made by another model.
    #[error(
        "the bundle is of model {found}, not of {expected}: use the model that it was exported with, or export it \
         again and enroll everybody anew"
    )]
    Model {
        /// The model in use.
        expected: ModelDigest,
        /// The bundle's.
        found: ModelDigest,
    },
    /// Of another dimension.
    #[error(
        "the bundle has templates of {found} elements where the embeddings have {expected}: use embeddings of the \
         bundle's model"
    )]
    Dimension {
        /// The dimension in use.
        expected: usize,
        /// The bundle's.
        found: usize,
    },
    /// Protected by a key.
    #[error(
        "the templates are protected by a key, and nobody can be compared with them here: take the protection away with \
         `cognate protect --reveal`, and protect it again"
    )]
    Protected,
    /// Protected by another key, or not at all.
    #[error("{0}")]
    Protection(ProtectionError),
    /// The new contents do not make a bundle.
    #[error("{0}")]
    Write(WriteError),
    /// The subjects cannot be changed so.
    #[error("{0}")]
    Enroll(EnrollError),
    /// Nobody was enrolled, because the samples should not be.
    #[error("{0}; --force enrolls all the same")]
    Quality(Refusal),
    /// Its thresholds do not hold the rate for so many subjects.
    #[error("{0}")]
    Policy(PolicyError),
    /// Nobody to compare with.
    #[error("nobody is enrolled in it: enroll a subject first with `cognate enroll`")]
    Nobody,
}

/// Why a subject was not enrolled or removed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EnrollError {
    /// A name of nothing but blanks.
    #[error("a subject needs a name")]
    NoName,
    /// The name is in use.
    #[error("a subject with the name `{name}` is enrolled: choose another name, or give --add to add samples to it")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// One sample, or none.
    #[error(
        "subject `{name}` has {found} of the at least {LEAST_SAMPLES} samples that an enrollment needs: one sample \
         may be a bad one, and nothing would show it; add samples"
    )]
    TooFewSamples {
        /// The name.
        name: String,
        /// How many samples it has.
        found: usize,
    },
    /// Samples that cancel each other out.
    #[error("the samples of subject `{name}` cancel each other out, so that they have no mean: check them")]
    NoCentroid {
        /// The name.
        name: String,
    },
    /// A centroid cannot be added to.
    #[error(
        "this bundle keeps subject `{name}` as the mean of its samples, to which nothing can be added: remove it, and \
         enroll it again with all samples"
    )]
    OneTemplate {
        /// The name.
        name: String,
    },
    /// Nobody of this name or id.
    #[error("no subject {wanted} is enrolled: `cognate list` shows who is")]
    Unknown {
        /// Who was asked for.
        wanted: String,
    },
    /// Every id was given.
    #[error("all ids that a bundle can give were given: export a new bundle")]
    NoMoreIds,
}
