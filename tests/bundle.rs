//! What the writer writes the view reads, and nothing else: cut, damaged and hostile bytes are refused.

use cognate::bundle::{EnrolledTemplate, MAX_THRESHOLDS, Rate, Section, Subject, ThresholdEntry, WriteError};
use cognate::{BundleContents, BundleError, BundleView, MAX_DIMENSION, ModelDigest, Score, SubjectId};
use proptest::prelude::*;

const MODEL: ModelDigest = ModelDigest::new(*b"0123456789abcdef");

fn threshold(fmr: u32, threshold: i32) -> ThresholdEntry {
    ThresholdEntry {
        fmr: Rate::from_parts_per_billion(fmr).unwrap(),
        threshold: Score::from_raw(threshold).unwrap(),
        comparisons: 12_345,
        fmr_upper_bound: Rate::from_parts_per_billion(fmr + 7).unwrap(),
    }
}

fn thresholds() -> [ThresholdEntry; 3] {
    [threshold(100_000_000, -5), threshold(10_000_000, 4_000_000), threshold(1_000_000, 4_000_000)]
}

const SUBJECTS: [Subject<'static>; 2] =
    [Subject { id: SubjectId::new(3), name: "Anna" }, Subject { id: SubjectId::new(9), name: "Ľuboš" }];

const CODES: [[i8; 5]; 3] = [[127, 0, -3, 4, 5], [-127, 1, 2, 3, 127], [0, 0, 0, 0, -127]];

fn templates() -> [EnrolledTemplate<'static>; 3] {
    let [a, b, c] = &CODES;
    let of = |id, code| EnrolledTemplate { subject: SubjectId::new(id), code };
    [of(3, a), of(3, b), of(9, c)]
}

fn with_contents<T>(use_contents: impl FnOnce(BundleContents<'_>) -> T) -> T {
    use_contents(BundleContents {
        dimension: 5,
        model: MODEL,
        thresholds: &thresholds(),
        operating_point: 1,
        subjects: &SUBJECTS,
        next_subject: SubjectId::new(12),
        templates: &templates(),
    })
}

fn encode(contents: &BundleContents<'_>) -> Result<Vec<u8>, WriteError> {
    let mut bytes = vec![0xa5; contents.encoded_len()?];
    let written = contents.encode(&mut bytes)?;
    assert_eq!(written, bytes.len());
    Ok(bytes)
}

fn bundle() -> Vec<u8> {
    with_contents(|contents| encode(&contents)).expect("these contents are valid")
}

/// CRC-32C by its definition, bit by bit (RFC 3720, appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    })
}

/// A hostile writer: changes bytes, then makes the checksum right again.
fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), BundleError> {
    let mut bytes = bundle();
    change(&mut bytes);
    let crc = crc32c(&bytes[20..]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    BundleView::new_checked(&bytes).map(|_| ())
}

fn offset_of(section: usize) -> usize {
    let bytes = bundle();
    let entry = 48 + 12 * section + 4;
    u32::from_le_bytes(bytes[entry..entry + 4].try_into().unwrap()) as usize
}

#[test]
fn what_is_written_is_read() {
    let bytes = bundle();
    let view = BundleView::new_checked(&bytes).unwrap();
    assert_eq!((view.len(), view.dimension(), view.model()), (bytes.len(), 5, MODEL));
    assert_eq!(view.thresholds().collect::<Vec<_>>(), thresholds());
    assert_eq!(view.operating_point(), thresholds()[1]);
    let subjects: Vec<_> = view.subjects().collect();
    assert_eq!((subjects.as_slice(), view.next_subject()), (SUBJECTS.as_slice(), SubjectId::new(12)));
    let rows: Vec<_> = view.gallery().templates().collect();
    assert_eq!(rows.len(), 3);
    for ((subject, template), expected) in rows.iter().zip(templates()) {
        let norm = expected.code.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        assert_eq!((*subject, template.code(), template.model()), (expected.subject, expected.code, MODEL));
        let inverse_norm = 2f64.powi(36) / norm;
        assert!((f64::from(template.inverse_norm()) / inverse_norm - 1.0).abs() < 2f64.powi(-24));
    }
}

#[test]
fn the_layout_is_the_documented_one() {
    let bytes = bundle();
    assert_eq!(&bytes[..12], b"COGNATE\x1a\x01\x00\x30\x00");
    assert_eq!(bytes[12..16], (bytes.len() as u32).to_le_bytes());
    assert_eq!(bytes[16..20], crc32c(&bytes[20..]).to_le_bytes());
    assert_eq!(bytes[20..24], [5, 0, 0, 4]);
    assert_eq!(&bytes[24..40], b"0123456789abcdef");
    assert!((0..4).all(|section| offset_of(section).is_multiple_of(16)));
    let codes = offset_of(3);
    assert_eq!(bytes[codes..codes + 8], [127, 0, 253, 4, 5, 0, 0, 0]);
    assert_eq!(bytes.len(), codes + 3 * 8);
}

#[test]
fn bytes_after_the_bundle_do_not_count() {
    let mut bytes = bundle();
    let len = bytes.len();
    bytes.resize(len + 100, 0xff);
    assert_eq!(BundleView::new_checked(&bytes).unwrap().len(), len);
}

#[test]
fn a_bundle_cut_at_any_length_is_refused() {
    let bytes = bundle();
    assert_eq!(BundleView::new_checked(b"").unwrap_err(), BundleError::NotABundle);
    for len in 1..bytes.len() {
        let error = BundleView::new_checked(&bytes[..len]).expect_err("cut");
        assert!(matches!(error, BundleError::Truncated { found, .. } if found == len), "{len}: {error}");
    }
}

#[test]
fn a_bundle_with_any_byte_changed_is_refused() {
    let whole = bundle();
    for index in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[index] ^= change;
            assert!(BundleView::new_checked(&bytes).is_err(), "byte {index} changed by {change:#x} was accepted");
        }
    }
}

