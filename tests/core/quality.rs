//! Each reason to refuse an enrollment, with its number; and adaptation, which is bounded and can be taken back.

use crate::support::{FULL, NORM_LIMITED, OTHER_MODEL, template};
use cognate::gallery::{AdaptError, Adaptation, Kind};
use cognate::quality::{MAX_SAMPLES, QualityLimits, Refusal, assess};
use cognate::{
    CodeForm, Decision, Evidence, Gallery, GalleryError, Match, MatchError, Policy, Scan, Score, Search, Space,
    SubjectId, Template, similarity,
};

const D: usize = 16;

/// A sample of somebody, a little different each time.
fn sample(who: usize, time: usize) -> Template<D> {
    template(
        std::array::from_fn(|index| if index % 3 == who { 1.0 } else { 0.05 * ((index * 7 + time * 13) % 5) as f32 }),
        FULL,
    )
}

fn samples(who: usize) -> [Template<D>; 3] {
    [0, 1, 2].map(|time| sample(who, time))
}

fn limits() -> QualityLimits {
    QualityLimits { most_clipped: 8, ..QualityLimits::for_threshold(Score::from_ratio(9, 10), CodeForm::Full, D) }
}

fn gallery() -> Gallery<D, 12> {
    let mut gallery = Gallery::new(FULL, SubjectId::FIRST);
    gallery.enroll(&samples(0)).unwrap();
    gallery
}

fn refusal(samples: &[Template<D>], own: Option<SubjectId>) -> Result<(), Refusal> {
    let gallery = gallery();
    let galleries: [&dyn Scan; 1] = [&gallery];
    assess(samples, &Search::new(&galleries), own, &limits()).map(|_| ())
}

#[test]
fn good_samples_pass_with_their_numbers() {
    let gallery = gallery();
    let galleries: [&dyn Scan; 1] = [&gallery];
    let quality = assess(&samples(1), &Search::new(&galleries), None, &limits()).unwrap();
    let score = |a, b| similarity::cosine(&sample(1, a), &sample(1, b)).unwrap();
    let nearest = [score(0, 1).max(score(0, 2)), score(1, 0).max(score(1, 2)), score(2, 0).max(score(2, 1))];
    assert_eq!(quality.consistency, nearest.into_iter().min());
    assert_eq!(quality.closest_other.unwrap().subject, SubjectId::FIRST);
    assert!(quality.closest_other.unwrap().score < Score::from_ratio(1, 2));
    let nobody = Gallery::<D, 1>::new(FULL, SubjectId::FIRST);
    let galleries: [&dyn Scan; 1] = [&nobody];
    assert_eq!(assess(&samples(1), &Search::new(&galleries), None, &limits()).unwrap().closest_other, None);
}

#[test]
fn each_fault_is_named() {
    assert_eq!(refusal(&samples(1)[..2], None), Err(Refusal::TooFewSamples { found: 2, needed: 3 }));
    let [a, b, c] = samples(1);
    let constant = template([0.5; D], FULL);
    assert_eq!(refusal(&[a, constant, c], None), Err(Refusal::Constant { sample: 1 }));
    let clipped = template(std::array::from_fn(|index| if index < 9 { 1.0 } else { 0.1 }), FULL);
    assert_eq!(refusal(&[a, b, clipped], None), Err(Refusal::Clipped { sample: 2, elements: 9, most: 8 }));
    let Err(Refusal::Duplicate { first: 0, second: 2, score }) = refusal(&[a, b, a], None) else {
        panic!("no duplicate")
    };
    assert!(score >= limits().duplicate);
    let Err(Refusal::Inconsistent { sample: 1, score, least }) = refusal(&[a, sample(2, 0), c], None) else {
        panic!("consistent")
    };
    assert!(score < least && least == Score::from_ratio(9, 10));
    let Err(Refusal::TooClose { sample: 0, other, most }) = refusal(&[3, 4, 6].map(|time| sample(0, time)), None)
    else {
        panic!("not close")
    };
    assert!(other.subject == SubjectId::FIRST && other.score >= most);
    assert_eq!(refusal(&[3, 4, 6].map(|time| sample(0, time)), Some(SubjectId::FIRST)), Ok(()), "they are its own");
    let foreign = template([1.0f32, 0.2], FULL);
    let gallery = gallery();
    let galleries: [&dyn Scan; 1] = [&gallery];
    let few = QualityLimits { least_samples: 1, ..limits() };
    let refused = assess(&[foreign], &Search::new(&galleries), None, &few);
    assert_eq!(refused, Err(Refusal::Match(MatchError::Dimension { expected: D, found: 2 })));
    for refusal in [Refusal::Constant { sample: 3 }, refused.unwrap_err()] {
        assert!(refusal.to_string().len() > 20);
    }
}

