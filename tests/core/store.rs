//! The store: cut, damaged, worn, and looked through for what was removed.

use crate::flash::{Cut, Moment};
use crate::powercut::{
    CAPACITY, Counts, DIMENSION, Flash, PAGE, Random, TestStore, area, content, gallery, history, new_flash, open,
    space, template,
};
use cognate::store::{OpenError, Receipt, Store, StoreError};
use cognate::{Decision, Gallery, GalleryError, ModelDigest, Policy, Scan, Score, Search, Space, SubjectId};

const WORD: usize = 4;
/// Bytes of a page's header (`docs/store-format.md`).
const HEADER: usize = 48;

#[test]
fn a_cut_at_any_point_leaves_what_was_before_or_what_was_to_be() {
    let mut counts = Counts::default();
    for seed in 0..2 {
        counts.add(history::<1>(seed, 12));
        counts.add(history::<4>(seed + 100, 30));
        counts.add(history::<8>(seed + 200, 30));
        counts.add(history::<32>(seed + 300, 30));
    }
    assert_eq!((counts.lost, counts.half), (0, 0), "{counts:?}");
    assert!(counts.cut_points > 10_000, "{counts:?}");
}

/// A store with these codes, a subject each.
fn with(codes: &[[i8; DIMENSION]]) -> (Flash<WORD>, Vec<SubjectId>) {
    let mut flash = new_flash::<WORD>();
    let mut store = open(&mut flash);
    let subjects = codes.iter().map(|code| store.enroll(&[template(*code)]).expect("there is room")).collect();
    (flash, subjects)
}

#[test]
fn whoever_is_removed_is_nowhere_in_flash() {
    let mut random = Random::new(5);
    let codes = [(); 3].map(|()| random.code());
    let (mut flash, subjects) = with(&codes);
    let bytes: Vec<[u8; DIMENSION]> = codes.iter().map(|code| code.map(i8::cast_unsigned)).collect();
    let holds = |flash: &Flash<WORD>, code: &[u8]| flash.bytes().windows(DIMENSION).any(|window| window == code);
    // Older copies, too.
    for _ in 0..5 {
        let mut store = open(&mut flash);
        let other = store.enroll(&[template(random.code())]).expect("there is room");
        store.remove(other).expect("it is there");
    }
    assert!(bytes.iter().all(|code| holds(&flash, code)));
    let mut store = open(&mut flash);
    let receipt = store.remove(subjects[1]).expect("it is there");
    let Receipt::Erased { subject, templates: 1, pages } = receipt else { panic!("{receipt:?}") };
    assert_eq!((subject, pages.stubborn), (subjects[1], 0));
    assert_eq!(store.remove(subjects[1]), Err(GalleryError::UnknownSubject(subjects[1]).into()));
    assert!(flash.bytes()[pages.bytes.start as usize..pages.bytes.end as usize].iter().all(|byte| *byte == 0xff));
    assert_eq!([0, 1, 2].map(|subject| holds(&flash, &bytes[subject])), [true, false, true]);
}

#[test]
fn a_subject_of_the_bundle_is_hidden_and_stays_so() {
    let mut flash = new_flash::<WORD>();
    let mut bundled = Gallery::<DIMENSION, 2>::new(space(), SubjectId::FIRST);
    let mut random = Random::new(8);
    let (one, other) = (template(random.code()), template(random.code()));
    let subject = bundled.enroll(&[one]).expect("there is room");
    let second = bundled.enroll(&[other]).expect("there is room");
    let receipt = open(&mut flash).hide(subject).expect("it is the bundle's");
    assert_eq!(receipt, Receipt::Hidden { subject });
    assert!(receipt.to_string().contains("stay in the bundle until the next one"), "{receipt}");
    for _ in 0..2 {
        let mut store = open(&mut flash);
        let galleries: [&dyn Scan; 2] = [&bundled, store.gallery()];
        let search = Search::new(&galleries).without(store.hidden());
        let decision = search.identify(&one, &Policy::new(Score::MIN)).expect("somebody is enrolled");
        assert_eq!(decision.evidence().map(|evidence| evidence.best.subject), Some(second));
        assert!(matches!(decision, Decision::Known(_)));
        let device = store.enroll(&[one]).expect("there is room");
        assert_eq!(store.hide(device), Err(StoreError::OfDevice(device)));
        store.remove(device).expect("it is there");
    }
}

