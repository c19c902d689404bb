use super::*;
use crate::fixture::{
    ANNA, BORIS, MODEL, STRANGER, anna, boris, bundle, bundle_with, bundle_with_nobody, rate, threshold, view,
};
use cognate::bundle::{CohortContents, EnrolledTemplate};
use cognate::normalization::{Method, Statistics};
use cognate::protection::ProtectionKey;
use cognate::quality::LEAST_SAMPLES;
use cognate::{AsTemplate, BackEnd, EmbeddingError, FullScale, Space};
use std::string::ToString;
use std::vec::Vec;

type Small<'a> = Recognizer<'a, 3, 8>;

fn recognizer(bytes: &[u8]) -> Small<'_> {
    Recognizer::new(&view(bytes)).expect("the dimension is 3")
}

fn template<const IN: usize>(recognizer: &Recognizer<'_, 3, 8, IN>, values: [f32; IN]) -> Template<3> {
    recognizer.template(&Embedding::new(values).expect("an embedding")).expect("something is left of it")
}

fn enroll(recognizer: &mut Small<'_>, samples: &[[f32; 3]]) -> Result<SubjectId, EnrollError> {
    let templates: Vec<_> = samples.iter().map(|values| template(recognizer, *values)).collect();
    recognizer.enroll(&templates)
}

fn known(recognizer: &Small<'_>, values: [f32; 3]) -> Option<SubjectId> {
    recognizer.decide(&Embedding::new(values).expect("an embedding")).expect("somebody is enrolled").subject()
}

fn three(of: fn(u8) -> [f32; 3]) -> [[f32; 3]; 3] {
    [of(0), of(1), of(2)]
}

#[test]
fn each_fault_of_samples_is_named_and_nobody_is_enrolled() {
    let bytes = bundle();
    let mut recognizer = recognizer(&bytes);
    let mut refusal = |samples: &[[f32; 3]]| match enroll(&mut recognizer, samples) {
        Err(EnrollError::Quality(refusal)) => refusal,
        other => panic!("{other:?} for {samples:?}"),
    };
    assert_eq!(refusal(&[boris(0), boris(1)]), Refusal::TooFewSamples { found: 2, needed: LEAST_SAMPLES });
    assert_eq!(refusal(&[]), Refusal::TooFewSamples { found: 0, needed: LEAST_SAMPLES });
    assert_eq!(refusal(&[boris(0), [0.5; 3], boris(2)]), Refusal::Constant { sample: 1 });
    let clipped = [0.0, 1.0, -1.0];
    assert_eq!(refusal(&[boris(0), boris(1), clipped]), Refusal::Clipped { sample: 2, elements: 2, most: 1 });
    let twice = refusal(&[boris(0), boris(1), boris(0)]);
    assert!(matches!(twice, Refusal::Duplicate { first: 0, second: 2, .. }), "{twice}");
    let inconsistent = refusal(&[boris(0), STRANGER, boris(2)]);
    let least = Score::from_ratio(9, 10);
    assert!(matches!(inconsistent, Refusal::Inconsistent { sample: 1, least: l, .. } if l == least), "{inconsistent}");
    let close = refusal(&three(anna));
    assert!(matches!(close, Refusal::TooClose { sample: 0, other, .. } if other.subject == ANNA), "{close}");
    assert!(recognizer.ram.is_empty());
    assert_eq!(known(&recognizer, anna(1)), Some(ANNA));
    assert_eq!(known(&recognizer, boris(1)), None);
}

#[test]
fn who_does_not_fit_is_refused_whole() {
    let bytes = bundle();
    let mut recognizer = recognizer(&bytes);
    let six = [0, 1, 2, 3, 4, 5].map(boris);
    assert_eq!(enroll(&mut recognizer, &six), Ok(BORIS));
    let strangers = [STRANGER, [-0.2, 0.12, 1.0], [-0.2, 0.14, 1.0]];
    let full = GalleryError::Full { capacity: 8, needed: 9 };
    assert_eq!(enroll(&mut recognizer, &strangers), Err(EnrollError::Gallery(full)));
    assert_eq!((known(&recognizer, boris(2)), known(&recognizer, STRANGER)), (Some(BORIS), None));
}

