//! The bundle's encoder.

use crate::status::Status;
use cognate::BundleView;
use cognate::encoder::{Encoder, operators};

/// An encoder that was checked, in the bundle's bytes.
pub(crate) struct BundleEncoder(Encoder<'static, { operators::ALL }>);

impl BundleEncoder {
    /// Checks all of it.
    pub(crate) fn open(bundle: &BundleView<'static>) -> Result<Self, Status> {
        bundle.int8_encoder()?.map(Self).ok_or(Status::NoEncoder)
    }

    /// Bytes of a sample.
    pub(crate) const fn sample_bytes(&self) -> usize {
        self.0.sample_bytes()
    }

    /// Bytes of the arena.
    pub(crate) const fn arena_bytes(&self) -> usize {
        self.0.arena_bytes()
    }

    /// Encodes a sample.
    pub(crate) fn encode(&self, sample: &[u8], arena: &mut [u8], embedding: &mut [f32]) -> Result<(), Status> {
        if sample.len() != self.sample_bytes() {
            return Err(Status::Sample);
        }
        let sample = self.0.input_form().sample_in(sample).ok_or(Status::Alignment)?;
        Ok(self.0.run(sample, arena)?.copy_to(embedding)?)
    }
}
