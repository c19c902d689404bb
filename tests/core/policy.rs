//! Thresholds that know the gallery, against `f64`.

use crate::support::{FULL, template};
use cognate::policy::{Calibration, Rate, ThresholdEntry, ThresholdTable};
use cognate::{Decision, Fusion, Gallery, MatchError, Policy, PolicyError, Scan, Score, Search, SubjectId};
use proptest::prelude::*;

fn rate(parts: u32) -> Rate {
    Rate::from_parts_per_billion(parts).expect("a rate")
}

fn entry(fmr: u32, threshold: i32) -> [u8; ThresholdEntry::BYTES] {
    let threshold = Score::from_raw(threshold);
    ThresholdEntry { fmr: rate(fmr), threshold, comparisons: 9, fmr_upper_bound: rate(fmr + 1) }.to_bytes()
}

const CALIBRATION: Calibration = Calibration { fusion: Fusion::Maximum, templates: 2, normalization: None };

/// Thresholds for 10 %, 1 %, 0.1 % and 0.01 %.
fn entries() -> [[u8; ThresholdEntry::BYTES]; 4] {
    [entry(100_000_000, 10), entry(10_000_000, 20), entry(1_000_000, 30), entry(100_000, 40)]
}

proptest! {
    #[test]
    fn the_rate_of_any_of_n_is_rounded_up_a_little(parts in 0u32..=1_000_000_000, times in 0usize..100_000) {
        let found = f64::from(rate(parts).in_any_of(times).parts_per_billion());
        let p = f64::from(parts) / 1e9;
        // expm1 and ln_1p: 1 − (1 − p)^n loses everything for small p.
        let exact = if times == 0 { 0.0 } else { -((times as f64) * (-p).ln_1p()).exp_m1() * 1e9 };
        prop_assert!(found >= exact - 1e-3 && found <= exact + 1.01, "{found}, not {exact}");
    }

    #[test]
    fn the_threshold_rises_with_the_gallery(fpir in 1u32..=1_000_000_000, subjects in 1usize..2000) {
        let entries = entries();
        let table = ThresholdTable::new(&entries, CALIBRATION).unwrap();
        let here = table.at_fpir(rate(fpir), subjects);
        let with_one_more = table.at_fpir(rate(fpir), subjects + 1);
        match (here, with_one_more) {
            (Some(here), Some(more)) => prop_assert!(more.threshold >= here.threshold),
            (None, more) => prop_assert_eq!(more, None),
            (Some(_), None) => {}
        }
        if let Some(entry) = here {
            let p = f64::from(entry.fmr.parts_per_billion()) / 1e9;
            let exact = -((subjects as f64) * (-p).ln_1p()).exp_m1() * 1e9;
            prop_assert!(exact <= f64::from(fpir) + 1e-3);
        }
    }
}

#[test]
fn a_table_is_in_order_and_has_evidence() {
    let check = |entries: &[[u8; 16]]| ThresholdTable::new(entries, CALIBRATION).is_some();
    assert!(check(&entries()));
    assert!(!check(&[]));
    assert!(!check(&[entry(10, 1), entry(10, 2)]), "rates fall");
    assert!(!check(&[entry(10, 2), entry(9, 1)]), "thresholds do not");
    let mut no_comparisons = entry(10, 1);
    no_comparisons[8] = 0;
    assert!(!check(&[no_comparisons]));
    let mut above_a_whole = entry(10, 1);
    above_a_whole[3] = 0xff;
    assert!(!check(&[above_a_whole]));
    let without_templates = Calibration { templates: 0, ..CALIBRATION };
    assert!(ThresholdTable::new(&entries(), without_templates).is_none());
}

#[test]
fn verification_takes_the_least_strict_threshold_that_does() {
    let entries = entries();
    let table = ThresholdTable::new(&entries, CALIBRATION).unwrap();
    let threshold = |parts| Policy::verification(table, rate(parts)).map(|policy| policy.threshold().raw());
    assert_eq!(threshold(50_000_000), Ok(20));
    assert_eq!(threshold(10_000_000), Ok(20));
    assert_eq!(threshold(9_999_999), Ok(30));
    let error = PolicyError::Fmr { asked: rate(99_999), least: rate(100_000) };
    assert_eq!(threshold(99_999), Err(error));
    assert!(error.to_string().contains("0.0099999 %, the least is 0.01 %"), "{error}");
}