#[test]
fn a_subject_more_takes_a_stricter_threshold_and_one_fewer_gives_it_back() {
    // 4 % of strangers: one subject at 3 %, four (a template counts as one) at 0.5 %.
    let bytes = bundle_with(|contents| {
        contents.thresholds = const { &[threshold(30_000_000, 80), threshold(5_000_000, 95)] };
        contents.fpir = rate(40_000_000);
    });
    let mut recognizer = recognizer(&bytes);
    assert_eq!(recognizer.policy().threshold(), Score::from_ratio(80, 100));
    let evidence = |recognizer: &Small<'_>| {
        *recognizer
            .search(|search| search.identify(&template(recognizer, anna(0)), recognizer.policy()))
            .expect("the policy is not stale")
            .evidence()
            .expect("it is known")
    };
    assert_eq!(evidence(&recognizer).false_positive_rate, Some(rate(5_000_000)));
    assert_eq!(enroll(&mut recognizer, &three(boris)), Ok(BORIS));
    assert_eq!(recognizer.policy().threshold(), Score::from_ratio(95, 100));
    assert_eq!(evidence(&recognizer).false_positive_rate, Some(rate(5_000_000).in_any_of(4)));
    assert_eq!(recognizer.remove(BORIS), Ok(3));
    assert_eq!(recognizer.policy().threshold(), Score::from_ratio(80, 100));
    assert_eq!((known(&recognizer, anna(0)), known(&recognizer, boris(0))), (Some(ANNA), None));
    assert_eq!(recognizer.remove(BORIS), Err(GalleryError::UnknownSubject(BORIS)));
    assert_eq!(recognizer.remove(ANNA), Err(GalleryError::UnknownSubject(ANNA)), "the bundle's stay");
    let next = enroll(&mut recognizer, &three(boris));
    assert_eq!(next, Ok(BORIS.next().expect("there are more ids")), "an id is never given twice");
}

#[test]
fn an_enrollment_that_no_threshold_supports_leaves_the_gallery_as_it_was() {
    // Two templates a subject: one of them is within 1.5 %, three templates more are two subjects more.
    let bytes = bundle_with(|contents| (contents.fpir, contents.calibrated_templates) = (rate(15_000_000), 2));
    let mut recognizer = recognizer(&bytes);
    let before: Vec<_> = recognizer.ram.templates().collect();
    let refused = enroll(&mut recognizer, &three(boris));
    let least = rate(10_000_000).in_any_of(3);
    let error = PolicyError::Fpir { asked: rate(15_000_000), population: 3, least };
    assert_eq!(refused, Err(EnrollError::Policy(error)));
    assert!(refused.unwrap_err().to_string().contains("enroll fewer"));
    assert_eq!(recognizer.ram.templates().collect::<Vec<_>>(), before);
    assert_eq!(recognizer.policy().threshold(), Score::from_ratio(9, 10));
    assert_eq!((known(&recognizer, anna(0)), known(&recognizer, boris(0))), (Some(ANNA), None));
}

#[test]
fn who_is_close_to_two_is_ambiguous() {
    let bytes = bundle_with(|contents| {
        contents.thresholds = const { &[threshold(10_000_000, 50)] };
        contents.margin = 1 << 20;
    });
    let mut recognizer = recognizer(&bytes);
    assert_eq!(enroll(&mut recognizer, &three(boris)), Ok(BORIS));
    let between = Embedding::new([1.0, 0.9, 0.0]).expect("an embedding");
    let Ok(Decision::Ambiguous(evidence)) = recognizer.decide(&between) else { panic!("not ambiguous") };
    assert_eq!((evidence.best.subject, evidence.runner_up.map(|other| other.subject)), (ANNA, Some(BORIS)));
    assert_eq!(known(&recognizer, anna(0)), Some(ANNA));
}

/// Four inputs, of which the map drops the second and turns the others.
fn back_end() -> BackEnd<'static> {
    const ONE: i16 = 1 << 14;
    const MAP: [[u8; 2]; 12] = {
        let rows = [0, 0, 0, ONE, ONE, 0, 0, 0, 0, 0, -ONE, 0];
        let mut bytes = [[0; 2]; 12];
        let mut index = 0;
        while index < bytes.len() {
            bytes[index] = rows[index].to_le_bytes();
            index += 1;
        }
        bytes
    };
    const MEAN: [[u8; 4]; 4] = [[0, 0, 8, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 4, 0]];
    BackEnd::new(ENCODER, [20, -20], 14, &MEAN, &MAP).expect("sizes and exponents are in range")
}

const ENCODER: ModelDigest = ModelDigest::new([9; 16]);

