//! Spaces, templates and strategies that several tests use.

use cognate::bundle::{EnrolledTemplate, Subject};
use cognate::kernel::Layout;
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{BundleContents, CodeForm, Embedding, FullScale, Fusion, ModelDigest, Score, Space, SubjectId, Template};
use proptest::prelude::*;

pub const MODEL: ModelDigest = ModelDigest::new([1; 16]);
pub const OTHER_MODEL: ModelDigest = ModelDigest::new([2; 16]);
pub const FULL: Space = Space::full(MODEL);
pub const NORM_LIMITED: Space = Space::norm_limited(MODEL);

/// A Euclidean space with this full scale.
pub fn euclidean(full_scale: f32) -> Space {
    Space::euclidean(MODEL, FullScale::new(full_scale).expect("a scale"))
}

pub fn template<const D: usize>(values: [f32; D], space: Space) -> Template<D> {
    Template::new(&Embedding::new(values).expect("an embedding"), space)
}

/// HMAC-SHA-256 by its definition (RFC 2104), of another SHA-256 than the core's; the key is no longer than a block.
#[cfg(any(feature = "protection", feature = "protocol"))]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = parts.iter().fold(Sha256::new_with_prefix(padded(0x36)), |hash, part| hash.chain_update(part));
    Sha256::new_with_prefix(padded(0x5c)).chain_update(inner.finalize()).finalize().to_vec()
}

/// Templates of few distinct values, so that equal scores and duplicates occur.
pub fn coarse_template<const D: usize>(space: Space) -> impl Strategy<Value = Template<D>> {
    prop::array::uniform::<_, D>(-2i8..=2).prop_filter_map("not zero", move |values| {
        let embedding = Embedding::new(values.map(f32::from)).ok()?;
        Some(Template::new(&embedding, space))
    })
}

/// A code that an embedding can have in this form, of any dimension.
pub fn code(dimension: usize, form: CodeForm) -> impl Strategy<Value = Vec<i8>> {
    // Codes of all magnitudes, and such with a few great elements.
    let element = prop_oneof![4 => -127i8..=127, 2 => -20i8..=20, 1 => prop::sample::select(vec![-127i8, 127, 0])];
    (prop::collection::vec(element, dimension), 0..dimension, any::<bool>()).prop_map(
        move |(mut code, index, positive)| {
            code[index] = if positive { 127 } else { -127 };
            match form {
                CodeForm::NormLimited => limit_norm(code, index),
                CodeForm::Full | CodeForm::Euclidean(_) => code,
            }
        },
    )
}

/// Leaves out elements until Σc² is at most what a norm-limited code may have; the one at `keep` stays.
fn limit_norm(mut code: Vec<i8>, keep: usize) -> Vec<i8> {
    let mut left = 32_760 - 127 * 127;
    for (index, element) in code.iter_mut().enumerate() {
        let square = i32::from(*element) * i32::from(*element);
        if index == keep {
            continue;
        }
        if square <= left { left -= square } else { *element = 0 }
    }
    code
}

/// A bundle with a subject of this name.
pub fn bundle(name: &str) -> Vec<u8> {
    bundle_with(name, |_| ())
}

/// The same, changed.
pub fn bundle_with(name: &str, change: impl FnOnce(&mut BundleContents<'_>)) -> Vec<u8> {
    let rate = Rate::from_parts_per_billion(1_000_000).unwrap();
    let threshold =
        ThresholdEntry { fmr: rate, threshold: Score::from_ratio(1, 2), comparisons: 3000, fmr_upper_bound: rate };
    let id = SubjectId::FIRST;
    let thresholds = [threshold];
    let subjects = [Subject { id, name }];
    let templates = [EnrolledTemplate { subject: id, code: &[127, -5, 3] }];
    let mut contents = BundleContents {
        dimension: 3,
        space: FULL,
        layout: Layout::Rows,
        thresholds: &thresholds,
        operating_point: 0,
        fpir: Rate::ALL,
        margin: 0,
        fusion: Fusion::Maximum,
        calibrated_templates: 1,
        subjects: &subjects,
        next_subject: id.next().unwrap(),
        templates: &templates,
        back_end: None,
        cohort: None,
        revealed: None,
        filter: false,
        encoder: None,
    };
    change(&mut contents);
    let mut bytes = vec![0; contents.encoded_len().unwrap()];
    contents.encode(&mut bytes).unwrap();
    bytes
}
