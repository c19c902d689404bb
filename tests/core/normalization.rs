//! Normalized scores against the textbook formulas in `f64`.

use crate::support::{FULL, OTHER_MODEL, coarse_template, template};
use cognate::kernel::{Codes, Layout, Rows};
use cognate::normalization::{MAX_COHORT, Method, Statistics, StatisticsList, SubjectStatistics, Top};
use cognate::{
    Cohort, Decision, Fusion, Gallery, MatchError, Normalization, Policy, Scan, Score, Search, Space, SubjectId,
    Template, similarity,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const D: usize = 8;

/// The bytes of a cohort.
struct Members {
    codes: Vec<i8>,
    factors: Vec<[u8; 4]>,
}

impl Members {
    fn new(templates: &[Template<D>]) -> Self {
        Self {
            codes: templates.iter().flat_map(|template| *template.code()).collect(),
            factors: templates.iter().map(|template| template.factor().to_le_bytes()).collect(),
        }
    }

    fn cohort(&self, space: Space) -> Option<Cohort<'_>> {
        let codes = Codes::new(Layout::Rows, D, self.factors.len(), &self.codes)?;
        Cohort::new(Rows::new(codes, &self.factors)?, space)
    }
}

/// The mean and the standard deviation of the greatest scores, in raw scores.
fn statistics(mut scores: Vec<f64>, top: usize) -> (f64, f64) {
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.truncate(top);
    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt().max(1.0))
}

fn raw(a: &Template<D>, b: &Template<D>) -> f64 {
    similarity::cosine(a, b).unwrap().raw().into()
}

fn methods() -> impl Strategy<Value = Method> {
    let adaptive = (2u8..6).prop_map(|top| Method::AdaptiveSNorm(Top::new(top).unwrap()));
    prop_oneof![Just(Method::ZNorm), Just(Method::TNorm), Just(Method::SNorm), adaptive]
}

