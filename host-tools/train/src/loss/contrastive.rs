//! The contrastive loss (Chopra, Hadsell and LeCun, 2005; Hadsell, Chopra and LeCun, 2006, equation 4).
//!
//! With D the Euclidean distance of two unit embeddings and m the margin,
//!
//! ```text
//! L = mean over genuine pairs of D²/2 + mean over impostor pairs of max(0, m − D)²/2
//! ```
//!
//! The papers sum over pairs that somebody chose. A batch has many more impostor pairs than genuine ones; the two means
//! keep both sides of the same weight.

use burn::tensor::{Tensor, activation::relu};

use super::{TINY, constant, squared_distances};

/// The loss of one batch, of shape `[1]`. At least two classes, and two members of one of them.
pub(super) fn contrastive(embeddings: Tensor<2>, classes: &[usize], margin: f32) -> Tensor<1> {
    let n = classes.len();
    let genuine = |a: usize, b: usize| a != b && classes[a] == classes[b];
    let pairs = |counts: &dyn Fn(usize, usize) -> bool| {
        let count = (0..n * n).filter(|index| counts(index / n, index % n)).count();
        1.0 / count.max(1) as f32
    };
    // Every pair is counted twice, once from each side.
    let of_genuine = pairs(&genuine);
    let impostor = |a: usize, b: usize| classes[a] != classes[b];
    let of_impostors = pairs(&impostor);

    let squared = squared_distances(embeddings);
    let near = relu((squared.clone() + TINY).sqrt() * -1.0 + margin).square();
    let drawn = constant(&squared, n, |a, b| if genuine(a, b) { of_genuine } else { 0.0 });
    let pushed = constant(&squared, n, |a, b| if impostor(a, b) { of_impostors } else { 0.0 });
    (squared * drawn + near * pushed).sum() * 0.5
}

#[cfg(test)]
mod tests {
    use super::super::Loss;
    use super::super::reference::{DIMENSIONS, assert_close, assert_is, mean, random, squared_distance, unit, value};

    /// The definition, pair by pair.
    fn definition(embeddings: &[f64], classes: &[usize], margin: f64) -> f64 {
        let unit = unit(embeddings);
        let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
        for a in 0..classes.len() {
            for b in 0..a {
                let distance = squared_distance(&unit[a], &unit[b]).sqrt();
                if classes[a] == classes[b] {
                    genuine.push(distance * distance / 2.0);
                } else {
                    impostor.push((margin - distance).max(0.0).powi(2) / 2.0);
                }
            }
        }
        mean(&genuine) + mean(&impostor)
    }

    #[test]
    fn value_and_gradient_are_the_definition_s() {
        let classes = [4, 4, 1, 4, 1, 0];
        for margin in [0.5, 1.0, 1.9] {
            let loss = Loss::Contrastive { margin };
            assert_is(loss, &random(6, 1), &classes, |at| definition(at, &classes, f64::from(margin)));
        }
    }

    #[test]
    fn by_hand() {
        // Unit vectors along the axes: a genuine pair at a right angle has D² = 2, and so has every impostor pair.
        let mut axes = vec![0.0; 4 * DIMENSIONS];
        (0..4).for_each(|axis| axes[axis * DIMENSIONS + axis] = 3.0);
        let loss = |margin| value(Loss::Contrastive { margin }, &axes, &[0, 0, 1, 1]);
        assert_close(loss(1.0), 1.0, 1e-6);
        let short = 2.0 - std::f64::consts::SQRT_2;
        assert_close(loss(2.0), 1.0 + short * short / 2.0, 1e-6);
    }

    #[test]
    fn equal_embeddings_of_a_class_cost_nothing_and_impostors_beyond_the_margin_neither() {
        let mut two = vec![0.0; 4 * DIMENSIONS];
        (0..4).for_each(|row| two[row * DIMENSIONS + row / 2] = 1.0);
        assert_close(value(Loss::Contrastive { margin: 1.4 }, &two, &[0, 0, 1, 1]), 0.0, 1e-6);
    }
}
