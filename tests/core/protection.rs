//! Protected templates give exactly the scores, decisions and errors of those that are not; two keys have nothing in common.

use crate::support::{FULL, NORM_LIMITED, OTHER_MODEL, code, euclidean, hmac_sha256};
use cognate::gallery::{Adaptation, Best};
use cognate::protection::{Protection, ProtectionError, ProtectionKey};
use cognate::{
    FilteredGallery, Fusion, Gallery, MatchError, Policy, Query, Scan, Score, Search, Space, SubjectId, Template,
    TemplateError, similarity,
};
use proptest::prelude::*;

const D: usize = 32;
const N: usize = 24;

fn spaces() -> [Space; 3] {
    [FULL, NORM_LIMITED, euclidean(2.0)]
}

fn template(code: &[i8], space: Space) -> Result<Template<D>, TemplateError> {
    Template::from_code(code.try_into().unwrap(), space)
}

/// Codes of some subjects in one of the spaces.
fn codes() -> impl Strategy<Value = (Space, Vec<(u8, Vec<i8>)>)> {
    prop::sample::select(spaces().to_vec())
        .prop_flat_map(|space| (Just(space), prop::collection::vec((0u8..6, code(D, space.form)), 2..N)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn everything_is_decided_as_without_protection((space, codes) in codes(), key in any::<[u8; 32]>(), threshold in -1.0f64..1.0) {
        let mut order = [0; D];
        let protection = Protection::new(&ProtectionKey::new(key), space, &mut order).unwrap();
        let plain: Vec<(u8, Template<D>)> = codes.iter().map(|(of, code)| (*of, template(code, space).unwrap())).collect();
        let protected: Vec<(u8, Template<D>)> =
            plain.iter().map(|(of, template)| (*of, protection.protect(template).unwrap())).collect();
        for ((_, plain), (_, protected)) in plain.iter().zip(&protected) {
            prop_assert_eq!(protection.reveal(protected).unwrap(), *plain);
            // Not only what is there, but what would be made of its code.
            prop_assert_eq!(template(protected.code(), protection.space()).unwrap(), *protected);
        }
        let (probe, protected_probe) = (plain[0].1, protected[0].1);
        for ((_, plain), (_, protected)) in plain.iter().zip(&protected) {
            prop_assert_eq!(similarity::score(&probe, plain), similarity::score(&protected_probe, protected));
        }
        let galleries = (gallery(&plain, space), gallery(&protected, protection.space()));
        let filtered = (filtered(&plain, space), filtered(&protected, protection.space()));
        let policy = Policy::new(Score::from_raw((threshold * f64::from(1 << 24)) as i32)).with_margin(1 << 18);
        for fusion in [Fusion::Maximum, Fusion::MeanOfBest(Best::new(2).unwrap()), Fusion::Centroid] {
            let (a, b): ([&dyn Scan; 1], [&dyn Scan; 1]) = ([&galleries.0], [&galleries.1]);
            let (a, b) = (Search::new(&a).fused_by(fusion), Search::new(&b).fused_by(fusion));
            prop_assert_eq!(a.rank::<8>(&probe), b.rank::<8>(&protected_probe));
            prop_assert_eq!(a.identify(&probe, &policy), b.identify(&protected_probe, &policy));
        }
        let (a, b): ([&dyn Scan; 1], [&dyn Scan; 1]) = ([&filtered.0], [&filtered.1]);
        let decisions = (Search::new(&a).identify(&probe, &policy), Search::new(&b).identify(&protected_probe, &policy));
        prop_assert_eq!(decisions.0.map(|found| found.subject()), decisions.1.map(|found| found.subject()));
    }

    /// Sums, differences, centroids: the protected sum of templates is the sum of protected templates.
    #[test]
    fn a_query_of_protected_templates_is_the_protected_query((space, codes) in codes(), key in any::<[u8; 32]>()) {
        let mut order = [0; D];
        let protection = Protection::new(&ProtectionKey::new(key), space, &mut order).unwrap();
        let (mut plain, mut protected) = (Query::<D>::new(space), Query::<D>::new(protection.space()));
        for (weight, code) in &codes {
            let (weight, template) = (i16::from(*weight) - 2, template(code, space).unwrap());
            plain = plain.weighted(&template, weight).unwrap();
            protected = protected.weighted(&protection.protect(&template).unwrap(), weight).unwrap();
        }
        let expected = plain.template().map(|template| protection.protect(&template).unwrap());
        prop_assert_eq!(protected.template(), expected);
    }

    #[test]
    fn a_gallery_gets_another_key_in_its_place((space, codes) in codes(), keys in any::<[[u8; 32]; 2]>()) {
        prop_assume!(keys[0] != keys[1]);
        let (mut first, mut second) = ([0; D], [0; D]);
        let old = Protection::new(&ProtectionKey::new(keys[0]), space, &mut first).unwrap();
        let new = Protection::new(&ProtectionKey::new(keys[1]), space, &mut second).unwrap();
        let plain: Vec<_> = codes.iter().map(|(of, code)| (*of, template(code, space).unwrap())).collect();
        let by = |protection: &Protection<'_>| {
            plain.iter().map(|(of, template)| (*of, protection.protect(template).unwrap())).collect::<Vec<_>>()
        };
        let (mut gallery, expected) = (filtered(&by(&old), old.space()), filtered(&by(&new), new.space()));
        prop_assert!(matches!(gallery.rekey(&new, &old), Err(ProtectionError::Space(_))), "not of this key");
        gallery.rekey(&old, &new).unwrap();
        prop_assert_eq!(gallery.space(), new.space());
        prop_assert_eq!(gallery.templates().collect::<Vec<_>>(), expected.templates().collect::<Vec<_>>());
        let policy = Policy::new(Score::from_raw(0));
        let probe = new.protect(&plain[0].1).unwrap();
        let (a, b): ([&dyn Scan; 1], [&dyn Scan; 1]) = ([&gallery], [&expected]);
        prop_assert_eq!(Search::new(&a).identify(&probe, &policy), Search::new(&b).identify(&probe, &policy));
        let old_probe = old.protect(&plain[0].1).unwrap();
        prop_assert!(matches!(Search::new(&a).identify(&old_probe, &policy), Err(MatchError::Space(_))));
    }
}

/// Enrolled in their order; of a subject's first template a centroid would be another, so each is enrolled as it is.
fn gallery(templates: &[(u8, Template<D>)], space: Space) -> Gallery<D, N> {
    let mut gallery = Gallery::new(space, SubjectId::FIRST);
    for subject in 0..6 {
        let of = templates.iter().filter(|(of, _)| *of == subject).map(|(_, template)| *template).collect::<Vec<_>>();
        if !of.is_empty() {
            gallery.enroll(&of).unwrap();
        }
    }
    gallery
}

fn filtered(templates: &[(u8, Template<D>)], space: Space) -> FilteredGallery<D, N> {
    let mut gallery = FilteredGallery::filtered(space, SubjectId::FIRST);
    for subject in 0..6 {
        let of = templates.iter().filter(|(of, _)| *of == subject).map(|(_, template)| *template).collect::<Vec<_>>();
        if !of.is_empty() {
            gallery.enroll(&of).unwrap();
        }
    }
    gallery
}

/// What adapts under protection adapts to the protected template.
#[test]
fn adaptation_is_the_same_under_protection() {
    let limits = Adaptation {
        least_score: Score::from_ratio(1, 2),
        least_margin: 0,
        inertia: 3,
        least_likeness: Score::from_ratio(1, 2),
    };
    let mut order = [0; D];
    let protection = Protection::new(&ProtectionKey::new([9; 32]), FULL, &mut order).unwrap();
    let of = |turn: usize| -> [i8; D] {
        std::array::from_fn(|i| if i == 0 { 127 } else { ((i * 37 + turn * 5) % 101) as i8 - 50 })
    };
    let enrolled = template(&of(0), FULL).unwrap();
    let mut plain = gallery(&[(0, enrolled)], FULL);
    let mut protected = gallery(&[(0, protection.protect(&enrolled).unwrap())], protection.space());
    for turn in 1..20 {
        let probe = template(&of(turn % 3), FULL).unwrap();
        let protected_probe = protection.protect(&probe).unwrap();
        let policy = Policy::new(Score::from_ratio(1, 2));
        let evidence = |gallery: &dyn Scan, probe: &Template<D>| {
            *Search::new(&[gallery]).identify(probe, &policy).unwrap().evidence().unwrap()
        };
        let (a, b) = (evidence(&plain, &probe), evidence(&protected, &protected_probe));
        assert_eq!(plain.adapt(&a, &probe, &limits), protected.adapt(&b, &protected_probe, &limits));
    }
    let expected: Vec<_> = plain
        .templates()
        .map(|(_, kind, code)| (kind, protection.protect(&template(&code, FULL).unwrap()).unwrap()))
        .collect();
    let found: Vec<_> =
        protected.templates().map(|(_, kind, code)| (kind, template(&code, protection.space()).unwrap())).collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 2);
}

