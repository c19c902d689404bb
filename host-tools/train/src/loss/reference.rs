//! What the tests of all losses share: random embeddings, the definitions' terms in f64, and slopes by finite differences.

use burn::tensor::{Device, Tensor, TensorData};

use super::Loss;
use crate::rng::Rng;

/// Elements of the tests' embeddings.
pub(super) const DIMENSIONS: usize = 5;

/// Embeddings of no particular length, one after the other.
pub(super) fn random(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::keyed(&[seed]);
    (0..count * DIMENSIONS).map(|_| f64::from(rng.normal())).collect()
}

/// Embeddings of length one.
pub(super) fn unit(embeddings: &[f64]) -> Vec<Vec<f64>> {
    embeddings.chunks(DIMENSIONS).map(normalized).collect()
}

fn normalized(vector: &[f64]) -> Vec<f64> {
    let length = dot(vector, vector).sqrt();
    vector.iter().map(|x| x / length).collect()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

pub(super) fn mean(terms: &[f64]) -> f64 {
    terms.iter().sum::<f64>() / terms.len() as f64
}

fn tensor(embeddings: &[f64]) -> Tensor<2> {
    let values: Vec<f32> = embeddings.iter().map(|x| *x as f32).collect();
    let shape = [values.len() / DIMENSIONS, DIMENSIONS];
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
}

/// What the loss gives.
pub(super) fn value(loss: Loss, embeddings: &[f64], classes: &[usize]) -> f64 {
    f64::from(loss.of(tensor(embeddings), classes).into_scalar::<f32>())
}

/// The gradient that backpropagation gives.
pub(super) fn gradient(loss: Loss, embeddings: &[f64], classes: &[usize]) -> Vec<f32> {
    let input = tensor(embeddings).require_grad();
    let gradients = loss.of(input.clone(), classes).backward();
    input.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap()
}

pub(super) fn assert_close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} against {b}");
}

/// Holds value and gradient against a definition in f64.
pub(super) fn assert_is(loss: Loss, embeddings: &[f64], classes: &[usize], definition: impl Fn(&[f64]) -> f64) {
    assert_close(value(loss, embeddings, classes), definition(embeddings), 1e-5);
    for (index, slope) in gradient(loss, embeddings, classes).into_iter().enumerate() {
        let at = |step: f64| {
            let mut moved = embeddings.to_vec();
            moved[index] += step;
            definition(&moved)
        };
        let step = 1e-5;
        assert_close(f64::from(slope), (at(step) - at(-step)) / (2.0 * step), 1e-4);
    }
}
