//! What stands in for a sensor.

use super::{EncodeError, Encoding, Frames, FramesError, Rows, RowsError, SampleSource};
use crate::Meter;
use cognate::encoder::operators;
use cognate::{Embedding, ModelDigest};
use core::fmt;

/// Recorded samples: raw ones, for a bundle with an encoder that runs on the device, or embeddings, for any other.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a firmware has one, which stays where it is")]
pub enum Recorded<'a, 'm, const D: usize, Count = (), const OPERATORS: u32 = { operators::ALL }> {
    /// Embeddings of an encoder on the host.
    Embeddings(Rows<'a, D>),
    /// Samples that the bundle's encoder makes embeddings of.
    Raw(Encoding<'a, 'm, Frames<'a>, Count, OPERATORS>),
}

impl<const D: usize, Count: Meter, const OPERATORS: u32> SampleSource<D> for Recorded<'_, '_, D, Count, OPERATORS> {
    type Error = RecordedError;

    fn model(&self) -> ModelDigest {
        match self {
            Self::Embeddings(rows) => rows.model(),
            Self::Raw(encoding) => SampleSource::<D>::model(encoding),
        }
    }

    fn next_sample(&mut self) -> Result<Option<Embedding<D>>, RecordedError> {
        match self {
            Self::Embeddings(rows) => rows.next_sample().map_err(RecordedError::Rows),
            Self::Raw(encoding) => encoding.next_sample().map_err(RecordedError::Encode),
        }
    }
}

/// Why there is no recorded sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RecordedError {
    /// An embedding cannot be read.
    Rows(RowsError),
    /// A raw sample does not become an embedding.
    Encode(EncodeError<FramesError>),
}

impl fmt::Display for RecordedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RecordedError {}
