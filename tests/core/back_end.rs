//! The back end against its definition in wide integers, and against `f64`.

use crate::support::{FULL, MODEL, NORM_LIMITED, OTHER_MODEL, euclidean, template};
use cognate::{BackEnd, BackEndError, Embedding, EmbeddingError, MAX_DIMENSION, Template, similarity};
use proptest::prelude::*;

/// A back end's numbers, and the bytes that it reads.
#[derive(Clone, Debug)]
struct Fitted {
    exponent: i8,
    shift: u8,
    mean: Vec<[u8; 4]>,
    map: Vec<[u8; 2]>,
}

impl Fitted {
    fn new(exponent: i8, shift: u8, mean: &[i32], map: &[i16]) -> Self {
        let mean = mean.iter().map(|mean| mean.to_le_bytes()).collect();
        Self { exponent, shift, mean, map: map.iter().map(|weight| weight.to_le_bytes()).collect() }
    }

    fn back_end(&self) -> Option<BackEnd<'_>> {
        BackEnd::new(MODEL, [self.exponent, 0], self.shift, &self.mean, &self.map)
    }
}

fn fitted() -> impl Strategy<Value = (Fitted, Vec<f32>)> {
    (1usize..40, 1usize..40, any::<bool>(), -20i8..30, 0u8..=47).prop_flat_map(
        |(inputs, outputs, has_map, exponent, shift)| {
            let mean = prop::collection::vec(-0x00ff_ffff..=0x00ff_ffff, inputs);
            let map = prop::collection::vec(any::<i16>(), if has_map { inputs * outputs } else { 0 });
            let value = prop_oneof![5 => -8.0f32..8.0, 1 => any::<f32>(), 1 => Just(0.5f32), 1 => Just(-1.5f32)];
            let value = value.prop_filter("finite", |value| value.is_finite());
            (mean, map, prop::collection::vec(value, inputs)).prop_map(move |(mean, map, values)| {
                (Fitted::new(exponent, if has_map { shift } else { 0 }, &mean, &map), values)
            })
        },
    )
}

fn project(back_end: &BackEnd<'_>, values: &[f32]) -> Result<Vec<i32>, BackEndError> {
    let (mut centered, mut out) = (vec![0; back_end.inputs()], vec![0; back_end.outputs()]);
    back_end.project(values, &mut centered, &mut out)?;
    Ok(out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_projection_is_that_of_wide_integers((fitted, values) in fitted()) {
        prop_assume!(values.iter().any(|&value| value != 0.0));
        let back_end = fitted.back_end().unwrap();
        let found = project(&back_end, &values).unwrap();
        // f64 holds x · 2^exponent exactly, and its round() takes ties away from zero.
        let integer = |value: f32| {
            (f64::from(value) * 2f64.powi(fitted.exponent.into())).round().clamp(-16_777_215.0, 16_777_215.0) as i128
        };
        let centered: Vec<i128> =
            values.iter().zip(&fitted.mean).map(|(&value, mean)| integer(value) - i128::from(i32::from_le_bytes(*mean))).collect();
        let expected: Vec<i128> = if fitted.map.is_empty() {
            centered
        } else {
            let row = |row: &[[u8; 2]]| {
                let sum: i128 = row.iter().zip(&centered).map(|(w, v)| i128::from(i16::from_le_bytes(*w)) * v).sum();
                let half = if fitted.shift == 0 { 0 } else { 1 << (fitted.shift - 1) };
                ((sum + half) >> fitted.shift).clamp(-i128::from(i32::MAX), i128::from(i32::MAX))
            };
            fitted.map.chunks(values.len()).map(row).collect()
        };
        prop_assert_eq!(found.into_iter().map(i128::from).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_template_is_that_of_the_centered_and_turned_embedding() {
    // Inputs · 2²⁰; the map turns by 90° and keeps two of three.
    let one = 1 << 20;
    let fitted = Fitted::new(20, 14, &[one, -one / 2, 0], &[0, 1 << 14, 0, -(1 << 14), 0, 0]);
    let back_end = fitted.back_end().unwrap();
    assert_eq!((back_end.inputs(), back_end.outputs(), back_end.encoder()), (3, 2, MODEL));
    let embedding = Embedding::new([1.25, 0.5, 9.0]).unwrap();
    for space in [FULL, NORM_LIMITED, euclidean(4.0 * one as f32)] {
        let found: Template<2> = back_end.template(&embedding, space).unwrap();
        // (1.25 − 1, 0.5 + 0.5) turned: (1.0, −0.25).
        let scale = if space.form.is_cosine() { 1.0 } else { one as f32 };
        let expected = template([scale, -0.25 * scale], space);
        assert_eq!(found, expected, "{space:?}");
    }
    let other = template([1.0, -0.25], cognate::Space::full(OTHER_MODEL));
    let found: Template<2> = back_end.template(&embedding, FULL).unwrap();
    assert!(similarity::cosine(&found, &other).is_err());
}

#[test]
fn what_is_refused() {
    let fitted = Fitted::new(20, 0, &[1 << 20, 0], &[]);
    let back_end = fitted.back_end().unwrap();
    assert_eq!(project(&back_end, &[1.0]), Err(BackEndError::Dimension { expected: 2, found: 1 }));
    let not_finite = BackEndError::Embedding(EmbeddingError::NotFinite { index: 1 });
    assert_eq!(project(&back_end, &[1.0, f32::NAN]), Err(not_finite));
    assert_eq!(project(&back_end, &[0.0, 0.0]), Err(BackEndError::Embedding(EmbeddingError::Zero)));
    let the_mean = Embedding::new([1.0, 0.0]).unwrap();
    let nothing_left = back_end.template::<2, 2>(&the_mean, FULL);
    assert_eq!(nothing_left, Err(BackEndError::Embedding(EmbeddingError::Zero)));
    let wrong_output = back_end.template::<2, 3>(&the_mean, FULL);
    assert_eq!(wrong_output, Err(BackEndError::Dimension { expected: 2, found: 3 }));

    let make = |exponents, shift, mean: &[i32], map: &[i16]| {
        let Fitted { mean, map, .. } = Fitted::new(0, 0, mean, map);
        BackEnd::new(MODEL, exponents, shift, &mean, &map).is_some()
    };
    assert!(make([0, 0], 0, &[0], &[]));
    assert!(!make([0, 0], 0, &[], &[]), "no inputs");
    assert!(!make([0, 0], 0, &[], &[1, 2]), "a map of nothing");
    assert!(!make([0, 0], 0, &vec![0; MAX_DIMENSION + 1], &[]), "too many inputs");
    assert!(!make([0, 0], 0, &[0], &vec![0; MAX_DIMENSION + 1]), "too many outputs");
    assert!(!make([0, 0], 0, &[0, 0], &[1, 2, 3]), "a row that is cut");
    assert!(!make([65, 0], 0, &[0], &[]) && !make([0, -65], 0, &[0], &[]), "exponents");
    assert!(!make([0, 0], 48, &[0], &[1]), "shift");
    assert!(!make([0, 0], 0, &[1 << 24], &[]), "a mean that no input reaches");
}