fn templates(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Template<D>>> {
    prop::collection::vec(coarse_template::<D>(FULL), count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn scores_are_normalized_by_the_formula(
        cohort in templates(2..10),
        subjects in prop::collection::vec(templates(1..4), 1..5),
        probe in coarse_template::<D>(FULL),
        method in methods(),
    ) {
        let members = Members::new(&cohort);
        let cohort_view = members.cohort(FULL).unwrap();
        let mut gallery = Gallery::<D, 20>::new(FULL, SubjectId::FIRST);
        let mut list = StatisticsList::<20>::new();
        let mut expected = Vec::new();
        let top = if let Method::AdaptiveSNorm(top) = method { top.get() } else { usize::MAX };
        let by_probe = statistics(cohort.iter().map(|member| raw(&probe, member)).collect(), top);
        for templates in &subjects {
            let id = gallery.enroll(templates).unwrap();
            let found = cohort_view.of_subject(&gallery, id, Fusion::Maximum, method).unwrap();
            prop_assert!(list.set(id, found));
            let fused = |member: &Template<D>| templates.iter().map(|template| raw(member, template)).fold(f64::MIN, f64::max);
            let by_subject = statistics(cohort.iter().map(fused).collect(), top);
            prop_assert!((f64::from(found.mean().raw()) - by_subject.0).abs() <= 1.0);
            prop_assert!((f64::from(found.deviation()) - by_subject.1).abs() <= 2.0);
            let score = templates.iter().map(|template| raw(&probe, template)).fold(f64::MIN, f64::max);
            let z = ((score - by_subject.0) / by_subject.1).clamp(-256.0, 256.0);
            let t = ((score - by_probe.0) / by_probe.1).clamp(-256.0, 256.0);
            let normalized = match method {
                Method::ZNorm => z,
                Method::TNorm => t,
                Method::SNorm | Method::AdaptiveSNorm(_) => (z + t) / 2.0,
            };
            // Means and deviations are whole units: with a small deviation, as of equal scores, that shows.
            let precision = 4.0 / by_subject.1 + 4.0 / by_probe.1 + z.abs() * 2.0 / by_subject.1 + t.abs() * 2.0 / by_probe.1;
            expected.push((id, normalized.clamp(-255.0, 255.0), precision));
        }
        let lists: [&dyn SubjectStatistics; 1] = [&list];
        let normalization = Normalization::new(cohort_view, method, &lists);
        let galleries: [&dyn Scan; 1] = [&gallery];
        let search = Search::new(&galleries).normalized_by(&normalization);
        let policy = Policy::new(Score::from_raw(1 << 23));
        let mut found = Vec::new();
        search.scores(&probe, |candidate| found.push(candidate)).unwrap();
        for (candidate, (id, normalized, precision)) in found.iter().zip(&expected) {
            prop_assert_eq!(candidate.subject, *id);
            let score = f64::from(candidate.score.to_f32()).clamp(-255.0, 255.0);
            prop_assert!((score - normalized).abs() <= precision + 1e-5, "{score}, not {normalized}");
            let verification = search.verify(&probe, *id, &policy).unwrap();
            prop_assert_eq!((verification.score, verification.accepted), (candidate.score, candidate.score.raw() >= 1 << 23));
        }
        found.sort_by_key(|candidate| (std::cmp::Reverse(candidate.score), candidate.subject));
        let ranked = search.rank::<20>(&probe).unwrap();
        prop_assert_eq!(ranked.as_slice(), found.as_slice());
        let decision = search.identify(&probe, &policy).unwrap();
        let evidence = decision.evidence().unwrap();
        prop_assert_eq!((evidence.best, evidence.runner_up), (found[0], found.get(1).copied()));
        prop_assert_eq!(matches!(decision, Decision::Known(_)), found[0].score >= policy.threshold());
    }
}

proptest! {
    #[test]
    fn a_list_has_what_was_set_last_of_each_subject(
        steps in prop::collection::vec((0u32..6, any::<bool>(), any::<i16>()), 0..40)
    ) {
        let (mut list, mut expected) = (StatisticsList::<4>::new(), BTreeMap::new());
        for (subject, forgets, mean) in steps {
            if forgets {
                list.forget(SubjectId::new(subject));
                expected.remove(&subject);
            } else {
                let statistics = Statistics::new(Score::from_raw(mean.into()), 1);
                let fits = expected.len() < 4 || expected.contains_key(&subject);
                prop_assert_eq!(list.set(SubjectId::new(subject), statistics), fits);
                if fits {
                    expected.insert(subject, statistics);
                }
            }
            for subject in 0..6 {
                prop_assert_eq!(list.of(SubjectId::new(subject)), expected.get(&subject).copied());
            }
        }
    }
}

#[test]
fn what_cannot_be_normalized_is_an_error() {
    let one = |first: f32| template([first, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5], FULL);
    let members = Members::new(&[one(0.1), one(-2.0)]);
    let cohort = members.cohort(FULL).unwrap();
    let mut gallery = Gallery::<D, 3>::new(FULL, SubjectId::FIRST);
    let subject = gallery.enroll(&[one(1.0)]).unwrap();
    let mut list = StatisticsList::<1>::new();
    let policy = Policy::new(Score::MIN);
    {
        let lists: [&dyn SubjectStatistics; 1] = [&list];
        let normalization = Normalization::new(cohort, Method::SNorm, &lists);
        let galleries: [&dyn Scan; 1] = [&gallery];
        let search = Search::new(&galleries).normalized_by(&normalization);
        let error = MatchError::NoStatistics(subject);
        assert_eq!(search.identify(&one(1.0), &policy), Err(error));
        assert_eq!(search.verify(&one(1.0), subject, &policy), Err(error));
        assert_eq!(search.rank::<2>(&one(1.0)), Err(error));
        let by_probe = Normalization::new(cohort, Method::TNorm, &[]);
        assert!(Search::new(&galleries).normalized_by(&by_probe).identify(&one(1.0), &policy).is_ok());
    }
    assert!(list.set(subject, Statistics::new(Score::MIN, 0)));
    assert_eq!(list.of(subject).unwrap().deviation(), 1);
    assert!(!list.set(SubjectId::new(9), Statistics::new(Score::MIN, 5)), "there is no room");
    list.forget(subject);
    assert_eq!(list.of(subject), None);

    assert_eq!(cohort.of_subject(&gallery, SubjectId::new(9), Fusion::Maximum, Method::ZNorm), None);
    let foreign = Gallery::<D, 1>::new(Space::full(OTHER_MODEL), SubjectId::FIRST);
    assert_eq!(cohort.of_subject(&foreign, SubjectId::FIRST, Fusion::Maximum, Method::ZNorm), None);
    assert!(Members::new(&[]).cohort(FULL).is_none());
    assert!(Members::new(&[one(1.0); MAX_COHORT + 1]).cohort(FULL).is_none());
    assert_eq!((Top::new(1), Top::new(129)), (None, None));
}

#[test]
fn a_score_at_the_mean_is_zero_and_far_ones_saturate() {
    let statistics = Statistics::new(Score::from_raw(1000), 500);
    assert_eq!(statistics.normalize(Score::from_raw(1000)).raw(), 0);
    assert_eq!(statistics.normalize(Score::from_raw(1500)).to_f32(), 1.0);
    assert_eq!(statistics.normalize(Score::from_raw(250)).to_f32(), -1.5);
    assert_eq!(Statistics::new(Score::MIN, 1).normalize(Score::MAX).raw(), i32::MAX);
    assert_eq!(Statistics::new(Score::MAX, 1).normalize(Score::MIN).raw(), i32::MIN);
}
