//! Bundles that are cut, damaged or forged.

use super::*;
use proptest::prelude::*;

#[test]
fn a_bundle_cut_at_any_length_is_refused() {
    assert_eq!(BundleView::new_checked(b"").unwrap_err(), BundleError::NotABundle);
    for bytes in [bundle(), full_bundle()] {
        for len in 1..bytes.len() {
            let error = BundleView::new_checked(&bytes[..len]).expect_err("cut");
            assert!(matches!(error, BundleError::Truncated { found, .. } if found == len), "{len}: {error}");
        }
    }
}

#[test]
fn a_bundle_with_any_byte_changed_is_refused() {
    for whole in [bundle(), full_bundle()] {
        for index in 0..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[index] ^= change;
                assert!(BundleView::new_checked(&bytes).is_err(), "byte {index} changed by {change:#x} was accepted");
            }
        }
    }
}

/// Whatever a forger makes of the sections that hold computed values, they are what is computed or refused.

#[test]
fn computed_bytes_cannot_be_forged() {
    let whole = full_bundle();
    for (section, name) in [(3, Section::Factors), (7, Section::Filter)] {
        let begin = offset_in(&whole, section);
        let end = if section == 7 { whole.len() } else { offset_in(&whole, section + 1) - 4 };
        for index in begin..end {
            let error =
                forge(whole.clone(), |bytes| bytes[index] ^= 1).expect_err(&format!("byte {index} of {begin}..{end}"));
            assert_eq!(error, BundleError::Malformed(name), "byte {index}");
        }
    }
}

#[test]
fn each_fault_has_its_error() {
    let set = |offset: usize, value: u8| move |bytes: &mut Vec<u8>| bytes[offset] = value;
    assert_eq!(BundleView::new_checked(&[0xff; 200]).unwrap_err(), BundleError::NotABundle);
    assert_eq!(forged(set(0, b'c')), Err(BundleError::NotABundle));
    assert_eq!(forged(set(8, 1)), Err(BundleError::FormatVersion { found: 1 }));
    assert_eq!(forged(set(10, 64)), Err(BundleError::Header));
    assert_eq!(forged(set(45, 1)), Err(BundleError::Header));
    assert_eq!(forged(set(20, 0)), Err(BundleError::Dimension { found: 0 }));
    assert_eq!(forged(set(21, 5)), Err(BundleError::Dimension { found: 5 * 256 + 16 }));
    assert_eq!(forged(set(22, 3)), Err(BundleError::CodeForm { found: 3 }));
    assert_eq!(forged(set(22, 2)), Err(BundleError::CodeForm { found: 2 }), "without a full scale");
    assert_eq!(forged(set(40, 2)), Err(BundleError::CodeForm { found: 0 }), "with a full scale");
    assert_eq!(forged(set(44, 4)), Err(BundleError::Layout { found: 4 }));
    assert_eq!(
        forge(full_bundle(), set(20, 15)),
        Err(BundleError::Layout { found: 1 }),
        "of a dimension without blocks"
    );
    assert_eq!(forged(set(23, 4)), Err(BundleError::SectionTable)); // an entry behind the table's end
    let missing = forged(set(99, 0x80)); // codes become an optional section of another kind
    assert_eq!(missing, Err(BundleError::MissingSection(Section::Codes)));
    assert_eq!(forged(set(48, 200)), Err(BundleError::UnknownSection { kind: 200 }));
    assert_eq!(forged(set(48, 2)), Err(BundleError::SectionTable)); // twice
    assert_eq!(forged(set(52, 113)), Err(BundleError::SectionTable)); // unaligned
    assert_eq!(forged(set(56, 255)), Err(BundleError::SectionTable)); // overlapping
    assert_eq!(forged(set(59, 255)), Err(BundleError::SectionTable)); // beyond the file
    let end_of_subjects = offset_of(1) + 8 + 2 * 12 + "AnnaĽuboš".len();
    assert!(end_of_subjects < offset_of(2), "there are bytes between two sections");
    assert_eq!(forged(set(end_of_subjects, 1)), Err(BundleError::SectionTable));
    let longer = forged(|bytes| {
        bytes.push(0);
        let len = bytes.len() as u32;
        bytes[12..16].copy_from_slice(&len.to_le_bytes());
    });
    assert_eq!(longer, Err(BundleError::SectionTable)); // bytes behind the last section
    let mut damaged = bundle();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(matches!(BundleView::new_checked(&damaged), Err(BundleError::Checksum { .. })));
}

