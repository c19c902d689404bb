//! Statistics against a model on std collections; what a device sends is read back.

use crate::support::bundle;
use cognate::policy::{Decision, Evidence, Match};
use cognate::statistics::{BINS, FieldStatistics, Scale};
use cognate::{BundleView, Score, SubjectId};
use proptest::prelude::*;

fn scale() -> Scale {
    Scale::of(&BundleView::new_checked(&bundle("Anna")).unwrap())
}

fn of(raw: i32) -> Match {
    Match { subject: SubjectId::FIRST, score: Score::from_raw(raw) }
}

proptest! {
    #[test]
    fn every_decision_is_in_its_bins(decisions in prop::collection::vec((0u8..3, any::<i32>(), any::<Option<i32>>()), 0..200)) {
        let mut statistics = FieldStatistics::new(scale());
        // Cosines from 0 to 1 in 64 bins, by division of the definition.
        let bin = |raw: i64| usize::try_from((raw * 64 / (1 << 23)).clamp(0, 63)).unwrap();
        let (mut counts, mut histograms) = ([0; 3], [[0u16; BINS]; 4]);
        for (kind, best, other) in decisions {
            let evidence = Evidence { best: of(best), runner_up: other.map(of), false_positive_rate: None };
            statistics.count(&match kind {
                0 => Decision::Known(evidence),
                1 => Decision::Ambiguous(evidence),
                _ => Decision::Unknown(Some(evidence)),
            });
            counts[usize::from(kind)] += 1;
            if kind == 0 {
                histograms[0][bin(best.into())] += 1;
            }
            if let Some(other) = other.filter(|_| kind != 2) {
                histograms[1][bin(other.into())] += 1;
                histograms[3][bin((i64::from(best) - i64::from(other)).max(0))] += 1;
            }
            if kind == 2 {
                histograms[2][bin(best.into())] += 1;
            }
        }
        prop_assert_eq!(statistics.decisions(), counts);
        let found = [statistics.accepted(), statistics.others(), statistics.rejected(), statistics.margins()];
        prop_assert_eq!(found.map(|histogram| *histogram.counts()), histograms);
        prop_assert_eq!(FieldStatistics::from_bytes(&statistics.to_bytes()), Some(statistics));
    }

    #[test]
    fn any_bytes_are_statistics_or_not(mut bytes in prop::collection::vec(any::<u8>(), FieldStatistics::BYTES), real in any::<bool>()) {
        if real {
            bytes[..4].copy_from_slice(b"CGS\x01");
        }
        let bytes: [u8; FieldStatistics::BYTES] = bytes.try_into().unwrap();
        if let Some(statistics) = FieldStatistics::from_bytes(&bytes) {
            prop_assert_eq!(statistics.to_bytes(), bytes);
            for bin in 0..BINS {
                let least = statistics.scale().least_of(bin);
                prop_assert!(least.raw() == i32::MAX || statistics.scale().bin(least) == bin);
            }
        }
    }
}

#[test]
fn a_full_count_halves_all() {
    let mut statistics = FieldStatistics::new(scale());
    let known = |raw| Decision::Known(Evidence { best: of(raw), runner_up: None, false_positive_rate: None });
    for _ in 0..1000 {
        statistics.count(&known(0));
    }
    for _ in 0..70_000 {
        statistics.count(&known(1 << 22));
    }
    let counts = statistics.accepted().counts();
    assert_eq!((counts[0], counts[32]), (500, u16::MAX / 2 + 4_465));
    assert_eq!(statistics.decisions(), [71_000, 0, 0]);
}
