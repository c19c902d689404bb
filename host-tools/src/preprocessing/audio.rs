//! How a recording becomes an input: as the waveform itself, or as log-mel features in the device's own integers. Models that
//! take other features are tensors to this tool.

use super::PreprocessingProblem;
use cognate::frontend::{self, Fitted, LogMel, LogMelTables, SoundForm};
use serde::{Deserialize, Serialize};

/// How a recording becomes an input.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioInput {
    kind: AudioKind,
    /// The name of the model's input.
    pub input: String,
    /// The name of the output that is the embedding.
    pub output: String,
    /// The axes of one sample, without the batch's: one of them counts the points of the waveform or, with features, the last
    /// two count rows and bands; others are 1.
    pub shape: Vec<usize>,
    /// Points a second; recordings of another rate are resampled.
    pub rate: u32,
    /// What a point, −1..1, is multiplied by: 32768 for a model that was trained on 16-bit integers. With features, what each of
    /// them, the base-2 logarithm of a power, is multiplied by.
    pub scale: f64,
    /// What is done with a recording that is shorter or longer.
    pub fit: Fit,
    /// Whether embeddings are brought to unit length.
    pub normalize: bool,
    /// The features that the model takes in place of the waveform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_mel: Option<Features>,
}

/// Log-mel features, as [`LogMel`] makes them on a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Points that a row of features is made of; the transform has the next power of two.
    pub window: usize,
    /// Points from one row to the next.
    pub hop: usize,
    /// Features of a row.
    pub bands: usize,
    /// Where the lowest band begins, in Hz.
    pub low: u32,
    /// Where the highest band ends.
    pub high: u32,
    /// Whether a row is less its mean, so that it does not matter how loud it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relative: bool,
}

/// The one thing that `kind` says in the file of an [`AudioInput`].
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AudioKind {
    Audio,
}

/// What is done with a recording that is shorter or longer than the model's input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// It is refused.
    Exact,
    /// It is cut, or followed by silence.
    Start,
    /// Its middle is taken, or silence is put on both sides.
    Center,
}

impl From<Fit> for frontend::Fit {
    fn from(fit: Fit) -> Self {
        match fit {
            Fit::Exact => Self::Exact,
            Fit::Start => Self::Start,
            Fit::Center => Self::Center,
        }
    }
}

impl AudioInput {
    /// Points of a waveform, −1..1 at [`Self::rate`], as the model takes them; `None` when their number is not right, and has
    /// to be.
    #[must_use]
    pub fn apply(&self, points: &[f32]) -> Option<Vec<f32>> {
        let needed = self.points();
        let Fitted { silence, skipped, taken } = frontend::Fit::from(self.fit).place(points.len(), needed)?;
        let mut fitted = vec![0.0; needed];
        fitted[silence..][..taken].copy_from_slice(&points[skipped..][..taken]);
        let scale = self.scale as f32;
        let Some(features) = &self.log_mel else { return Some(fitted.iter().map(|point| point * scale).collect()) };
        // As a converter of 16 bits has them.
        let integers: Vec<i16> = fitted.iter().map(|point| (point * 32_768.0).round() as i16).collect();
        let step = scale / FEATURE_STEPS as f32;
        Some(features.of(&integers, self.rate).iter().map(|&feature| f32::from(feature) * step).collect())
    }

    /// How many points of a waveform the model takes.
    #[must_use]
    pub fn points(&self) -> usize {
        match &self.log_mel {
            None => self.shape.iter().product(),
            Some(features) => {
                let rows = self.shape.iter().product::<usize>() / features.bands.max(1);
                features.form(self).points(rows)
            }
        }
    }

    /// Which features of which sound the model takes, as an int8 encoder tells its device; `None` for waveforms.
    #[must_use]
    pub fn sound(&self) -> Option<SoundForm> {
        self.log_mel.map(|features| features.form(self))
    }

    /// What one step of the device's features stands for, as the model takes them; `None` for waveforms.
    #[must_use]
    pub fn step(&self) -> Option<f64> {
        self.log_mel.map(|_| self.scale / f64::from(FEATURE_STEPS))
    }

    pub(super) fn check(&self) -> Result<(), PreprocessingProblem> {
        if let Some(features) = &self.log_mel {
            features.check(&self.shape, self.rate)?;
        } else if self.shape.contains(&0) || self.shape.iter().filter(|&&axis| axis > 1).count() != 1 {
            let reason = "has to have one axis that counts the points of the waveform, and no other above 1";
            return Err(PreprocessingProblem::value("shape", reason));
        }
        if self.rate == 0 || self.rate > MAX_RATE {
            return Err(PreprocessingProblem::value("rate", "has to be 1 to 1,000,000 points a second"));
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            return Err(PreprocessingProblem::value("scale", "has to be finite, and not 0"));
        }
        Ok(())
    }
}

/// Steps of the device's features in one of the base-2 logarithm.
const FEATURE_STEPS: u16 = 256;

