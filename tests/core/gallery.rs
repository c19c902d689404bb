//! The gallery against a model built on std collections.

use crate::support::{FULL, MODEL, NORM_LIMITED, OTHER_MODEL, coarse_template, euclidean, template};
use cognate::gallery::Kind;
use cognate::{
    FilteredGallery, Gallery, GalleryError, MatchError, Policy, Scan, Score, Search, Space, SpaceMismatch, SubjectId,
    Template, TemplateError,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Operation<const D: usize> {
    Enroll(Vec<Template<D>>),
    Add(u32, Vec<Template<D>>),
    Remove(u32),
}

fn operation<const D: usize>() -> impl Strategy<Value = Operation<D>> {
    let templates = || prop::collection::vec(coarse_template::<D>(FULL), 0..4);
    prop_oneof![
        3 => templates().prop_map(Operation::Enroll),
        1 => (1u32..12, templates()).prop_map(|(id, templates)| Operation::Add(id, templates)),
        2 => (1u32..12).prop_map(Operation::Remove),
    ]
}

/// What a gallery of `N` templates should be.
struct Model<const D: usize, const N: usize> {
    subjects: BTreeMap<u32, Vec<Template<D>>>,
    next: u32,
}

impl<const D: usize, const N: usize> Model<D, N> {
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

    fn codes(&self) -> Vec<(SubjectId, Kind, [i8; D])> {
        let templates = |(id, templates): (&u32, &Vec<Template<D>>)| {
            let id = SubjectId::new(*id);
            templates.iter().map(move |template| (id, Kind::Enrolled, *template.code())).collect::<Vec<_>>()
        };
        self.subjects.iter().flat_map(templates).collect()
    }
}

/// Replays a history on a gallery and on the model, and compares everything that can be asked after each step.
fn replay<const D: usize, const N: usize, F: cognate::gallery::Filter<D>>(
    mut gallery: Gallery<D, N, F>,
    operations: Vec<Operation<D>>,
) {
    let mut model = Model::<D, N> { subjects: BTreeMap::new(), next: 1 };
    for operation in operations {
        match operation {
            Operation::Enroll(templates) => assert_eq!(gallery.enroll(&templates), model.enroll(&templates)),
            Operation::Add(id, templates) => {
                assert_eq!(gallery.add(SubjectId::new(id), &templates), model.add(id, &templates));
            }
            Operation::Remove(id) => assert_eq!(gallery.remove(SubjectId::new(id)), model.remove(id)),
        }
        assert_eq!((gallery.len(), gallery.subjects()), (model.len(), model.subjects.len()));
        assert_eq!(gallery.next_subject(), Some(SubjectId::new(model.next)));
        assert_eq!(gallery.templates().collect::<Vec<_>>(), model.codes());
        assert!(gallery.enrolled().map(SubjectId::number).eq(model.subjects.keys().copied()));
        for id in 1..12 {
            assert_eq!(gallery.contains(SubjectId::new(id)), model.subjects.contains_key(&id));
        }
        for most in 0..4 {
            let expected: usize = model.subjects.values().map(|templates| templates.len().div_ceil(most.max(1))).sum();
            assert_eq!(gallery.population(most), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_history_of_operations_is_that_of_the_model(operations in prop::collection::vec(operation::<5>(), 1..60)) {
        replay(Gallery::<5, 6>::new(FULL, SubjectId::FIRST), operations);
    }

    #[test]
    fn the_same_with_a_filter_plane(operations in prop::collection::vec(operation::<16>(), 1..60)) {
        replay(FilteredGallery::<16, 8>::filtered(FULL, SubjectId::FIRST), operations);
    }
}

const D: usize = 5;

fn one(first: i8, space: Space) -> Template<D> {
    template([f32::from(first), 1.0, 0.0, 0.0, 0.0], space)
}

fn enrolled() -> Gallery<D, 6> {
    let mut gallery = Gallery::new(FULL, SubjectId::FIRST);
    gallery.enroll(&[one(1, FULL)]).unwrap();
    gallery
}

#[test]
fn a_template_of_another_space_is_refused_everywhere() {
    for space in [Space::full(OTHER_MODEL), NORM_LIMITED, euclidean(1.0)] {
        let foreign = one(1, space);
        let mut gallery = enrolled();
        let mismatch = FULL.require(space).unwrap_err();
        let error = GalleryError::Space(mismatch);
        assert_eq!(gallery.enroll(&[one(0, FULL), foreign]), Err(error));
        assert_eq!(gallery.enroll_centroid(&[one(0, FULL), foreign]), Err(error));
        assert_eq!(gallery.add(SubjectId::FIRST, &[foreign]), Err(error));
        let policy = Policy::new(Score::MIN);
        let galleries: [&dyn Scan; 1] = [&gallery];
        let search = Search::new(&galleries);
        assert_eq!(search.identify(&foreign, &policy), Err(MatchError::Space(mismatch)));
        assert_eq!(search.verify(&foreign, SubjectId::FIRST, &policy), Err(MatchError::Space(mismatch)));
        assert_eq!(search.rank::<2>(&foreign), Err(MatchError::Space(mismatch)));
        assert_eq!(gallery.templates().count(), 1);
    }
    assert!(matches!(FULL.require(Space::full(OTHER_MODEL)), Err(SpaceMismatch::Model { found: OTHER_MODEL, .. })));
}

#[test]
fn a_probe_of_another_dimension_is_refused() {
    let short = template([1.0, 2.0], FULL);
    let found = Search::new(&[&enrolled()]).identify(&short, &Policy::new(Score::MIN));
    assert_eq!(found, Err(MatchError::Dimension { expected: D, found: 2 }));
}

#[test]
fn a_template_of_zeros_is_refused() {
    let space = euclidean(1000.0);
    let mut gallery = Gallery::<D, 6>::new(space, SubjectId::FIRST);
    assert_eq!(gallery.enroll(&[one(1, space)]), Err(GalleryError::Zero));
    let opposite = template([-1.0, -1.0, 0.0, 0.0, 0.0], FULL);
    assert_eq!(enrolled().enroll_centroid(&[one(1, FULL), opposite]), Err(GalleryError::Zero));
    assert_eq!(enrolled().enroll_centroid(&[] as &[Template<D>]), Err(GalleryError::NoTemplate));
}

#[test]
fn a_removed_subject_is_unknown_and_its_bytes_are_gone() {
    let mut gallery = enrolled();
    let secret = template([0.1, -0.9, 0.8, -0.7, 0.6], FULL);
    let subject = gallery.enroll(&[secret, secret]).unwrap();
    let bytes = format!("{gallery:?}");
    let code = format!("{:?}", secret.code()).replace(['[', ']'], "");
    assert!(bytes.contains(&code));
    gallery.remove(subject).unwrap();
    assert!(!format!("{gallery:?}").contains(&code));
    let found = Search::new(&[&gallery]).verify(&secret, subject, &Policy::new(Score::MIN));
    assert_eq!(found, Err(MatchError::UnknownSubject(subject)));
    assert_eq!(gallery.remove(subject), Err(GalleryError::UnknownSubject(subject)));
    assert_eq!(gallery.templates().count(), 1);
}

#[test]
fn a_centroid_is_one_template_between_its_samples() {
    let mut gallery = Gallery::<D, 6>::new(FULL, SubjectId::FIRST);
    let samples = [template([1.0, 0.0, 0.0, 0.0, 0.0], FULL), template([0.0, 1.0, 0.0, 0.0, 0.0], FULL)];
    gallery.enroll_centroid(&samples).unwrap();
    let codes: Vec<_> = gallery.templates().map(|(_, _, code)| code).collect();
    assert_eq!(codes, [[127, 127, 0, 0, 0]]);
}

#[test]
fn ids_end_where_their_numbers_do() {
    let mut gallery = Gallery::<D, 6>::new(FULL, SubjectId::new(u32::MAX));
    assert_eq!(gallery.enroll(&[one(1, FULL)]), Ok(SubjectId::new(u32::MAX)));
    assert_eq!(gallery.enroll(&[one(1, FULL)]), Err(GalleryError::NoMoreIds));
    assert_eq!((gallery.len(), Scan::dimension(&gallery)), (1, D));
}

#[test]
fn sizes_are_what_the_type_says() {
    assert_eq!(Gallery::<128, 50>::TEMPLATE_BYTES, 128 + 4 + 4 + 1 + 2);
    let fixed = Gallery::<128, 50>::BYTES - 50 * Gallery::<128, 50>::TEMPLATE_BYTES;
    assert!(fixed < 100, "{fixed}");
    assert_eq!(Gallery::<128, 50>::BYTES, size_of::<Gallery<128, 50>>());
    let filter = FilteredGallery::<128, 64>::BYTES - Gallery::<128, 64>::BYTES;
    assert_eq!(filter, 64 * (128 + 2));
}

#[test]
fn a_stored_code_is_enrolled_again() {
    let mut gallery = enrolled();
    let stored = gallery.templates().next().unwrap().2;
    let template = Template::from_code(stored, FULL).unwrap();
    let subject = gallery.enroll(&[template]).unwrap();
    assert_eq!(gallery.templates().last().unwrap(), (subject, Kind::Enrolled, stored));
    assert_eq!(Template::from_code([1; D], FULL), Err(TemplateError::Code));
    assert_eq!(gallery.space().model, MODEL);
}
