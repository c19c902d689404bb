//! The supervised contrastive loss (Khosla et al., 2020, equation 2).
//!
//! With unit embeddings z, temperature τ and, for each anchor i, the other members P(i) of its class in the batch:
//!
//! ```text
//! L = mean over i of  −1/|P(i)| · Σ over p in P(i) of  ln( exp(zᵢ·zₚ/τ) / Σ over a ≠ i of exp(zᵢ·zₐ/τ) )
//! ```
//!
//! Anchors alone in their class have no positive and are left out of the mean. With exactly one positive an anchor,
//! this is NT-Xent, the loss of SimCLR (Chen et al., 2020).

use burn::tensor::{Tensor, TensorData, activation::log_softmax};

/// Added to |e|² before its root is taken, so that a zero embedding has a gradient.
const TINY: f32 = 1e-12;
/// Added to an anchor's similarity with itself: exp(−1e9) is zero, and unlike −∞ it stays zero times a zero weight.
const EXCLUDED: f32 = -1e9;

/// The loss of one batch, of shape `[1]`.
///
/// `embeddings` has shape `[n, dimensions]` and any length; `classes` has n entries, of which at least two are equal.
pub(crate) fn supervised_contrastive(embeddings: Tensor<2>, classes: &[usize], temperature: f32) -> Tensor<1> {
    let size = classes.len();
    let device = embeddings.device();
    let square = |values| Tensor::<2>::from_data(TensorData::new(values, [size, size]), &device);

    let length = (embeddings.clone().square().sum_dim(1) + TINY).sqrt();
    let unit = embeddings / length;
    let similarity = unit.clone().matmul(unit.transpose()) / temperature;
    let logarithms = log_softmax(similarity + square(own_excluded(size)), 1);
    -(logarithms * square(positive_weights(classes))).sum()
}

/// The matrix that takes each anchor itself out of its sum.
fn own_excluded(size: usize) -> Vec<f32> {
    let entry = |index| if index % (size + 1) == 0 { EXCLUDED } else { 0.0 };
    (0..size * size).map(entry).collect()
}

