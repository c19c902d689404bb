//! The equal error rate.

/// The rate at which as many genuine comparisons are refused as impostor comparisons are accepted: FNMR and FMR interpolated
/// between the two adjacent thresholds at which they cross (ISO/IEC 19795-1 leaves the rule open). `None` without comparisons
/// of either kind.
#[must_use]
pub fn equal_error_rate<S: Copy + Ord>(genuine: &[S], impostor: &[S]) -> Option<f64> {
    if genuine.is_empty() || impostor.is_empty() {
        return None;
    }
    let (mut genuine, mut impostor) = (genuine.to_vec(), impostor.to_vec());
    genuine.sort_unstable();
    impostor.sort_unstable();
    let fnmr = |threshold: S| genuine.partition_point(|&score| score < threshold) as f64 / genuine.len() as f64;
    let fmr = |threshold: S| 1.0 - impostor.partition_point(|&score| score < threshold) as f64 / impostor.len() as f64;
    // Below every score all are accepted, above every score none is.
    let mut before = (0.0, 1.0);
    let mut thresholds: Vec<S> = genuine.iter().chain(&impostor).copied().collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    let rates = thresholds.into_iter().map(|threshold| (fnmr(threshold), fmr(threshold))).chain([(1.0, 0.0)]);
    for after in rates {
        if after.0 >= after.1 {
            // Where the two lines cross.
            let (gap, rest): (f64, f64) = (before.1 - before.0, after.0 - after.1);
            let share = if gap + rest > 0.0 { gap / (gap + rest) } else { 0.0 };
            return Some(before.0 + share * (after.0 - before.0));
        }
        before = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::equal_error_rate;

    #[test]
    fn rates_that_can_be_worked_out_by_hand() {
        assert_eq!(equal_error_rate(&[5, 6, 7], &[1, 2, 3]), Some(0.0));
        assert_eq!(equal_error_rate(&[1, 2, 3], &[5, 6, 7]), Some(1.0));
        // At threshold 3 a fourth is refused and half accepted, at 4 a half and a fourth: they cross in the middle.
        assert_eq!(equal_error_rate(&[2, 3, 5, 6], &[1, 2, 3, 4]), Some(0.375));
        // At threshold 2 nobody is refused and a half accepted, at 3 both are a half.
        assert_eq!(equal_error_rate(&[2, 3], &[1, 3]), Some(0.5));
        assert_eq!(equal_error_rate(&[1, 1], &[1, 1]), Some(0.5));
        assert_eq!(equal_error_rate::<i32>(&[], &[1]), None);
    }
}
