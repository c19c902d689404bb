//! Recordings that become the features that an encoder takes.

use super::Capture;
use crate::Meter;
use cognate::encoder::{Encoder, Sample};
use cognate::frontend::{Fit, Fitted, LogMel, SoundForm};
use core::fmt;

/// Gives recordings as a converter's driver has them: 16-bit PCM of one channel, in pieces.
pub trait Recorder {
    /// What can go wrong with a recording.
    type Error;

    /// Begins the next recording, whatever is left of the one before: how many points it has, or `None` when there are no more.
    ///
    /// # Errors
    /// Whatever the recorder reports. The next call goes on with the recording after it.
    fn next_recording(&mut self) -> Result<Option<usize>, Self::Error>;

    /// The next points of the recording, one at least while it has more.
    ///
    /// # Errors
    /// Whatever the recorder reports; the rest of the recording is then left out.
    fn next_points(&mut self) -> Result<&[i16], Self::Error>;
}

/// A recorder with log-mel features behind it: a [`Capture`] for an encoder that takes such.
///
/// A recording becomes a sample as on the host: it is cut, or silence is put around it, as the encoder's [`Fit`] says. Points are
/// taken as they come and none is kept but what the next row needs. The meter counts what the features of a recording cost,
/// and the wait for its points.
#[derive(Debug)]
pub struct Hearing<'t, 'm, Source, Count, const WINDOW: usize, const HOP: usize, const HALF: usize, const BANDS: usize>
{
    recorder: Source,
    front_end: &'m mut LogMel<'t, WINDOW, HOP, HALF, BANDS>,
    rows: &'m mut [[i16; BANDS]],
    fit: Fit,
    meter: Count,
}

impl<'t, 'm, Source, Count, const WINDOW: usize, const HOP: usize, const HALF: usize, const BANDS: usize>
    Hearing<'t, 'm, Source, Count, WINDOW, HOP, HALF, BANDS>
{
    /// A recorder that has not been listened to yet. `rows` is memory for the features of a recording.
    ///
    /// # Errors
    /// [`UnheardEncoder`] when the encoder takes no features of sound, others than `front_end` makes, or other than so many rows.
    pub fn new<const OPERATORS: u32>(
        encoder: &Encoder<'_, OPERATORS>,
        recorder: Source,
        front_end: &'m mut LogMel<'t, WINDOW, HOP, HALF, BANDS>,
        rows: &'m mut [[i16; BANDS]],
        meter: Count,
    ) -> Result<Self, UnheardEncoder> {
        let found = encoder.sound().ok_or(UnheardEncoder::NotOfSound)?;
        let expected = front_end.form(found.fit);
        if expected != found {
            return Err(UnheardEncoder::Sound { expected, found });
        }
        let elements = encoder.input().extent.elements();
        if elements != rows.as_flattened().len() {
            return Err(UnheardEncoder::Rows { expected: rows.len(), found: elements / BANDS.max(1) });
        }
        Ok(Self { recorder, front_end, rows, fit: found.fit, meter })
    }

    /// The features of the last recording.
    #[must_use]
    pub const fn features(&self) -> &[i16] {
        self.rows.as_flattened()
    }

    /// The counter of recordings.
    pub const fn meter(&self) -> &Count {
        &self.meter
    }
}

impl<Source, Count, const WINDOW: usize, const HOP: usize, const HALF: usize, const BANDS: usize>
    Hearing<'_, '_, Source, Count, WINDOW, HOP, HALF, BANDS>
