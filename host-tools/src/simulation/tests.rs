use super::*;
use crate::bundle::Bundle;
use crate::labels::{Label, Labels};
use cognate::bundle::{Rate, ThresholdEntry};
use cognate::{ModelDigest, Score};

const THRESHOLD: Score = Score::from_ratio(9, 10);

fn embeddings(rows: &[(&str, [f32; 3])]) -> Embeddings {
    let label = |(subject, _): &(&str, _)| Label { subject: (*subject).to_owned(), ..Label::default() };
    let labels = Labels { rows: rows.iter().map(label).collect(), ..Labels::default() };
    Embeddings::new(3, rows.iter().flat_map(|(_, values)| *values).collect(), labels).unwrap()
}

fn enrolled() -> Embeddings {
    embeddings(&[
        ("anna", [1.0, 0.0, 0.0]),
        ("ben", [0.0, 1.0, 0.0]),
        ("anna", [1.0, 0.1, 0.0]),
        ("ben", [0.0, 1.0, 0.2]),
    ])
}

fn bundle_bytes() -> Vec<u8> {
    let enrolled = enrolled();
    let model = ModelDigest::new([3; 16]);
    let codes: Vec<Vec<i8>> = TemplateSet::new(&enrolled, model).unwrap().codes().map(<[i8]>::to_vec).collect();
    let rate = |parts| Rate::from_parts_per_billion(parts).unwrap();
    let entry =
        ThresholdEntry { fmr: rate(1000), threshold: THRESHOLD, comparisons: 9, fmr_upper_bound: rate(300_000_000) };
    let mut bundle = Bundle::new(model, 3, vec![entry], 0);
    bundle.enroll("anna", vec![codes[0].clone(), codes[2].clone()]).unwrap();
    bundle.enroll("ben", vec![codes[1].clone(), codes[3].clone()]).unwrap();
    bundle.to_bytes().unwrap()
}

#[test]
fn outcomes_are_counted_by_what_the_probe_is() {
    let bytes = bundle_bytes();
    let bundle = BundleView::new_checked(&bytes).unwrap();
    let reference = Reference::new(&bundle, &enrolled()).unwrap();
    let probes = embeddings(&[
        ("anna", [2.0, 0.1, 0.0]), // known as herself
        ("ben", [0.9, 0.1, 0.0]),  // known as anna
        ("ben", [0.5, 0.5, 0.5]),  // unknown
        ("dora", [0.0, 0.0, 1.0]), // a stranger, refused
        ("dora", [0.0, 5.0, 0.1]), // a stranger, known as ben
        ("", [1.0, 0.0, 0.0]),     // nobody says whose this is
    ]);
    let outcomes = simulate(&bundle, &probes, Some(&reference)).unwrap();
    let right: Vec<Option<bool>> = outcomes.iter().map(|outcome| outcome.right).collect();
    assert_eq!(right, [Some(true), Some(false), Some(false), Some(true), Some(false), None]);
    assert_eq!((outcomes[1].subject, outcomes[1].name.as_str(), outcomes[1].runner_up), (1, "anna", Some(2)));
    assert_eq!(outcomes[3].others.len(), 2);

    let summary = Summary::new(&outcomes, THRESHOLD.raw());
    assert_eq!((summary.probes, summary.genuine, summary.strangers), (6, 3, 2));
    assert_eq!((summary.false_non_matches, summary.fnmr), (2, Some(2.0 / 3.0)));
    assert_eq!((summary.comparisons, summary.false_matches), (3, 1));
    assert_eq!((summary.strangers_accepted, summary.stranger_accepts), (1, Some(0.5)));
    assert_eq!((summary.misidentified, summary.f32_flips), (1, Some(0)));
}

#[test]
fn a_flip_is_another_verdict_or_another_known_subject() {
    let bytes = bundle_bytes();
    let bundle = BundleView::new_checked(&bytes).unwrap();
    let mut outcome = simulate(&bundle, &embeddings(&[("anna", [2.0, 0.1, 0.0])]), None).unwrap().remove(0);
    assert_eq!(outcome.is_flip(), None);
    for (verdict, subject, flip) in [(Verdict::Known, 1, false), (Verdict::Known, 2, true), (Verdict::Unknown, 1, true)]
    {
        (outcome.f32_verdict, outcome.f32_subject) = (Some(verdict), Some(subject));
        assert_eq!(outcome.is_flip(), Some(flip));
    }
    outcome.verdict = Verdict::Unknown;
    (outcome.f32_verdict, outcome.f32_subject) = (Some(Verdict::Unknown), Some(2));
    assert_eq!(outcome.is_flip(), Some(false), "unknown is unknown, whoever is nearest");
}

#[test]
fn only_the_enrolled_embeddings_are_a_reference() {
    let bytes = bundle_bytes();
    let bundle = BundleView::new_checked(&bytes).unwrap();
    let rows = |rows: &[usize]| Reference::new(&bundle, &enrolled().select(rows)).map(|_| ());
    assert_eq!(rows(&[0, 1, 2, 3]), Ok(()));
    assert_eq!(rows(&[0, 2]), Err(ReferenceProblem::Missing { name: "ben".to_owned() }));
    assert_eq!(rows(&[0, 1, 3]), Err(ReferenceProblem::OtherSamples { name: "anna".to_owned() }));
    let other = Reference::new(&bundle, &embeddings(&[("dora", [1.0, 0.0, 0.0])]));
    assert_eq!(other.map(|_| ()), Err(ReferenceProblem::NotEnrolled { name: "dora".to_owned() }));
}
