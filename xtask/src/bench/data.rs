//! The embeddings that are searched: of faces, where there are any, or made up.

use anyhow::{Context, Result, ensure};
use npyz::NpyFile;
use std::path::PathBuf;
use std::{env, fs};

/// Elements of an embedding.
pub const DIMENSION: usize = 128;
/// People, and photos of each.
const PEOPLE: usize = 10;
/// Photos of each.
pub const PHOTOS: usize = 10;
/// Templates made of each photo.
pub const COPIES: usize = 10;
/// The length of the noise that a template is a photo's embedding with, as a part of the embedding's.
const NOISE: f32 = 0.3;

/// Where the embeddings of faces are, in the folder that `COGNATE_DATA` names.
const FACES: &str = "faces/lfw_10x10_f32_embeddings_onnxruntime.npy";

/// An embedding.
pub type Values = [f32; DIMENSION];

/// Embeddings of photos, those of a person one after the other, and templates near them.
pub struct Data {
    /// What they are.
    pub description: String,
    /// One a photo.
    pub photos: Vec<Values>,
    /// [`COPIES`] a photo: the embedding with noise.
    pub copies: Vec<[Values; COPIES]>,
}

impl Data {
    /// The faces, if `COGNATE_DATA` is set, or else clusters of random numbers that are the same each time.
    ///
    /// # Errors
    /// When the variable is set and the faces cannot be read.
    pub fn load() -> Result<Self> {
        match env::var_os("COGNATE_DATA") {
            Some(folder) => Ok(Self::new(faces(&PathBuf::from(folder).join(FACES))?, "embeddings of faces (LFW)")),
            None => Ok(Self::made_up()),
        }
    }

    /// Clusters of random numbers.
    pub fn made_up() -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let photos = (0..PEOPLE).flat_map(|_| {
            let person: Values = random.gaussians();
            std::array::from_fn::<_, PHOTOS, _>(|_| random.near(&person, 0.6))
        });
        let photos = photos.collect();
        Self::new(photos, "made up, ten clusters of ten (COGNATE_DATA is not set)")
    }

    fn new(photos: Vec<Values>, what: &str) -> Self {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let copies: Vec<[Values; COPIES]> =
            photos.iter().map(|photo| std::array::from_fn(|_| random.near(photo, NOISE))).collect();
        let pairs = photos.iter().zip(&copies).flat_map(|(photo, copies)| copies.iter().map(move |copy| (photo, copy)));
        let cosines: Vec<f32> = pairs.map(|(photo, copy)| cosine(photo, copy)).collect();
        let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
        let description = format!(
            "{what}, {COPIES} templates of each with Gaussian noise of {NOISE} of its length: mean cosine {mean:.3}"
        );
        Self { description, photos, copies }
    }
}

fn faces(path: &PathBuf) -> Result<Vec<Values>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = NpyFile::new(&*bytes).with_context(|| path.display().to_string())?;
    ensure!(file.shape() == [(PEOPLE * PHOTOS) as u64, DIMENSION as u64], "{} has another shape", path.display());
    let values: Vec<f32> = file.into_vec()?;
    Ok(values.as_chunks().0.to_vec())
}

fn dot(a: &Values, b: &Values) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn cosine(a: &Values, b: &Values) -> f32 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// xorshift64 (Marsaglia, 2003), and normal deviates of it (Box and Muller, 1958).
struct Random(u64);

impl Random {
    /// Above 0, at most 1.
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn gaussians(&mut self) -> Values {
        std::array::from_fn(|_| {
            let radius = (-2.0 * self.uniform().ln()).sqrt();
            (radius * (std::f64::consts::TAU * self.uniform()).cos()) as f32
        })
    }

    /// An embedding with noise of a part of its length: each element by that part of |e| / √D.
    fn near(&mut self, embedding: &Values, part: f32) -> Values {
        let scale = part * (dot(embedding, embedding) / DIMENSION as f32).sqrt();
        let noise = self.gaussians();
        std::array::from_fn(|index| embedding[index] + scale * noise[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_length_that_it_is_said_to_have() {
        let data = Data::made_up();
        assert_eq!((data.photos.len(), data.copies.len()), (PEOPLE * PHOTOS, PEOPLE * PHOTOS));
        // 1 / √(1 + 0.3²)
        assert!(data.description.ends_with("mean cosine 0.958"), "{}", data.description);
        assert_eq!(Data::made_up().photos, data.photos, "the same each time");
    }
}
