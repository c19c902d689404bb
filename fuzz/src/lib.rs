//! What the fuzz targets share: bundles to begin from, and how hostile bytes are given a right checksum.

pub mod networks;
pub mod store;

use cognate::bundle::{CohortContents, EnrolledTemplate, Subject};
use cognate::kernel::Layout;
use cognate::normalization::{Method, Statistics, Top};
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{BackEnd, BundleContents, CodeForm, FullScale, Fusion, ModelDigest, Score, Space, SubjectId, template};
use std::sync::OnceLock;

/// Elements of a template in the bundles to begin from.
pub const DIMENSION: usize = 16;

const MODEL: ModelDigest = ModelDigest::new([7; 16]);

/// A space of each form.
#[must_use]
pub fn spaces() -> [Space; 3] {
    let full_scale = FullScale::new(1.5).expect("it is above zero");
    [Space::full(MODEL), Space::norm_limited(MODEL), Space::euclidean(MODEL, full_scale)]
}

/// Puts magic, version, length and checksum right, so that a check goes on to what is behind them.
pub fn seal(bytes: &mut [u8]) {
    const HEADER: usize = 48;
    if bytes.len() < HEADER {
        return;
    }
    bytes[..12].copy_from_slice(&bundles()[0][..12]);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[12..16].copy_from_slice(&length.to_le_bytes());
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&bytes[20..]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
}

/// A file with other bytes in some of its places, and more behind it.
#[must_use]
pub fn changed(file: &[u8], changes: &[(u16, u8)], behind: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for (place, byte) in changes {
        bytes[usize::from(*place) % file.len()] = *byte;
    }
    bytes.extend_from_slice(behind);
    bytes
}

/// Bundles that between them have every section, form and layout.
pub fn bundles() -> &'static [Vec<u8>; 4] {
    static BUNDLES: OnceLock<[Vec<u8>; 4]> = OnceLock::new();
    BUNDLES.get_or_init(|| {
        let [full, norm_limited, euclidean] = spaces();
        [
            bundle(full, Layout::Rows, false, false),
            bundle(full, Layout::Pairs, true, true),
            bundle(norm_limited, Layout::Halfwords, true, false),
            bundle(euclidean, Layout::Lanes, false, true),
        ]
    })
}

fn bundle(space: Space, layout: Layout, filter: bool, with_back_end: bool) -> Vec<u8> {
    let codes: Vec<[i8; DIMENSION]> = (0..9).map(|row| code(row, space.form)).collect();
    let owners = [1, 1, 2, 2, 2, 2, 5, 5, 5].map(SubjectId::new);
    let templates: Vec<EnrolledTemplate<'_>> =
        owners.iter().zip(&codes).map(|(&subject, code)| EnrolledTemplate { subject, code }).collect();
    let subject = |id, name| Subject { id: SubjectId::new(id), name };
    let rate = |parts| Rate::from_parts_per_billion(parts).expect("it is below a whole");
    let entry = |fmr, raw| ThresholdEntry {
        fmr: rate(fmr),
        threshold: Score::from_raw(raw),
        comparisons: 3000,
        fmr_upper_bound: rate(fmr + 1),
    };
    let members = [&codes[0][..], &codes[3]];
    let statistics = [Statistics::new(Score::from_raw(5), 7); 3];
    let method = Method::AdaptiveSNorm(Top::new(2).expect("two are enough"));
    let cohort = CohortContents { codes: &members, method, statistics: &statistics };
    let map: Vec<[u8; 2]> = (0..DIMENSION as i16 * 3).map(|weight| (weight * 91 - 2000).to_le_bytes()).collect();
    let back_end = BackEnd::new(MODEL, [10, -12], 9, &[[1, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [9, 9, 0, 0]], &map);
    let contents = BundleContents {
        dimension: DIMENSION,
        space,
        layout,
        thresholds: &[entry(100_000_000, -50_000_000), entry(1_000_000, 4_000_000)],
        operating_point: 1,
        fpir: rate(500_000_000),
        margin: 90_000,
        fusion: Fusion::Maximum,
        calibrated_templates: 3,
        subjects: &[subject(1, "Anna"), subject(2, "Ľuboš"), subject(5, "")],
        next_subject: SubjectId::new(8),
        templates: &templates,
        back_end: back_end.filter(|_| with_back_end),
        cohort: Some(cohort).filter(|_| space.form.is_cosine() && with_back_end),
        revealed: Some(ModelDigest::new([9; 16])).filter(|_| filter && !with_back_end),
        filter,
        encoder: None,
    };
    let mut bytes = vec![0; contents.encoded_len().expect("it can be counted")];
    contents.encode(&mut bytes).expect("these contents are valid");
    bytes
}

fn code(row: usize, form: CodeForm) -> [i8; DIMENSION] {
    let values: [f32; DIMENSION] = std::array::from_fn(|index| ((row * 5 + index * 7) % 11) as f32 / 8.0 - 0.6);
    let mut code = [0; DIMENSION];
    template::quantize(&values, form, &mut code).expect("they are finite and not zero");
    code
}
