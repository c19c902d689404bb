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

use burn::tensor::{Tensor, activation::log_softmax};

use super::{constant, cosines};

/// Added to an anchor's similarity with itself: exp(−1e9) is zero, and unlike −∞ it stays zero times a zero weight.
const EXCLUDED: f32 = -1e9;

/// The loss of one batch, of shape `[1]`. At least two of the classes are equal.
pub(super) fn supervised_contrastive(embeddings: Tensor<2>, classes: &[usize], temperature: f32) -> Tensor<1> {
    let size = classes.len();
    let similarity = cosines(embeddings) / temperature;
    // Takes each anchor itself out of its sum.
    let own = constant(&similarity, size, |a, b| if a == b { EXCLUDED } else { 0.0 });
    let weights = positive_weights(classes);
    let positives = constant(&similarity, size, |a, b| weights[a * size + b]);
    -(log_softmax(similarity + own, 1) * positives).sum()
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
    use super::super::Loss;
    use super::super::reference::{DIMENSIONS, assert_close, assert_is, dot, gradient, mean, random, unit, value};

    const TEMPERATURE: f64 = 0.3;
    const LOSS: Loss = Loss::Supervised { temperature: TEMPERATURE as f32 };

    /// The definition, term by term.
    fn definition(embeddings: &[f64], classes: &[usize]) -> f64 {
        let unit = unit(embeddings);
        let score = |i: usize, j: usize| dot(&unit[i], &unit[j]) / TEMPERATURE;
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
                losses.push(mean(&terms));
            }
        }
        mean(&losses)
    }

    #[test]
    fn value_and_gradient_are_the_definition_s() {
        // Classes of three, two and one member: the last is an anchor without positives.
        let classes = [7, 7, 2, 7, 2, 9];
        assert_is(LOSS, &random(classes.len(), 1), &classes, |at| definition(at, &classes));
    }

    #[test]
    fn order_does_not_count() {
        let classes = [0, 1, 0, 1, 2, 2];
        let embeddings = random(classes.len(), 3);
        let order = [4, 0, 5, 3, 1, 2];
        let moved: Vec<f64> = order.iter().flat_map(|i| embeddings[i * DIMENSIONS..][..DIMENSIONS].to_vec()).collect();
        let moved_classes = order.map(|i| classes[i]);
        assert_close(value(LOSS, &moved, &moved_classes), value(LOSS, &embeddings, &classes), 1e-5);
    }

    #[test]
    fn length_does_not_count() {
        let classes = [0, 0, 1, 1];
        let embeddings = random(classes.len(), 4);
        let longer: Vec<f64> = embeddings.iter().map(|x| 8.0 * x).collect();
        assert_close(value(LOSS, &longer, &classes), value(LOSS, &embeddings, &classes), 1e-5);
    }

    #[test]
    fn one_positive_each_is_nt_xent() {
        let pairs = 4;
        let classes: Vec<usize> = (0..2 * pairs).map(|i| i / 2).collect();
        let embeddings = random(2 * pairs, 5);
        let unit = unit(&embeddings);
        // Chen et al.'s equation 1: a cross entropy in which the partner of a view is the right answer.
        let cross_entropy = |view: usize| {
            let logit = |other: usize| dot(&unit[view], &unit[other]) / TEMPERATURE;
            let sum: f64 = (0..2 * pairs).filter(|a| *a != view).map(|a| logit(a).exp()).sum();
            sum.ln() - logit(view ^ 1)
        };
        let nt_xent = mean(&(0..2 * pairs).map(cross_entropy).collect::<Vec<f64>>());
        assert_close(value(LOSS, &embeddings, &classes), nt_xent, 1e-5);
        let as_named = Loss::NtXent { temperature: TEMPERATURE as f32 };
        assert_close(value(as_named, &embeddings, &classes), nt_xent, 1e-5);
    }

    #[test]
    fn nt_xent_of_identical_views_is_the_logarithm_of_how_many_there_are() {
        let embeddings = [1.0; 6 * DIMENSIONS];
        let loss = value(Loss::NtXent { temperature: 0.2 }, &embeddings, &[0, 0, 1, 1, 2, 2]);
        assert_close(loss, 5f64.ln(), 1e-6);
    }

    #[test]
    fn zero_embeddings_have_a_finite_gradient() {
        let slopes = gradient(Loss::Supervised { temperature: 0.1 }, &[0.0; 4 * DIMENSIONS], &[0, 0, 1, 1]);
        assert!(slopes.iter().all(|slope| slope.is_finite()));
    }
}
