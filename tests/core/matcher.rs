//! The bundle and those beside it, against a search that is put together by hand.

use crate::support::{MODEL, bundle, bundle_with, template};
use cognate::bundle::CohortContents;
use cognate::normalization::{Method, Normalization, Statistics, StatisticsList, SubjectStatistics};
use cognate::quality::Refusal;
use cognate::{
    AsTemplate, BackEnd, BundleView, DimensionError, Embedding, Fusion, Gallery, MatchError, Matcher, ModelDigest,
    Policy, Scan, Score, Search, SubjectId,
};
use proptest::prelude::*;

const BESIDE: SubjectId = SubjectId::FIRST_ON_DEVICE;

fn view(bytes: &[u8]) -> BundleView<'_> {
    BundleView::new_checked(bytes).unwrap()
}

/// A bundle whose scores are normalized.
fn with_cohort() -> Vec<u8> {
    bundle_with("Anna", |contents| {
        contents.cohort = Some(CohortContents {
            codes: &[&[20, 20, 127], &[30, -20, 127], &[-60, 30, -127], &[10, 60, -127]],
            method: Method::SNorm,
            statistics: const { &[Statistics::new(Score::from_ratio(1, 10), 1 << 21)] },
        });
    })
}

fn gallery(bundle: &BundleView<'_>, subjects: &[[f32; 3]]) -> Gallery<3, 4> {
    let mut gallery = Gallery::new(bundle.space(), BESIDE);
    for values in subjects {
        gallery.enroll(&[template(*values, bundle.space())]).unwrap();
    }
    gallery
}

#[test]
fn other_dimensions_are_refused_before_anything_is_made_of_the_bundle() {
    let plain = bundle("Anna");
    let refused = Matcher::<4, 4>::new(&view(&plain)).err();
    assert_eq!(refused, Some(DimensionError::Template { expected: 4, found: 3 }));
    let refused = Matcher::<3, 4, 2>::new(&view(&plain)).err();
    assert_eq!(refused, Some(DimensionError::Embedding { expected: 2, found: 3 }));
    assert!(Matcher::<3, 4>::check(&view(&plain)).is_ok());
}

#[test]
fn a_template_goes_through_the_back_end_or_is_the_embeddings_own() {
    let values = [0.5, -0.25, 1.0];
    let plain = bundle("Anna");
    let (plain, space) = (view(&plain), view(&plain).space());
    let matcher = Matcher::<3, 4>::new(&plain).unwrap();
    assert_eq!(matcher.template(&Embedding::new(values).unwrap()), Ok(template(values, space)));
    // Two elements of the embedding become three, in another order.
    let bytes = bundle_with("Anna", |contents| {
        let back_end = BackEnd::new(
            ModelDigest::new([9; 16]),
            [10, 10],
            0,
            const { &[[0; 4]; 2] },
            const { &[[0, 0], [2, 0], [2, 0], [0, 0], [0, 0], [0, 0]] },
        );
        contents.back_end = Some(back_end.unwrap());
    });
    let bundle = view(&bytes);
    let matcher = Matcher::<3, 4, 2>::new(&bundle).unwrap();
    let found = matcher.template(&Embedding::new([0.5, -0.25]).unwrap()).unwrap();
    assert_eq!(found.code(), template([-0.5, 1.0, 0.0], bundle.space()).code());
}

#[test]
fn statistics_are_of_those_who_were_noted_until_they_are_forgotten() {
    let bytes = with_cohort();
    let bundle = view(&bytes);
    let beside = gallery(&bundle, &[[0.1, 1.0, 0.0], [0.0, 0.8, 0.6]]);
    let mut matcher = Matcher::<3, 4>::new(&bundle).unwrap();
    let probe = template([0.1, 0.9, 0.1], bundle.space());
    let identify = |matcher: &Matcher<'_, 3, 4>| {
        matcher.search(&beside, &[], |search| search.identify(&probe, &Policy::new(Score::MIN)).map(|_| ()))
    };
    assert!(matches!(identify(&matcher), Err(MatchError::NoStatistics(_))));
    matcher.note(&beside, BESIDE);
    let second = BESIDE.next().unwrap();
    assert_eq!(identify(&matcher), Err(MatchError::NoStatistics(second)));
    matcher.note_all(&beside);
    assert_eq!(identify(&matcher), Ok(()));
    matcher.forget(second);
    assert_eq!(identify(&matcher), Err(MatchError::NoStatistics(second)));
    // Those of a gallery before are gone.
    matcher.note_all(&Gallery::new(bundle.space(), BESIDE));
    matcher.note(&beside, second);
    assert_eq!(identify(&matcher), Err(MatchError::NoStatistics(BESIDE)));
}

#[test]
fn who_is_removed_is_neither_found_nor_too_close() {
    let bytes = bundle("Anna");
    let bundle = view(&bytes);
    let (anna, beside) = (SubjectId::FIRST, gallery(&bundle, &[]));
    let matcher = Matcher::<3, 4>::new(&bundle).unwrap();
    let samples = [[1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [1.0, 0.0, 0.1]].map(|values| template(values, bundle.space()));
    assert!(matches!(matcher.assess(&samples, &beside, &[]), Err(Refusal::TooClose { .. })));
    assert_eq!(matcher.assess(&samples, &beside, &[anna]).err(), None);
    let found =
        matcher.search(&beside, &[anna], |search| search.identify(&samples[0], &Policy::new(Score::MIN)).map(|_| ()));
    assert_eq!(found, Err(MatchError::EmptyGallery));
}

proptest! {
    #[test]
    fn decisions_are_those_of_a_search_put_together_by_hand(
        people in prop::collection::vec(prop::array::uniform3(-1.0f32..1.0), 1..=4),
        probe in prop::array::uniform3(-1.0f32..1.0),
        cohort in any::<bool>(),
    ) {
        prop_assume!(people.iter().chain([&probe]).all(|values| values.iter().any(|value| value.abs() > 0.01)));
        let bytes = if cohort { with_cohort() } else { bundle("Anna") };
        let bundle = view(&bytes);
        let beside = gallery(&bundle, &people);
        let mut matcher = Matcher::<3, 4>::new(&bundle).unwrap();
        matcher.note_all(&beside);
        let probe = matcher.template(&Embedding::new(probe).unwrap()).unwrap();
        let policy = Policy::new(Score::MIN);
        let found = matcher.search(&beside, &[], |search| search.identify(&probe, &policy));

        let (of_bundle, mut list) = (bundle.gallery(), StatisticsList::<4>::new());
        let galleries: [&dyn Scan; 2] = [&of_bundle, &beside];
        let search = Search::new(&galleries).fused_by(Fusion::Maximum);
        let expected = match bundle.cohort() {
            None => search.identify(&probe, &policy),
            Some((members, method, statistics)) => {
                for subject in beside.enrolled() {
                    let of_subject = members.of_subject(&beside, subject, Fusion::Maximum, method).unwrap();
                    prop_assert!(list.set(subject, of_subject));
                }
                let lists: [&dyn SubjectStatistics; 2] = [statistics, &list];
                search.normalized_by(&Normalization::new(members, method, &lists)).identify(&probe, &policy)
            }
        };
        prop_assert_eq!(found, expected);
        prop_assert_eq!(probe.as_ref().space().model, MODEL);
    }
}
