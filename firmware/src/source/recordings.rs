//! Recordings in flash, in place of a microphone.

use super::Recorder;
use core::fmt;

/// Recordings one behind the other: of each the number of its points as a little-endian `u32`, then the points, little-endian
/// `i16`, and nothing between or behind them.
#[derive(Clone, Debug)]
pub struct Recordings<'a> {
    rest: &'a [u8],
    points: &'a [i16],
    next: u32,
}

impl<'a> Recordings<'a> {
    /// The recordings in these bytes, which begin at a multiple of 2. What is not a whole one at the end is an error when it is
    /// reached.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, points: &[], next: 0 }
    }
}

impl Recorder for Recordings<'_> {
    type Error = RecordingsError;

    fn next_recording(&mut self) -> Result<Option<usize>, RecordingsError> {
        self.points = &[];
        if self.rest.is_empty() {
            return Ok(None);
        }
        let recording = self.next;
        self.next += 1;
        let parted = self.rest.split_first_chunk().and_then(|(points, rest)| {
            let points = usize::try_from(u32::from_le_bytes(*points)).ok()?;
            rest.split_at_checked(points.checked_mul(size_of::<i16>())?)
        });
        let Some((points, rest)) = parted else {
            let found = core::mem::take(&mut self.rest).len();
            return Err(RecordingsError::Incomplete { recording, found });
        };
        self.rest = rest;
        self.points = bytemuck::try_cast_slice(points).map_err(|_| RecordingsError::Alignment { recording })?;
        Ok(Some(self.points.len()))
    }

    fn next_points(&mut self) -> Result<&[i16], RecordingsError> {
        Ok(core::mem::take(&mut self.points))
    }
}

/// Why bytes are not recordings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RecordingsError {
    /// The bytes end inside a recording: the file was cut, or is something else.
    Incomplete {
        /// The recording, from 0.
        recording: u32,
        /// The bytes that are left of it.
        found: usize,
    },
    /// Its points are not where a core can load them.
    Alignment {
        /// The recording, from 0.
        recording: u32,
    },
}

impl fmt::Display for RecordingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { recording, found } => {
                write!(f, "recording {recording} ends after {found} bytes: write the recordings again")
            }
            Self::Alignment { recording } => {
                write!(f, "recording {recording} is not at a multiple of 2: place the recordings at one of 16")
            }
        }
    }
}

impl core::error::Error for RecordingsError {}
