//! Samples recorded on the host, for an encoder on the device.

use super::Capture;
use cognate::encoder::{Encoder, InputForm, Sample};
use core::fmt;

/// Whole samples as an encoder takes them, one behind the other: little-endian elements and nothing between or behind them.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    form: InputForm<'a>,
    /// Bytes of a sample.
    length: usize,
    rest: &'a [u8],
    next: u32,
}

impl<'a> Frames<'a> {
    /// The samples in these bytes, which begin at a multiple of an element's. What is not a whole sample at the end is an
    /// error when it is reached.
    #[must_use]
    pub const fn new<const OPERATORS: u32>(encoder: &Encoder<'a, OPERATORS>, bytes: &'a [u8]) -> Self {
        Self { form: encoder.input_form(), length: encoder.sample_bytes(), rest: bytes, next: 0 }
    }
}

impl Capture for Frames<'_> {
    type Error = FramesError;

    fn next_sample(&mut self) -> Result<Option<Sample<'_>>, FramesError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let frame = self.next;
        self.next += 1;
        let Some((bytes, rest)) = self.rest.split_at_checked(self.length) else {
            let found = core::mem::take(&mut self.rest).len();
            return Err(FramesError::Incomplete { frame, found, expected: self.length });
        };
        self.rest = rest;
        self.form.sample_in(bytes).map(Some).ok_or(FramesError::Alignment { frame })
    }
}

/// Why recorded bytes are not samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FramesError {
    /// The bytes end inside a sample: the file was cut, or is for another encoder.
    Incomplete {
        /// The sample, from 0.
        frame: u32,
        /// The bytes that are left of it.
        found: usize,
        /// The bytes that it should have.
        expected: usize,
    },
    /// The elements of the sample are not where a core can load them.
    Alignment {
        /// The sample, from 0.
        frame: u32,
    },
}

impl fmt::Display for FramesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { frame, found, expected } => write!(
                f,
                "sample {frame} ends after {found} bytes of {expected}: write the samples again for the bundle's encoder"
            ),
            Self::Alignment { frame } => {
                write!(f, "sample {frame} is not at a multiple of its elements' bytes: place the samples at one of 16")
            }
        }
    }
}

impl core::error::Error for FramesError {}
