//! Where samples come from.

mod encoding;
mod frames;
mod hearing;
mod recorded;
mod recordings;
mod rows;
#[cfg(test)]
mod tests;

pub use encoding::{Capture, EncodeError, Encoding};
pub use frames::{Frames, FramesError};
pub use hearing::{HearError, Hearing, Recorder, UnheardEncoder};
pub use recorded::{Recorded, RecordedError};
pub use recordings::{Recordings, RecordingsError};
pub use rows::{Rows, RowsError};

use cognate::{Embedding, ModelDigest};

/// Gives samples as embeddings of `D` elements: an [`Encoding`] behind a sensor, or [`Rows`] recorded on the host.
pub trait SampleSource<const D: usize> {
    /// What can go wrong with a sample.
    type Error;

    /// The model that makes the embeddings. A bundle of another one is refused.
    fn model(&self) -> ModelDigest;

    /// The next sample, or `None` when there are no more.
    ///
    /// # Errors
    /// Whatever the sensor or the encoder reports. The next call goes on with the sample after it.
    fn next_sample(&mut self) -> Result<Option<Embedding<D>>, Self::Error>;
}
