//! The training data, in memory and free of any file format.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::net::Shape;

/// Samples of one shape, one after another: images, features, or the steps of a series.
///
/// Values lie channel by channel, and each channel by rows. Images are bright on black, in 0..=1: augmentation fills with 0
/// what it moves into view.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    shape: Shape,
    values: Vec<f32>,
}

/// Samples with the class of each: the same number is the same subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Labeled {
    samples: Samples,
    classes: Vec<usize>,
}

/// Why numbers are not samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamplesError {
    /// The shape has no values.
    NoSize,
    /// The values do not divide into whole samples.
    CutShort {
        /// Values given.
        values: usize,
        /// Values of one sample.
        sample: usize,
    },
    /// A value is not finite.
    NotFinite {
        /// The sample that it is of.
        sample: usize,
    },
    /// There must be one class for each sample.
    Classes {
        /// Samples given.
        samples: usize,
        /// Classes given.
        classes: usize,
    },
}

impl Samples {
    /// Takes values, as many a sample as the shape has; none at all is an empty set.
    ///
    /// # Errors
    ///
    /// [`SamplesError::NoSize`], [`SamplesError::CutShort`] and [`SamplesError::NotFinite`].
    pub fn new(shape: Shape, values: Vec<f32>) -> Result<Self, SamplesError> {
        if shape.is_empty() {
            return Err(SamplesError::NoSize);
        }
        let sample = shape.len();
        if !values.len().is_multiple_of(sample) {
            return Err(SamplesError::CutShort { values: values.len(), sample });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(SamplesError::NotFinite { sample: index / sample }),
            None => Ok(Self { shape, values }),
        }
    }

    /// Gray images: pixels become 0..=1.
    ///
    /// # Errors
    ///
    /// As [`Samples::new`].
    pub fn of_pixels(width: usize, height: usize, pixels: &[u8]) -> Result<Self, SamplesError> {
        let values = pixels.iter().map(|gray| f32::from(*gray) / 255.0).collect();
        Self::new(Shape { channels: 1, height, width }, values)
    }

    /// The shape of each.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.shape.len()
    }

    /// The values of sample `index` as the network takes them.
    ///
    /// # Panics
    ///
    /// If there are not more than `index` samples.
    #[must_use]
    pub fn values(&self, index: usize) -> &[f32] {
        &self.values[index * self.shape.len()..][..self.shape.len()]
    }

    /// SHA-256 of all values in order, little-endian, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        self.values.iter().for_each(|value| digest.update(value.to_le_bytes()));
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Labeled {
    /// Joins samples with their classes, any numbers.
    ///
    /// # Errors
    ///
    /// [`SamplesError::Classes`] if there is not one class for each sample.
    pub fn new(samples: Samples, classes: Vec<usize>) -> Result<Self, SamplesError> {
        if samples.count() != classes.len() {
            let (samples, classes) = (samples.count(), classes.len());
            return Err(SamplesError::Classes { samples, classes });
        }
        Ok(Self { samples, classes })
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// SHA-256 of all classes in order, as little-endian u64, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        self.classes.iter().for_each(|class| digest.update((*class as u64).to_le_bytes()));
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The class of each sample.
    #[must_use]
    pub fn classes(&self) -> &[usize] {
        &self.classes
    }
}

impl fmt::Display for SamplesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSize => f.write_str("the samples have no values; give every side of their shape at least 1"),
            Self::CutShort { values, sample } => write!(
                f,
                "{values} values are not a whole number of samples of {sample} values; bring all samples to one shape"
            ),
            Self::NotFinite { sample } => {
                write!(f, "sample {sample} (counted from 0) has a value that is NaN or infinite; leave it out")
            }
            Self::Classes { samples, classes } => {
                write!(f, "{samples} samples but {classes} classes; give each sample its class")
            }
        }
    }
}

impl core::error::Error for SamplesError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_pixels_of_one_image() {
        let images = Samples::of_pixels(2, 1, &[0, 51, 255, 102]).unwrap();
        assert_eq!(images.count(), 2);
        assert_eq!(images.values(1), [1.0, 0.4]);
    }

    #[test]
    fn digest_is_sha_256_of_the_values() {
        let shape = Shape { channels: 1, height: 1, width: 1 };
        let samples = Samples::new(shape, vec![f32::from_le_bytes(*b"abcd")]).unwrap();
        let known = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"; // of the text "abcd"
        assert_eq!(samples.digest(), known);
    }

    #[test]
    fn broken_samples_are_refused() {
        assert_eq!(Samples::of_pixels(0, 4, &[]), Err(SamplesError::NoSize));
        let (values, sample) = (5, 4);
        assert_eq!(Samples::of_pixels(2, 2, &[0; 5]), Err(SamplesError::CutShort { values, sample }));
        let shape = Shape { channels: 2, height: 1, width: 1 };
        let nan = Samples::new(shape, vec![0.0, 1.0, 2.0, f32::NAN]);
        assert_eq!(nan, Err(SamplesError::NotFinite { sample: 1 }));
        let two = Samples::of_pixels(2, 2, &[0; 8]).unwrap();
        let (samples, classes) = (2, 1);
        assert_eq!(Labeled::new(two, vec![0]), Err(SamplesError::Classes { samples, classes }));
    }
}
