//! Embeddings of words: analogies, neighbors and a probe of bias, in `f32` on the host and by the device's arithmetic.

pub mod analogy;
pub mod bias;
pub mod device;
pub mod neighbors;
mod vectors;

pub use vectors::{Vectors, VectorsProblem};