#[test]
fn sections_that_contradict_themselves_are_refused() {
    let [thresholds, subjects, owners, factors, codes] = [0, 1, 2, 3, 4].map(offset_of);
    let set = |offset: usize, value: u8| move |bytes: &mut Vec<u8>| bytes[offset] = value;
    let malformed = |section| Err(BundleError::Malformed(section));
    assert_eq!(forged(set(thresholds, 3)), malformed(Section::Thresholds)); // no such operating point
    assert_eq!(forged(set(thresholds + 7, 0xff)), malformed(Section::Thresholds)); // a false-positive rate above a whole
    let no_fpir = |bytes: &mut Vec<u8>| bytes[thresholds + 4..thresholds + 8].fill(0);
    assert_eq!(forged(no_fpir), malformed(Section::Thresholds));
    assert_eq!(forged(set(thresholds + 12, 3)), malformed(Section::Thresholds)); // no such fusion
    assert_eq!(forged(set(thresholds + 13, 9)), malformed(Section::Thresholds)); // a mean of too many
    assert_eq!(forged(set(thresholds + 14, 0)), malformed(Section::Thresholds)); // for subjects without templates
    assert_eq!(forged(set(thresholds + 19, 0xff)), malformed(Section::Thresholds)); // a rate above a whole
    assert_eq!(forged(set(thresholds + 39, 0x80)), malformed(Section::Thresholds)); // thresholds out of order
    assert_eq!(forged(set(thresholds + 25, 0)).and(forged(set(thresholds + 24, 0))), Ok(())); // fewer comparisons
    let no_comparisons = |bytes: &mut Vec<u8>| bytes[thresholds + 24..thresholds + 28].fill(0);
    assert_eq!(forged(no_comparisons), malformed(Section::Thresholds));
    let no_bound = |bytes: &mut Vec<u8>| bytes[thresholds + 28..thresholds + 32].fill(0);
    assert_eq!(forged(no_bound), malformed(Section::Thresholds));
    assert_eq!(forged(set(thresholds + 35, 0x20)), malformed(Section::Thresholds)); // rates out of order
    assert_eq!(forged(set(subjects, 9)), malformed(Section::Subjects)); // the next id was given
    assert_eq!(forged(set(subjects + 4, 200)), malformed(Section::Subjects)); // more subjects than bytes
    assert_eq!(forged(set(subjects + 8, 9)), malformed(Section::Subjects)); // ids out of order
    assert_eq!(forged(set(subjects + 15, 0x10)), malformed(Section::Subjects)); // a name elsewhere
    assert_eq!(forged(set(subjects + 32, 0xff)), malformed(Section::Subjects)); // not UTF-8
    assert_eq!(forged(set(subjects + 16, 3)), malformed(Section::Subjects)); // a byte between two names
    assert_eq!(forged(set(subjects + 3, 0x81)), malformed(Section::Subjects)); // ids that are a device's to give
    assert_eq!(forged(set(owners, 9)), malformed(Section::Owners)); // a subject's rows apart
    assert_eq!(forged(set(owners + 8, 3)), malformed(Section::Owners)); // a subject without rows
    assert_eq!(forged(set(factors, 1)), malformed(Section::Factors)); // of another code
    assert_eq!(forged(set(codes, 126)), malformed(Section::Codes)); // no element of 127
    assert_eq!(forged(set(codes + 1, 0x80)), malformed(Section::Codes)); // −128
}