/// For anchor i and positive p, 1/|P(i)| divided by the number of anchors that have a positive; zero elsewhere.
fn positive_weights(classes: &[usize]) -> Vec<f32> {
    let positives = |class| classes.iter().filter(|other| **other == class).count() - 1;
    let anchors = classes.iter().filter(|class| positives(**class) > 0).count();
    let mut weights = Vec::with_capacity(classes.len() * classes.len());
    for (anchor, class) in classes.iter().enumerate() {
        let weight = 1.0 / (positives(*class).max(1) * anchors) as f32;
        let entry = |(other, other_class)| {
            if other != anchor && other_class == class { weight } else { 0.0 }
        };
        weights.extend(classes.iter().enumerate().map(entry));
    }
    weights
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::rng::Rng;

    const DIMENSIONS: usize = 5;
    const TEMPERATURE: f64 = 0.3;

    /// The definition, term by term, in f64.
    fn reference(embeddings: &[f64], classes: &[usize]) -> f64 {
        let unit: Vec<Vec<f64>> = embeddings.chunks(DIMENSIONS).map(normalized).collect();
        let score =
            |i: usize, j: usize| -> f64 { unit[i].iter().zip(&unit[j]).map(|(a, b)| a * b).sum::<f64>() / TEMPERATURE };
        let all = 0..classes.len();
        let mut losses = Vec::new();
        for i in all.clone() {
            let others: f64 = all.clone().filter(|a| *a != i).map(|a| score(i, a).exp()).sum();
            let terms: Vec<f64> = all
                .clone()
                .filter(|p| *p != i && classes[*p] == classes[i])
                .map(|p| -(score(i, p).exp() / others).ln())
                .collect();
            if !terms.is_empty() {
                losses.push(terms.iter().sum::<f64>() / terms.len() as f64);
            }
        }
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    fn normalized(vector: &[f64]) -> Vec<f64> {
        let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        vector.iter().map(|x| x / length).collect()
    }

    fn random(count: usize, seed: u64) -> Vec<f64> {
        let mut rng = Rng::keyed(&[seed]);
        (0..count * DIMENSIONS).map(|_| f64::from(rng.normal())).collect()
    }

    fn tensor(embeddings: &[f64]) -> Tensor<2> {
        let values: Vec<f32> = embeddings.iter().map(|x| *x as f32).collect();
        let shape = [values.len() / DIMENSIONS, DIMENSIONS];
        Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
    }

    fn loss(embeddings: &[f64], classes: &[usize]) -> f64 {
        let loss = supervised_contrastive(tensor(embeddings), classes, TEMPERATURE as f32);
        f64::from(loss.into_scalar::<f32>())
    }

    fn assert_close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} against {b}");
    }

    #[test]
    fn value_is_the_definition() {
        // Classes of three, two and one member: the last is an anchor without positives.
        let classes = [7, 7, 2, 7, 2, 9];
        let embeddings = random(classes.len(), 1);
        assert_close(loss(&embeddings, &classes), reference(&embeddings, &classes), 1e-5);
    }

    #[test]
    fn gradient_is_the_slope_of_the_definition() {
        let classes = [0, 1, 0, 1, 0, 2];
        let embeddings = random(classes.len(), 2);
        let input = tensor(&embeddings).require_grad();
        let gradients = supervised_contrastive(input.clone(), &classes, TEMPERATURE as f32).backward();
        let gradient = input.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
        for (index, slope) in gradient.into_iter().enumerate() {
            let at = |step: f64| {
                let mut moved = embeddings.clone();
                moved[index] += step;
                reference(&moved, &classes)
            };
            let step = 1e-5;
            assert_close(f64::from(slope), (at(step) - at(-step)) / (2.0 * step), 1e-5);
        }
    }

    #[test]
    fn order_does_not_count() {
        let classes = [0, 1, 0, 1, 2, 2];
        let embeddings = random(classes.len(), 3);
        let order = [4, 0, 5, 3, 1, 2];
        let moved: Vec<f64> = order.iter().flat_map(|i| embeddings[i * DIMENSIONS..][..DIMENSIONS].to_vec()).collect();
        let moved_classes = order.map(|i| classes[i]);
        assert_close(loss(&moved, &moved_classes), loss(&embeddings, &classes), 1e-5);
    }

    #[test]
    fn length_does_not_count() {
        let classes = [0, 0, 1, 1];
        let embeddings = random(classes.len(), 4);
        let longer: Vec<f64> = embeddings.iter().map(|x| 8.0 * x).collect();
        assert_close(loss(&longer, &classes), loss(&embeddings, &classes), 1e-5);
    }

    #[test]
    fn one_positive_each_is_nt_xent() {
        let pairs = 4;
        let classes: Vec<usize> = (0..2 * pairs).map(|i| i / 2).collect();
        let embeddings = random(2 * pairs, 5);
        let unit: Vec<Vec<f64>> = embeddings.chunks(DIMENSIONS).map(normalized).collect();
        // Chen et al.'s equation 1: a cross entropy in which the partner of a view is the right answer.
        let cross_entropy = |view: usize| {
            let logit = |other: usize| {
                let dot: f64 = unit[view].iter().zip(&unit[other]).map(|(a, b)| a * b).sum();
                dot / TEMPERATURE
            };
            let sum: f64 = (0..2 * pairs).filter(|a| *a != view).map(|a| logit(a).exp()).sum();
            sum.ln() - logit(view ^ 1)
        };
        let nt_xent = (0..2 * pairs).map(cross_entropy).sum::<f64>() / (2 * pairs) as f64;
        assert_close(loss(&embeddings, &classes), nt_xent, 1e-5);
    }

    #[test]
    fn zero_embeddings_have_a_finite_gradient() {
        let input = tensor(&[0.0; 4 * DIMENSIONS]).require_grad();
        let gradients = supervised_contrastive(input.clone(), &[0, 0, 1, 1], 0.1).backward();
        let gradient = input.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
        assert!(gradient.iter().all(|slope| slope.is_finite()));
    }
}
