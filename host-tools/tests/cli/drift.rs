//! What a device has counted, against its bundle.

use crate::support::Bench;
use cognate::policy::{Decision, Evidence, Match};
use cognate::statistics::{FieldStatistics, Scale};
use cognate::{BundleView, Score, SubjectId};

/// Statistics of probes of whom another subject has always this score.
fn counted(bundle: &[u8], probes: u32, other: Score) -> Vec<u8> {
    let mut field = FieldStatistics::new(Scale::of(&BundleView::new_checked(bundle).unwrap()));
    let of = |score| Match { subject: SubjectId::FIRST, score };
    let evidence = Evidence { best: of(Score::MAX), runner_up: Some(of(other)), false_positive_rate: None };
    (0..probes).for_each(|_| field.count(&Decision::Known(evidence)));
    field.to_bytes().to_vec()
}

#[test]
fn drift_is_found_and_a_stricter_bundle_written_and_signed() {
    let bench = Bench::with_bundle();
    let bytes = bench.read("digits.bundle");
    bench.write("quiet.stats", &counted(&bytes, 2000, Score::from_ratio(1, 10)));
    assert!(bench.succeed(&["drift", "digits.bundle", "quiet.stats"]).contains("no drift is certain"));
    bench.write("moved.stats", &counted(&bytes, 2000, Score::from_ratio(98, 100)));
    let shown = bench.succeed(&["drift", "digits.bundle", "moved.stats", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((shown["false_positives"].as_u64(), shown["impostors"].as_u64()), (Some(2000), Some(2000)));
    assert!(shown["at_least"].as_f64() > shown["promised"].as_f64());
    bench.write("some.stats", &counted(&bytes, 2000, Score::from_ratio(90, 100)));
    bench.succeed(&["drift", "digits.bundle", "some.stats", "-o", "stricter.bundle"]);
    bench.succeed(&["keygen", "-o", "my.key"]);
    bench.succeed(&["sign", "stricter.bundle", "--key", "my.key", "--as-version", "2"]);
    let threshold = |name| BundleView::new_checked(&bench.read(name)).unwrap().operating_point().threshold;
    assert!(threshold("stricter.bundle") >= threshold("digits.bundle"));
}

#[test]
fn what_are_no_statistics_is_refused() {
    let bench = Bench::with_bundle();
    bench.fail(&["drift", "digits.bundle", "model.toml"], &["model.toml: these are no statistics of a device"]);
    let few = counted(&bench.read("digits.bundle"), 3, Score::from_ratio(1, 10));
    bench.write("few.stats", &few);
    bench.refuse(
        &["drift", "digits.bundle", "few.stats", "-o", "out.bundle"],
        &["3 impostors were counted", "count more"],
    );
}
