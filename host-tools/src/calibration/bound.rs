//! How sure a counted false match rate is, as a bundle carries it.

use crate::evaluation::interval;
use cognate::policy::Rate;

/// The upper end of the one-sided 95 % interval of a rate of which `errors` were seen in `trials` (Clopper and
/// Pearson, 1934), rounded up to a part per billion. Without trials, a whole.
#[must_use]
pub fn upper_bound(errors: u64, trials: u64) -> Rate {
    let parts = (interval::upper_bound(errors, trials) * f64::from(Rate::WHOLE)).ceil();
    Rate::from_parts_per_billion(parts as u32).unwrap_or(Rate::ALL)
}

#[cfg(test)]
mod tests {
    use super::upper_bound;

    /// Made with scipy 1.17.1: `scipy.stats.beta.ppf(0.95, errors + 1, trials - errors)`.
    const EXPECTED: &[(u64, u64, f64)] = &[
        (0, 1, 0.95),
        (0, 300, 0.009936081944457708),
        (0, 1900, 0.0015754588562946052),
        (1, 10, 0.39416330243650466),
        (3, 300, 0.025641393082609616),
        (19, 1900, 0.014638971715515607),
        (5, 30_000, 0.0003504022984574131),
        (0, 300_000, 9.985724387502285e-06),
        (50, 100, 0.5863782853690882),
        (299, 300, 0.9998290369678865),
        (1000, 1_000_000, 0.0010535748774544362),
    ];

    #[test]
    fn bounds_are_those_of_scipy() {
        for &(errors, trials, expected) in EXPECTED {
            let found = f64::from(upper_bound(errors, trials).parts_per_billion()) / 1e9;
            assert!(
                (found - expected).abs() <= 2e-9 + 1e-7 * expected,
                "{errors} of {trials}: {found}, not {expected}"
            );
        }
    }

    #[test]
    fn without_evidence_the_bound_is_a_whole() {
        assert_eq!(upper_bound(0, 0).parts_per_billion(), 1_000_000_000);
        assert_eq!(upper_bound(7, 7).parts_per_billion(), 1_000_000_000);
    }
}
