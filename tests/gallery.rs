//! The gallery against a model built on std collections, and the decisions against brute force.

use cognate::{
    Decision, Embedding, Gallery, GalleryError, Match, MatchError, ModelDigest, Policy, Scan, Score, SubjectId,
    Template, identify, similarity, verify,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const D: usize = 5;
const N: usize = 6;
const MODEL: ModelDigest = ModelDigest::new([1; 16]);
const OTHER_MODEL: ModelDigest = ModelDigest::new([2; 16]);

fn template_of(values: [i8; D], model: ModelDigest) -> Option<Template<D>> {
    Embedding::new(values.map(f32::from)).ok().map(|embedding| Template::new(&embedding, model))
}

fn template() -> impl Strategy<Value = Template<D>> {
    // Few distinct values, so that equal scores and duplicates occur.
    prop::array::uniform5(-2i8..=2).prop_filter_map("not zero", |values| template_of(values, MODEL))
}

#[derive(Clone, Debug)]
enum Operation {
    Enroll(Vec<Template<D>>),
    Add(u32, Vec<Template<D>>),
    Remove(u32),
    Identify(Template<D>, i32),
}

fn operation() -> impl Strategy<Value = Operation> {
    let templates = || prop::collection::vec(template(), 0..4);
    prop_oneof![
        3 => templates().prop_map(Operation::Enroll),
        1 => (1u32..8, templates()).prop_map(|(id, templates)| Operation::Add(id, templates)),
        2 => (1u32..8).prop_map(Operation::Remove),
        3 => (template(), -(1 << 23)..(1 << 23)).prop_map(|(probe, threshold)| Operation::Identify(probe, threshold)),
    ]
}

/// What a gallery should be.
struct Model {
    subjects: BTreeMap<u32, Vec<Template<D>>>,
    next: u32,
}

impl Model {
    fn len(&self) -> usize {
        self.subjects.values().map(Vec::len).sum()
    }

    fn room_for(&self, templates: &[Template<D>]) -> Result<(), GalleryError> {
        let needed = self.len() + templates.len();
        match templates.len() {
            0 => Err(GalleryError::NoTemplate),
            _ if needed > N => Err(GalleryError::Full { capacity: N, needed }),
            _ => Ok(()),
        }
    }

    fn enroll(&mut self, templates: &[Template<D>]) -> Result<SubjectId, GalleryError> {
        self.room_for(templates)?;
        self.subjects.insert(self.next, templates.to_vec());
        self.next += 1;
        Ok(SubjectId::new(self.next - 1))
    }

    fn add(&mut self, id: u32, templates: &[Template<D>]) -> Result<(), GalleryError> {
        let room = self.room_for(templates);
        let subject = self.subjects.get_mut(&id).ok_or(GalleryError::UnknownSubject(SubjectId::new(id)))?;
        room.map(|()| subject.extend(templates))
    }

    fn remove(&mut self, id: u32) -> Result<usize, GalleryError> {
        let removed = self.subjects.remove(&id).ok_or(GalleryError::UnknownSubject(SubjectId::new(id)))?;
        Ok(removed.len())
    }

    /// Every subject's greatest score, best first.
    fn ranked(&self, probe: &Template<D>) -> Vec<Match> {
        let score = |template: &Template<D>| similarity::cosine(&probe.as_ref(), &template.as_ref()).unwrap();
        let mut ranked: Vec<Match> = self
            .subjects
            .iter()
            .map(|(&id, templates)| Match {
                subject: SubjectId::new(id),
                score: templates.iter().map(score).max().expect("a subject has a template"),
            })
            .collect();
        ranked.sort_by_key(|candidate| (std::cmp::Reverse(candidate.score), candidate.subject));
        ranked
    }
}

fn assert_same_decision(gallery: &Gallery<D, N>, model: &Model, probe: &Template<D>, threshold: Score) {
    let ranked = model.ranked(probe);
    let policy = Policy::new(threshold);
    let decision = identify(probe.as_ref(), &[gallery], &policy);
    let Some(&best) = ranked.first() else { return assert_eq!(decision, Err(MatchError::EmptyGallery)) };
    let decision = decision.expect("somebody is enrolled");
    assert_eq!((decision.ranking().best, decision.ranking().runner_up), (best, ranked.get(1).copied()));
    assert_eq!(matches!(decision, Decision::Known(_)), best.score >= threshold);
    for candidate in ranked {
        let verification = verify(probe.as_ref(), candidate.subject, &[gallery], &policy).expect("enrolled");
        assert_eq!((verification.score, verification.accepted), (candidate.score, candidate.score >= threshold));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_history_of_operations_is_that_of_the_model(operations in prop::collection::vec(operation(), 1..60)) {
        let mut gallery = Gallery::<D, N>::new(MODEL, SubjectId::FIRST);
        let mut model = Model { subjects: BTreeMap::new(), next: 1 };
        for operation in operations {
            match operation {
                Operation::Enroll(templates) => prop_assert_eq!(gallery.enroll(&templates), model.enroll(&templates)),
                Operation::Add(id, templates) => {
                    prop_assert_eq!(gallery.add(SubjectId::new(id), &templates), model.add(id, &templates));
                }
                Operation::Remove(id) => prop_assert_eq!(gallery.remove(SubjectId::new(id)), model.remove(id)),
                Operation::Identify(probe, threshold) => {
                    assert_same_decision(&gallery, &model, &probe, Score::from_raw(threshold).unwrap());
                }
            }
            prop_assert_eq!(gallery.len(), model.len());
            prop_assert_eq!(gallery.next_subject(), Some(SubjectId::new(model.next)));
        }
    }

    #[test]
    fn a_search_over_two_galleries_is_that_of_one_with_both(
        first in prop::collection::vec(template(), 1..4),
        second in prop::collection::vec(template(), 1..4),
        probe in template(),
    ) {
        let enroll_all = |mut gallery: Gallery<D, N>, templates: &[Template<D>]| {
            for template in templates {
                gallery.enroll(std::slice::from_ref(template)).unwrap();
            }
            gallery
        };
        let a = enroll_all(Gallery::new(MODEL, SubjectId::FIRST), &first);
        let b = enroll_all(Gallery::new(MODEL, a.next_subject().unwrap()), &second);
        let both = enroll_all(a.clone(), &second);
        let policy = Policy::new(Score::from_ratio(1, 2));
        let found = identify(probe.as_ref(), &[&b, &a], &policy);
        prop_assert_eq!(found, identify(probe.as_ref(), &[&both], &policy));
    }
}

fn enrolled() -> Gallery<D, N> {
    let mut gallery = Gallery::new(MODEL, SubjectId::FIRST);
    gallery.enroll(&[template_of([1, 0, 0, 0, 0], MODEL).unwrap()]).unwrap();
    gallery
}

#[test]
fn a_template_of_another_model_is_refused_everywhere() {
    let foreign = template_of([1, 0, 0, 0, 0], OTHER_MODEL).unwrap();
    let mut gallery = enrolled();
    let mismatch = GalleryError::Model { expected: MODEL, found: OTHER_MODEL };
    assert_eq!(gallery.enroll(&[spare(), foreign]), Err(mismatch));
    assert_eq!(gallery.add(SubjectId::FIRST, &[foreign]), Err(mismatch));
    let error = MatchError::Model { expected: MODEL, found: OTHER_MODEL };
    let policy = Policy::new(Score::MIN);
    assert_eq!(identify(foreign.as_ref(), &[&gallery], &policy), Err(error));
    assert_eq!(verify(foreign.as_ref(), SubjectId::FIRST, &[&gallery], &policy), Err(error));
    assert_eq!(gallery.len(), 1);
}

fn spare() -> Template<D> {
    template_of([0, 1, 0, 0, 0], MODEL).unwrap()
}

#[test]
fn a_probe_of_another_dimension_is_refused() {
    let probe = Template::new(&Embedding::new([1.0, 2.0]).unwrap(), MODEL);
    let found = identify(probe.as_ref(), &[&enrolled()], &Policy::new(Score::MIN));
    assert_eq!(found, Err(MatchError::Dimension { expected: D, found: 2 }));
}

#[test]
fn a_removed_subject_is_unknown() {
    let mut gallery = enrolled();
    let subject = gallery.enroll(&[spare()]).unwrap();
    gallery.remove(subject).unwrap();
    let probe = spare();
    let policy = Policy::new(Score::MIN);
    let error = MatchError::UnknownSubject(subject);
    assert_eq!(verify(probe.as_ref(), subject, &[&gallery], &policy), Err(error));
    assert_eq!(gallery.remove(subject), Err(GalleryError::UnknownSubject(subject)));
    assert_eq!(gallery.templates().count(), 1);
}

#[test]
fn ids_end_where_their_numbers_do() {
    let mut gallery = Gallery::<D, N>::new(MODEL, SubjectId::new(u32::MAX));
    assert_eq!(gallery.enroll(&[spare()]), Ok(SubjectId::new(u32::MAX)));
    assert_eq!(gallery.enroll(&[spare()]), Err(GalleryError::NoMoreIds));
    assert_eq!((gallery.len(), Scan::dimension(&gallery)), (1, D));
}
