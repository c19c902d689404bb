//! The debiased contrastive loss (Chuang, Robinson, Yen-Chen, Torralba and Jegelka, 2020, equation 8).
//!
//! Without labels some of an anchor's negatives are of its own class; τ⁺ is how many to expect. With unit embeddings, an
//! anchor f, its other view f⁺, the N other views u of the batch and the temperature t:
//!
//! ```text
//! g = max( (1/N · Σ exp(f·u/t) − τ⁺ · exp(f·f⁺/t)) / (1 − τ⁺),  exp(−1/t) )
//! L = mean over anchors of −ln( exp(f·f⁺/t) / (exp(f·f⁺/t) + N·g) )
//! ```
//!
//! With τ⁺ = 0 it is NT-Xent.

use burn::tensor::{Tensor, activation::relu};

use super::{constant, cosines};

/// The loss of one batch of pairs, which follow each other, of shape `[1]`.
pub(super) fn debiased(embeddings: Tensor<2>, temperature: f32, prior: f32) -> Tensor<1> {
    let [views, _] = embeddings.dims();
    let negatives = views as f32 - 2.0;
    // Everything is divided by exp(1/t), the greatest that there can be: the quotient in the logarithm stays the same.
    let logits = (cosines(embeddings) - 1.0) / temperature;
    let exponentials = logits.clone().exp();
    let partner = constant(&logits, views, |a, b| if a ^ 1 == b { 1.0 } else { 0.0 });
    let others = constant(&logits, views, |a, b| if a / 2 == b / 2 { 0.0 } else { 1.0 });

    let positive = (exponentials.clone() * partner.clone()).sum_dim(1);
    let sum = (exponentials * others).sum_dim(1);
    let least = negatives * (-2.0 / temperature).exp();
    let corrected = (sum - positive.clone() * (negatives * prior)) / (1.0 - prior);
    let negative = relu(corrected - least) + least;
    let own = (logits * partner).sum_dim(1);
    ((positive + negative).log() - own).mean()
}

#[cfg(test)]
mod tests {
    use super::super::Loss;
    use super::super::reference::{DIMENSIONS, assert_close, assert_is, dot, mean, random, unit, value};

    const CLASSES: [usize; 8] = [0, 0, 1, 1, 2, 2, 3, 3];

    /// The definition, term by term.
    fn definition(embeddings: &[f64], t: f64, prior: f64) -> f64 {
        let unit = unit(embeddings);
        let views = unit.len();
        let term = |i: usize| {
            let similarity = |j: usize| (dot(&unit[i], &unit[j]) / t).exp();
            let positive = similarity(i ^ 1);
            let negatives: Vec<f64> = (0..views).filter(|j| j / 2 != i / 2).map(similarity).collect();
            let g = ((mean(&negatives) - prior * positive) / (1.0 - prior)).max((-1.0 / t).exp());
            -(positive / (positive + negatives.len() as f64 * g)).ln()
        };
        mean(&(0..views).map(term).collect::<Vec<f64>>())
    }

    #[test]
    fn value_and_gradient_are_the_definition_s() {
        for (temperature, prior) in [(0.5, 0.0), (0.5, 0.1), (0.2, 0.05), (0.5, 0.6)] {
            let loss = Loss::Debiased { temperature, prior };
            let definition = |at: &[f64]| definition(at, f64::from(temperature), f64::from(prior));
            assert_is(loss, &random(8, 3), &CLASSES, definition);
        }
    }

    #[test]
    fn with_a_prior_of_zero_it_is_nt_xent() {
        let embeddings = random(8, 4);
        let biased = value(Loss::NtXent { temperature: 0.3 }, &embeddings, &CLASSES);
        let debiased = value(Loss::Debiased { temperature: 0.3, prior: 0.0 }, &embeddings, &CLASSES);
        assert_close(debiased, biased, 1e-5);
    }

    #[test]
    fn where_positives_would_outweigh_the_negatives_the_least_possible_counts() {
        // Both views of each class are equal, classes are opposite: the sum of the negatives is the least there is.
        let mut opposite = vec![0.0; 4 * DIMENSIONS];
        (0..4).for_each(|row| opposite[row * DIMENSIONS] = if row < 2 { 1.0 } else { -1.0 });
        let t = 0.5f64;
        let by_hand = -((1.0 / t).exp() / ((1.0 / t).exp() + 2.0 * (-1.0 / t).exp())).ln();
        for prior in [0.0, 0.3] {
            let loss = Loss::Debiased { temperature: 0.5, prior };
            assert_close(value(loss, &opposite, &CLASSES[..4]), by_hand, 1e-6);
        }
    }

    #[test]
    fn a_low_temperature_does_not_overflow() {
        let loss = value(Loss::Debiased { temperature: 0.03, prior: 0.1 }, &random(8, 5), &CLASSES);
        assert!(loss.is_finite(), "{loss}");
    }
}
