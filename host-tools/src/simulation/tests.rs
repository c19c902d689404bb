use super::*;
use crate::bundle::{Bundle, CohortCodes, Settings};
use crate::labels::{Label, Labels};
use cognate::gallery::Best;
use cognate::kernel::Layout;
use cognate::normalization::Method;
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{CodeForm, FullScale, Fusion, ModelDigest, Score, Space};

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

fn settings() -> Settings {
    let rate = |parts| Rate::from_parts_per_billion(parts).unwrap();
    let entry =
        ThresholdEntry { fmr: rate(1000), threshold: THRESHOLD, comparisons: 9, fmr_upper_bound: rate(300_000_000) };
    Settings {
        coder: Coder::new(Space::full(ModelDigest::new([3; 16])), None),
        dimension: 3,
        layout: Layout::Rows,
        filter: false,
        thresholds: vec![entry],
        operating_point: 0,
        fpir: rate(10_000_000),
        margin: 0,
        fusion: Fusion::Maximum,
        calibrated_templates: 2,
        cohort: None,
        encoder: None,
    }
}

fn bundle_bytes(settings: Settings) -> Vec<u8> {
    let codes = settings.coder.codes(&enrolled()).unwrap();
    let mut bundle = Bundle::new(settings);
    bundle.enroll("anna", vec![codes[0].clone(), codes[2].clone()]).unwrap();
    bundle.enroll("ben", vec![codes[1].clone(), codes[3].clone()]).unwrap();
    bundle.to_bytes().unwrap()
}

#[test]
fn outcomes_are_counted_by_what_the_probe_is() {
    let bytes = bundle_bytes(settings());
    let (bundle, coder) = (BundleView::new_checked(&bytes).unwrap(), settings().coder);
    let reference = Reference::new(&bundle, &coder, &enrolled()).unwrap();
    let probes = embeddings(&[
        ("anna", [2.0, 0.1, 0.0]), // known as herself
        ("ben", [0.9, 0.1, 0.0]),  // known as anna
        ("ben", [0.5, 0.5, 0.5]),  // unknown
        ("dora", [0.0, 0.0, 1.0]), // a stranger, refused
        ("dora", [0.0, 5.0, 0.1]), // a stranger, known as ben
        ("", [1.0, 0.0, 0.0]),     // nobody says whose this is
    ]);
    let outcomes = simulate(&bundle, &coder, &probes, Some(&reference)).unwrap();
    let right: Vec<Option<bool>> = outcomes.iter().map(|outcome| outcome.right).collect();
    assert_eq!(right, [Some(true), Some(false), Some(false), Some(true), Some(false), None]);
    let second = &outcomes[1];
    assert_eq!((second.subject, second.name.as_deref(), second.runner_up), (Some(1), Some("anna"), Some(2)));
    assert_eq!(outcomes[3].others.len(), 2);

    let summary = Summary::new(&outcomes, THRESHOLD, THRESHOLD);
    assert_eq!((summary.probes, summary.genuine, summary.strangers), (6, 3, 2));
    assert_eq!((summary.false_non_matches, summary.fnmr), (2, Some(2.0 / 3.0)));
    assert_eq!((summary.comparisons, summary.false_matches), (3, 1));
    assert_eq!((summary.strangers_accepted, summary.stranger_accepts), (1, Some(0.5)));
    assert_eq!((summary.misidentified, summary.f32_flips), (1, Some(0)));
}

#[test]
fn a_flip_is_another_verdict_or_another_known_subject() {
    let bytes = bundle_bytes(settings());
    let (bundle, coder) = (BundleView::new_checked(&bytes).unwrap(), settings().coder);
    let mut outcome = simulate(&bundle, &coder, &embeddings(&[("anna", [2.0, 0.1, 0.0])]), None).unwrap().remove(0);
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
    let bytes = bundle_bytes(settings());
    let (bundle, coder) = (BundleView::new_checked(&bytes).unwrap(), settings().coder);
    let rows = |rows: &[usize]| Reference::new(&bundle, &coder, &enrolled().select(rows)).map(|_| ());
    assert_eq!(rows(&[0, 1, 2, 3]), Ok(()));
    assert_eq!(rows(&[0, 2]), Err(ReferenceProblem::Missing { name: "ben".to_owned() }));
    assert_eq!(rows(&[0, 1, 3]), Err(ReferenceProblem::OtherSamples { name: "anna".to_owned() }));
    let other = Reference::new(&bundle, &coder, &embeddings(&[("dora", [1.0, 0.0, 0.0])]));
    assert_eq!(other.map(|_| ()), Err(ReferenceProblem::NotEnrolled { name: "dora".to_owned() }));
}

