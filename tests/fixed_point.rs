//! `docs/fixed-point.md` held against definitions in `f64` and `i64`.

use cognate::template::{FullScale, L2Template, quantize};
use cognate::{Embedding, MAX_DIMENSION, ModelDigest, Score, Template, TemplateError, TemplateRef, kernel, similarity};
use proptest::prelude::*;

const MODEL: ModelDigest = ModelDigest::new([1; 16]);
const ONE: f64 = (1u32 << Score::FRACTION_BITS) as f64;

fn exact_code(value: f32, full_scale: f32) -> i8 {
    // 127 · value is exact in f64, and no quotient of two f32 lies close enough to a half to be rounded onto it.
    (127.0 * f64::from(value) / f64::from(full_scale)).round().clamp(-127.0, 127.0) as i8
}

fn exact_cosine(a: &[i8], b: &[i8]) -> f64 {
    let dot = |a: &[i8], b: &[i8]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

fn score(a: &[i8], b: &[i8]) -> Score {
    let template = |code| TemplateRef::new(code, MODEL).expect("a code of an embedding");
    similarity::cosine(&template(a), &template(b)).expect("of one model and dimension")
}

fn assert_within_two_units(a: &[i8], b: &[i8]) {
    let (exact, found) = (exact_cosine(a, b) * ONE, f64::from(score(a, b).raw()));
    assert!((exact.min(ONE - 1.0) - found).abs() <= 2.0, "{found} is not within two units of {exact}");
}

/// Any finite pattern: subnormal, zero and huge values as likely as any other exponent.
fn any_finite() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |value| value.is_finite())
}

/// Values whose magnitudes lie close together, as an encoder's do.
fn ordinary() -> impl Strategy<Value = f32> {
    -4.0f32..4.0
}

fn code(dimension: usize) -> impl Strategy<Value = Vec<i8>> {
    (prop::collection::vec(-127i8..=127, dimension), 0..dimension, any::<bool>()).prop_map(
        |(mut code, index, positive)| {
            code[index] = if positive { 127 } else { -127 };
            code
        },
    )
}

