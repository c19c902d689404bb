//! Against independent code on the same scores and embeddings: `witness/figures.py` says how its values were made.

use super::bootstrap::PairSample;
use super::identification::Setting;
use super::interval::{clopper_pearson, comparisons_needed, upper_bound};
use super::*;
use crate::choices::Form;
use crate::coder::Coder;
use crate::embeddings::Embeddings;
use crate::labels::{Label, Labels};
use crate::thresholds::parse_rate;
use cognate::policy::Rate;
use cognate::{ModelDigest, Space, similarity};
use serde_json::Value;

fn witness() -> Value {
    serde_json::from_str(include_str!("../../witness/figures.json")).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn integers(value: &Value) -> Vec<i32> {
    value.as_array().unwrap().iter().map(|value| value.as_i64().unwrap() as i32).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9, "{found}, not {expected}");
}

fn rates(texts: &[&str]) -> Vec<Rate> {
    texts.iter().map(|text| parse_rate(text).unwrap()).collect()
}

fn embeddings(dimension: usize, values: Vec<f32>, subjects: &[String]) -> Embeddings {
    let rows = subjects.iter().map(|subject| Label { subject: subject.clone(), ..Label::default() }).collect();
    Embeddings::new(dimension, values, Labels { rows, ..Labels::default() }).unwrap()
}

fn coder(space: Space) -> Coder {
    Coder::new(space, None)
}

const MODEL: ModelDigest = ModelDigest::new([0; 16]);

/// Subjects around centers of their own, in an order that does not keep them together.
fn scattered(subjects: usize, samples: usize, dimension: usize) -> Embeddings {
    let mut chance = fastrand::Rng::with_seed(11);
    let centers: Vec<f32> = (0..subjects * dimension).map(|_| chance.f32() - 0.5).collect();
    let mut values = Vec::new();
    let mut names = Vec::new();
    for row in 0..subjects * samples {
        let subject = row % subjects;
        values.extend(centers[subject * dimension..][..dimension].iter().map(|center| center + chance.f32() - 0.5));
        names.push(format!("s{subject}"));
    }
    embeddings(dimension, values, &names)
}

#[test]
fn verification_is_that_of_scikit_learn() {
    let expected = &witness()["verification"];
    let scores = PairScores::of_scores(&integers(&expected["genuine"]), &integers(&expected["impostor"]));
    let texts = ["0.1", "0.01", "0.005"];
    let found = Verification::new(&scores, &rates(&texts)).unwrap();
    assert_close(found.eer.interpolated, number(&expected["eer"]));
    assert_close(found.eer.nearest, number(&expected["eer_nearest"]));
    assert_close(found.auc, number(&expected["auc"]));
    assert_close(found.d_prime, number(&expected["d_prime"]));
    for (at, text) in found.at_fmr.iter().zip(texts) {
        let expected = &expected["at"][text];
        assert_eq!(i64::from(at.threshold), expected[0].as_i64().unwrap());
        assert_close(at.fmr(), number(&expected[1]));
        assert_close(at.fnmr(), number(&expected[2]));
        let again = AtFmr::at_threshold(&scores, at.threshold, at.asked);
        assert_eq!(again, *at, "the same threshold, given");
    }
    assert!(found.curve.is_sorted_by(|a, b| a.threshold < b.threshold && a.fmr >= b.fmr && a.fnmr <= b.fnmr));
}

#[test]
fn exact_intervals_are_those_of_scipy() {
    for row in witness()["intervals"].as_array().unwrap() {
        let (errors, trials) = (row[0].as_u64().unwrap(), row[1].as_u64().unwrap());
        let found = clopper_pearson(errors, trials);
        assert_close(found.low, number(&row[2]));
        assert_close(found.high, number(&row[3]));
        assert_close(upper_bound(errors, trials), number(&row[4]));
    }
    let needed = ["0.1", "0.01", "0.001", "1e-5"].map(|rate| comparisons_needed(rate.parse().unwrap()));
    assert_eq!(needed, [30, 300, 3000, 300_000]);
}

#[test]
fn scores_that_are_all_equal_tell_nobody_apart() {
    let scores = PairScores::of_scores(&[5; 40], &[5; 300]);
    let found = Verification::new(&scores, &rates(&["0.01"])).unwrap();
    assert_eq!((found.eer.interpolated, found.auc, found.d_prime), (0.5, 0.5, 0.0));
    let at = found.at_fmr[0];
    assert_eq!((at.threshold, at.false_matches, at.false_non_matches), (6, 0, 40));
    assert_eq!(Verification::new(&PairScores::of_scores(&[], &[1]), &[]), None);
}