#[test]
fn a_back_end_makes_templates_of_another_dimension() {
    let bytes = bundle_with(|contents| contents.back_end = Some(back_end()));
    let recognizer = Recognizer::<3, 8, 4>::new(&view(&bytes)).expect("four become three");
    assert_eq!(recognizer.encoder(), ENCODER);
    // The fourth without its mean of 0.25, the first without its mean of 0.5, minus the third.
    let found = template(&recognizer, [0.6, 77.0, 0.0, 1.25]);
    assert_eq!(found, Template::new(&Embedding::new([1.0, 0.1, 0.0]).expect("an embedding"), Space::full(MODEL)));
    let decide = |values| recognizer.decide(&Embedding::new(values).expect("an embedding"));
    assert_eq!(decide([0.6, 77.0, 0.0, 1.25]).map(|decision| decision.subject()), Ok(Some(ANNA)));
    assert_eq!(decide([0.6, 77.0, -1.0, 0.25]).map(|decision| decision.subject()), Ok(None));
    let nothing = RecognizeError::BackEnd(BackEndError::Embedding(EmbeddingError::Zero));
    assert_eq!(decide([0.5, 3.0, 0.0, 0.25]), Err(nothing), "the mean itself");
}

#[test]
fn a_bundle_for_other_dimensions_is_refused() {
    let bytes = bundle();
    let refused = Recognizer::<4, 8>::new(&view(&bytes)).err();
    assert_eq!(refused, Some(UnusableBundle::Dimension(DimensionError::Template { expected: 4, found: 3 })));
    let refused = Recognizer::<3, 8, 4>::new(&view(&bytes)).err();
    assert_eq!(refused, Some(UnusableBundle::Dimension(DimensionError::Embedding { expected: 4, found: 3 })));
    let bytes = bundle_with(|contents| contents.back_end = Some(back_end()));
    let refused = Recognizer::<3, 8>::new(&view(&bytes)).err();
    assert_eq!(refused, Some(UnusableBundle::Dimension(DimensionError::Embedding { expected: 3, found: 4 })));
}

#[test]
fn a_bundle_whose_thresholds_do_not_support_its_own_gallery_is_refused() {
    let bytes = bundle_with(|contents| contents.fpir = rate(1_000_000));
    let Err(UnusableBundle::Policy(error)) = Small::new(&view(&bytes)) else { panic!("it is usable") };
    assert_eq!(error, PolicyError::Fpir { asked: rate(1_000_000), population: 1, least: rate(10_000_000) });
}

#[test]
fn the_centroid_is_what_is_enrolled_where_the_thresholds_are_for_it() {
    let bytes = bundle_with(|contents| contents.fusion = Fusion::Centroid);
    let mut recognizer = recognizer(&bytes);
    assert_eq!(enroll(&mut recognizer, &[boris(0), boris(2), boris(4)]), Ok(BORIS));
    let codes: Vec<_> = recognizer.ram.templates().map(|(subject, _, code)| (subject, code)).collect();
    assert_eq!(codes, [(BORIS, *template(&recognizer, boris(2)).code())]);
    assert_eq!(known(&recognizer, boris(3)), Some(BORIS));
}

#[test]
fn in_a_euclidean_space_only_the_same_code_is_a_duplicate() {
    let bytes = bundle_with(|contents| {
        contents.space = Space::euclidean(MODEL, FullScale::new(2.0).expect("a scale"));
        contents.thresholds = const {
            &[cognate::policy::ThresholdEntry {
                threshold: Score::from_squared_distance(100),
                ..threshold(10_000_000, 0)
            }]
        };
        contents.templates = const { &[cognate::bundle::EnrolledTemplate { subject: ANNA, code: &[64, 6, 0] }] };
    });
    let mut recognizer = recognizer(&bytes);
    let twice = enroll(&mut recognizer, &[boris(0), boris(2), boris(0)]);
    assert!(matches!(twice, Err(EnrollError::Quality(Refusal::Duplicate { first: 0, second: 2, .. }))), "{twice:?}");
    assert_eq!(enroll(&mut recognizer, &[boris(0), boris(2), boris(4)]), Ok(BORIS));
    assert_eq!((known(&recognizer, boris(1)), known(&recognizer, STRANGER)), (Some(BORIS), None));
}

/// Scores of ANNA's and BORIS's samples against the cohort are about 0.1 apart, so that 2 and more standard deviations are
/// somebody's own sample.
fn bundle_with_cohort() -> Vec<u8> {
    static STATISTICS: [Statistics; 1] = [Statistics::new(Score::from_ratio(1, 10), 1 << 21)];
    bundle_with(|contents| {
        contents.cohort = Some(CohortContents {
            codes: &[&[20, 20, 127], &[30, -20, 127], &[-60, 30, -127], &[10, 60, -127]],
            method: Method::SNorm,
            statistics: &STATISTICS,
        });
        // In standard deviations.
        contents.thresholds = const {
            &[cognate::policy::ThresholdEntry {
                threshold: Score::from_raw(2 << Score::FRACTION_BITS),
                ..threshold(10_000_000, 0)
            }]
        };
    })
}

