//! The training data, in memory and free of any file format.

use core::fmt;

use sha2::{Digest, Sha256};

/// Gray images of one size, one after another, each by rows.
///
/// Ink is bright on black: augmentation fills with black what it moves into view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Images with the class of each: the same number is the same subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labeled {
    images: Images,
    classes: Vec<usize>,
}

/// Why images cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamplesError {
    /// The width or the height is zero.
    NoSize,
    /// The pixels do not divide into whole images.
    CutShort {
        /// Pixels given.
        pixels: usize,
        /// Pixels of one image.
        image: usize,
    },
    /// There must be one class for each image.
    Classes {
        /// Images given.
        images: usize,
        /// Classes given.
        classes: usize,
    },
}

impl Images {
    /// Takes `pixels`, `width * height` an image; no pixels at all is an empty set.
    ///
    /// # Errors
    ///
    /// [`SamplesError::NoSize`] and [`SamplesError::CutShort`].
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, SamplesError> {
        let image = width * height;
        if image == 0 {
            return Err(SamplesError::NoSize);
        }
        if !pixels.len().is_multiple_of(image) {
            let pixels = pixels.len();
            return Err(SamplesError::CutShort { pixels, image });
        }
        Ok(Self { width, height, pixels })
    }

    /// Width of an image, pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height of an image, pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Number of images.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pixels.len() / (self.width * self.height)
    }

    /// The pixels of image `index` as the network takes them: gray / 255, so 0..=1.
    ///
    /// # Panics
    ///
    /// If there are not more than `index` images.
    #[must_use]
    pub fn values(&self, index: usize) -> Vec<f32> {
        let image = self.width * self.height;
        let pixels = &self.pixels[index * image..][..image];
        pixels.iter().map(|gray| f32::from(*gray) / 255.0).collect()
    }

    /// SHA-256 of all pixels in order, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(&self.pixels);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Labeled {
    /// Joins images with their classes, any numbers.
    ///
    /// # Errors
    ///
    /// [`SamplesError::Classes`] if there is not one class for each image.
    pub fn new(images: Images, classes: Vec<usize>) -> Result<Self, SamplesError> {
        if images.count() != classes.len() {
            let (images, classes) = (images.count(), classes.len());
            return Err(SamplesError::Classes { images, classes });
        }
        Ok(Self { images, classes })
    }

    /// The images.
    #[must_use]
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The class of each image.
    #[must_use]
    pub fn classes(&self) -> &[usize] {
        &self.classes
    }
}

impl fmt::Display for SamplesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSize => f.write_str("the images have no pixels; give a width and a height above zero"),
            Self::CutShort { pixels, image } => write!(
                f,
                "{pixels} pixels are not a whole number of images of {image} pixels; bring all samples to one size"
            ),
            Self::Classes { images, classes } => {
                write!(f, "{images} images but {classes} classes; give each image its class")
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
        let images = Images::new(2, 1, vec![0, 51, 255, 102]).unwrap();
        assert_eq!(images.count(), 2);
        assert_eq!(images.values(1), [1.0, 0.4]);
    }

    #[test]
    fn digest_is_sha_256_of_the_pixels() {
        let images = Images::new(3, 1, b"abc".to_vec()).unwrap();
        // FIPS 180-4's example.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(images.digest(), known);
    }

    #[test]
    fn broken_samples_are_refused() {
        assert_eq!(Images::new(0, 4, vec![]), Err(SamplesError::NoSize));
        let (pixels, image) = (5, 4);
        assert_eq!(Images::new(2, 2, vec![0; 5]), Err(SamplesError::CutShort { pixels, image }));
        let images = Images::new(2, 2, vec![0; 8]).unwrap();
        let (images_given, classes) = (2, 1);
        assert_eq!(Labeled::new(images, vec![0]), Err(SamplesError::Classes { images: images_given, classes }));
    }
}