where
    Source: Recorder,
{
    /// Listens to the recording that has begun.
    fn listen(&mut self, place: Fitted, needed: usize) -> Result<(), HearError<Source::Error>> {
        let Fitted { silence, mut skipped, taken } = place;
        let (front_end, mut rows) = (&mut *self.front_end, self.rows.iter_mut());
        let mut push = |points: &[i16]| {
            front_end.push(points, |row| {
                if let Some(place) = rows.next() {
                    *place = *row;
                }
            });
        };
        push_silence(silence, &mut push);
        let mut left = taken;
        while left > 0 {
            let points = self.recorder.next_points().map_err(HearError::Recorder)?;
            if points.is_empty() {
                return Err(HearError::Ended { expected: taken, found: taken - left });
            }
            let passed = skipped.min(points.len());
            skipped -= passed;
            let heard = points.get(passed..).unwrap_or_default();
            let heard = heard.get(..left).unwrap_or(heard);
            push(heard);
            left -= heard.len();
        }
        push_silence(needed.saturating_sub(silence).saturating_sub(taken), &mut push);
        Ok(())
    }
}

fn push_silence(points: usize, push: &mut impl FnMut(&[i16])) {
    const PIECE: [i16; 32] = [0; 32];
    for _ in 0..points / PIECE.len() {
        push(&PIECE);
    }
    push(PIECE.get(..points % PIECE.len()).unwrap_or_default());
}

impl<Source, Count, const WINDOW: usize, const HOP: usize, const HALF: usize, const BANDS: usize> Capture
    for Hearing<'_, '_, Source, Count, WINDOW, HOP, HALF, BANDS>
where
    Source: Recorder,
    Count: Meter,
{
    type Error = HearError<Source::Error>;

    fn next_sample(&mut self) -> Result<Option<Sample<'_>>, Self::Error> {
        let Some(found) = self.recorder.next_recording().map_err(HearError::Recorder)? else { return Ok(None) };
        let needed = self.front_end.form(self.fit).points(self.rows.len());
        let place = self.fit.place(found, needed).ok_or(HearError::Length { expected: needed, found })?;
        self.front_end.restart();
        self.meter.begin();
        let heard = self.listen(place, needed);
        self.meter.end();
        heard.map(|()| Some(Sample::Int16(self.rows.as_flattened())))
    }
}

/// Why an encoder cannot be given what this firmware hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UnheardEncoder {
    /// It does not say that it takes features of sound.
    NotOfSound,
    /// It takes others.
    Sound {
        /// What this firmware makes.
        expected: SoundForm,
        /// What the encoder takes.
        found: SoundForm,
    },
    /// It takes other than so many rows of them.
    Rows {
        /// What this firmware makes.
        expected: usize,
        /// What the encoder takes.
        found: usize,
    },
}

impl fmt::Display for UnheardEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOfSound => f.write_str(
                "the encoder takes no features of sound: train it with [log_mel] in its preprocessing, and quantize it",
            ),
            Self::Sound { expected, found } => write!(
                f,
                "the encoder takes {found:?}, the firmware makes {expected:?}: train it on these, or build for the others"
            ),
            Self::Rows { expected, found } => write!(
                f,
                "the encoder takes {found} rows of features, the firmware makes {expected}: train it on as many, or build for \
                 the other"
            ),
        }
    }
}

impl core::error::Error for UnheardEncoder {}

/// Why a recording did not become a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HearError<Source> {
    /// The recorder could not give it.
    Recorder(Source),
    /// It has another length than the encoder takes, and is not to be cut or filled up ([`Fit::Exact`]).
    Length {
        /// Points that the encoder takes.
        expected: usize,
        /// Points of the recording.
        found: usize,
    },
    /// It ended before it had as many points as the recorder said.
    Ended {
        /// Points of it that were to be taken.
        expected: usize,
        /// Points that were.
        found: usize,
    },
}

impl<Source: fmt::Display> fmt::Display for HearError<Source> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recorder(error) => error.fmt(f),
            Self::Length { expected, found } => write!(
                f,
                "a recording has {found} points and the encoder takes {expected}: record as many, or train it with another fit"
            ),
            Self::Ended { expected, found } => {
                write!(f, "a recording ended after {found} points of {expected}: check the recorder")
            }
        }
    }
}

impl<Source: fmt::Debug + fmt::Display> core::error::Error for HearError<Source> {}