#[test]
fn samples_hang_together_or_a_minority_is_named() {
    let odd = |samples: &[Template<D>]| match refusal(samples, None) {
        Err(Refusal::Inconsistent { sample, .. }) => Some(sample),
        Ok(()) => None,
        other => panic!("{other:?}"),
    };
    let ([a, b, c], [x, y, _]) = (samples(1), samples(2));
    assert_eq!(odd(&[a, b, c]), None);
    assert_eq!(odd(&[x, a, b, c]), Some(0));
    assert_eq!(odd(&[a, b, c, x, y]), Some(3));
    assert_eq!(odd(&[a, x, b, y]), Some(1), "each has its like, and yet they are two subjects");
    // A head that turns: neighbors are alike, the ends are not; in any order.
    let pose = |turn: usize| {
        let angle = turn as f32 * 0.35;
        template::<D>(
            std::array::from_fn(
                |index| if index % 2 == 0 { angle.cos() } else { angle.sin() } + 0.1 * index as f32 % 0.3,
            ),
            FULL,
        )
    };
    let turned = [4, 0, 3, 1, 2].map(pose);
    assert!(similarity::cosine(&turned[0], &turned[1]).unwrap() < limits().least_consistency);
    let poses = QualityLimits { most_clipped: D, ..limits() };
    let nobody = Gallery::<D, 1>::new(FULL, SubjectId::FIRST);
    let galleries: [&dyn Scan; 1] = [&nobody];
    let search = Search::new(&galleries);
    assert!(assess(&turned, &search, None, &poses).is_ok());
    let gap = [turned[0], turned[1], turned[2], turned[3]];
    let refused = assess(&gap, &search, None, &poses).unwrap_err();
    assert!(matches!(refused, Refusal::Inconsistent { sample: 1, .. }), "{refused:?}");
    let many = std::vec![a; MAX_SAMPLES + 1];
    assert_eq!(refusal(&many, None), Err(Refusal::TooManySamples { found: MAX_SAMPLES + 1 }));
}

fn adaptation() -> Adaptation {
    Adaptation {
        least_score: Score::from_ratio(95, 100),
        least_margin: 1 << 20,
        inertia: 1,
        least_likeness: Score::from_ratio(9, 10),
    }
}

fn evidence(gallery: &Gallery<D, 12>, probe: &Template<D>) -> Evidence {
    let galleries: [&dyn Scan; 1] = [gallery];
    let decision = Search::new(&galleries).identify(probe, &Policy::new(Score::from_ratio(1, 2))).unwrap();
    let Decision::Known(evidence) = decision else { panic!("{decision:?}") };
    evidence
}

fn adapted(gallery: &Gallery<D, 12>) -> Vec<[i8; D]> {
    gallery.templates().filter(|(_, kind, _)| *kind == Kind::Adapted).map(|(_, _, code)| code).collect()
}

#[test]
fn a_template_follows_and_can_be_taken_back() {
    let mut gallery = gallery();
    gallery.enroll(&samples(1)).unwrap();
    let before: Vec<_> = gallery.templates().collect();
    let probe = sample(0, 4);
    let outcome = gallery.adapt(&evidence(&gallery, &probe), &probe, &adaptation()).unwrap();
    assert_eq!(outcome.subject, SubjectId::FIRST);
    let first = adapted(&gallery);
    assert_eq!(first.len(), 1);
    gallery.adapt(&evidence(&gallery, &probe), &probe, &adaptation()).unwrap();
    assert!(adapted(&gallery).len() == 1 && adapted(&gallery) != first, "one template that moves on");
    let enrolled = |gallery: &Gallery<D, 12>| -> Vec<_> {
        gallery.templates().filter(|(_, kind, _)| *kind == Kind::Enrolled).collect()
    };
    assert_eq!(enrolled(&gallery), before);
    assert_eq!(gallery.revert(SubjectId::FIRST), Ok(true));
    assert_eq!(gallery.revert(SubjectId::FIRST), Ok(false));
    assert_eq!(gallery.templates().collect::<Vec<_>>(), before);
    assert_eq!(gallery.revert(SubjectId::new(9)), Err(GalleryError::UnknownSubject(SubjectId::new(9))));
}

