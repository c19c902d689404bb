//! What the writer writes the view reads, and nothing else: cut, damaged and hostile bytes are refused.

use crate::support::{FULL, MODEL, NORM_LIMITED, euclidean};
use cognate::bundle::{CohortContents, EnrolledTemplate, MAX_THRESHOLDS, Section, Subject, WriteError};
use cognate::gallery::Best;
use cognate::kernel::Layout;
use cognate::normalization::{Method, Statistics, Top};
use cognate::policy::{Calibration, Rate, ThresholdEntry};
use cognate::{
    BackEnd, BundleContents, BundleError, BundleView, Fusion, MAX_DIMENSION, ModelDigest, PolicyError, Scan, Score,
    Search, SubjectId, TemplateRef,
};
use proptest::prelude::*;

fn rate(parts: u32) -> Rate {
    Rate::from_parts_per_billion(parts).unwrap()
}

fn threshold(fmr: u32, threshold: i32) -> ThresholdEntry {
    ThresholdEntry {
        fmr: rate(fmr),
        threshold: Score::from_raw(threshold),
        comparisons: 12_345,
        fmr_upper_bound: rate(fmr + 7),
    }
}

fn thresholds() -> [ThresholdEntry; 3] {
    [threshold(100_000_000, -5), threshold(10_000_000, 4_000_000), threshold(1_000_000, 4_000_000)]
}