#[test]
fn scores_are_normalized_against_the_cohort_in_flash_and_in_ram() {
    let bytes = bundle_with_cohort();
    let mut recognizer = recognizer(&bytes);
    assert_eq!((known(&recognizer, anna(0)), known(&recognizer, boris(0))), (Some(ANNA), None));
    assert_eq!(enroll(&mut recognizer, &three(boris)), Ok(BORIS));
    assert_eq!((known(&recognizer, anna(0)), known(&recognizer, boris(1))), (Some(ANNA), Some(BORIS)));
    // What the search has to find, put together by hand.
    let probe = template(&recognizer, boris(1));
    let bundle = view(&bytes);
    let (cohort, method, _) = bundle.cohort().expect("it has a cohort");
    let by_subject = cohort.of_subject(&recognizer.ram, BORIS, Fusion::Maximum, method).expect("BORIS is enrolled");
    let mut alone = Gallery::<3, 1>::new(Space::full(MODEL), SubjectId::FIRST);
    let me = alone.enroll(&[probe]).expect("there is room");
    let by_probe = cohort.of_subject(&alone, me, Fusion::Maximum, method).expect("it is enrolled");
    let cosine = cognate::similarity::cosine(&probe, &probe).expect("it is its own");
    let (z, t) = (by_subject.normalize(cosine).raw(), by_probe.normalize(cosine).raw());
    let decision = recognizer.decide(&Embedding::new(boris(1)).expect("an embedding")).expect("somebody is enrolled");
    let score = decision.evidence().expect("BORIS is known").best.score.raw();
    // The keys of probe and template round apart by a unit.
    assert!(score.abs_diff((z + t) >> 1) < 100, "{score} for {z} and {t}");
}

#[test]
fn with_a_cohort_samples_may_be_unlike_each_other_but_not_like_somebody_else() {
    let bytes = bundle_with_cohort();
    let mut recognizer = recognizer(&bytes);
    let close = enroll(&mut recognizer, &three(anna));
    let Err(EnrollError::Quality(Refusal::TooClose { other, most, .. })) = close else { panic!("{close:?}") };
    assert_eq!((other.subject, most), (ANNA, Score::from_raw(2 << Score::FRACTION_BITS)));
    assert_eq!(enroll(&mut recognizer, &[boris(0), [-0.3, 1.0, 0.4], boris(2)]), Ok(BORIS));
    assert_eq!(recognizer.remove(BORIS), Ok(3));
}

#[test]
fn nobody_enrolled_is_an_error() {
    let bytes = bundle_with_nobody();
    let recognizer = recognizer(&bytes);
    let nobody = recognizer.decide(&Embedding::new(anna(0)).expect("an embedding"));
    assert_eq!(nobody, Err(RecognizeError::Match(MatchError::EmptyGallery)));
    assert_eq!(template(&recognizer, anna(0)).as_ref().dimension(), 3);
}

/// The bundle as the host protects it: its one code, and the space of this key.
fn protected_bundle(protection: &Protection<'_>) -> Vec<u8> {
    let plain = Template::from_code([127, 13, 0], Space::full(MODEL)).expect("a code");
    let code = *protection.protect(&plain).expect("of its space").code();
    let templates = std::boxed::Box::leak(std::boxed::Box::new(code));
    let templates = [EnrolledTemplate { subject: ANNA, code: templates }];
    let templates = std::boxed::Box::leak(std::boxed::Box::new(templates));
    bundle_with(|contents| {
        (contents.space, contents.revealed, contents.templates) = (protection.space(), Some(MODEL), templates);
    })
}

#[test]
fn a_protected_bundle_decides_with_its_key_and_no_other() {
    let (mut first, mut second) = ([0; 3], [0; 3]);
    let key =
        |byte, order| Protection::new(&ProtectionKey::new([byte; 32]), Space::full(MODEL), order).expect("it fits");
    let (protection, other) = (key(1, &mut first), key(2, &mut second));
    let (bytes, plain) = (protected_bundle(&protection), bundle());
    assert_eq!(Small::new(&view(&bytes)).err(), Some(UnusableBundle::Protected));
    assert_eq!(Small::protected(&view(&bytes), other).err(), Some(UnusableBundle::Protected));
    assert_eq!(Small::protected(&view(&plain), protection).err(), Some(UnusableBundle::Protected));
    let mut recognizer = Small::protected(&view(&bytes), protection).expect("its key");
    let mut unprotected = Small::new(&view(&plain)).expect("it has none");
    assert_eq!(recognizer.encoder(), MODEL);
    for recognizer in [&mut recognizer, &mut unprotected] {
        enroll(recognizer, &three(boris)).expect("three good samples");
    }
    for sample in [anna(1), boris(2), STRANGER] {
        let sample = Embedding::new(sample).expect("an embedding");
        assert_eq!(recognizer.decide(&sample), unprotected.decide(&sample));
    }
}
