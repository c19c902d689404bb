//! Samples that the device encodes itself.

use super::SampleSource;
use crate::Meter;
use cognate::encoder::{Encoder, RunError, Sample, operators};
use cognate::{Embedding, EmbeddingError, ModelDigest};
use core::fmt;

/// Gives samples as a sensor or its front end has them: pixels, a series, features.
pub trait Capture {
    /// What can go wrong with a sample.
    type Error;

    /// The next sample, in the form that the encoder takes, or `None` when there are no more.
    ///
    /// # Errors
    /// Whatever the sensor reports. The next call goes on with the sample after it.
    fn next_sample(&mut self) -> Result<Option<Sample<'_>>, Self::Error>;
}

/// A sensor with the bundle's encoder behind it, run in the arena `'m`: a [`SampleSource`].
///
/// The meter counts what an embedding costs. `OPERATORS` are those that the firmware links
/// ([`operators`](cognate::encoder::operators)).
#[derive(Debug)]
pub struct Encoding<'a, 'm, Sensor, Count = (), const OPERATORS: u32 = { operators::ALL }> {
    encoder: Encoder<'a, OPERATORS>,
    arena: &'m mut [u8],
    sensor: Sensor,
    meter: Count,
}

impl<'a, 'm, Sensor, Count, const OPERATORS: u32> Encoding<'a, 'm, Sensor, Count, OPERATORS> {
    /// A sensor that has not been read yet. [`Arena`](cognate::encoder::Arena) is memory that an encoder can use.
    ///
    /// # Errors
    /// [`RunError::ArenaTooSmall`] says how much memory the encoder needs, [`RunError::ArenaAlignment`] where.
    pub fn new(
        encoder: Encoder<'a, OPERATORS>,
        arena: &'m mut [u8],
        sensor: Sensor,
        meter: Count,
    ) -> Result<Self, RunError> {
        encoder.check_arena(arena)?;
        Ok(Self { encoder, arena, sensor, meter })
    }

    /// Where the samples come from.
    pub const fn sensor(&self) -> &Sensor {
        &self.sensor
    }

    /// The counter of embeddings.
    pub const fn meter(&self) -> &Count {
        &self.meter
    }
}

impl<Sensor, Count, const OPERATORS: u32, const D: usize> SampleSource<D> for Encoding<'_, '_, Sensor, Count, OPERATORS>
where
    Sensor: Capture,
    Count: Meter,
{
    type Error = EncodeError<Sensor::Error>;

    fn model(&self) -> ModelDigest {
        self.encoder.digest()
    }

    fn next_sample(&mut self) -> Result<Option<Embedding<D>>, Self::Error> {
        let Some(sample) = self.sensor.next_sample().map_err(EncodeError::Sensor)? else { return Ok(None) };
        self.meter.begin();
        let output = self.encoder.run(sample, self.arena);
        self.meter.end();
        output.map_err(EncodeError::Run)?.embedding().map(Some).map_err(EncodeError::Embedding)
    }
}

/// Why a sample did not become an embedding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EncodeError<Sensor> {
    /// The sensor could not give it.
    Sensor(Sensor),
    /// The encoder does not take it.
    Run(RunError),
    /// The encoder's output is no embedding of this firmware's dimension.
    Embedding(EmbeddingError),
}

impl<Sensor: fmt::Display> fmt::Display for EncodeError<Sensor> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sensor(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
            Self::Embedding(error) => error.fmt(f),
        }
    }
}

impl<Sensor: fmt::Debug + fmt::Display> core::error::Error for EncodeError<Sensor> {}
