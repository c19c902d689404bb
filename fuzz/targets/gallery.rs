//! Whatever is done to two galleries, one with a filter and one without: both say the same, and nothing is lost.
#![no_main]

use cognate::{Decision, FilteredGallery, Gallery, Policy, Scan, Score, Search, SubjectId, Template};
use cognate_fuzz::{DIMENSION, spaces};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Operation {
    Enroll(Vec<[i8; DIMENSION]>),
    Centroid(Vec<[i8; DIMENSION]>),
    Add(u8, [i8; DIMENSION]),
    Remove(u8),
    Identify([i8; DIMENSION], i32, u32),
}

fuzz_target!(|input: (u8, Vec<Operation>)| {
    let (space, operations) = input;
    let space = spaces()[usize::from(space) % 3];
    let template = |code: [i8; DIMENSION]| Template::from_code(code, space).ok();
    let templates = |codes: Vec<[i8; DIMENSION]>| codes.into_iter().filter_map(template).collect::<Vec<_>>();
    let mut plain = Gallery::<DIMENSION, 16>::new(space, SubjectId::FIRST);
    let mut filtered = FilteredGallery::<DIMENSION, 16>::filtered(space, SubjectId::FIRST);
    for operation in operations {
        match operation {
            Operation::Enroll(codes) => {
                let samples = templates(codes);
                assert_eq!(plain.enroll(&samples), filtered.enroll(&samples));
            }
            Operation::Centroid(codes) => {
                let samples = templates(codes);
                assert_eq!(plain.enroll_centroid(&samples), filtered.enroll_centroid(&samples));
            }
            Operation::Add(subject, code) => {
                let (subject, samples) = (SubjectId::new(subject.into()), templates(vec![code]));
                assert_eq!(plain.add(subject, &samples), filtered.add(subject, &samples));
            }
            Operation::Remove(subject) => {
                let subject = SubjectId::new(subject.into());
                assert_eq!(plain.remove(subject), filtered.remove(subject));
            }
            Operation::Identify(code, threshold, margin) => {
                let Some(probe) = template(code) else { continue };
                let policy = Policy::new(Score::from_raw(threshold)).with_margin(margin);
                let exact = identify(&plain, &probe, &policy);
                assert_eq!(identify(&filtered, &probe, &policy), exact);
            }
        }
        assert_eq!(plain.templates().collect::<Vec<_>>(), filtered.templates().collect::<Vec<_>>());
    }
});

/// Everything that a filter may not change: it can pass over whoever is below the threshold, or beyond the margin.
fn identify(gallery: &dyn Scan, probe: &Template<DIMENSION>, policy: &Policy<'_>) -> Option<(bool, SubjectId, Score)> {
    let galleries = [gallery];
    match Search::new(&galleries).identify(probe, policy) {
        Ok(Decision::Known(evidence)) => Some((true, evidence.best.subject, evidence.best.score)),
        Ok(Decision::Ambiguous(evidence)) => Some((false, evidence.best.subject, evidence.best.score)),
        Ok(Decision::Unknown(_)) | Err(_) => None,
    }
}
