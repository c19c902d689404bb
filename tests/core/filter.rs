//! The filtered search against the one that looks at every template: it must never lose the answer.

use crate::support::{FULL, NORM_LIMITED, euclidean};
use cognate::kernel::Layout;
use cognate::{
    AsTemplate, BundleView, Decision, Embedding, FilteredGallery, Gallery, GalleryView, MatchError, Policy, Scan,
    Score, Search, Space, SubjectId, Template,
};
use proptest::prelude::*;

const N: usize = 64;

/// What an exact search says, of which a filtered one tells what matters to the verdict.
fn without_what_a_filter_leaves_out(exact: Decision, policy: &Policy<'_>) -> Decision {
    match exact {
        Decision::Unknown(_) => Decision::Unknown(None),
        Decision::Known(mut evidence) | Decision::Ambiguous(mut evidence) => {
            if evidence.margin().is_some_and(|margin| margin >= policy.margin()) {
                evidence.runner_up = None;
            }
            if matches!(exact, Decision::Known(_)) { Decision::Known(evidence) } else { Decision::Ambiguous(evidence) }
        }
    }
}

/// Embeddings in clusters, as people's are, of whatever shape: dense, sparse, with a few great elements, with equal ones.
fn embeddings<const D: usize>() -> impl Strategy<Value = Vec<[f32; D]>> {
    let element = prop_oneof![8 => -1.0f32..1.0, 1 => Just(0.0f32), 1 => -20.0f32..20.0, 1 => Just(1.0f32)];
    let centers = prop::collection::vec(prop::collection::vec(element, D), 1..6);
    let noise = prop::collection::vec((0usize..6, 0.0f32..1.5, any::<u32>()), 1..N);
    (centers, noise).prop_map(|(centers, noise)| {
        let one = |(center, size, seed): (usize, f32, u32)| {
            let mut random = seed | 1;
            let center = &centers[center % centers.len()];
            std::array::from_fn(|index| {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                center[index] + size * (random as f32 / u32::MAX as f32 - 0.5)
            })
        };
        noise.into_iter().map(one).collect()
    })
}

fn templates<const D: usize>(values: &[[f32; D]], space: Space) -> Vec<Template<D>> {
    let embeddings = values.iter().filter_map(|values| Embedding::new(*values).ok());
    let templates = embeddings.map(|embedding| Template::new(&embedding, space));
    // Of an embedding below half a step of a Euclidean code nothing is left.
    templates.filter(|template| template.code() != &[0; D]).collect()
}

fn identify<const D: usize>(
    gallery: &dyn Scan,
    probe: &Template<D>,
    policy: &Policy<'_>,
) -> Result<Decision, MatchError> {
    Search::new(&[gallery]).identify(probe, policy)
}

fn check<const D: usize>(values: &[[f32; D]], space: Space, threshold: i32, margin: u32, removed: u32) {
    let templates = templates(values, space);
    let Some((probe, enrolled)) = templates.split_last() else { return };
    let mut exact = Gallery::<D, N>::new(space, SubjectId::FIRST);
    let mut filtered = FilteredGallery::<D, N>::filtered(space, SubjectId::FIRST);
    for template in enrolled {
        assert_eq!(exact.enroll(&[*template]), filtered.enroll(&[*template]));
    }
    if exact.len() > 1 {
        assert_eq!(exact.remove(SubjectId::new(removed)), filtered.remove(SubjectId::new(removed)));
    }
    let policy = Policy::new(Score::from_raw(threshold)).with_margin(margin);
    let expected = identify(&exact, probe, &policy).map(|exact| without_what_a_filter_leaves_out(exact, &policy));
    assert_eq!(identify(&filtered, probe, &policy), expected);
    // A ranking does not use the filter.
    let (a, b): ([&dyn Scan; 1], [&dyn Scan; 1]) = ([&exact], [&filtered]);
    assert_eq!(Search::new(&a).rank::<5>(probe), Search::new(&b).rank::<5>(probe));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_filtered_search_is_exact(
        values in embeddings::<64>(),
        limited in any::<bool>(),
        threshold in -(1 << 21)..(1 << 23),
        margin in prop_oneof![Just(0u32), 0u32..(1 << 21)],
        removed in 1u32..64,
    ) {
        check(&values, if limited { NORM_LIMITED } else { FULL }, threshold, margin, removed);
    }

    #[test]
    fn in_the_least_and_the_greatest_dimension(
        (least, greatest) in (embeddings::<16>(), embeddings::<256>()),
        limited in any::<bool>(),
        threshold in 0..(1 << 23),
    ) {
        let space = if limited { NORM_LIMITED } else { FULL };
        check(&least, space, threshold, 0, 1);
        check(&greatest, space, threshold, 0, 1);
    }

    #[test]
    fn distances_are_searched_without_the_filter(
        values in embeddings::<16>(),
        threshold in -(1i32 << 18)..0,
        margin in 0u32..1 << 16,
        removed in 0u32..8,
    ) {
        check(&values, euclidean(3.0), threshold, margin, removed);
    }

    #[test]
    fn a_filter_in_a_bundle_is_exact(values in embeddings::<16>(), threshold in -(1 << 21)..(1 << 23)) {
        let templates = templates(&values, FULL);
        let Some((probe, enrolled)) = templates.split_last() else { return Ok(()) };
        let enrolled: Vec<_> =
            enrolled.iter().enumerate().map(|(row, template)| (SubjectId::new(row as u32 + 1), vec![*template])).collect();
        let policy = Policy::new(Score::from_raw(threshold));
        for layout in [Layout::Rows, Layout::Pairs] {
            let bytes = crate::search::bundle_of(&enrolled, FULL, layout, true);
            let view = BundleView::new_checked(&bytes).unwrap();
            let filtered = |gallery: GalleryView<'_>| {
                probe.with_probe(|probe| gallery.passes_over(probe, &policy).is_some())
            };
            prop_assert!(filtered(view.gallery()) && !filtered(view.gallery().unfiltered()));
            let exact = identify(&view.gallery().unfiltered(), probe, &policy);
            let expected = exact.map(|exact| without_what_a_filter_leaves_out(exact, &policy));
            prop_assert_eq!(identify(&view.gallery(), probe, &policy), expected);
        }
    }
}

#[test]
fn most_rows_are_passed_over() {
    let mut random = 1u32;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random as f32 / u32::MAX as f32 - 0.5
    };
    let mut gallery = FilteredGallery::<128, 1000>::filtered(FULL, SubjectId::FIRST);
    for _ in 0..1000 {
        let values = std::array::from_fn(|_| next() + next() + next());
        gallery.enroll(&[Template::new(&Embedding::new(values).unwrap(), FULL)]).unwrap();
    }
    let probe = Template::<128>::new(&Embedding::new(std::array::from_fn(|_| next())).unwrap(), FULL);
    use cognate::AsTemplate;
    let scored = probe.with_probe(|probe| {
        // The key of a cosine of one half: keys are within a factor of two of 2²⁴ · the cosine.
        let floor = (0..1 << 25).step_by(1 << 14).find(|key| probe.score(*key) >= Score::from_ratio(1, 2)).unwrap();
        gallery.find(probe, floor, &mut |_, _| floor)
    });
    assert!(scored < 20, "{scored} of 1000 rows were scored");
}
