//! A search of a bundle, as a device that has nobody else enrolled does it.

use cognate::normalization::SubjectStatistics;
use cognate::{BundleView, Normalization, Scan, Search};

/// Hands a bundle's gallery out as it is searched: fused and normalized as the thresholds were calibrated.
pub fn with_search<T>(bundle: &BundleView<'_>, use_search: impl FnOnce(&Search<'_>) -> T) -> T {
    let gallery = bundle.gallery();
    let galleries: [&dyn Scan; 1] = [&gallery];
    let search = Search::new(&galleries).fused_by(bundle.thresholds().calibration().fusion);
    let Some((cohort, method, statistics)) = bundle.cohort() else { return use_search(&search) };
    let statistics: [&dyn SubjectStatistics; 1] = [statistics];
    use_search(&search.normalized_by(&Normalization::new(cohort, method, &statistics)))
}
