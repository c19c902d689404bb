use super::*;
use crate::bundle::Settings;
use crate::coder::Coder;
use cognate::kernel::Layout;
use cognate::policy::{Decision, Evidence, Match, Rate, ThresholdEntry};
use cognate::{Fusion, ModelDigest, Space, SubjectId};

fn bundle() -> Bundle {
    let rate = Rate::from_parts_per_billion(10_000_000).unwrap();
    let threshold =
        ThresholdEntry { fmr: rate, threshold: Score::from_ratio(60, 100), comparisons: 1000, fmr_upper_bound: rate };
    let mut bundle = Bundle::new(Settings {
        coder: Coder::new(Space::full(ModelDigest::new([1; 16])), None),
        dimension: 3,
        layout: Layout::Rows,
        filter: false,
        thresholds: vec![threshold],
        operating_point: 0,
        fpir: rate,
        margin: 0,
        fusion: Fusion::Maximum,
        calibrated_templates: 1,
        cohort: None,
        encoder: None,
    });
    bundle.enroll_any("Anna", vec![vec![127, 0, 0]]).unwrap();
    bundle
}

/// Probes of whom the most alike other subject has a score of 0.35 and a spread, moved by a shift.
fn field(view: &BundleView<'_>, probes: u32, shift: f64) -> FieldStatistics {
    let mut random = fastrand::Rng::with_seed(3);
    let mut field = FieldStatistics::new(Scale::of(view));
    let score =
        |value: f64| Match { subject: SubjectId::FIRST, score: Score::from_raw((value * f64::from(1 << 23)) as i32) };
    for _ in 0..probes {
        let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let other = 0.35 + 0.08 * normal + shift;
        let evidence = Evidence { best: score(0.9), runner_up: Some(score(other)), false_positive_rate: None };
        field.count(&Decision::Known(evidence));
    }
    field
}

#[test]
fn a_field_as_calibrated_is_no_drift_and_a_shifted_one_is() {
    let bytes = bundle().to_bytes().unwrap();
    let view = BundleView::new_checked(&bytes).unwrap();
    let as_calibrated = Drift::of(&view, &field(&view, 3000, 0.0)).unwrap();
    assert!(!as_calibrated.is_certain(), "{as_calibrated:?}");
    let shifted = Drift::of(&view, &field(&view, 3000, 0.15)).unwrap();
    assert!(shifted.is_certain() && shifted.at_least <= 0.10 && shifted.at_most >= 0.08, "{shifted:?}");
    // The normal distribution's 1 % is at 0.5 + 2.33 · 0.08 = 0.686; a bin and the confidence come on top.
    let proposed = f64::from(shifted.proposed.unwrap()) / f64::from(1 << 23);
    assert!((0.686..0.75).contains(&proposed), "{proposed}");
    let mut stricter = bundle();
    shifted.apply(&mut stricter).unwrap();
    assert_eq!(stricter.operating_point().threshold.raw(), shifted.proposed.unwrap());
    // With it, the same field keeps the promise.
    let bytes = stricter.to_bytes().unwrap();
    let view = BundleView::new_checked(&bytes).unwrap();
    assert!(!Drift::of(&view, &field(&view, 3000, 0.15)).unwrap().is_certain());
}

#[test]
fn little_evidence_proposes_nothing_and_another_bundle_says_so() {
    let bytes = bundle().to_bytes().unwrap();
    let view = BundleView::new_checked(&bytes).unwrap();
    let few = Drift::of(&view, &field(&view, 100, 0.0)).unwrap();
    assert!(few.proposed.is_none() && !few.is_certain());
    assert!(few.apply(&mut bundle()).unwrap_err().to_string().contains("about 300 if none reaches it"));
    let mut bytes = field(&view, 1, 0.0).to_bytes();
    bytes[8] ^= 1;
    let other = FieldStatistics::from_bytes(&bytes).unwrap();
    assert!(matches!(Drift::of(&view, &other), Err(DriftError::OtherBundle)));
}
