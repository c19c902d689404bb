//! Verification, identification, ranking and scores against brute force, whatever the layout, the form and the fusion.

use crate::support::{FULL, NORM_LIMITED, coarse_template, euclidean, template};
use cognate::bundle::{BundleContents, BundleView, EnrolledTemplate, Subject};
use cognate::gallery::{Best, Unfiltered};
use cognate::kernel::Layout;
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{
    AsTemplate, Decision, Evidence, Fusion, Gallery, Match, MatchError, Policy, Scan, Score, Search, Space, SubjectId,
    Template, similarity,
};
use proptest::prelude::*;

const D: usize = 16;
const N: usize = 24;

type Enrolled = Vec<(SubjectId, Vec<Template<D>>)>;

fn fusions() -> impl Strategy<Value = Fusion> {
    let best = (1u8..=4).prop_map(|best| Fusion::MeanOfBest(Best::new(best).unwrap()));
    prop_oneof![Just(Fusion::Maximum), Just(Fusion::Centroid), best]
}

/// Subjects with one to four templates, in the order in which they enroll; few values, so that scores are often equal.
fn subjects(space: Space) -> impl Strategy<Value = Vec<Vec<Template<D>>>> {
    prop::collection::vec(prop::collection::vec(coarse_template::<D>(space), 1..5), 1..6)
}

fn spaces() -> impl Strategy<Value = Space> {
    prop_oneof![Just(FULL), Just(NORM_LIMITED), Just(euclidean(2.0))]
}

fn gallery_of(subjects: &[Vec<Template<D>>], space: Space, first: SubjectId) -> (Gallery<D, N>, Enrolled) {
    let mut gallery = Gallery::<D, N>::new(space, first);
    let enroll = |templates: &Vec<Template<D>>| (gallery.enroll(templates).unwrap(), templates.clone());
    let enrolled = subjects.iter().map(enroll).collect();
    (gallery, enrolled)
}

fn score_of(probe: &Template<D>, templates: &[Template<D>], fusion: Fusion) -> Score {
    // By the definition: keys are fused, and the key becomes a score.
    probe.with_probe(|prepared| {
        let key = |template: &Template<D>| {
            let alone = gallery_of(&[vec![*template]], template.space(), SubjectId::FIRST).0;
            alone.key_of(prepared, SubjectId::FIRST, Fusion::Maximum).unwrap()
        };
        let mut keys: Vec<i64> = templates.iter().map(|template| key(template).into()).collect();
        keys.sort_unstable_by(|a, b| b.cmp(a));
        let best = if let Fusion::MeanOfBest(best) = fusion { best.get() } else { 1 };
        let best = best.min(keys.len());
        let fused = keys[..best].iter().sum::<i64>().div_euclid(best as i64);
        prepared.score(fused as i32)
    })
}

/// Every subject's score, the best first.
fn ranked(probe: &Template<D>, enrolled: &Enrolled, fusion: Fusion) -> Vec<Match> {
    let of = |(subject, templates): &(SubjectId, Vec<Template<D>>)| Match {
        subject: *subject,
        score: score_of(probe, templates, fusion),
    };
    let mut ranked: Vec<Match> = enrolled.iter().map(of).collect();
    ranked.sort_by_key(|candidate| (std::cmp::Reverse(candidate.score), candidate.subject));
    ranked
}

/// As [`ranked`], but scores that differ by the last unit of a key may change places.
fn assert_same_order(found: &[Match], expected: &[Match]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.score, expected.score, "{found:?} for {expected:?}");
    }
}

fn expected_decision(ranked: &[Match], policy: &Policy<'_>) -> Decision {
    let evidence = Evidence { best: ranked[0], runner_up: ranked.get(1).copied(), false_positive_rate: None };
    let close = evidence.margin().is_some_and(|margin| margin < policy.margin());
    match (evidence.best.score >= policy.threshold(), close) {
        (false, _) => Decision::Unknown(Some(evidence)),
        (true, true) => Decision::Ambiguous(evidence),
        (true, false) => Decision::Known(evidence),
    }
}

fn check_all(galleries: &[&dyn Scan], enrolled: &Enrolled, probe: &Template<D>, fusion: Fusion, policy: &Policy<'_>) {
    let search = Search::new(galleries).fused_by(fusion);
    let expected = ranked(probe, enrolled, fusion);
    assert_same_order(&search.rank::<64>(probe).unwrap(), &expected);
    assert_same_order(&search.rank::<2>(probe).unwrap(), &expected[..expected.len().min(2)]);
    let mut all = Vec::new();
    search.scores(probe, |candidate| all.push(candidate)).unwrap();
    all.sort_by_key(|candidate| (std::cmp::Reverse(candidate.score), candidate.subject));
    assert_eq!(all, expected);

    let decision = search.identify(probe, policy).unwrap();
    let wanted = expected_decision(&expected, policy);
    assert_eq!(std::mem::discriminant(&decision), std::mem::discriminant(&wanted), "{decision:?}, not {wanted:?}");
    let (found, wanted) = (decision.evidence().unwrap(), wanted.evidence().unwrap());
    assert_eq!(
        (found.best.score, found.runner_up.map(|other| other.score)),
        (wanted.best.score, wanted.runner_up.map(|other| other.score))
    );
    for candidate in &expected {
        let verification = search.verify(probe, candidate.subject, policy).unwrap();
        assert_eq!(
            (verification.score, verification.accepted),
            (candidate.score, candidate.score >= policy.threshold())
        );
    }
}

fn entry() -> ThresholdEntry {
    let rate = Rate::from_parts_per_billion(10_000_000).unwrap();
    ThresholdEntry { fmr: rate, threshold: Score::from_ratio(1, 2), comparisons: 1000, fmr_upper_bound: rate }
}