#[test]
fn however_many_are_hidden_everybody_can_be_removed() {
    let mut random = Random::new(9);
    let (mut flash, subjects) = with(&[(); CAPACITY].map(|()| random.code()));
    let mut store = open(&mut flash);
    let refused = (1..100).find_map(|id| store.hide(SubjectId::new(id)).err());
    let most = store.hidden().len();
    assert_eq!(refused, Some(StoreError::Hidden { most }));
    assert!(most >= 6, "{most}");
    for subject in subjects {
        let mut store = open(&mut flash);
        assert_eq!(store.hidden().len(), most);
        store.remove(subject).expect("there is room for whoever stays");
    }
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let mut random = Random::new(11);
    let (mut flash, subjects) = with(&[(); 4].map(|()| random.code()));
    open(&mut flash).remove(subjects[0]).expect("it is there");
    open(&mut flash).enroll(&[template(random.code()), template(random.code())]).expect("there is room");
    let (whole, next) = {
        let store = open(&mut flash);
        (content(&store), store.gallery().next_subject())
    };
    for bit in 0..flash.bytes().len() * 8 {
        let mut flipped = flash.clone();
        flipped.damage(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        let (store, report) = match Store::open(&mut flipped, area::<WORD>(), gallery()) {
            Ok(opened) => opened,
            Err(error) => panic!("bit {bit}: {error}"),
        };
        let found = content(&store);
        assert!(found == whole || !report.damage.is_none(), "bit {bit} is not found");
        assert!(found.lacks_at_most_one_of(&whole), "bit {bit} is not contained");
        assert!(store.gallery().next_subject() >= next, "bit {bit}: an id may be given twice");
    }
}

#[test]
fn worn_pages_are_left_aside() {
    let mut worn = 0;
    for page in 1..=area::<WORD>().pages as usize {
        let mut flash = new_flash::<WORD>();
        flash.wear_out(page);
        let mut random = Random::new(page as u64);
        let mut store = open(&mut flash);
        let mut subjects = Vec::new();
        for _ in 0..20 {
            subjects.push(store.enroll(&[template(random.code())]).expect("one page more than it takes"));
            if subjects.len() == 7 {
                store.remove(subjects.remove(0)).expect("it is there");
            }
        }
        worn += u32::from(store.worn() > 0);
        let there = content(&store);
        assert_eq!(content(&open(&mut flash)), there);
    }
    assert!(worn >= 4, "only {worn} of the pages are ever written");
}

#[test]
fn a_page_that_is_not_erased_any_more_brings_nobody_back() {
    let pages = area::<WORD>().pages as usize;
    let (mut said_so, mut left_aside) = (0, 0);
    for (page, sticks_after) in (1..=pages).flat_map(|page| (0..12).map(move |after| (page, after))) {
        let mut flash = new_flash::<WORD>();
        let mut random = Random::new((page * 100 + sticks_after) as u64);
        let mut there = content(&open(&mut flash));
        for operation in 0..24 {
            if operation == sticks_after {
                flash.stick(page);
            }
            let (mut store, report) = Store::open(&mut flash, area::<WORD>(), gallery()).expect("its log is whole");
            assert_eq!(content(&store), there, "page {page} sticks after {sticks_after}, operation {operation}");
            left_aside += u32::from(!report.damage.is_none());
            let subject = store.gallery().enrolled().next();
            match subject.filter(|_| operation % 3 == 2 || store.gallery().len() > 4) {
                Some(subject) => {
                    let receipt = store.remove(subject).expect("one page more than it takes");
                    said_so += u32::from(matches!(receipt, Receipt::Erased { pages, .. } if pages.stubborn > 0));
                }
                None => drop(store.enroll(&[template(random.code())]).expect("one page more than it takes")),
            }
            there = content(&store);
        }
    }
    assert!(said_so > 100 && left_aside > 100, "{said_so} {left_aside}");
}

#[test]
fn pages_of_generations_that_no_store_leaves_beside_each_other_are_no_log() {
    let mut random = Random::new(21);
    let (flash, _) = with(&[(); 4].map(|()| random.code()));
    let header = flash.bytes()[PAGE..][..HEADER].to_vec();
    // Three generations, each of which is newer than the one before.
    let mut forged = new_flash::<WORD>();
    for (page, generation) in [0u32, 0x5555_5555, 0xaaaa_aaaa].into_iter().enumerate() {
        let mut header = header.clone();
        header[8..12].copy_from_slice(&generation.to_le_bytes());
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&header[..HEADER - 4]);
        header[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        forged.damage(|bytes| bytes[PAGE * (1 + page)..][..HEADER].copy_from_slice(&header));
    }
    let refused = Store::open(&mut forged, area::<WORD>(), gallery()).err();
    assert_eq!(refused, Some(OpenError::Unreadable));
}

#[test]
fn pages_wear_alike() {
    let mut flash = new_flash::<WORD>();
    let mut random = Random::new(3);
    for _ in 0..200 {
        let mut store = open(&mut flash);
        let subject = store.enroll(&[template(random.code())]).expect("there is room");
        store.remove(subject).expect("it is there");
    }
    let wear = &flash.wear()[1..=area::<WORD>().pages as usize];
    let (least, most) = (wear.iter().min().copied(), wear.iter().max().copied());
    assert!(least >= Some(99) && most <= Some(101), "{wear:?}");
    assert_eq!(flash.wear()[0], 0, "a page outside of the area was erased");
}

#[test]
fn another_model_is_an_error_and_ids_go_on() {
    let (mut flash, subjects) = with(&[[127; DIMENSION]; 2]);
    let found = space().model;
    let expected = ModelDigest::new([9; 16]);
    let other = || Gallery::new(Space::full(expected), SubjectId::FIRST_ON_DEVICE);
    let before = flash.bytes().to_vec();
    let opened = TestStore::open(&mut flash, area::<WORD>(), other());
    assert_eq!(opened.map(drop), Err(OpenError::Model { expected, found }));
    assert!(flash.bytes() == before, "an error changed the flash");
    let (store, _) = TestStore::renew(&mut flash, area::<WORD>(), other()).expect("it begins anew");
    assert!(store.gallery().is_empty() && store.gallery().next_subject() > subjects.last().copied());
    assert!(!flash.bytes().windows(DIMENSION).any(|window| window == [127; DIMENSION]));
    let (store, _) = TestStore::open(&mut flash, area::<WORD>(), other()).expect("it is of this model now");
    assert!(store.gallery().next_subject() > subjects.last().copied());
}

#[test]
fn flash_of_something_else_is_not_touched() {
    let mut flash = new_flash::<WORD>();
    flash.damage(|bytes| bytes.fill(0x5a));
    let before = flash.bytes().to_vec();
    assert_eq!(TestStore::open(&mut flash, area::<WORD>(), gallery()).map(drop), Err(OpenError::Unreadable));
    assert!(flash.bytes() == before);
}

#[test]
fn after_a_failure_a_store_changes_no_more() {
    let (mut flash, _) = with(&[[127; DIMENSION]]);
    flash.cut_at(Cut { operation: flash.operations() + 2, moment: Moment::Before });
    let mut store = open(&mut flash);
    let there = content(&store);
    for _ in 0..2 {
        assert!(matches!(store.enroll(&[template([127; DIMENSION])]), Err(StoreError::Flash(_))));
        assert_eq!(content(&store), there);
    }
}