const SUBJECTS: [Subject<'static>; 2] =
    [Subject { id: SubjectId::new(3), name: "Anna" }, Subject { id: SubjectId::new(9), name: "Ľuboš" }];

const CODES: [[i8; 16]; 3] = [
    [127, 0, -3, 4, 5, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, -1],
    [-127, 1, 2, 3, 127, 0, 0, 0, -9, 0, 0, 0, 0, 0, 0, 30],
    [0, 0, 0, 0, -127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

fn templates() -> [EnrolledTemplate<'static>; 3] {
    let [a, b, c] = &CODES;
    let of = |id, code| EnrolledTemplate { subject: SubjectId::new(id), code };
    [of(3, a), of(3, b), of(9, c)]
}

const ENCODER: ModelDigest = ModelDigest::new([5; 16]);

static STATISTICS: [Statistics; 2] =
    [Statistics::new(Score::from_raw(-44), 55), Statistics::new(Score::from_raw(66), 77)];

/// Changes contents with nothing optional, and uses them.
fn plain<T>(change: impl FnOnce(&mut BundleContents<'_>), use_contents: impl FnOnce(BundleContents<'_>) -> T) -> T {
    let mut contents = BundleContents {
        dimension: 16,
        space: FULL,
        layout: Layout::Rows,
        thresholds: &thresholds(),
        operating_point: 1,
        fpir: rate(30_000_000),
        margin: 77,
        fusion: Fusion::MeanOfBest(Best::new(2).unwrap()),
        calibrated_templates: 5,
        subjects: &SUBJECTS,
        next_subject: SubjectId::new(12),
        templates: &templates(),
        back_end: None,
        cohort: None,
        filter: false,
    };
    change(&mut contents);
    use_contents(contents)
}

/// The same with everything optional.
fn full<T>(change: impl FnOnce(&mut BundleContents<'_>), use_contents: impl FnOnce(BundleContents<'_>) -> T) -> T {
    let back_end = BackEnd::new(ENCODER, [20, -20], 0, &[[1, 2, 3, 0]; 16], &[]).unwrap();
    let cohort = CohortContents {
        codes: &[&CODES[2], &CODES[0]],
        method: Method::AdaptiveSNorm(Top::new(2).unwrap()),
        statistics: &STATISTICS,
    };
    plain(
        |contents| {
            (contents.back_end, contents.cohort, contents.filter) = (Some(back_end), Some(cohort), true);
            contents.layout = Layout::Pairs;
            change(contents);
        },
        use_contents,
    )
}

fn encode(contents: &BundleContents<'_>) -> Result<Vec<u8>, WriteError> {
    let mut bytes = vec![0xa5; contents.encoded_len()?];
    let written = contents.encode(&mut bytes)?;
    assert_eq!(written, bytes.len());
    Ok(bytes)
}

fn bundle() -> Vec<u8> {
    plain(|_| (), |contents| encode(&contents)).expect("these contents are valid")
}

fn full_bundle() -> Vec<u8> {
    full(|_| (), |contents| encode(&contents)).expect("these contents are valid")
}

/// CRC-32C by its definition, bit by bit (RFC 3720, appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    })
}

/// A hostile writer: changes bytes, then makes the checksum right again.
fn forge(mut bytes: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), BundleError> {
    change(&mut bytes);
    let crc = crc32c(&bytes[20..]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    BundleView::new_checked(&bytes).map(|_| ())
}

fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), BundleError> {
    forge(bundle(), change)
}

/// Where a section of the bundle begins, by its place in the table.
fn offset_in(bytes: &[u8], section: usize) -> usize {
    let entry = 48 + 12 * section + 4;
    u32::from_le_bytes(bytes[entry..entry + 4].try_into().unwrap()) as usize
}

fn offset_of(section: usize) -> usize {
    offset_in(&bundle(), section)
}

#[test]
fn what_is_written_is_read() {
    let bytes = bundle();
    let view = BundleView::new_checked(&bytes).unwrap();
    assert_eq!((view.len(), view.dimension(), view.encoder_dimension()), (bytes.len(), 16, 16));
    assert_eq!((view.space(), view.encoder()), (FULL, MODEL));
    assert_eq!(view.thresholds().entries().collect::<Vec<_>>(), thresholds());
    assert_eq!((view.operating_point(), view.fpir(), view.margin()), (thresholds()[1], rate(30_000_000), 77));
    let fusion = Fusion::MeanOfBest(Best::new(2).unwrap());
    assert_eq!(view.thresholds().calibration(), Calibration { fusion, templates: 5, normalization: None });
    assert!(view.back_end().is_none() && view.cohort().is_none() && view.gallery().filter().is_none());
    let subjects: Vec<_> = view.subjects().collect();
    assert_eq!((subjects.as_slice(), view.next_subject()), (SUBJECTS.as_slice(), SubjectId::new(12)));
    let rows: Vec<_> = view.gallery().templates().collect();
    assert_eq!((rows.len(), view.gallery().subjects(), view.gallery().template_bytes()), (3, 2, 16 + 8));
    for (row, ((subject, code), expected)) in rows.into_iter().zip(templates()).enumerate() {
        assert_eq!((subject, code.collect::<Vec<_>>()), (expected.subject, expected.code.to_vec()));
        let factor = TemplateRef::new(expected.code, FULL).unwrap().factor();
        assert_eq!(view.gallery().rows().factor(row), factor);
    }
}

#[test]
fn everything_optional_is_read_as_well() {
    for (space, layouts) in [(FULL, &Layout::ALL[..]), (NORM_LIMITED, &Layout::ALL[..])] {
        for layout in layouts {
            // The second code is too long to be norm-limited.
            let code = [127, 3, 2, 3, 20, 0, 0, 0, -9, 0, 0, 0, 0, 0, 0, 1];
            let [first, mut second, third] = templates();
            second.code = &code;
            let some = [first, second, third];
            let change = |contents: &mut BundleContents<'_>| {
                contents.space = space;
                contents.layout = *layout;
            };
            let bytes = full(change, |contents| encode(&BundleContents { templates: &some, ..contents })).unwrap();
            let view = BundleView::new_checked(&bytes).unwrap();
            assert_eq!(
                (view.space(), view.encoder(), view.gallery().rows().codes().layout()),
                (space, ENCODER, *layout)
            );
            assert_eq!((view.back_end().unwrap().inputs(), view.back_end().unwrap().output_exponent()), (16, -20));
            let (cohort, method, statistics) = view.cohort().unwrap();
            assert_eq!((cohort.len(), method), (2, Method::AdaptiveSNorm(Top::new(2).unwrap())));
            assert_eq!(cohort.members().next().unwrap().code(), CODES[2]);
            assert_eq!(view.thresholds().calibration().normalization, Some(method));
            assert_eq!(statistics.of(SubjectId::new(9)), Some(Statistics::new(Score::from_raw(66), 77)));
            assert_eq!(statistics.of(SubjectId::new(4)), None);
            assert!(view.gallery().filter().is_some());
        }
    }
    let scale = |contents: &mut BundleContents<'_>| contents.space = euclidean(0.25);
    let bytes = plain(scale, |contents| encode(&contents)).unwrap();
    assert_eq!(BundleView::new_checked(&bytes).unwrap().space(), euclidean(0.25));
}

#[test]
fn policies_come_out_of_the_bundle() {
    let bytes = bundle();
    let view = BundleView::new_checked(&bytes).unwrap();
    let (gallery, verification) = (view.gallery(), view.verification().unwrap());
    assert_eq!((verification.threshold(), verification.margin()), (thresholds()[1].threshold, 0));
    let galleries: [&dyn Scan; 1] = [&gallery];
    // Two subjects at 1 % come to 1.99 %, which is below the 3 % asked for.
    let identification = view.identification(&Search::new(&galleries)).unwrap();
    assert_eq!((identification.threshold(), identification.margin()), (thresholds()[1].threshold, 77));
    let low = |contents: &mut BundleContents<'_>| contents.fpir = rate(1_999_000);
    let bytes = plain(low, |contents| encode(&contents)).unwrap();
    let view = BundleView::new_checked(&bytes).unwrap();
    let error = view.identification(&Search::new(&galleries)).unwrap_err();
    let (asked, least) = (rate(1_999_000), rate(1_999_001)); // 1 − 0.999², rounded up
    assert_eq!(error, PolicyError::Fpir { asked, population: 2, least });
}

#[test]
fn the_layout_is_the_documented_one() {
    let bytes = bundle();
    assert_eq!(&bytes[..12], b"COGNATE\x1a\x02\x00\x30\x00");
    assert_eq!(bytes[12..16], (bytes.len() as u32).to_le_bytes());
    assert_eq!(bytes[16..20], crc32c(&bytes[20..]).to_le_bytes());
    assert_eq!(bytes[20..24], [16, 0, 0, 5]);
    assert_eq!(bytes[24..40], *MODEL.as_bytes());
    assert_eq!(bytes[40..48], [0; 8]);
    assert!((0..5).all(|section| offset_of(section).is_multiple_of(16)));
    let header = offset_of(0);
    assert_eq!(bytes[header..header + 4], [1, 0, 0, 0]);
    assert_eq!(bytes[header + 4..header + 12], [30_000_000u32.to_le_bytes(), [77, 0, 0, 0]].concat());
    assert_eq!(bytes[header + 12..header + 16], [1, 2, 5, 0]);
    let owners = offset_of(2);
    assert_eq!(bytes[owners..owners + 12], [3, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0]);
    let codes = offset_of(4);
    assert_eq!(bytes[codes..codes + 5], [127, 0, 253, 4, 5]);
    assert_eq!(bytes.len(), codes + 3 * 16);
    let bytes = full_bundle();
    let [back_end, cohort] = [5, 6].map(|section| offset_in(&bytes, section));
    assert_eq!(bytes[back_end..back_end + 24], [&[5; 16][..], &[20, 236, 0, 0, 16, 0, 0, 0]].concat());
    assert_eq!(bytes[back_end + 24..back_end + 32], [1, 2, 3, 0, 1, 2, 3, 0]);
    assert_eq!(bytes[cohort..cohort + 4], [3, 2, 2, 0]);
    assert_eq!(bytes[cohort + 12..cohort + 20], [(-44i32).to_le_bytes(), [55, 0, 0, 0]].concat());
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

#[test]
fn contents_that_no_device_would_accept_are_not_written() {
    let refused =
        |change: fn(&mut BundleContents<'_>)| plain(change, |contents| encode(&contents)).expect_err("written");
    let malformed = |section| WriteError::Contents(BundleError::Malformed(section));
    assert_eq!(refused(|contents| contents.dimension = 0), WriteError::Dimension { found: 0 });
    assert_eq!(refused(|contents| contents.dimension = MAX_DIMENSION + 1), WriteError::Dimension { found: 1025 });
    assert_eq!(refused(|contents| contents.dimension = 4), WriteError::Dimension { found: 16 });
    assert_eq!(refused(|contents| contents.operating_point = 3), malformed(Section::Thresholds));
    assert_eq!(refused(|contents| contents.fpir = Rate::NONE), malformed(Section::Thresholds));
    assert_eq!(refused(|contents| contents.calibrated_templates = 0), malformed(Section::Thresholds));
    assert_eq!(refused(|contents| contents.thresholds = &[]), malformed(Section::Thresholds));
    assert_eq!(refused(|contents| contents.subjects = &SUBJECTS[..1]), malformed(Section::Owners));
    assert_eq!(refused(|contents| contents.templates = &contents.templates[..2]), malformed(Section::Owners));
    assert_eq!(refused(|contents| contents.next_subject = SubjectId::new(9)), malformed(Section::Subjects));
    assert_eq!(refused(|contents| contents.space = NORM_LIMITED), malformed(Section::Codes));
    let many = vec![thresholds()[0]; MAX_THRESHOLDS + 1];
    let too_many = plain(|_| (), |contents| encode(&BundleContents { thresholds: &many, ..contents }));
    assert_eq!(too_many, Err(WriteError::TooLarge));
    let short = plain(|_| (), |contents| contents.encode(&mut [0; 100]));
    assert_eq!(short, Err(WriteError::BufferTooSmall { needed: bundle().len() }));
}

#[test]
fn what_a_dimension_cannot_have_is_refused() {
    let template = EnrolledTemplate { subject: SubjectId::new(3), code: &[127; 15] };
    let of_15 = |layout, filter| {
        let contents = |contents: BundleContents<'_>| {
            encode(&BundleContents {
                dimension: 15,
                subjects: &SUBJECTS[..1],
                templates: &[template],
                layout,
                filter,
                ..contents
            })
        };
        plain(|_| (), contents)
    };
    assert!(of_15(Layout::Rows, false).is_ok());
    assert_eq!(of_15(Layout::Pairs, false), Err(WriteError::Layout { layout: Layout::Pairs, dimension: 15 }));
    assert_eq!(of_15(Layout::Rows, true), Err(WriteError::Filter { dimension: 15 }));
    let euclidean_filter = |contents: &mut BundleContents<'_>| {
        (contents.space, contents.filter) = (euclidean(1.0), true);
    };
    let written = plain(euclidean_filter, |contents| encode(&contents));
    assert_eq!(written, Err(WriteError::Filter { dimension: 16 }));
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