#[test]
fn templates_of_two_keys_models_or_none_are_never_compared() {
    let (mut a, mut b, mut c) = ([0; D], [0; D], [0; D]);
    let mut code = [1; D];
    code[0] = 127;
    let template = template(&code, FULL).unwrap();
    let first = Protection::new(&ProtectionKey::new([1; 32]), FULL, &mut a).unwrap();
    let second = Protection::new(&ProtectionKey::new([2; 32]), FULL, &mut b).unwrap();
    let other_model = Protection::new(&ProtectionKey::new([1; 32]), Space::full(OTHER_MODEL), &mut c).unwrap();
    let (x, y) = (first.protect(&template).unwrap(), second.protect(&template).unwrap());
    assert!(similarity::score(&x, &y).is_err() && similarity::score(&x, &template).is_err());
    for (result, what) in [
        (first.protect(&x), "twice"),
        (first.reveal(&template), "revealed"),
        (first.reveal(&y), "another key"),
        (other_model.protect(&template), "another model"),
    ] {
        assert!(matches!(result, Err(ProtectionError::Space(_))), "{what}");
    }
    assert_eq!(
        Protection::new(&ProtectionKey::new([1; 32]), FULL, &mut []).err(),
        Some(ProtectionError::Dimension { expected: 1024, found: 0 })
    );
    let shown = format!("{first:?} {:?}", ProtectionKey::new([0x5a; 32]));
    assert!(!shown.contains("90") && !shown.contains("5a"), "{shown}");
}

