//! The equal error rate, by which a run tells whether it still learns.

/// The error at which as many genuine pairs are missed as impostor pairs pass, by cosine over all pairs, interpolated between
/// adjacent thresholds; a fraction. `embeddings` lie one after another, of any length. `None` without pairs of either kind.
#[must_use]
pub fn equal_error_rate(embeddings: &[f32], classes: &[usize]) -> Option<f64> {
    let dimensions = embeddings.len().checked_div(classes.len())?;
    let unit: Vec<Vec<f32>> = embeddings.chunks(dimensions.max(1)).map(unit).collect();
    let mut pairs = Vec::new();
    for (a, class) in classes.iter().enumerate() {
        for b in 0..a {
            pairs.push((dot(&unit[a], &unit[b]), *class == classes[b]));
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let genuine = pairs.iter().filter(|pair| pair.1).count() as f64;
    let impostors = pairs.len() as f64 - genuine;
    if genuine == 0.0 || impostors == 0.0 {
        return None;
    }
    let (mut missed, mut passed) = (0.0, 1.0);
    for equal in pairs.chunk_by(|a, b| a.0 == b.0) {
        let own = equal.iter().filter(|pair| pair.1).count() as f64;
        let next = (missed + own / genuine, passed - (equal.len() as f64 - own) / impostors);
        if next.0 >= next.1 {
            let gaps = (passed - missed, next.0 - next.1);
            return Some(missed + gaps.0 / (gaps.0 + gaps.1) * (next.0 - missed));
        }
        (missed, passed) = next;
    }
    Some(missed)
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let length = dot(vector, vector).sqrt().max(f32::MIN_POSITIVE);
    vector.iter().map(|value| value / length).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Embeddings in a plane, by their angles in degrees.
    fn at(angles: &[f32]) -> Vec<f32> {
        angles.iter().flat_map(|angle| [angle.to_radians().cos(), angle.to_radians().sin()]).collect()
    }

    #[test]
    fn rates_that_can_be_worked_out_by_hand() {
        assert_eq!(equal_error_rate(&at(&[0.0, 5.0, 90.0, 95.0]), &[0, 0, 1, 1]), Some(0.0));
        // One of the two genuine pairs is farther apart than every impostor pair, one is nearer than all but one of four.
        let rate = equal_error_rate(&at(&[0.0, 80.0, 10.0, 12.0]), &[0, 0, 1, 1]).unwrap();
        assert_eq!(rate, 0.5);
        assert_eq!(equal_error_rate(&at(&[0.0, 1.0]), &[0, 0]), None);
        assert_eq!(equal_error_rate(&at(&[0.0, 1.0]), &[0, 1]), None);
        assert_eq!(equal_error_rate(&[], &[]), None);
    }
}