/// More rows than a tile, fewer than two: every pair is there once, and has the core's own score.
#[test]
fn every_pair_has_the_score_of_the_core() {
    let embeddings = scattered(9, 33, 20);
    for space in [Space::full(MODEL), Space::norm_limited(MODEL), euclidean(&embeddings)] {
        let coder = coder(space);
        let rows = Rows::of_templates(&embeddings, &coder).unwrap();
        let codes = coder.codes(&embeddings).unwrap();
        let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
        for template in 0..rows.len() {
            for probe in 0..template {
                let of = |row: usize| coder.template(&codes[rows.origin(row)]);
                let score = similarity::score(&of(probe), &of(template)).unwrap().raw();
                let same = rows.subjects()[probe] == rows.subjects()[template];
                if same { genuine.push(score) } else { impostor.push(score) }
            }
        }
        let found = PairScores::of(&rows, &|_| ());
        let expected = PairScores::of_scores(&genuine, &impostor);
        assert!(found.genuine.counts().eq(expected.genuine.counts()), "{space:?}");
        assert!(found.impostor.counts().eq(expected.impostor.counts()), "{space:?}");
        // The rounding of templates moves scores a little, and a distance by its own steps.
        let float = PairScores::of(&Rows::of_embeddings(&embeddings, &coder), &|_| ());
        let eer = |scores| Verification::new(scores, &[]).unwrap().eer.interpolated;
        assert!((eer(&float) - eer(&found)).abs() < 0.01, "{space:?}: {} and {}", eer(&float), eer(&found));
    }
}

fn euclidean(embeddings: &Embeddings) -> Space {
    let form = Form::Euclidean.with_scale(embeddings.rows().flatten().fold(0.0, |a, b| a.max(b.abs()))).unwrap();
    Space { model: MODEL, form }
}

#[test]
fn float_scores_are_cosines_to_a_step() {
    let embeddings = scattered(4, 5, 33);
    let rows = Rows::of_embeddings(&embeddings, &coder(Space::full(MODEL)));
    let unit = |row: usize| {
        let row = embeddings.row(rows.origin(row)).iter().map(|&value| f64::from(value));
        let length = row.clone().map(|value| value * value).sum::<f64>().sqrt();
        row.map(move |value| value / length).collect::<Vec<f64>>()
    };
    let cosine = |a: usize, b: usize| unit(a).iter().zip(unit(b)).map(|(x, y)| x * y).sum::<f64>();
    let mut expected: Vec<f64> = (0..20).flat_map(|b| (0..b).map(move |a| (a, b))).map(|(a, b)| cosine(a, b)).collect();
    expected.sort_by(f64::total_cmp);
    let found = PairScores::of(&rows, &|_| ());
    let scores = found.steps().flat_map(|(score, a, b)| std::iter::repeat_n(score, (a + b) as usize));
    let scores: Vec<f64> = scores.map(|score| f64::from(score) / f64::from(COSINE_ONE)).collect();
    assert_eq!(scores.len(), expected.len());
    assert!(scores.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 3e-7));
}

fn measured() -> (Embeddings, Value) {
    let witness = witness();
    let rows = witness["losses"]["rows"].as_array().unwrap();
    let values = rows.iter().flat_map(integers).map(|value| value as f32).collect();
    let subjects: Vec<String> = integers(&witness["losses"]["subjects"]).iter().map(i32::to_string).collect();
    (embeddings(7, values, &subjects), witness)
}

#[test]
fn losses_are_those_of_their_papers() {
    let (embeddings, witness) = measured();
    let found = Losses::of(&Rows::of_embeddings(&embeddings, &coder(Space::full(MODEL)))).unwrap();
    // The rows are brought to unit length in f32 first.
    let close = |found: f64, name: &str| {
        let expected = number(&witness["losses"][name]);
        assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{name}: {found}, not {expected}");
    };
    close(found.contrastive, "contrastive");
    close(found.triplet, "triplet");
    close(found.n_pair, "n_pair");
    close(found.nt_xent, "nt_xent");
    close(found.debiased, "debiased");
    close(found.alignment, "alignment");
    close(found.uniformity, "uniformity");
}

