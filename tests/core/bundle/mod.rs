//! What the writer writes the view reads, and nothing else: cut, damaged and hostile bytes are refused.

mod hostile;

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
        revealed: None,
        filter: false,
        encoder: None,
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
    let map: Vec<[u8; 2]> = (0..48i16).map(|weight| (weight * 601).to_le_bytes()).collect();
    let back_end = BackEnd::new(ENCODER, [-3, 7], 11, &[[5, 4, 3, 0]; 3], &map).unwrap();
    let bytes = plain(|_| (), |contents| encode(&BundleContents { back_end: Some(back_end), ..contents })).unwrap();
    let view = BundleView::new_checked(&bytes).unwrap();
    assert_eq!((view.back_end(), view.encoder_dimension(), view.dimension()), (Some(&back_end), 3, 16));
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

#[test]
fn a_protected_bundle_says_what_its_templates_were() {
    let was = ModelDigest::new([8; 16]);
    let bytes = plain(|contents| contents.revealed = Some(was), |contents| encode(&contents)).unwrap();
    let view = BundleView::new_checked(&bytes).unwrap();
    assert!(view.is_protected());
    assert_eq!((view.space(), view.revealed_space().model, view.encoder()), (FULL, was, was));
    let with_back_end = full(|contents| contents.revealed = Some(was), |contents| encode(&contents)).unwrap();
    assert_eq!(BundleView::new_checked(&with_back_end).unwrap().encoder(), ENCODER);
    let bytes = bundle();
    let view = BundleView::new_checked(&bytes).unwrap();
    assert!(!view.is_protected());
    assert_eq!((view.revealed_space(), view.encoder()), (FULL, MODEL));
}
