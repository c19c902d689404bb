use super::*;
use crate::labels::Label;
use cognate::ModelDigest;

fn rate(parts: u32) -> Rate {
    Rate::from_parts_per_billion(parts).unwrap()
}

fn scores(raw: &[i32]) -> Vec<Score> {
    raw.iter().map(|&raw| Score::from_raw(raw).unwrap()).collect()
}

#[test]
fn the_threshold_is_the_least_that_allows_so_many() {
    let pick = |raw: &[i32], allowed| least_threshold(&mut scores(raw), allowed).map(Score::raw);
    assert_eq!(pick(&[5, 1, 9, 3], 0), Some(10));
    assert_eq!(pick(&[5, 1, 9, 3], 2), Some(4));
    assert_eq!(pick(&[5, 5, 9, 5], 2), Some(6), "equal scores are all refused or all accepted");
    assert_eq!(pick(&[5, 1], 2), Some(Score::MIN.raw()));
    assert_eq!(pick(&[Score::MAX.raw(), 1], 0), None);
}

#[test]
fn the_rule_of_three_decides_what_can_be_asked() {
    assert_eq!(check_support(rate(10_000_000), 300), Ok(()));
    let error = check_support(rate(10_000_000), 299).unwrap_err();
    let least = Rate::from_parts_per_billion(10_033_445);
    assert_eq!(error, CalibrationError::TooFew { rate: rate(10_000_000), needed: 300, comparisons: 299, least });
    assert!(
        error.to_string().contains("of 1 % needs at least 300 impostor comparisons (3 / rate), and this data has 299")
    );
    assert!(check_support(rate(10_033_445), 299).is_ok(), "the rate that the message names is supported");
    assert_eq!(check_support(rate(0), 299), Err(CalibrationError::ZeroRate));
}

/// Subjects whose samples point near an axis of their own, spread by a generator of no great quality.
fn data(subjects: usize, samples: usize) -> (Vec<Vec<i8>>, Labels) {
    let mut chance = fastrand::Rng::with_seed(5);
    let mut codes = Vec::new();
    let mut labels = Labels::default();
    for subject in 0..subjects {
        for _ in 0..samples {
            let mut code: Vec<i8> = (0..subjects).map(|_| chance.i8(-90..=90)).collect();
            code[subject] = 127;
            codes.push(code);
            labels.rows.push(Label { subject: format!("s{subject}"), ..Label::default() });
        }
    }
    (codes, labels)
}

fn run(codes: &[Vec<i8>], labels: &Labels, plan: &Plan) -> Result<Vec<Entry>, CalibrationError> {
    let templates: Vec<TemplateRef<'_>> =
        codes.iter().map(|code| TemplateRef::new(code, ModelDigest::new([0; 16])).unwrap()).collect();
    calibrate(&templates, labels, plan)
}

fn plan(enroll: usize, rates: &[u32]) -> Plan {
    Plan { enroll, rates: rates.iter().map(|&parts| rate(parts)).collect(), draws: 7, seed: 3 }
}

#[test]
fn counts_are_those_of_one_draw_and_rates_hold() {
    let (codes, labels) = data(6, 20);
    let entries = run(&codes, &labels, &plan(3, &[10_000_000, 50_000_000])).unwrap();
    for entry in &entries {
        assert_eq!((entry.comparisons, entry.genuine_comparisons), (17 * 6 * 5, 17 * 6));
        assert!(entry.observed_fmr <= crate::thresholds::fraction(entry.fmr));
        assert!(entry.fmr_upper_bound > entry.fmr, "510 comparisons do not show that the rate is kept");
        assert!(entry.held_out.is_some());
    }
    assert!(entries[0].threshold > entries[1].threshold);
    assert_eq!(entries, run(&codes, &labels, &plan(3, &[10_000_000, 50_000_000])).unwrap(), "a seed picks the same");
}

#[test]
fn a_draw_scores_the_best_of_the_enrolled() {
    // With one sample left over, the probe of a subject is compared with all the others of each subject.
    let (codes, labels) = data(3, 4);
    let templates: Vec<TemplateRef<'_>> =
        codes.iter().map(|code| TemplateRef::new(code, ModelDigest::new([0; 16])).unwrap()).collect();
    let subjects: Vec<Vec<usize>> = labels.by_subject().into_iter().map(|(_, rows)| rows).collect();
    let draw = Draw::new(&templates, &subjects, 3, 0);
    let expected: Vec<Score> = subjects
        .iter()
        .map(|rows| rows.iter().flat_map(|&a| rows.iter().map(move |&b| (a, b))).filter(|(a, b)| a != b))
        .map(|pairs| {
            pairs.map(|(a, b)| cognate::similarity::cosine(&templates[a], &templates[b]).unwrap()).min().unwrap()
        })
        .collect();
    let genuine: Vec<(usize, usize, Score)> = draw.comparisons().filter(|(own, subject, _)| own == subject).collect();
    assert_eq!((draw.comparisons().count(), genuine.len()), (9, 3));
    for (own, _, score) in genuine {
        assert!(score >= expected[own], "the best of three is not below the least of all pairs");
    }
}

#[test]
fn data_that_cannot_be_used() {
    let (codes, labels) = data(2, 3);
    let error = run(&codes, &labels, &plan(3, &[500_000_000])).unwrap_err().to_string();
    assert!(error.starts_with("subject `s0` has 3 samples, and at least 4 are needed"), "{error}");
    let error =
        run(&codes[..3], &Labels { rows: labels.rows[..3].to_vec(), ..Labels::default() }, &plan(1, &[1])).unwrap_err();
    assert_eq!(error, CalibrationError::Subjects { found: 1 });
    let same = vec![codes[0].clone(); 6];
    let error = run(&same, &labels, &plan(1, &[900_000_000])).unwrap_err();
    assert_eq!(error, CalibrationError::NoThreshold { rate: rate(900_000_000) });
}
