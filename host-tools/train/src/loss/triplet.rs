//! The triplet loss of FaceNet (Schroff, Kalenichenko and Philbin, 2015), with semi-hard negatives.
//!
//! With d(a, b) the squared Euclidean distance of two unit embeddings and m the margin,
//!
//! ```text
//! L = mean over anchors a and positives p of max(0, d(a, p) − d(a, n) + m)
//! ```
//!
//! where n is the nearest negative that is farther from the anchor than the positive is (section 3.2: a harder one can
//! make all embeddings collapse into one), or the farthest negative where all are nearer.

use burn::tensor::{Int, Tensor, TensorData, activation::relu};

use super::squared_distances;
use crate::net::values;

/// The loss of one batch, of shape `[1]`. At least two classes, and two members of one of them.
pub(super) fn triplet(embeddings: Tensor<2>, classes: &[usize], margin: f32) -> Tensor<1> {
    let n = classes.len();
    let distances = squared_distances(embeddings);
    let (positives, negatives) = mine(&values(distances.clone()), classes);
    let device = distances.device();
    let flat = distances.reshape([n * n]);
    let at = |places: Vec<i64>| {
        let count = places.len();
        flat.clone().select(0, Tensor::<1, Int>::from_data(TensorData::new(places, [count]), &device))
    };
    relu(at(positives) - at(negatives) + margin).mean()
}

/// For every anchor and each of its positives: where their distance is in the matrix, and that to the negative.
fn mine(distances: &[f32], classes: &[usize]) -> (Vec<i64>, Vec<i64>) {
    let n = classes.len();
    let (mut positives, mut negatives) = (Vec::new(), Vec::new());
    for anchor in 0..n {
        let row = &distances[anchor * n..][..n];
        let others = || (0..n).filter(|other| classes[*other] != classes[anchor]);
        let farthest = others().max_by(|a, b| row[*a].total_cmp(&row[*b]));
        for positive in (0..n).filter(|other| *other != anchor && classes[*other] == classes[anchor]) {
            let farther = others().filter(|other| row[*other] > row[positive]);
            let nearest = farther.min_by(|a, b| row[*a].total_cmp(&row[*b]));
            if let Some(negative) = nearest.or(farthest) {
                positives.push((anchor * n + positive) as i64);
                negatives.push((anchor * n + negative) as i64);
            }
        }
    }
    (positives, negatives)
}

#[cfg(test)]
mod tests {
    use super::super::Loss;
    use super::super::reference::{DIMENSIONS, assert_close, assert_is, mean, random, squared_distance, unit, value};
    use super::mine;

    /// The definition, triplet by triplet.
    fn definition(embeddings: &[f64], classes: &[usize], margin: f64) -> f64 {
        let unit = unit(embeddings);
        let mut terms = Vec::new();
        for a in 0..classes.len() {
            for p in (0..classes.len()).filter(|p| *p != a && classes[*p] == classes[a]) {
                let to = |other: usize| squared_distance(&unit[a], &unit[other]);
                let all: Vec<f64> = (0..classes.len()).filter(|n| classes[*n] != classes[a]).map(to).collect();
                let semi_hard = all.iter().copied().filter(|d| *d > to(p)).reduce(f64::min);
                let negative = semi_hard.unwrap_or_else(|| all.iter().copied().fold(0.0, f64::max));
                terms.push((to(p) - negative + margin).max(0.0));
            }
        }
        mean(&terms)
    }

    #[test]
    fn value_and_gradient_are_the_definition_s() {
        let classes = [0, 1, 0, 1, 0, 2, 2];
        for margin in [0.1, 0.5, 2.0] {
            for seed in 1..4 {
                let loss = Loss::Triplet { margin };
                assert_is(loss, &random(7, seed), &classes, |at| definition(at, &classes, f64::from(margin)));
            }
        }
    }

    #[test]
    fn the_negative_is_the_nearest_behind_the_positive_or_else_the_farthest() {
        // The anchor is the first; its positive is at 2, negatives at 1, 3 and 4.
        let mut distances = vec![0.0; 25];
        distances[..5].copy_from_slice(&[0.0, 2.0, 1.0, 4.0, 3.0]);
        let classes = [0, 0, 1, 2, 3];
        let (positives, negatives) = mine(&distances, &classes);
        assert_eq!((positives[0], negatives[0]), (1, 4));
        distances[1] = 5.0;
        let (positives, negatives) = mine(&distances, &classes);
        assert_eq!((positives[0], negatives[0]), (1, 3));
    }

    #[test]
    fn by_hand() {
        // Two classes whose members are equal, at a right angle: d(a, p) = 0 and d(a, n) = 2.
        let mut two = vec![0.0; 4 * DIMENSIONS];
        (0..4).for_each(|row| two[row * DIMENSIONS + row / 2] = 1.0);
        let loss = |margin| value(Loss::Triplet { margin }, &two, &[0, 0, 1, 1]);
        assert_close(loss(1.5), 0.0, 1e-6);
        assert_close(loss(2.5), 0.5, 1e-6);
    }
}
