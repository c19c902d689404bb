use super::*;
use cognate::gallery::Best;
use cognate::normalization::Top;
use cognate::{CodeForm, FullScale, Score, Space};

const MODEL: ModelDigest = ModelDigest::new([9; 16]);

fn threshold(fmr: u32, raw: i32) -> ThresholdEntry {
    ThresholdEntry {
        fmr: Rate::from_parts_per_billion(fmr).unwrap(),
        threshold: Score::from_raw(raw),
        comparisons: 300,
        fmr_upper_bound: Rate::from_parts_per_billion(20_000_000).unwrap(),
    }
}

fn codes(elements: &[i8]) -> Vec<Vec<i8>> {
    elements.iter().map(|&element| vec![127, element, 0, -3, 5]).collect()
}

fn settings() -> Settings {
    Settings {
        coder: Coder::new(Space::full(MODEL), None),
        dimension: 5,
        layout: Layout::Rows,
        filter: false,
        thresholds: vec![threshold(10_000_000, 100), threshold(1_000_000, 200)],
        operating_point: 1,
        fpir: Rate::from_parts_per_billion(10_000_000).unwrap(),
        margin: 7,
        fusion: Fusion::Maximum,
        calibrated_templates: 3,
        cohort: None,
        encoder: None,
    }
}

fn bundle() -> Bundle {
    with(settings())
}

fn with(settings: Settings) -> Bundle {
    let mut bundle = Bundle::new(settings);
    bundle.enroll("anna", codes(&[1, 2])).unwrap();
    bundle.enroll("ben", codes(&[3, 4, 5])).unwrap();
    bundle
}

#[test]
fn bytes_and_back() {
    let best = Best::new(2).unwrap();
    let euclidean = CodeForm::Euclidean(FullScale::new(3.5).unwrap());
    let cohort = |method| Some(CohortCodes { method, codes: codes(&[-8, 90, -70]) });
    for settings in [
        settings(),
        Settings { fusion: Fusion::MeanOfBest(best), cohort: cohort(Method::TNorm), ..settings() },
        Settings { cohort: cohort(Method::AdaptiveSNorm(Top::new(2).unwrap())), ..settings() },
        Settings { coder: Coder::new(Space { model: MODEL, form: euclidean }, None), ..settings() },
    ] {
        let bundle = with(settings.clone());
        assert_eq!(Bundle::parse(&bundle.to_bytes().unwrap()).unwrap(), bundle);
        let empty = Bundle::new(settings);
        assert_eq!(Bundle::parse(&empty.to_bytes().unwrap()).unwrap(), empty);
    }
}

#[test]
fn a_centroid_is_one_template_that_nothing_is_added_to() {
    let mut bundle = with(Settings { fusion: Fusion::Centroid, ..settings() });
    assert_eq!(bundle.subjects()[1].codes, codes(&[4]), "the mean of three that lie in a row");
    let error = bundle.add("ben", codes(&[6])).unwrap_err();
    assert_eq!(error, EnrollError::OneTemplate { name: "ben".to_owned() });
    let opposite = vec![vec![127, 1, 2, 3, 4], vec![-127, -1, -2, -3, -4]];
    assert_eq!(bundle.enroll("cleo", opposite), Err(EnrollError::NoCentroid { name: "cleo".to_owned() }));
    assert_eq!(bundle.subjects().len(), 2);
}

#[test]
fn samples_that_should_not_be_enrolled() {
    let bundle = with(Settings { thresholds: vec![threshold(1_000_000, 1 << 22)], operating_point: 0, ..settings() });
    let assess = |codes: &[Vec<i8>], added_to| bundle.assess(codes, added_to).unwrap();
    let other = [vec![0, 0, 127, 0, 9], vec![0, 2, 127, 0, 0]];
    assert!(assess(&other, None).is_ok());
    assert!(matches!(assess(&[other[0].clone(), other[0].clone()], None), Err(Refusal::Duplicate { .. })));
    assert!(matches!(assess(&[other[0].clone(), vec![0, 127, 0, 0, 9]], None), Err(Refusal::Inconsistent { .. })));
    assert!(matches!(assess(&other, Some("anna")), Err(Refusal::Inconsistent { sample: 2, .. })), "not like her own");
    let anna = codes(&[-7]);
    let Err(Refusal::TooClose { sample: 0, other, .. }) = assess(&anna, None) else { panic!("anna again") };
    assert_eq!(other.subject, SubjectId::FIRST);
    // Anna and Ben were enrolled all the same.
    let doubtful = bundle.doubtful().unwrap();
    assert_eq!(doubtful.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["anna", "ben"]);
}

#[test]
fn ids_are_never_reused_even_across_files() {
    let mut bundle = bundle();
    let ben = bundle.remove(&Wanted::Name("ben".to_owned())).unwrap();
    let mut bundle = Bundle::parse(&bundle.to_bytes().unwrap()).unwrap();
    let cleo = bundle.enroll("cleo", codes(&[6, 7])).unwrap();
    assert_eq!((ben.id.number(), cleo.number()), (2, 3));
    assert_eq!(bundle.remove(&Wanted::Id(ben.id)).unwrap_err().to_string().find("no subject with id 2"), Some(0));
}

#[test]
fn who_cannot_be_enrolled() {
    let mut changed = bundle();
    let errors = [
        changed.enroll("anna", codes(&[1, 2])).unwrap_err(),
        changed.enroll("dora", codes(&[1])).unwrap_err(),
        changed.enroll("  ", codes(&[1, 2])).unwrap_err(),
        changed.add("dora", codes(&[1])).unwrap_err(),
    ];
    let messages =
        ["`anna` is enrolled", "`dora` has 1 of the at least 2", "needs a name", "no subject with the name `dora`"];
    for (error, message) in errors.iter().zip(messages) {
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(changed, bundle());
    assert_eq!(changed.add("anna", codes(&[9])).unwrap(), SubjectId::FIRST);
    assert_eq!(changed.subjects()[0].codes.len(), 3);
}

#[test]
fn a_bundle_cut_anywhere_or_flipped_anywhere_is_refused() {
    let bytes = bundle().to_bytes().unwrap();
    for length in 0..bytes.len() {
        assert!(Bundle::parse(&bytes[..length]).is_err(), "{length} of {} bytes were accepted", bytes.len());
    }
    for place in 0..bytes.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[place] ^= mask;
            assert!(Bundle::parse(&flipped).is_err(), "byte {place} flipped by {mask:#x} was accepted");
        }
    }
}