#[test]
fn every_form_and_fusion_decides_as_its_reference() {
    // Between the two axes and beyond, in the plane of both and a little out of it.
    let probes: Vec<(&str, [f32; 3])> = (0..90)
        .map(|step| {
            let angle = step as f32 * 0.05 - 1.3;
            ("anna", [angle.cos(), angle.sin(), 0.13 * (step % 3) as f32])
        })
        .collect();
    let probes = embeddings(&probes);
    let model = ModelDigest::new([3; 16]);
    let euclidean = CodeForm::Euclidean(FullScale::new(1.2).unwrap());
    let mut verdicts = std::collections::BTreeSet::new();
    for form in [CodeForm::Full, CodeForm::NormLimited, euclidean] {
        for fusion in [Fusion::Maximum, Fusion::MeanOfBest(Best::new(2).unwrap()), Fusion::Centroid] {
            // Half a step of the code apart, both sides are right.
            let (threshold, margin) = if form.is_cosine() {
                (Score::from_ratio(60, 100), 1 << 20)
            } else {
                (Score::from_squared_distance(8000), 4000)
            };
            let mut settings = Settings { margin, fusion, ..settings() };
            settings.coder = Coder::new(Space { model, form }, None);
            settings.thresholds[0].threshold = threshold;
            let (coder, bytes) = (settings.coder.clone(), bundle_bytes(settings));
            let bundle = BundleView::new_checked(&bytes).unwrap();
            let reference = Reference::new(&bundle, &coder, &enrolled()).unwrap();
            let outcomes = simulate(&bundle, &coder, &probes, Some(&reference)).unwrap();
            let flips = outcomes.iter().filter(|outcome| outcome.is_flip() == Some(true)).count();
            assert!(flips <= 2, "{form}, {fusion}: {flips} of 90");
            verdicts.extend(outcomes.iter().map(|outcome| format!("{fusion} {form} {:?}", outcome.verdict)));
        }
    }
    assert_eq!(verdicts.len(), 27, "{verdicts:?}");
}

#[test]
fn a_filter_and_a_cohort_leave_their_traces() {
    let mut settings = Settings { layout: Layout::Rows, ..settings() };
    let method = Method::ZNorm;
    settings.cohort = Some(CohortCodes { method, codes: vec![vec![0, 0, 127], vec![-127, 5, 60], vec![40, 127, -90]] });
    let (coder, bytes) = (settings.coder.clone(), bundle_bytes(settings));
    let bundle = BundleView::new_checked(&bytes).unwrap();
    let refused = Reference::new(&bundle, &coder, &enrolled()).map(|_| ()).unwrap_err();
    assert_eq!(refused, ReferenceProblem::Normalized);
    let outcomes = simulate(&bundle, &coder, &embeddings(&[("anna", [1.0, 0.1, 0.0])]), None).unwrap();
    let anna = cognate::normalization::Statistics::new(Score::from_raw(0), 1);
    assert!(outcomes[0].score.unwrap() > 1 << 23, "more than a standard deviation above {anna:?}");
}

#[test]
fn a_gallery_too_large_for_its_thresholds_decides_nothing() {
    let mut settings = settings();
    settings.fpir = Rate::from_parts_per_billion(1500).unwrap();
    let (coder, bytes) = (settings.coder.clone(), bundle_bytes(settings));
    let bundle = BundleView::new_checked(&bytes).unwrap();
    let error = simulate(&bundle, &coder, &enrolled(), None).unwrap_err().to_string();
    assert!(error.contains("with 2 subjects") && error.contains("calibrate with more data"), "{error}");
}