#[test]
fn optional_sections_that_contradict_themselves_are_refused() {
    let whole = full_bundle();
    let [back_end, cohort] = [5, 6].map(|section| offset_in(&whole, section));
    let set = |offset: usize, value: u8| forge(full_bundle(), |bytes| bytes[offset] = value);
    for (offset, value, what) in [
        (16, 65, "an exponent beyond the range"),
        (18, 1, "a shift without a map"),
        (19, 1, "a byte that must be zero"),
        (20, 15, "fewer inputs than the mean has"),
        (20, 17, "more inputs than the mean has"),
        (22, 1, "a map that is not there"),
        (23, 1, "a byte that must be zero"),
        (27, 1, "a mean beyond the range"),
    ] {
        assert_eq!(set(back_end + offset, value), Err(BundleError::Malformed(Section::BackEnd)), "{what}");
    }
    for (offset, value, what) in [
        (0, 4, "no such method"),
        (0, 1, "statistics that T-norm has not"),
        (1, 1, "the most alike one alone"),
        (2, 0, "no members"),
        (2, 3, "more members than there are"),
        (4, 0, "a factor of another code"),
        (16, 0, "a deviation of 0"),
        (28, 1, "no element of 127 in the first member"),
    ] {
        // Of the first member the only element of 127 is the fifth.
        let offset = if offset == 28 { 28 + 4 } else { offset };
        assert_eq!(set(cohort + offset, value), Err(BundleError::Malformed(Section::Cohort)), "{what}");
    }
    let without_outputs = full(
        |_| (),
        |contents| {
            let back_end = BackEnd::new(ENCODER, [0, 0], 0, &[[0; 4]; 3], &[]);
            encode(&BundleContents { back_end, ..contents })
        },
    );
    assert_eq!(without_outputs, Err(WriteError::Contents(BundleError::Malformed(Section::BackEnd))));
}

#[test]
fn an_optional_section_of_tomorrow_is_passed_over() {
    let forged = forged(|bytes| {
        // A sixth entry moves the sections: 48 + 6 · 12 = 120 > 112.
        assert_eq!(offset_of(0), 112);
        let moved = bytes.split_off(112);
        bytes.truncate(108);
        bytes.extend([[0x34, 0x12, 0, 0x80], [0; 4], [8, 0, 0, 0]].concat());
        bytes.resize(128, 0);
        bytes.extend(moved);
        bytes[23] = 6;
        for section in 0..5 {
            let (entry, offset) = (52 + 12 * section, offset_of(section) as u32 + 16);
            bytes[entry..entry + 4].copy_from_slice(&offset.to_le_bytes());
        }
        let end = bytes.len().next_multiple_of(16);
        bytes.resize(end, 0);
        bytes.extend([0x77; 8]);
        bytes[108 + 4..108 + 8].copy_from_slice(&(end as u32).to_le_bytes());
        let len = bytes.len() as u32;
        bytes[12..16].copy_from_slice(&len.to_le_bytes());
    });
    assert_eq!(forged, Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn forged_bytes_never_panic_and_what_is_accepted_can_be_read(
        full in any::<bool>(),
        changes in prop::collection::vec((20usize..1200, any::<u8>()), 1..6),
    ) {
        let mut bytes = if full { full_bundle() } else { bundle() };
        for (index, value) in changes {
            let index = index.min(bytes.len() - 1);
            bytes[index] = value;
        }
        let crc = crc32c(&bytes[20..]);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        if let Ok(view) = BundleView::new_checked(&bytes) {
            prop_assert_eq!(view.gallery().templates().count(), view.gallery().len());
            prop_assert!(view.subjects().count() >= 1 && view.thresholds().entries().count() >= 1);
            let code: Vec<i8> = view.gallery().templates().next().unwrap().1.collect();
            let probe = TemplateRef::new(&code, view.space()).unwrap();
            let gallery = view.gallery();
            let galleries: [&dyn Scan; 1] = [&gallery];
            let search = Search::new(&galleries).fused_by(view.thresholds().calibration().fusion);
            prop_assert!(search.rank::<1>(&probe).unwrap()[0].score >= Score::MIN);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bundle()[..20].to_vec();
        bytes.extend(&tail);
        let len = bytes.len() as u32;
        bytes[12..16].copy_from_slice(&len.to_le_bytes());
        let crc = crc32c(&bytes[20..]);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        prop_assert!(BundleView::new_checked(&bytes).is_err());
        prop_assert!(BundleView::new_checked(&tail).is_err());
    }
}