/// A subject that changes slowly takes the template along only as far as the bound: it never becomes somebody else.
#[test]
fn drift_is_bounded() {
    let mut gallery = gallery();
    let mut refused = false;
    for step in 0..60 {
        let share = step as f32 / 60.0;
        let probe = template::<D>(
            std::array::from_fn(|index| {
                f32::from(sample(0, 1).code()[index]) * (1.0 - share) + f32::from(sample(1, 1).code()[index]) * share
            }),
            FULL,
        );
        let sure = Evidence {
            best: Match { subject: SubjectId::FIRST, score: Score::MAX },
            runner_up: None,
            false_positive_rate: None,
        };
        match gallery.adapt(&sure, &probe, &adaptation()) {
            Ok(outcome) => assert!(outcome.likeness >= adaptation().least_likeness),
            Err(AdaptError::Far { likeness, least }) => {
                assert!(likeness < least);
                refused = true;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused, "it went all the way");
    let [code] = adapted(&gallery)[..] else { panic!("no adapted template") };
    let template = cognate::TemplateRef::new(&code, FULL).unwrap();
    let nearest = (0..3).map(|time| similarity::cosine(&template, &sample(0, time)).unwrap()).max().unwrap();
    assert!(nearest >= adaptation().least_likeness);
}

#[test]
fn only_a_sure_match_is_learned_from() {
    let mut gallery = gallery();
    gallery.enroll(&samples(1)).unwrap();
    let before: Vec<_> = gallery.templates().collect();
    let probe = sample(0, 4);
    let sure = evidence(&gallery, &probe);
    let unsure = Evidence { best: Match { score: Score::from_ratio(9, 10), ..sure.best }, ..sure };
    let least = adaptation().least_score;
    let expected = AdaptError::Unsure { score: Score::from_ratio(9, 10), least };
    assert_eq!(gallery.adapt(&unsure, &probe, &adaptation()), Err(expected));
    let close = Evidence { runner_up: Some(Match { subject: SubjectId::new(2), score: sure.best.score }), ..sure };
    assert_eq!(gallery.adapt(&close, &probe, &adaptation()), Err(AdaptError::Close { margin: 0, least: 1 << 20 }));
    let other = Evidence { best: Match { subject: SubjectId::new(9), score: Score::MAX }, ..sure };
    let unknown = AdaptError::Gallery(GalleryError::UnknownSubject(SubjectId::new(9)));
    assert_eq!(gallery.adapt(&other, &probe, &adaptation()), Err(unknown));
    let foreign = Template::new(&cognate::Embedding::new([1.0; D]).unwrap(), NORM_LIMITED);
    assert!(matches!(gallery.adapt(&sure, &foreign, &adaptation()), Err(AdaptError::Space(_))));
    assert_eq!(gallery.templates().collect::<Vec<_>>(), before);
    assert_eq!(Space::full(OTHER_MODEL).form, FULL.form);
}

#[test]
fn an_adapted_template_needs_a_place() {
    let mut gallery = Gallery::<D, 3>::new(FULL, SubjectId::FIRST);
    gallery.enroll(&samples(0)).unwrap();
    let sure = Evidence {
        best: Match { subject: SubjectId::FIRST, score: Score::MAX },
        runner_up: None,
        false_positive_rate: None,
    };
    let full = AdaptError::Gallery(GalleryError::Full { capacity: 3, needed: 4 });
    assert_eq!(gallery.adapt(&sure, &sample(0, 4), &adaptation()), Err(full));
}