/// The bytes of a bundle with these subjects.
pub fn bundle_of(enrolled: &Enrolled, space: Space, layout: Layout, filter: bool) -> Vec<u8> {
    let subjects: Vec<_> = enrolled.iter().map(|(id, _)| Subject { id: *id, name: "" }).collect();
    let templates: Vec<_> = enrolled
        .iter()
        .flat_map(|(subject, codes)| codes.iter().map(|code| EnrolledTemplate { subject: *subject, code: code.code() }))
        .collect();
    let contents = BundleContents {
        dimension: D,
        space,
        layout,
        thresholds: &[entry()],
        operating_point: 0,
        fpir: Rate::ALL,
        margin: 0,
        fusion: Fusion::Maximum,
        calibrated_templates: 1,
        subjects: &subjects,
        next_subject: SubjectId::FIRST_ON_DEVICE,
        templates: &templates,
        back_end: None,
        cohort: None,
        revealed: None,
        filter,
        encoder: None,
    };
    let mut bytes = vec![0; contents.encoded_len().unwrap()];
    contents.encode(&mut bytes).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_gallery_in_ram_is_searched_as_by_brute_force(
        (subjects, probe) in spaces().prop_flat_map(|space| (subjects(space), coarse_template::<D>(space))),
        fusion in fusions(),
        threshold in -(1 << 23)..(1 << 23),
        margin in 0u32..(1 << 22),
    ) {
        let (gallery, enrolled) = gallery_of(&subjects, probe.space(), SubjectId::FIRST);
        let policy = Policy::new(Score::from_raw(threshold)).with_margin(margin);
        check_all(&[&gallery], &enrolled, &probe, fusion, &policy);
    }

    #[test]
    fn a_bundle_in_any_layout_is_searched_as_by_brute_force(
        (subjects, probe) in spaces().prop_flat_map(|space| (subjects(space), coarse_template::<D>(space))),
        fusion in fusions(),
        threshold in -(1 << 23)..(1 << 23),
    ) {
        let (_, enrolled) = gallery_of(&subjects, probe.space(), SubjectId::FIRST);
        let policy = Policy::new(Score::from_raw(threshold));
        for layout in Layout::ALL {
            let bytes = bundle_of(&enrolled, probe.space(), layout, false);
            let view = BundleView::new_checked(&bytes).unwrap();
            check_all(&[&view.gallery()], &enrolled, &probe, fusion, &policy);
        }
    }

    #[test]
    fn two_galleries_are_searched_as_one(
        (first, second, probe) in spaces().prop_flat_map(|space| (subjects(space), subjects(space), coarse_template::<D>(space))),
        fusion in fusions(),
        threshold in -(1 << 23)..(1 << 23),
    ) {
        let (flash, mut enrolled) = gallery_of(&first, probe.space(), SubjectId::FIRST);
        let (ram, more) = gallery_of(&second, probe.space(), SubjectId::FIRST_ON_DEVICE);
        enrolled.extend(more);
        check_all(&[&ram, &flash], &enrolled, &probe, fusion, &Policy::new(Score::from_raw(threshold)));
    }

    #[test]
    fn who_is_excluded_is_as_if_not_enrolled(subjects in subjects(FULL), probe in coarse_template::<D>(FULL)) {
        let (gallery, enrolled) = gallery_of(&subjects, FULL, SubjectId::FIRST);
        let galleries: [&dyn Scan; 1] = [&gallery];
        let excluded = [enrolled[0].0, SubjectId::new(77)];
        let search = Search::new(&galleries).without(&excluded);
        let others: Enrolled = enrolled[1..].to_vec();
        let expected = ranked(&probe, &others, Fusion::Maximum);
        assert_same_order(&search.rank::<64>(&probe).unwrap(), &expected);
        let policy = Policy::new(Score::MIN);
        let decision = search.identify(&probe, &policy);
        match expected.first() {
            Some(best) => prop_assert_eq!(decision.unwrap().evidence().unwrap().best.score, best.score),
            None => prop_assert_eq!(decision, Err(MatchError::EmptyGallery)),
        }
        let claim = search.verify(&probe, excluded[0], &policy);
        prop_assert_eq!(claim, Err(MatchError::UnknownSubject(excluded[0])));
    }
}

#[test]
fn a_subject_alone_gets_the_score_of_its_template() {
    let [a, b] = [[1.0, 0.3], [0.4, 1.0]].map(|values| template(values, FULL));
    let mut gallery = Gallery::<2, 1, Unfiltered>::new(FULL, SubjectId::FIRST);
    let subject = gallery.enroll(&[b]).unwrap();
    let found = Search::new(&[&gallery]).verify(&a, subject, &Policy::new(Score::MIN)).unwrap();
    assert_eq!(found.score, similarity::cosine(&a, &b).unwrap());
}

#[test]
fn nobody_enrolled_is_an_error() {
    let gallery = Gallery::<2, 3>::new(FULL, SubjectId::FIRST);
    let probe = template([1.0, 0.3], FULL);
    let policy = Policy::new(Score::MIN);
    let galleries: [&dyn Scan; 1] = [&gallery];
    let search = Search::new(&galleries);
    assert_eq!(search.identify(&probe, &policy), Err(MatchError::EmptyGallery));
    assert_eq!(
        search.fused_by(Fusion::MeanOfBest(Best::new(2).unwrap())).identify(&probe, &policy),
        Err(MatchError::EmptyGallery)
    );
    assert_eq!(search.rank::<3>(&probe).unwrap().len(), 0);
    let error = MatchError::UnknownSubject(SubjectId::FIRST);
    assert_eq!(search.verify(&probe, SubjectId::FIRST, &policy), Err(error));
    assert_eq!((Best::new(0), Best::new(9)), (None, None));
}
