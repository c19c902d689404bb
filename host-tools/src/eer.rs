//! The equal error rate.

use std::collections::BTreeMap;

/// The rate at which as many genuine comparisons are refused as impostor comparisons are accepted, by the two rules that are in
/// use (ISO/IEC 19795-1 leaves it open).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EqualErrorRate {
    /// FNMR and FMR interpolated between the two adjacent thresholds at which they cross: the one that this project uses.
    pub interpolated: f64,
    /// The mean of FNMR and FMR at the threshold at which they are closest; of several, at the least.
    pub nearest: f64,
}

/// Finds where the rates cross, from the number of comparisons with each score, ascending.
#[derive(Clone, Debug)]
pub struct Crossing {
    genuine: u64,
    impostor: u64,
    genuine_below: u64,
    impostor_below: u64,
    interpolated: Option<f64>,
    /// How far apart the rates are at the threshold at which they are closest, and their mean there.
    nearest: (f64, f64),
}

impl Crossing {
    /// Begins with so many comparisons of each kind, not none.
    #[must_use]
    pub const fn new(genuine: u64, impostor: u64) -> Self {
        // Below every score all are accepted.
        Self { genuine, impostor, genuine_below: 0, impostor_below: 0, interpolated: None, nearest: (1.0, 0.5) }
    }

    /// Takes the comparisons with the next greater score.
    pub fn note(&mut self, genuine: u64, impostor: u64) {
        let before = self.rates();
        self.genuine_below += genuine;
        self.impostor_below += impostor;
        let after = self.rates();
        let apart = (after.0 - after.1).abs();
        if apart < self.nearest.0 {
            self.nearest = (apart, f64::midpoint(after.0, after.1));
        }
        if self.interpolated.is_none() && after.0 >= after.1 {
            // Where the two lines cross.
            let (gap, rest): (f64, f64) = (before.1 - before.0, after.0 - after.1);
            let share = if gap + rest > 0.0 { gap / (gap + rest) } else { 0.0 };
            self.interpolated = Some(before.0 + share * (after.0 - before.0));
        }
    }

    /// FNMR and FMR.
    fn rates(&self) -> (f64, f64) {
        let fnmr = self.genuine_below as f64 / self.genuine as f64;
        (fnmr, (self.impostor - self.impostor_below) as f64 / self.impostor as f64)
    }

    /// What was found, after the greatest score.
    #[must_use]
    pub fn finish(self) -> EqualErrorRate {
        EqualErrorRate { interpolated: self.interpolated.unwrap_or(1.0), nearest: self.nearest.1 }
    }
}

/// The interpolated rate of these scores. `None` without comparisons of either kind.
#[must_use]
pub fn equal_error_rate<S: Copy + Ord>(genuine: &[S], impostor: &[S]) -> Option<f64> {
    if genuine.is_empty() || impostor.is_empty() {
        return None;
    }
    let mut counts: BTreeMap<S, (u64, u64)> = BTreeMap::new();
    for score in genuine {
        counts.entry(*score).or_default().0 += 1;
    }
    for score in impostor {
        counts.entry(*score).or_default().1 += 1;
    }
    let mut crossing = Crossing::new(genuine.len() as u64, impostor.len() as u64);
    for (genuine, impostor) in counts.into_values() {
        crossing.note(genuine, impostor);
    }
    Some(crossing.finish().interpolated)
}

#[cfg(test)]
mod tests {
    use super::{Crossing, equal_error_rate};

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

    #[test]
    fn the_nearest_threshold_can_give_another_rate() {
        // Above 1: nothing refused, 1 of 10 accepted; above 2: 1 of 2 refused, nothing accepted.
        let mut crossing = Crossing::new(2, 10);
        for (genuine, impostor) in [(0, 9), (1, 1), (1, 0)] {
            crossing.note(genuine, impostor);
        }
        let found = crossing.finish();
        assert_eq!(found.nearest, 0.05);
        assert!((found.interpolated - 0.1 / 0.6 * 0.5).abs() < 1e-15, "{found:?}");
    }
}