/// Impostors: what two keys make of one template is no more alike than what they make of two, and both are as chance has it.
#[test]
fn the_same_template_under_two_keys_is_a_stranger() {
    const WIDE: usize = 128;
    let mut random = 1u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut sum = (0.0, 0.0);
    let mut count = 0.0;
    for round in 0..400u16 {
        let mut code: [i8; WIDE] = std::array::from_fn(|_| (next() % 255) as i8);
        code.iter_mut().for_each(|element| *element = (*element).max(-127));
        code[0] = 127;
        let template = Template::<WIDE>::from_code(code, FULL).unwrap();
        let under = |key: u8| {
            let mut order = [0; WIDE];
            let mut bytes = [key; 32];
            bytes[..2].copy_from_slice(&round.to_le_bytes());
            *Protection::new(&ProtectionKey::new(bytes), FULL, &mut order).unwrap().protect(&template).unwrap().code()
        };
        // A thief would take the two for templates of one space.
        let [a, b] = [1, 2].map(|key| Template::<WIDE>::from_code(under(key), FULL).unwrap());
        let cosine = f64::from(similarity::cosine(&a, &b).unwrap().to_f32());
        sum = (sum.0 + cosine, sum.1 + cosine * cosine);
        count += 1.0;
    }
    let (mean, deviation) = (sum.0 / count, (sum.1 / count).sqrt());
    println!(
        "cosine of one template under two keys: mean {mean:.4}, deviation {deviation:.4}; 1/√{WIDE} = {:.4}",
        1.0 / (WIDE as f64).sqrt()
    );
    assert!(mean.abs() < 0.02, "five standard errors of chance: {mean}");
    assert!((deviation - 0.0884).abs() < 0.0884 * 0.2, "that of chance: {deviation}");
}

/// The order and the signs of a key are what `docs/bundle-format.md` says, computed here from another HMAC.
#[test]
fn order_and_signs_are_those_of_the_format() {
    let mut order = [0; 5];
    let key = [7; 32];
    let protection = Protection::new(&ProtectionKey::new(key), FULL, &mut order).unwrap();
    let mut places = [0u16; 5];
    for (index, place) in places.iter_mut().enumerate() {
        let mut code = [0i8; 5];
        code[index] = 127;
        let protected = protection.protect(&Template::from_code(code, FULL).unwrap()).unwrap();
        *place = protected.code().iter().position(|element| *element != 0).unwrap() as u16
            | u16::from(protected.code().contains(&-127)) << 15;
    }
    let digest = |name: &[u8], counter: u32| hmac_sha256(&key, &[name, FULL.model.as_bytes(), &counter.to_le_bytes()]);
    let block = digest(b"cognate protection: order", 0);
    let mut numbers = block.chunks(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let mut expected: Vec<u16> = (0..5).collect();
    for last in (1..5u16).rev() {
        let most = u16::MAX - u16::MAX % (last + 1);
        let number = numbers.by_ref().find(|number| *number < most).unwrap();
        expected.swap(last.into(), usize::from(number % (last + 1)));
    }
    let signs: Vec<bool> = numbers.take(5).map(|number| number >> 15 == 1).collect();
    for (index, place) in expected.iter().enumerate() {
        // Where element `place` of the code went, and with which sign.
        assert_eq!(places[usize::from(*place)], index as u16 | u16::from(signs[index]) << 15);
    }
    assert_eq!(protection.space().model.as_bytes()[..], digest(b"cognate protection: space", 0)[..16]);
}
