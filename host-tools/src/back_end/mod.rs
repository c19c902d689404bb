//! The embedding back end: fitted in `f64`, brought to the integers that the core computes with.

mod comparison;
mod fit;

pub use comparison::{Comparison, compare};
pub use fit::{Fit, FitError, Kind, LEAST_SUBJECTS, fit};

use cognate::{BackEnd, ModelDigest};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bits that the greatest input has: two fewer than the core takes, for samples that are greater than those fitted on.
const INPUT_BITS: i32 = 22;

/// A back end's integers, owned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Numbers", into = "Numbers")]
pub struct FittedBackEnd {
    encoder: ModelDigest,
    exponent: i8,
    output_exponent: i8,
    shift: u8,
    mean: Vec<[u8; 4]>,
    map: Vec<[u8; 2]>,
}

impl FittedBackEnd {
    /// Brings what was fitted on an encoder's outputs to integers; `greatest` is the greatest magnitude among these outputs.
    ///
    /// # Errors
    /// [`FitError::Magnitude`] when the outputs are too small or too large for the core's exponents.
    ///
    /// # Panics
    /// When the fit is not of finite numbers, or of more dimensions than the core takes.
    pub fn quantize(fit: &Fit, encoder: ModelDigest, greatest: f64) -> Result<Self, FitError> {
        // The greatest power of two that keeps the greatest input below 2²².
        let exponent = INPUT_BITS - greatest.log2().ceil() as i32;
        let mean = fit.mean.iter().map(|mean| ((mean * 2f64.powi(exponent)).round() as i32).to_le_bytes()).collect();
        let (weight_bits, shift, map) = match &fit.map {
            None => (0, 0, Vec::new()),
            Some(map) => quantize_map(map),
        };
        let output_exponent = shift - exponent - weight_bits;
        let in_range = |exponent: i32| i8::try_from(exponent).ok().filter(|exponent| exponent.unsigned_abs() <= 64);
        let (Some(exponent), Some(output_exponent)) = (in_range(exponent), in_range(output_exponent)) else {
            return Err(FitError::Magnitude { greatest: format!("{greatest:e}") });
        };
        Ok(Self { encoder, exponent, output_exponent, shift: shift as u8, mean, map })
    }

    /// The back end of a bundle.
    #[must_use]
    pub fn of_bundle(view: &BackEnd<'_>) -> Self {
        let [mean, map] = view.body();
        let [.., exponent, output_exponent, shift, _, _, _, _, _] = view.header();
        Self {
            encoder: view.encoder(),
            exponent: exponent.cast_signed(),
            output_exponent: output_exponent.cast_signed(),
            shift,
            mean: mean.as_chunks().0.to_vec(),
            map: map.as_chunks().0.to_vec(),
        }
    }

    /// The back end as the core takes it.
    ///
    /// # Panics
    /// Never: it was checked when it was made.
    #[must_use]
    pub fn view(&self) -> BackEnd<'_> {
        self.try_view().expect("its sizes and exponents were checked")
    }

    fn try_view(&self) -> Option<BackEnd<'_>> {
        BackEnd::new(self.encoder, [self.exponent, self.output_exponent], self.shift, &self.mean, &self.map)
    }

    /// The encoder whose output it takes.
    #[must_use]
    pub const fn encoder(&self) -> ModelDigest {
        self.encoder
    }

    /// The model that templates behind it are of: the first 16 bytes of the SHA-256 of its section in a bundle, which begins
    /// with the encoder's digest. Templates of two back ends have nothing in common.
    #[must_use]
    pub fn model(&self) -> ModelDigest {
        let view = self.view();
        let [mean, map] = view.body();
        let hash = Sha256::new().chain_update(view.header()).chain_update(mean).chain_update(map).finalize();
        let mut bytes = [0; ModelDigest::BYTES];
        bytes.copy_from_slice(&hash[..ModelDigest::BYTES]);
        ModelDigest::new(bytes)
    }

    /// The same without rounding: the reference that the device is compared with.
    #[must_use]
    pub fn project_f64(&self, embedding: &[f32]) -> Vec<f64> {
        let unit = 2f64.powi(-i32::from(self.exponent));
        let mean = |bytes: &[u8; 4]| f64::from(i32::from_le_bytes(*bytes)) * unit;
        let centered: Vec<f64> = embedding.iter().zip(&self.mean).map(|(&x, m)| f64::from(x) - mean(m)).collect();
        if self.map.is_empty() {
            return centered;
        }
        let row = |row: &[[u8; 2]]| row.iter().zip(&centered).map(|(w, v)| f64::from(i16::from_le_bytes(*w)) * v).sum();
        self.map.chunks_exact(centered.len()).map(row).collect()
    }
}

/// The bits behind the binary point of a map's weights, the shift of its sums, and the weights.
fn quantize_map(map: &DMatrix<f64>) -> (i32, i32, Vec<[u8; 2]>) {
    let weight_bits = 14 - map.amax().log2().ceil() as i32;
    let weight = |value: f64| (value * 2f64.powi(weight_bits)).round() as i16;
    // Whatever comes in, an output stays below 2³⁰: inputs less their mean are below 2²⁵.
    let widest = map.row_iter().map(|row| row.iter().map(|&value| f64::from(weight(value)).abs()).sum::<f64>());
    let sum_bits = widest.fold(1.0f64, f64::max).log2().ceil() as i32 + 25;
    let rows = map.row_iter().flat_map(|row| row.iter().map(|&value| weight(value).to_le_bytes()).collect::<Vec<_>>());
    (weight_bits, (sum_bits - 30).clamp(0, 47), rows.collect())
}

/// The form of a back end in a file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    encoder: String,
    exponent: i8,
    output_exponent: i8,
    shift: u8,
    mean: Vec<i32>,
    map: Vec<i16>,
}

impl From<FittedBackEnd> for Numbers {
    fn from(back_end: FittedBackEnd) -> Self {
        Self {
            encoder: back_end.encoder.to_string(),
            exponent: back_end.exponent,
            output_exponent: back_end.output_exponent,
            shift: back_end.shift,
            mean: back_end.mean.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect(),
            map: back_end.map.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect(),
        }
    }
}

impl TryFrom<Numbers> for FittedBackEnd {
    type Error = String;

    fn try_from(numbers: Numbers) -> Result<Self, String> {
        let back_end = Self {
            encoder: numbers.encoder.parse().map_err(|error| format!("{error}"))?,
            exponent: numbers.exponent,
            output_exponent: numbers.output_exponent,
            shift: numbers.shift,
            mean: numbers.mean.iter().map(|value| value.to_le_bytes()).collect(),
            map: numbers.map.iter().map(|value| value.to_le_bytes()).collect(),
        };
        match back_end.try_view() {
            Some(_) => Ok(back_end),
            None => Err("a back end's sizes or exponents are out of range".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