fn two_codes() -> impl Strategy<Value = (Vec<i8>, Vec<i8>)> {
    (1..=MAX_DIMENSION).prop_flat_map(|dimension| (code(dimension), code(dimension)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_code_is_127_times_the_ratio_to_the_greatest_rounded_away_from_zero(
        values in prop_oneof![prop::collection::vec(any_finite(), 1..40), prop::collection::vec(ordinary(), 1..40)],
    ) {
        let greatest = values.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
        prop_assume!(greatest > 0.0);
        let mut code = vec![0; values.len()];
        quantize(&values, &mut code).unwrap();
        let expected: Vec<i8> = values.iter().map(|&value| exact_code(value, greatest)).collect();
        prop_assert_eq!(code, expected);
    }

    #[test]
    fn a_code_on_a_given_scale_is_clipped_at_127(values in any::<[u32; 8]>(), full_scale in any::<u32>()) {
        let values = values.map(f32::from_bits);
        let full_scale = f32::from_bits(full_scale & 0x7fff_ffff);
        prop_assume!(values.iter().all(|value| value.is_finite()) && values.iter().any(|&value| value != 0.0));
        let Some(scale) = FullScale::new(full_scale) else { return Ok(()) };
        let template = L2Template::new(&Embedding::new(values).unwrap(), scale, MODEL);
        prop_assert_eq!(template.code(), &values.map(|value| exact_code(value, full_scale)));
    }

    #[test]
    fn a_score_is_within_two_units_of_the_cosine_of_the_codes((a, b) in two_codes()) {
        assert_within_two_units(&a, &b);
        assert_within_two_units(&a, &a);
    }

    #[test]
    fn dot_and_distance_are_those_of_i64((a, b) in two_codes()) {
        let sum = |term: fn(i64, i64) -> i64| a.iter().zip(&b).map(|(&x, &y)| term(i64::from(x), i64::from(y))).sum::<i64>();
        prop_assert_eq!(i64::from(kernel::dot(&a, &b)), sum(|x, y| x * y));
        prop_assert_eq!(i64::from(kernel::squared_distance(&a, &b)), sum(|x, y| (x - y) * (x - y)));
    }

    #[test]
    fn the_f32_reference_is_that_of_f64(a in any::<[i16; 24]>(), b in any::<[i16; 24]>(), exponent in -120i32..100) {
        let scale = 2f32.powi(exponent);
        let (Ok(a), Ok(b)) = (Embedding::new(a.map(|x| f32::from(x) * scale)), Embedding::new(b.map(f32::from))) else {
            return Ok(());
        };
        let dot = |a: &[f32; 24], b: &[f32; 24]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
        let (x, y) = (a.as_array(), b.as_array());
        let cosine = dot(x, y) / (dot(x, x).sqrt() * dot(y, y).sqrt());
        prop_assert!((f64::from(a.cosine(&b)) - cosine).abs() < 1e-6);
        let distance: f64 = x.iter().zip(y).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum();
        prop_assert!((f64::from(a.squared_l2(&b)) - distance).abs() <= 1e-5 * distance || distance > f64::from(f32::MAX));
        let unit = a.normalized();
        prop_assert!((dot(unit.as_array(), unit.as_array()) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_score_of_a_template_is_near_the_cosine_of_the_embedding(a in any::<[i16; 64]>(), b in any::<[i16; 64]>()) {
        let embedding = |values: [i16; 64]| Embedding::new(values.map(f32::from));
        let (Ok(a), Ok(b)) = (embedding(a), embedding(b)) else { return Ok(()) };
        let score = similarity::cosine(&Template::new(&a, MODEL).as_ref(), &Template::new(&b, MODEL).as_ref()).unwrap();
        // An element is off by at most half a step, so a code by √64 / 2 of at least 127.
        let angle_bound = 2.0 * (4.0f32 / 127.0);
        prop_assert!((score.to_f32() - a.cosine(&b)).abs() <= angle_bound);
    }
}

#[test]
fn scores_of_extreme_codes_stay_within_two_units() {
    for dimension in [1, 2, 3, 15, 16, 17, 64, 100, 128, 511, 512, 513, MAX_DIMENSION] {
        let all = |element: i8| vec![element; dimension];
        let mut single = vec![0; dimension];
        single[dimension - 1] = -127;
        let mut ramp: Vec<i8> = (0..dimension).map(|index| (index % 255) as u8 as i8).map(|x| x.max(-127)).collect();
        ramp[0] = 127;
        let codes = [all(127), all(-127), single, ramp];
        for a in &codes {
            for b in &codes {
                assert_within_two_units(a, b);
            }
        }
        assert!(score(&codes[0], &codes[1]).raw() <= Score::MIN.raw() + 1);
        assert!(score(&codes[0], &codes[0]).raw() >= Score::MAX.raw() - 1);
    }
}

#[test]
fn a_worked_example_gives_the_documented_integers() {
    // docs/fixed-point.md works this example by hand.
    let a = Template::new(&Embedding::new([0.3f32, -0.1, 0.2]).unwrap(), MODEL);
    let b = Template::new(&Embedding::new([0.1f32, 0.1, 0.4]).unwrap(), MODEL);
    assert_eq!((a.code(), b.code()), (&[127, -42, 85], &[32, 32, 127]));
    assert_eq!((kernel::dot(a.code(), a.code()), kernel::dot(b.code(), b.code())), (25_118, 18_177));
    assert_eq!(kernel::dot(a.code(), b.code()), 13_515);
    assert_eq!((a.inverse_norm(), b.inverse_norm()), (433_598_048, 509_704_825));
    let score = similarity::cosine(&a.as_ref(), &b.as_ref()).unwrap();
    assert_eq!((score.raw(), score.to_string().as_str()), (5_305_818, "0.6325"));
}

#[test]
fn scores_print_with_four_decimals() {
    let print = |raw| Score::from_raw(raw).unwrap().to_string();
    assert_eq!(print(0), "0.0000");
    assert_eq!(print(-1), "0.0000");
    assert_eq!(print(-(1 << 22)), "-0.5000");
    assert_eq!((Score::MIN.to_string(), Score::MAX.to_string()), ("-1.0000".into(), "1.0000".into()));
    assert_eq!((Score::from_raw(1 << 23), Score::from_raw(-(1 << 23) - 1)), (None, None));
    assert_eq!((Score::from_ratio(1, 0), Score::from_ratio(-5, 2)), (Score::MAX, Score::MIN));
    assert_eq!(Score::from_ratio(-1, 3).raw(), -2_796_203); // rounded down
}

#[test]
fn codes_that_no_embedding_has_are_refused() {
    assert_eq!(TemplateRef::new(&[127, -128], MODEL), Err(TemplateError::Code));
    assert_eq!(TemplateRef::new(&[126, 0], MODEL), Err(TemplateError::Code));
    assert_eq!(TemplateRef::new(&[], MODEL), Err(TemplateError::Dimension { found: 0 }));
    let long = vec![127; MAX_DIMENSION + 1];
    assert_eq!(TemplateRef::new(&long, MODEL), Err(TemplateError::Dimension { found: MAX_DIMENSION + 1 }));
}

#[test]
fn distances_of_what_cannot_be_compared_are_refused() {
    let embedding = Embedding::new([0.5, -2.0]).unwrap();
    let scale = |value| FullScale::new(value).unwrap();
    let template = L2Template::new(&embedding, scale(1.0), MODEL);
    assert_eq!((template.code(), template.clipped()), (&[64, -127], 1));
    assert_eq!(template.squared_distance(&template), Ok(0));
    let other_scale = L2Template::new(&embedding, scale(2.0), MODEL);
    assert_eq!(template.squared_distance(&other_scale), Err(TemplateError::FullScale));
    let model = ModelDigest::new([2; 16]);
    let other_model = L2Template::new(&embedding, scale(1.0), model);
    assert_eq!(template.squared_distance(&other_model), Err(TemplateError::Model { expected: MODEL, found: model }));
    for value in [0.0, -1.0, f32::INFINITY, f32::NAN] {
        assert_eq!(FullScale::new(value), None);
    }
}

#[test]
fn the_quick_normalization_is_off_by_what_the_documentation_says() {
    // The approximation is one curve for squared lengths from 1 to 4, repeated for every factor of 4.
    let error = |squared_length: f32| {
        let rest = squared_length - 1.0;
        let values = [1.0, rest.min(1.0).sqrt(), (rest - 1.0).clamp(0.0, 1.0).sqrt(), (rest - 2.0).max(0.0).sqrt()];
        let quick = Embedding::new(values).unwrap().normalized_quick();
        let length: f64 = quick.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        (length.sqrt() - 1.0).abs()
    };
    let worst = (0..=30_000).map(|step| error(1.0 + step as f32 / 10_000.0)).fold(0.0f64, f64::max);
    assert!((0.034..0.035).contains(&worst), "micromath's error is {worst:.4}: correct the documentation");
}

#[test]
fn subnormal_embeddings_are_as_good_as_any() {
    let embedding = Embedding::new([1e-40f32, 0.0, -2e-40]).unwrap();
    assert_eq!(Template::new(&embedding, MODEL).code(), &[63, 0, -127]);
    assert!(FullScale::new(1e-45).is_some());
}
