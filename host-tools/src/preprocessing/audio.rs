//! How a recording becomes an input: the waveform itself. Models that take features of it are tensors to this tool.

use super::PreprocessingProblem;
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
    /// The axes of one sample, without the batch's: one of them counts the points of the waveform, others are 1.
    pub shape: Vec<usize>,
    /// Points a second; recordings of another rate are resampled.
    pub rate: u32,
    /// What a point, −1..1, is multiplied by: 32768 for a model that was trained on 16-bit integers.
    pub scale: f64,
    /// What is done with a recording that is shorter or longer.
    pub fit: Fit,
    /// Whether embeddings are brought to unit length.
    pub normalize: bool,
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

impl AudioInput {
    /// Points of a waveform, −1..1 at [`Self::rate`], as the model takes them; `None` when their number is not right, and has
    /// to be.
    #[must_use]
    pub fn apply(&self, points: &[f32]) -> Option<Vec<f32>> {
        let needed = self.points();
        let (short, long) = (needed.saturating_sub(points.len()), points.len().saturating_sub(needed));
        let (silence, skipped) = match self.fit {
            Fit::Exact if short + long > 0 => return None,
            Fit::Exact | Fit::Start => (0, 0),
            Fit::Center => (short / 2, long / 2),
        };
        let mut input = vec![0.0; needed];
        let scale = self.scale as f32;
        for (place, point) in input.iter_mut().skip(silence).zip(points.iter().skip(skipped)) {
            *place = point * scale;
        }
        Some(input)
    }

    /// How many points the model takes.
    #[must_use]
    pub fn points(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) fn check(&self) -> Result<(), PreprocessingProblem> {
        if self.shape.contains(&0) || self.shape.iter().filter(|&&axis| axis > 1).count() != 1 {
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

/// The highest rate of a recording: beyond ultrasound.
pub(crate) const MAX_RATE: u32 = 1_000_000;