#[test]
fn each_fault_has_its_error() {
    let set = |offset: usize, value: u8| move |bytes: &mut Vec<u8>| bytes[offset] = value;
    assert_eq!(BundleView::new_checked(&[0xff; 200]).unwrap_err(), BundleError::NotABundle);
    assert_eq!(forged(set(0, b'c')), Err(BundleError::NotABundle));
    assert_eq!(forged(set(8, 2)), Err(BundleError::FormatVersion { found: 2 }));
    assert_eq!(forged(set(10, 64)), Err(BundleError::Header));
    assert_eq!(forged(set(45, 1)), Err(BundleError::Header));
    assert_eq!(forged(set(20, 0)), Err(BundleError::Dimension { found: 0 }));
    assert_eq!(forged(set(21, 5)), Err(BundleError::Dimension { found: 5 * 256 + 5 }));
    assert_eq!(forged(set(22, 1)), Err(BundleError::CodeForm { found: 1 }));
    assert_eq!(forged(set(23, 3)), Err(BundleError::SectionTable)); // an entry behind the table's end
    let missing = forged(set(87, 0x80)); // codes become an optional section of another kind
    assert_eq!(missing, Err(BundleError::MissingSection(Section::Codes)));
    assert_eq!(forged(set(48, 200)), Err(BundleError::UnknownSection { kind: 200 }));
    assert_eq!(forged(set(48, 2)), Err(BundleError::SectionTable)); // twice
    assert_eq!(forged(set(52, 97)), Err(BundleError::SectionTable)); // unaligned
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
    let [thresholds, subjects, rows, codes] = [0, 1, 2, 3].map(offset_of);
    let set = |offset: usize, value: u8| move |bytes: &mut Vec<u8>| bytes[offset] = value;
    let malformed = |section| Err(BundleError::Malformed(section));
    assert_eq!(forged(set(thresholds, 3)), malformed(Section::Thresholds)); // no such operating point
    assert_eq!(forged(set(thresholds + 4, 1)), malformed(Section::Thresholds)); // bytes that must be zero
    assert_eq!(forged(set(thresholds + 19, 0xff)), malformed(Section::Thresholds)); // a rate above a whole
    assert_eq!(forged(set(thresholds + 23, 0x7f)), malformed(Section::Thresholds)); // a threshold above one
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
    assert_eq!(forged(set(rows, 9)), malformed(Section::Rows)); // a subject's rows apart
    assert_eq!(forged(set(rows + 16, 3)), malformed(Section::Rows)); // a subject without rows
    assert_eq!(forged(set(rows + 4, 1)), malformed(Section::Rows)); // another norm
    assert_eq!(forged(set(codes, 126)), malformed(Section::Codes)); // no element of 127
    assert_eq!(forged(set(codes + 1, 0x80)), malformed(Section::Codes)); // −128
    assert_eq!(forged(set(codes + 5, 1)), malformed(Section::Codes)); // padding
}