#[test]
fn identification_tightens_as_people_are_enrolled_and_refuses_a_stale_policy() {
    let entries = entries();
    let table = ThresholdTable::new(&entries, CALIBRATION).unwrap();
    let mut gallery = Gallery::<2, 64>::new(FULL, SubjectId::FIRST);
    let sample = template([1.0, 0.2], FULL);
    gallery.enroll(&[sample]).unwrap();
    let policy = |gallery: &Gallery<2, 64>| {
        let galleries: [&dyn Scan; 1] = [gallery];
        Policy::identification(table, rate(10_000_000), &Search::new(&galleries))
    };
    let first = policy(&gallery).unwrap();
    assert_eq!(first.threshold().raw(), 20, "1 % of one subject");
    let identify = |gallery: &Gallery<2, 64>, policy: &Policy<'_>| Search::new(&[gallery]).identify(&sample, policy);
    let Ok(Decision::Known(evidence)) = identify(&gallery, &first) else { panic!("not known") };
    assert_eq!(evidence.false_positive_rate, Some(rate(100_000)), "the score reaches every threshold");

    let second = gallery.enroll(&[sample]).unwrap();
    assert_eq!(identify(&gallery, &first), Err(MatchError::StalePolicy));
    assert_eq!(policy(&gallery).unwrap().threshold().raw(), 30, "1 % of two subjects");
    let evidence = identify(&gallery, &policy(&gallery).unwrap()).unwrap().evidence().copied().unwrap();
    assert_eq!(evidence.false_positive_rate, Some(rate(100_000).in_any_of(2)));

    // Further templates of a subject are further chances: 40 of them count as 20 subjects.
    gallery.add(second, &[sample; 39]).unwrap();
    assert_eq!(Search::new(&[&gallery]).population(2), 21);
    assert_eq!(policy(&gallery).unwrap().threshold().raw(), 40);
    let galleries: [&dyn Scan; 1] = [&gallery];
    let error = Policy::identification(table, rate(1_000_000), &Search::new(&galleries)).unwrap_err();
    let least = rate(100_000).in_any_of(21);
    assert_eq!(error, PolicyError::Fpir { asked: rate(1_000_000), population: 21, least });
    assert!(error.to_string().contains("with 21 subjects"), "{error}");
}

#[test]
fn a_threshold_for_other_scores_is_refused() {
    let entries = entries();
    let table = ThresholdTable::new(&entries, Calibration { fusion: Fusion::Centroid, ..CALIBRATION }).unwrap();
    let policy = Policy::verification(table, Rate::ALL).unwrap();
    let mut gallery = Gallery::<2, 4>::new(FULL, SubjectId::FIRST);
    let sample = template([1.0, 0.2], FULL);
    let subject = gallery.enroll(&[sample]).unwrap();
    let galleries: [&dyn Scan; 1] = [&gallery];
    let search = Search::new(&galleries);
    assert!(matches!(search.verify(&sample, subject, &policy), Err(MatchError::Calibration { .. })));
    assert!(matches!(search.identify(&sample, &policy), Err(MatchError::Calibration { .. })));
    assert!(search.fused_by(Fusion::Centroid).verify(&sample, subject, &policy).unwrap().accepted);
}

#[test]
fn rates_are_looked_up_by_score() {
    let entries = entries();
    let table = ThresholdTable::new(&entries, CALIBRATION).unwrap();
    let at = |raw| table.fmr_at(Score::from_raw(raw));
    assert_eq!((at(9), at(10), at(29), at(1000)), (Rate::ALL, rate(100_000_000), rate(10_000_000), rate(100_000)));
    assert_eq!(Policy::new(Score::MIN).false_positive_rate(Score::MAX), None);
}