/// Makes the features of some points.
type Maker = fn(&Features, &[i16], u32) -> Vec<i16>;

impl Features {
    /// What there is code for: the core's sizes are known when it is compiled.
    const MAKERS: [(usize, usize, Maker); 12] = [
        (200, 32, features::<200, 128, 32>),
        (200, 40, features::<200, 128, 40>),
        (200, 64, features::<200, 128, 64>),
        (256, 32, features::<256, 128, 32>),
        (256, 40, features::<256, 128, 40>),
        (256, 64, features::<256, 128, 64>),
        (400, 32, features::<400, 256, 32>),
        (400, 40, features::<400, 256, 40>),
        (400, 64, features::<400, 256, 64>),
        (512, 32, features::<512, 256, 32>),
        (512, 40, features::<512, 256, 40>),
        (512, 64, features::<512, 256, 64>),
    ];

    fn form(&self, input: &AudioInput) -> SoundForm {
        let Self { window, hop, bands, low, high, relative } = *self;
        let transform = window.next_power_of_two();
        SoundForm { rate: input.rate, window, hop, transform, bands, low, high, relative, fit: input.fit.into() }
    }

    fn maker(&self) -> Option<Maker> {
        Self::MAKERS
            .into_iter()
            .find(|(window, bands, _)| (*window, *bands) == (self.window, self.bands))
            .map(|it| it.2)
    }

    /// The rows of features, one after the other. There is one for each window that fits.
    fn of(&self, points: &[i16], rate: u32) -> Vec<i16> {
        self.maker().map_or_else(Vec::new, |make| make(self, points, rate))
    }

    fn check(&self, shape: &[usize], rate: u32) -> Result<(), PreprocessingProblem> {
        let large: Vec<usize> = shape.iter().copied().filter(|&axis| axis != 1).collect();
        if self.maker().is_none() {
            return Err(PreprocessingProblem::value(
                "window",
                "has to be 200, 256, 400 or 512, with 32, 40 or 64 bands",
            ));
        }
        if self.hop == 0 || self.hop > self.window {
            return Err(PreprocessingProblem::value("hop", "has to be 1 to a window"));
        }
        if self.low >= self.high || self.high > rate / 2 {
            return Err(PreprocessingProblem::value("high", "has to be above `low`, and at most half the rate"));
        }
        if !matches!(large[..], [rows, bands] if rows > 0 && bands == self.bands) && large != [self.bands] {
            return Err(PreprocessingProblem::value("shape", "has to be rows and bands, and no other axis above 1"));
        }
        Ok(())
    }
}

fn features<const WINDOW: usize, const HALF: usize, const BANDS: usize>(
    features: &Features,
    points: &[i16],
    rate: u32,
) -> Vec<i16> {
    let tables = LogMelTables::<WINDOW, HALF, BANDS>::new(rate, features.low, features.high);
    let tables = if features.relative { tables.relative() } else { tables };
    let mut front_end = LogMel::<WINDOW, WINDOW, HALF, BANDS>::new(&tables);
    let mut rows = Vec::new();
    // A row is of its window alone. The hop is a constant on a device, and here in a file.
    for window in points.windows(WINDOW).step_by(features.hop) {
        front_end.restart();
        front_end.push(window, |row| rows.extend_from_slice(row));
    }
    rows
}

/// The highest rate of a recording: beyond ultrasound.
pub(crate) const MAX_RATE: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the device's front end, which streams, the same numbers, whatever the hop.
    #[test]
    fn features_are_those_that_a_device_streams() {
        static TABLES: LogMelTables<200, 128, 32> = LogMelTables::new(8000, 60, 3900).relative();
        let mut random = fastrand::Rng::with_seed(1);
        let points: Vec<f32> = (0..1000).map(|_| random.i16(..).into()).map(|point: f32| point / 32_768.0).collect();
        let input = AudioInput {
            kind: AudioKind::Audio,
            input: String::new(),
            output: String::new(),
            shape: vec![11, 32],
            rate: 8000,
            scale: 0.5,
            fit: Fit::Exact,
            normalize: false,
            log_mel: Some(Features { window: 200, hop: 80, bands: 32, low: 60, high: 3900, relative: true }),
        };
        input.check().unwrap();
        assert_eq!(input.points(), 1000);
        let mut streamed = Vec::new();
        let integers: Vec<i16> = points.iter().map(|point| (point * 32_768.0) as i16).collect();
        let mut device = LogMel::<200, 80, 128, 32>::new(&TABLES);
        assert_eq!(input.sound(), Some(device.form(frontend::Fit::Exact)));
        device.push(&integers, |row| streamed.extend_from_slice(row));
        let found = input.apply(&points).unwrap();
        assert_eq!(found.len(), 11 * 32);
        let steps: Vec<f64> = found.iter().map(|&feature| f64::from(feature) / input.step().unwrap()).collect();
        assert_eq!(steps, streamed.iter().map(|&feature| f64::from(feature)).collect::<Vec<_>>());
        assert!(input.apply(&points[1..]).is_none());
    }
}
