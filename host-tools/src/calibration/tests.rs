use super::*;
use crate::labels::{Label, Labels};
use cognate::TemplateRef;
use cognate::gallery::Best;

const MODEL: ModelDigest = ModelDigest::new([0; 16]);

fn rate(parts: u32) -> Rate {
    Rate::from_parts_per_billion(parts).unwrap()
}

fn scores(raw: &[i32]) -> Vec<Score> {
    raw.iter().map(|&raw| Score::from_raw(raw)).collect()
}

#[test]
fn the_threshold_is_the_least_that_allows_so_many() {
    let pick =
        |raw: &[i32], allowed| least_threshold(&mut scores(raw), allowed, Score::MIN, Score::MAX).map(Score::raw);
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
fn data(subjects: usize, samples: usize) -> Embeddings {
    let mut chance = fastrand::Rng::with_seed(5);
    let mut values = Vec::new();
    let mut labels = Labels::default();
    for subject in 0..subjects {
        for _ in 0..samples {
            let mut row: Vec<f32> = (0..subjects).map(|_| chance.f32() * 1.4 - 0.7).collect();
            row[subject] = 1.0;
            values.extend(row);
            labels.rows.push(Label { subject: format!("s{subject}"), ..Label::default() });
        }
    }
    Embeddings::new(subjects, values, labels).unwrap()
}

fn run(embeddings: &Embeddings, plan: &Plan<'_>) -> Result<Vec<Entry>, CalibrationError> {
    calibrate(embeddings, MODEL, plan).map(|calibration| calibration.entries)
}

fn plan(enroll: usize, rates: &[u32]) -> Plan<'static> {
    Plan {
        enroll,
        rates: rates.iter().map(|&parts| rate(parts)).collect(),
        draws: 7,
        seed: 3,
        form: Form::Full,
        back_end: Kind::None,
        fusion: Fusion::Maximum,
        cohort: None,
        claim: false,
    }
}

#[test]
fn counts_are_those_of_one_draw_and_rates_hold() {
    let data = data(6, 20);
    let entries = run(&data, &plan(3, &[10_000_000, 50_000_000])).unwrap();
    for entry in &entries {
        assert_eq!((entry.comparisons, entry.genuine_comparisons), (17 * 6 * 5, 17 * 6));
        assert!(entry.observed_fmr <= crate::thresholds::fraction(entry.fmr));
        assert!(entry.held_out.is_some());
    }
    for entry in &entries[..2] {
        assert!(entry.fmr_upper_bound > entry.fmr, "510 comparisons do not show that the rate is kept");
    }
    assert!(entries[0].threshold > entries[1].threshold);
    assert_eq!(entries, run(&data, &plan(3, &[10_000_000, 50_000_000])).unwrap(), "a seed picks the same");
}

#[test]
fn a_ladder_leads_down_to_the_least_rate_that_the_data_supports() {
    let rates = |asked: &[Rate], comparisons| {
        let rates = ladder(asked, comparisons).into_iter().map(Rate::parts_per_billion);
        rates.collect::<Vec<_>>()
    };
    // 3 of 510 are 0.588 %, rounded up.
    assert_eq!(rates(&[rate(50_000_000)], 510), [100_000_000, 20_000_000, 10_000_000, 5_882_353]);
    assert_eq!(rates(&[], 3000), [100_000_000, 50_000_000, 20_000_000, 10_000_000, 5_000_000, 2_000_000, 1_000_000]);
    assert!(rates(&[], 2).is_empty());
    let asked: Vec<Rate> = (0..MAX_THRESHOLDS as u32 - 2).map(|step| rate(500_000_001 + step)).collect();
    assert_eq!(rates(&asked, 3000).len(), 2, "as many as there is room for");
    let entries = run(&data(6, 20), &plan(3, &[50_000_000])).unwrap();
    assert_eq!(entries.last().map(|entry| entry.fmr.parts_per_billion()), Some(5_882_353));
}

