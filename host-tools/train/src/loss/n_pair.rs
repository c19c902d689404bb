//! The multi-class N-pair loss (Sohn, 2016, equation 6).
//!
//! Of N pairs of different classes the first of each is an anchor f, the second its positive f⁺; λ is the regularization:
//!
//! ```text
//! L = mean over i of ln(1 + Σ over j ≠ i of exp(fᵢ·fⱼ⁺ − fᵢ·fᵢ⁺)) + λ/2 · mean of |f|² over all 2N
//! ```
//!
//! Embeddings count as they are: at length one, no sum of exponentials could tell classes apart well. So the length is
//! what the paper adds the second term for.

use burn::tensor::{Tensor, activation::log_softmax};

use super::constant;

/// The loss of one batch of pairs, which follow each other, of shape `[1]`.
pub(super) fn n_pair(embeddings: Tensor<2>, regularization: f32) -> Tensor<1> {
    let [views, dimensions] = embeddings.dims();
    let pairs = views / 2;
    let lengths = embeddings.clone().square().sum() * (0.5 * regularization / views as f32);
    let by_pair = embeddings.reshape([pairs, 2 * dimensions]);
    let anchors = by_pair.clone().narrow(1, 0, dimensions);
    let positives = by_pair.narrow(1, dimensions, dimensions);
    // ln(1 + Σ exp(other − own)) is the cross entropy of a softmax in which the anchor's own positive is right.
    let logarithms = log_softmax(anchors.matmul(positives.transpose()), 1);
    let own = constant(&logarithms, pairs, |a, b| if a == b { -1.0 / pairs as f32 } else { 0.0 });
    (logarithms * own).sum() + lengths
}

#[cfg(test)]
mod tests {
    use super::super::Loss;
    use super::super::reference::{DIMENSIONS, assert_close, assert_is, dot, mean, random, value};

    const CLASSES: [usize; 8] = [0, 0, 1, 1, 2, 2, 3, 3];

    /// The definition, term by term.
    fn definition(embeddings: &[f64], regularization: f64) -> f64 {
        let all: Vec<&[f64]> = embeddings.chunks(DIMENSIONS).collect();
        let pairs = all.len() / 2;
        let term = |i: usize| {
            let own = dot(all[2 * i], all[2 * i + 1]);
            let others = (0..pairs).filter(|j| *j != i).map(|j| (dot(all[2 * i], all[2 * j + 1]) - own).exp());
            (1.0 + others.sum::<f64>()).ln()
        };
        let lengths: Vec<f64> = all.iter().map(|f| dot(f, f)).collect();
        mean(&(0..pairs).map(term).collect::<Vec<f64>>()) + regularization / 2.0 * mean(&lengths)
    }

    #[test]
    fn value_and_gradient_are_the_definition_s() {
        for regularization in [0.0, 0.02] {
            let loss = Loss::NPair { regularization };
            assert_is(loss, &random(8, 1), &CLASSES, |at| definition(at, f64::from(regularization)));
        }
    }

    #[test]
    fn with_one_negative_it_is_the_logistic_loss_of_a_triplet() {
        let embeddings = random(4, 2);
        let [f, own, g, other] = embeddings.chunks(DIMENSIONS).collect::<Vec<_>>().try_into().unwrap();
        let logistic = |anchor, positive, negative| (1.0 + (dot(anchor, negative) - dot(anchor, positive)).exp()).ln();
        let triplets = [logistic(f, own, other), logistic(g, other, own)];
        let loss = value(Loss::NPair { regularization: 0.0 }, &embeddings, &CLASSES[..4]);
        assert_close(loss, mean(&triplets), 1e-5);
    }

    #[test]
    fn by_hand() {
        // All embeddings zero: every anchor guesses among its four positives.
        let loss = value(Loss::NPair { regularization: 1.0 }, &[0.0; 8 * DIMENSIONS], &CLASSES);
        assert_close(loss, 4f64.ln(), 1e-6);
    }
}