#[test]
fn identification_is_that_of_every_gallery_by_itself() {
    let (embeddings, witness) = measured();
    let rows = Rows::of_embeddings(&embeddings, &coder(Space::full(MODEL)));
    let expected = &witness["identification"];
    let threshold = (0.3 * f64::from(COSINE_ONE)) as i32;
    let setting = Setting { enroll: None, most_probes: 1000 };
    let found = Identification::new(&rows, setting, &[threshold], &[1, 2, 5]).unwrap();
    assert_eq!((found.probes, found.subjects), (21, 6));
    for (found, expected) in found.cmc.iter().zip(expected["cmc"].as_array().unwrap()) {
        assert_close(*found, number(expected));
    }
    for (place, at) in found.by_threshold[0].by_gallery.iter().enumerate() {
        assert_close(at.fpir, number(&expected["fpir"][place]));
        assert_close(at.fnir, number(&expected["fnir"][place]));
        assert!(at.is_within_data);
    }
    // Enrolled with one sample, the other fifteen are probes.
    let found = Identification::new(&rows, Setting { enroll: Some(1), ..setting }, &[threshold], &[1]).unwrap();
    assert_eq!((found.probes, found.subjects), (15, 6));
    let fewer = Identification::new(&rows, Setting { enroll: Some(1), most_probes: 4 }, &[threshold], &[1]).unwrap();
    assert_eq!(fewer.probes, 4);
    assert_eq!(Identification::new(&rows, Setting { enroll: Some(9), ..setting }, &[], &[]), None);
}

#[test]
fn intervals_over_subjects_hold_the_figure_and_are_wider_than_those_of_pairs() {
    let embeddings = scattered(12, 8, 16);
    let rows = Rows::of_templates(&embeddings, &coder(Space::full(MODEL))).unwrap();
    let rates = rates(&["0.1"]);
    let figures = Verification::new(&PairScores::of(&rows, &|_| ()), &rates).unwrap();
    let sample = PairSample::of(&rows, 1);
    assert_eq!(sample.subjects(), 12);
    let found = sample.intervals(&figures, &rates, 200, 1).unwrap();
    assert!(found.eer.low < figures.eer.interpolated && figures.eer.interpolated < found.eer.high);
    assert!(found.auc.low < figures.auc && figures.auc < found.auc.high);
    let (at, exact) = (found.fmr[0], figures.at_fmr[0].fmr_interval());
    assert!(at.high - at.low > exact.high - exact.low, "{at:?} {exact:?}");
    assert_eq!(sample.intervals(&figures, &rates, 200, 1), Some(found), "a seed draws the same");
}

#[test]
fn groups_are_judged_by_one_threshold() {
    let mut embeddings = scattered(24, 4, 16);
    let labels = embeddings.labels().clone();
    let rows = labels.rows.into_iter().enumerate();
    let rows = rows
        .map(|(row, label)| Label { metadata: vec![if row % 24 < 20 { "many" } else { "few" }.to_owned()], ..label });
    let labels = Labels { rows: rows.collect(), columns: vec!["group".to_owned()], model: None };
    embeddings = Embeddings::new(16, embeddings.rows().flatten().copied().collect(), labels).unwrap();
    let rows = Rows::of_embeddings(&embeddings, &coder(Space::full(MODEL)));
    let rates = rates(&["0.1"]);
    let at = Verification::new(&PairScores::of(&rows, &|_| ()), &rates).unwrap().at_fmr[0];
    let found = groups::groups(&embeddings, &rows, "group", &at, 50, 0).unwrap();
    let [many, few] = found.groups.as_slice() else { panic!("{found:?}") };
    assert_eq!((many.subjects, many.samples, many.at.genuine_pairs, few.at.impostor_pairs), (20, 80, 120, 96));
    assert_eq!(many.too_small, None);
    assert_eq!(few.too_small.as_deref(), Some("4 subjects, 10 needed"));
    let ratio = found.fmr_ratio.unwrap().ratio;
    assert_close(ratio, many.at.fmr().max(few.at.fmr()) / many.at.fmr().min(few.at.fmr()));
    let error = groups::groups(&embeddings, &rows, "age", &at, 50, 0).unwrap_err().to_string();
    assert_eq!(error, "its labels have no column `age`, only group: correct the name, or add the column");
}

#[test]
fn what_nothing_can_be_compared_in_is_refused_before_it_is() {
    let plan = Plan {
        rates: rates(&["0.1"]),
        setting: Setting { enroll: None, most_probes: 100 },
        galleries: vec![1],
        groups: Vec::new(),
        replicates: 10,
        seed: 0,
    };
    let evaluate = |subjects: &[&str]| {
        let subjects: Vec<String> = subjects.iter().map(|&subject| subject.to_owned()).collect();
        let values = (0..subjects.len() * 3).map(|place| (place % 5) as f32 + 1.0).collect();
        Evaluation::new(&embeddings(3, values, &subjects), &coder(Space::full(MODEL)), &plan, &|_| ())
    };
    assert_eq!(evaluate(&["a", "a"]).unwrap_err(), EvaluationError::OneSubject { name: "a".to_owned() });
    assert_eq!(evaluate(&["a", "b", "c"]).unwrap_err(), EvaluationError::NoGenuine { subjects: 3 });
    assert_eq!(evaluate(&["", ""]).unwrap_err(), EvaluationError::NoSubject);
    assert!(evaluate(&["a", "b", "a"]).is_ok(), "a subject with one sample is an impostor, too");
}