/// A draw's scores by the definition: f64, from the codes.
#[test]
fn a_draw_has_the_scores_of_the_definition() {
    let embeddings = data(4, 5);
    let coder = Coder::new(Space::full(MODEL), None);
    let codes = coder.codes(&embeddings).unwrap();
    let subjects: Vec<Vec<usize>> = embeddings.labels().by_subject().into_iter().map(|(_, rows)| rows).collect();
    let judged: Vec<(usize, &[usize])> = subjects.iter().enumerate().map(|(id, rows)| (id, rows.as_slice())).collect();
    let cosine = |a: &[i8], b: &[i8]| {
        let dot = |a: &[i8], b: &[i8]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    for fusion in [Fusion::Maximum, Fusion::MeanOfBest(Best::new(2).unwrap())] {
        let coded = Coded::new(coder.clone(), &embeddings, fusion, None).unwrap();
        let draw = Draw::new(&coded, &judged, 4, 0).unwrap();
        // The one sample of each subject that is left over, by the same generator.
        let mut chance = fastrand::Rng::with_seed(0);
        let shuffled = subjects.iter().map(|rows| {
            let mut rows = rows.clone();
            chance.shuffle(&mut rows);
            rows
        });
        let shuffled: Vec<Vec<usize>> = shuffled.collect();
        let expected = |own: usize, subject: usize| {
            let enrolled = shuffled[subject][..4].iter();
            let mut scores: Vec<f64> = enrolled.map(|row| cosine(&codes[shuffled[own][4]], &codes[*row])).collect();
            scores.sort_by(|a, b| b.total_cmp(a));
            if fusion == Fusion::Maximum { scores[0] } else { (scores[0] + scores[1]) / 2.0 }
        };
        let found: Vec<(usize, usize, Score)> = draw.comparisons().collect();
        assert_eq!(found.len(), 16);
        for (own, subject, score) in found {
            let error = f64::from(score.to_f32()) - expected(own, subject);
            assert!(error.abs() < 1e-6, "{own} against {subject}: {score}, off by {error}");
        }
    }
}

#[test]
fn a_back_end_is_judged_on_subjects_that_it_was_not_fitted_on() {
    let data = data(6, 20);
    let with = |back_end, rates: &[u32]| calibrate(&data, MODEL, &Plan { back_end, ..plan(3, rates) });
    let calibration = with(Kind::Lda(None), &[50_000_000]).unwrap();
    // Two halves of three subjects.
    let entry = &calibration.entries[0];
    assert_eq!((entry.comparisons, entry.genuine_comparisons), (17 * 3 * 2 * 2, 17 * 6));
    assert_eq!(calibration.dimension, 5, "six subjects span five dimensions");
    let back_end = calibration.coder.back_end().unwrap();
    assert_eq!(calibration.coder.space().model, back_end.model());
    assert_eq!((back_end.encoder(), back_end.view().inputs()), (MODEL, 6));
    let error = with(Kind::Pca(Some(7)), &[50_000_000]).unwrap_err();
    assert_eq!(error, CalibrationError::Fit(FitError::Dimensions { asked: 7, available: 6 }));
}

#[test]
fn a_cohort_is_of_subjects_and_of_samples_without_one() {
    let mut others = data(6, 4);
    let labels = Labels {
        rows: (0..24).map(|row| Label { subject: format!("{}", row / 12), ..Label::default() }).collect(),
        ..Labels::default()
    };
    others = Embeddings::new(6, others.rows().flatten().copied().collect(), labels).unwrap();
    let data = data(6, 20);
    let run = |cohort| calibrate(&data, MODEL, &Plan { cohort, ..plan(3, &[50_000_000]) });
    let normalized = run(Some((Method::SNorm, &others))).unwrap();
    assert_eq!(normalized.cohort.unwrap().codes.len(), 2, "one a subject");
    assert!(normalized.entries[0].threshold != run(None).unwrap().entries[0].threshold);
    let nobody = Embeddings::new(6, others.rows().flatten().copied().collect(), Labels::unknown("x.npy", 24)).unwrap();
    assert_eq!(run(Some((Method::TNorm, &nobody))).unwrap().cohort.unwrap().codes.len(), 24, "one a sample");
    let one = others.select(&[0, 1]);
    assert_eq!(run(Some((Method::ZNorm, &one))).unwrap_err(), CalibrationError::Cohort { found: 1 });
}

#[test]
fn data_that_cannot_be_used() {
    let two = data(2, 3);
    let error = run(&two, &plan(3, &[500_000_000])).unwrap_err().to_string();
    assert!(error.starts_with("subject `s0` has 3 samples, and at least 4 are needed"), "{error}");
    let error = run(&two.select(&[0, 1, 2]), &plan(1, &[1])).unwrap_err();
    assert_eq!(error, CalibrationError::Subjects { found: 1 });
    let same = Embeddings::new(2, two.row(0).repeat(6), two.labels().clone()).unwrap();
    let error = run(&same, &plan(1, &[900_000_000])).unwrap_err();
    assert_eq!(error, CalibrationError::NoThreshold { rate: rate(900_000_000) });
    let template = TemplateRef::new(&[127, 3], Space::full(MODEL)).unwrap();
    assert_eq!(cognate::similarity::cosine(&template, &template).unwrap(), Score::MAX, "and MAX is not above itself");
}

/// By the definition: every comparison, judged by a threshold of the comparisons that share no subject with it.
#[test]
fn cross_validation_judges_each_comparison_without_its_subjects() {
    let embeddings = data(6, 9);
    let coded = Coded::new(Coder::new(Space::full(MODEL), None), &embeddings, Fusion::Maximum, None).unwrap();
    let subjects: Vec<Vec<usize>> = embeddings.labels().by_subject().into_iter().map(|(_, rows)| rows).collect();
    let judged: Vec<(usize, &[usize])> = subjects.iter().enumerate().map(|(id, rows)| (id, rows.as_slice())).collect();
    let draws: Vec<Draw> = (0..2).map(|seed| Draw::new(&coded, &judged, 3, seed).unwrap()).collect();
    let all: Vec<(usize, usize, Score)> = draws.iter().flat_map(Draw::comparisons).collect();
    let threshold = |out: [usize; 2]| {
        let others = all.iter().filter(|(a, b, _)| a != b && !out.contains(a) && !out.contains(b));
        let mut others: Vec<Score> = others.map(|(_, _, score)| *score).collect();
        let allowed = others.len() / 20;
        least_threshold(&mut others, allowed, Score::MIN, Score::MAX).unwrap()
    };
    let (mut accepted, mut refused) = (0, 0);
    for &(own, subject, score) in &all {
        let is_accepted = score >= threshold([own, subject]);
        accepted += u64::from(own != subject && is_accepted);
        refused += u64::from(own == subject && !is_accepted);
    }
    let found = CrossValidation::new(&draws, 2, 6, 3).unwrap();
    let found = found.judge(rate(50_000_000), Score::MIN, Score::MAX).unwrap();
    assert_eq!(
        (found.groups, found.false_matches, found.false_non_matches),
        (6, accepted.div_ceil(2), refused.div_ceil(2))
    );
    assert_eq!((found.fmr, found.fnmr), (accepted as f64 / 360.0, refused as f64 / 72.0));
    assert!(CrossValidation::new(&draws, 2, 3, 3).is_none());
}