#[test]
fn an_optional_section_of_tomorrow_is_passed_over() {
    let forged = forged(|bytes| {
        // A fifth entry fits before the first section: 48 + 5 · 12 = 108 ≤ 112.
        assert_eq!(offset_of(0), 96);
        let moved = bytes.split_off(96);
        bytes.extend([[0x34, 0x12, 0, 0x80], [0; 4], [8, 0, 0, 0]].concat());
        bytes.resize(112, 0);
        bytes.extend(moved);
        bytes[23] = 5;
        for section in 0..4 {
            let (entry, offset) = (52 + 12 * section, offset_of(section) as u32 + 16);
            bytes[entry..entry + 4].copy_from_slice(&offset.to_le_bytes());
        }
        let end = bytes.len().next_multiple_of(16);
        bytes.resize(end, 0);
        bytes.extend([0x77; 8]);
        bytes[96 + 4..96 + 8].copy_from_slice(&(end as u32).to_le_bytes());
        let len = bytes.len() as u32;
        bytes[12..16].copy_from_slice(&len.to_le_bytes());
    });
    assert_eq!(forged, Ok(()));
}

#[test]
fn contents_that_no_device_would_accept_are_not_written() {
    let refused = |change: fn(&mut BundleContents<'_>)| {
        with_contents(|mut contents| {
            change(&mut contents);
            encode(&contents).expect_err("refused")
        })
    };
    let malformed = |section| WriteError::Contents(BundleError::Malformed(section));
    assert_eq!(refused(|contents| contents.dimension = 0), WriteError::Dimension { found: 0 });
    assert_eq!(refused(|contents| contents.dimension = MAX_DIMENSION + 1), WriteError::Dimension { found: 1025 });
    assert_eq!(refused(|contents| contents.dimension = 4), WriteError::Dimension { found: 5 });
    assert_eq!(refused(|contents| contents.operating_point = 3), malformed(Section::Thresholds));
    assert_eq!(refused(|contents| contents.thresholds = &[]), malformed(Section::Thresholds));
    assert_eq!(refused(|contents| contents.subjects = &SUBJECTS[..1]), malformed(Section::Rows));
    assert_eq!(refused(|contents| contents.templates = &contents.templates[..2]), malformed(Section::Rows));
    assert_eq!(refused(|contents| contents.next_subject = SubjectId::new(9)), malformed(Section::Subjects));
    let many = vec![thresholds()[0]; MAX_THRESHOLDS + 1];
    let too_many = with_contents(|contents| encode(&BundleContents { thresholds: &many, ..contents }));
    assert_eq!(too_many, Err(WriteError::TooLarge));
    let short = with_contents(|contents| contents.encode(&mut [0; 100]));
    assert_eq!(short, Err(WriteError::BufferTooSmall { needed: bundle().len() }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn forged_bytes_never_panic_and_what_is_accepted_can_be_read(
        changes in prop::collection::vec((20usize..250, any::<u8>()), 1..6),
    ) {
        let mut bytes = bundle();
        for (index, value) in changes {
            let index = index.min(bytes.len() - 1);
            bytes[index] = value;
        }
        let crc = crc32c(&bytes[20..]);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        if let Ok(view) = BundleView::new_checked(&bytes) {
            prop_assert_eq!(view.gallery().templates().count(), view.gallery().len());
            prop_assert!(view.subjects().count() >= 1 && view.thresholds().count() >= 1);
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
