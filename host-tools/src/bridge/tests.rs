use super::*;
use crate::coder::Coder;
use crate::labels::{Label, Labels};
use cognate::kernel::Layout;
use cognate::policy::ThresholdEntry;
use cognate::{Fusion, ModelDigest, SubjectId};

const OLD: usize = 24;
const NEW: usize = 32;
const PEOPLE: usize = 40;
const SAMPLES: usize = 6;

fn rate(parts: u32) -> Rate {
    Rate::from_parts_per_billion(parts).unwrap()
}

fn settings(model: u8, dimension: usize, hundredths: i32) -> Settings {
    let threshold = ThresholdEntry {
        fmr: rate(10_000_000),
        threshold: Score::from_ratio(hundredths, 100),
        comparisons: 1000,
        fmr_upper_bound: rate(20_000_000),
    };
    Settings {
        coder: Coder::new(Space::full(ModelDigest::new([model; 16])), None),
        dimension,
        layout: Layout::Rows,
        filter: false,
        thresholds: vec![threshold],
        operating_point: 0,
        fpir: rate(500_000_000),
        margin: 0,
        fusion: Fusion::Maximum,
        calibrated_templates: 2,
        cohort: None,
        encoder: None,
    }
}

/// What two encoders make of the same samples: two mixtures of what the samples are, each with noise of its own; or, unrelated,
/// of other samples of nobody.
fn pairs(noise: f64, related: bool) -> (Embeddings, Embeddings) {
    let mut random = fastrand::Rng::with_seed(5);
    let mut gaussian = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    let mut mixture = |to: usize| DMatrix::from_fn(20, to, |_, _| gaussian());
    let (first, second) = (mixture(OLD), mixture(NEW));
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for _ in 0..PEOPLE {
        let person = DMatrix::from_fn(1, 20, |_, _| gaussian());
        for _ in 0..SAMPLES {
            let sample = &person + DMatrix::from_fn(1, 20, |_, _| 0.3 * gaussian());
            let other = if related { sample.clone() } else { DMatrix::from_fn(1, 20, |_, _| gaussian()) };
            let mut encode = |sample: DMatrix<f64>, mixture: &DMatrix<f64>| {
                (sample * mixture).iter().map(|x| (x + noise * gaussian()) as f32).collect::<Vec<_>>()
            };
            old.extend(encode(other, &first));
            new.extend(encode(sample, &second));
        }
    }
    let rows = (0..PEOPLE * SAMPLES).map(|row| Label { subject: (row / SAMPLES).to_string(), ..Label::default() });
    let labels = Labels { rows: rows.collect(), ..Labels::default() };
    (Embeddings::new(OLD, old, labels.clone()).unwrap(), Embeddings::new(NEW, new, labels).unwrap())
}

fn measure(pairs: &(Embeddings, Embeddings)) -> (Bridge, Measured) {
    let pairs = Pairs { old: &pairs.0, new: &pairs.1 };
    fit(&settings(1, OLD, 0), &settings(2, NEW, 70), &pairs, 1).unwrap()
}

#[test]
fn a_bridge_between_related_models_holds_on_people_that_it_has_not_seen() {
    let (bridge, measured) = measure(&pairs(0.3, true));
    println!("{measured:?}");
    assert_eq!((measured.fitted_subjects, measured.judged_subjects), (PEOPLE / 2, PEOPLE / 2));
    assert_eq!(measured.genuine, PEOPLE / 2 * (SAMPLES - 2));
    assert_eq!(measured.impostors, measured.genuine * (PEOPLE / 2 - 1));
    measured.require(&Limits { fmr: rate(20_000_000), fnmr: 0.05 }).unwrap();
    let mut old = Bundle::new(settings(1, OLD, 0));
    let id = old.enroll_any("Anna", vec![vec![127; OLD], vec![-127; OLD]]).unwrap();
    let converted = bridge.convert_all(&old).unwrap();
    assert_eq!((converted[0].id, converted[0].name.as_str(), converted[0].codes.len()), (id, "Anna", 2));
    assert!(converted[0].codes.iter().all(|code| code.len() == NEW));
    assert_eq!(id, SubjectId::FIRST);
}

#[test]
fn a_bridge_between_models_that_have_nothing_in_common_is_refused() {
    let (_, measured) = measure(&pairs(0.3, false));
    let error = measured.require(&Limits { fmr: rate(20_000_000), fnmr: 0.05 }).unwrap_err();
    assert!(matches!(error, BridgeError::Matches { .. } | BridgeError::NonMatches { .. }), "{error}");
    assert!(measured.fnmr() > 0.5, "{measured:?}");
    assert_eq!(measured.false_non_matches_enrolled_again, 0, "the new model itself knows them");
}

#[test]
fn a_rate_that_the_samples_cannot_support_is_not_claimed() {
    let (_, measured) = measure(&pairs(0.3, true));
    let error = measured.require(&Limits { fmr: rate(8_000_000), fnmr: 0.05 }).unwrap_err().to_string();
    assert!(error.contains("impostor comparisons would be needed"), "{error}");
}

#[test]
fn samples_that_do_not_go_together_are_refused() {
    let (old, new) = pairs(0.3, true);
    let fewer = new.select(&(1..new.len()).collect::<Vec<_>>());
    let of = |old: &Embeddings, new: &Embeddings, settings_of_new: &Settings| {
        fit(&settings(1, OLD, 0), settings_of_new, &Pairs { old, new }, 1).unwrap_err()
    };
    assert!(matches!(of(&old, &fewer, &settings(2, NEW, 70)), BridgeError::OtherSamples));
    let mut rows: Vec<usize> = (0..new.len()).collect();
    rows.swap(0, SAMPLES);
    assert!(matches!(of(&old, &new.select(&rows), &settings(2, NEW, 70)), BridgeError::OtherSamples));
    let few: Vec<usize> = (0..3 * SAMPLES).collect();
    let few = of(&old.select(&few), &new.select(&few), &settings(2, NEW, 70));
    assert!(matches!(few, BridgeError::TooFewSubjects { found: 3 }));
    let all = Settings { calibrated_templates: SAMPLES as u16, ..settings(2, NEW, 70) };
    assert!(matches!(of(&old, &new, &all), BridgeError::NoProbes { .. }));
}
