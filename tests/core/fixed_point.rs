//! `docs/fixed-point.md` held against definitions in `f64` and `i64`.

use crate::support::{FULL, MODEL, NORM_LIMITED, OTHER_MODEL, code, euclidean, template};
use cognate::kernel::{self, portable};
use cognate::space::NORM_LIMIT;
use cognate::template::{quantize, quantize_integers};
use cognate::{
    AsTemplate, CodeForm, Embedding, EmbeddingError, FullScale, MAX_DIMENSION, MatchError, Score, Space, SpaceMismatch,
    Template, TemplateError, TemplateRef, similarity,
};
use proptest::prelude::*;

const ONE: f64 = (1u32 << Score::FRACTION_BITS) as f64;

fn exact_code(value: f32, full_scale: f32) -> i8 {
    // 127 · value is exact in f64, and no quotient of two f32 lies close enough to a half to be rounded onto it.
    (127.0 * f64::from(value) / f64::from(full_scale)).round().clamp(-127.0, 127.0) as i8
}

fn dot(a: &[i8], b: &[i8]) -> f64 {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
}

fn exact_cosine(a: &[i8], b: &[i8]) -> f64 {
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

fn score(a: &[i8], b: &[i8], space: Space) -> Score {
    let template = |code| TemplateRef::new(code, space).expect("a code of an embedding");
    similarity::cosine(&template(a), &template(b)).expect("of one space and dimension")
}

/// What docs/fixed-point.md promises, in units of a score.
const fn bound(form: CodeForm) -> f64 {
    match form {
        CodeForm::NormLimited => 256.0,
        CodeForm::Full | CodeForm::Euclidean(_) => 2.0,
    }
}

fn assert_near(a: &[i8], b: &[i8], space: Space) {
    let (exact, found) = (exact_cosine(a, b) * ONE, f64::from(score(a, b, space).raw()));
    let off = (exact.min(ONE - 1.0) - found).abs();
    assert!(off <= bound(space.form), "{found} is not near {exact} in {:?}", space.form);
}

/// Any finite pattern: subnormal, zero and huge values as likely as any other exponent.
fn any_finite() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |value| value.is_finite())
}

/// Values whose magnitudes lie close together, as an encoder's do.
fn ordinary() -> impl Strategy<Value = f32> {
    -4.0f32..4.0
}

fn two_codes(form: CodeForm) -> impl Strategy<Value = (Vec<i8>, Vec<i8>)> {
    (1..=MAX_DIMENSION).prop_flat_map(move |dimension| (code(dimension, form), code(dimension, form)))
}

fn vectors() -> impl Strategy<Value = Vec<f32>> {
    let some = prop_oneof![prop::collection::vec(any_finite(), 1..200), prop::collection::vec(ordinary(), 1..200)];
    some.prop_filter("not all zero", |values| values.iter().any(|&value| value != 0.0))
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
        quantize(&values, CodeForm::Full, &mut code).unwrap();
        let expected: Vec<i8> = values.iter().map(|&value| exact_code(value, greatest)).collect();
        prop_assert_eq!(code, expected);
    }

    #[test]
    fn a_code_on_a_given_scale_is_clipped_at_127(values in any::<[u32; 8]>(), full_scale in any::<u32>()) {
        let values = values.map(f32::from_bits);
        let full_scale = f32::from_bits(full_scale & 0x7fff_ffff);
        prop_assume!(values.iter().all(|value| value.is_finite()) && values.iter().any(|&value| value != 0.0));
        let Some(scale) = FullScale::new(full_scale) else { return Ok(()) };
        let template = Template::new(&Embedding::new(values).unwrap(), Space::euclidean(MODEL, scale));
        prop_assert_eq!(template.code(), &values.map(|value| exact_code(value, full_scale)));
    }

    #[test]
    fn a_norm_limited_code_is_as_long_as_it_can_safely_be(values in vectors()) {
        let mut code = vec![0; values.len()];
        quantize(&values, CodeForm::NormLimited, &mut code).unwrap();
        let norm_squared = dot(&code, &code);
        prop_assert!(norm_squared <= f64::from(NORM_LIMIT), "{norm_squared}");
        prop_assert!(TemplateRef::new(&code, NORM_LIMITED).is_ok(), "{code:?}");
        // By definition, in f64: every element within one step of c = x · s / |x|, the length s the limit less what rounding
        // can add, or less where an element would be beyond 127.
        let scaled: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
        let greatest = scaled.iter().fold(0.0f64, |greatest, value| greatest.max(value.abs()));
        let norm = scaled.iter().map(|value| (value / greatest).powi(2)).sum::<f64>().sqrt();
        let target = f64::from(NORM_LIMIT).sqrt() - (values.len() as f64).sqrt() / 2.0;
        let scale = (target / norm).min(127.0);
        for (element, value) in code.iter().zip(&scaled) {
            let exact = value / greatest * scale;
            prop_assert!((f64::from(*element) - exact).abs() <= 0.51, "{element} for {exact}");
        }
    }

    #[test]
    fn whole_numbers_make_the_code_of_the_same_floats(
        values in prop::collection::vec(-(1i32 << 24)..(1 << 24), 1..60),
        exponent in -60i8..60,
        full_scale in 1.0f32..1e6,
    ) {
        prop_assume!(values.iter().any(|&value| value != 0));
        let floats: Vec<f32> = values.iter().map(|&value| value as f32 * 2f32.powi(exponent.into())).collect();
        for form in [FULL.form, NORM_LIMITED.form, euclidean(full_scale).form] {
            let (mut from_integers, mut from_floats) = (vec![0; values.len()], vec![0; values.len()]);
            quantize_integers(&values, exponent, form, &mut from_integers).unwrap();
            quantize(&floats, form, &mut from_floats).unwrap();
            prop_assert_eq!(&from_integers, &from_floats, "{:?}", form);
        }
    }

    #[test]
    fn greater_whole_numbers_are_cut_to_24_bits_first(values in prop::array::uniform8(any::<i32>())) {
        prop_assume!(values.iter().any(|&value| value != 0));
        let greatest = values.iter().map(|value| value.unsigned_abs()).max().unwrap();
        let step = f64::from(1u32 << 8u32.saturating_sub(greatest.leading_zeros()));
        let cut = |value: f64| (value.abs() / step).round().copysign(value);
        let mut code = [0; 8];
        quantize_integers(&values, 0, CodeForm::Full, &mut code).unwrap();
        let expected = values.map(|value| (127.0 * cut(value.into()) / cut(greatest.into())).round() as i8);
        prop_assert_eq!(code, expected);
    }

    #[test]
    fn a_score_is_near_the_cosine_of_the_codes((a, b) in two_codes(CodeForm::Full)) {
        assert_near(&a, &b, FULL);
        assert_near(&a, &a, FULL);
    }

    #[test]
    fn a_norm_limited_score_is_near_the_cosine_of_the_codes((a, b) in two_codes(CodeForm::NormLimited)) {
        assert_near(&a, &b, NORM_LIMITED);
        assert_near(&a, &a, NORM_LIMITED);
    }

    #[test]
    fn dot_and_distance_are_those_of_i64((a, b) in two_codes(CodeForm::Full)) {
        let sum = |term: fn(i64, i64) -> i64| a.iter().zip(&b).map(|(&x, &y)| term(i64::from(x), i64::from(y))).sum::<i64>();
        prop_assert_eq!(i64::from(kernel::dot(&a, &b)), sum(|x, y| x * y));
        prop_assert_eq!(i64::from(portable::squared_distance(&a, &b)), sum(|x, y| (x - y) * (x - y)));
        let template = |code| TemplateRef::new(code, euclidean(1.0)).unwrap();
        let distance = similarity::squared_distance(&template(&a), &template(&b)).unwrap();
        prop_assert_eq!(i64::from(distance), sum(|x, y| (x - y) * (x - y)));
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
        for (space, length) in [(FULL, 127.0f32), (NORM_LIMITED, 170.0)] {
            let score = similarity::cosine(&Template::new(&a, space), &Template::new(&b, space)).unwrap();
            // An element is off by at most half a step, so a code by √64 / 2 of at least its length.
            let angle_bound = 2.0 * (4.0 / length);
            prop_assert!((score.to_f32() - a.cosine(&b)).abs() <= angle_bound);
        }
    }
}

#[test]
fn scores_of_extreme_codes_stay_within_the_bound() {
    for dimension in [1, 2, 3, 15, 16, 17, 64, 100, 128, 511, 512, 513, MAX_DIMENSION] {
        let all = |element: i8| vec![element; dimension];
        let mut single = vec![0; dimension];
        single[dimension - 1] = -127;
        let mut ramp: Vec<i8> = (0..dimension).map(|index| (index % 255) as u8 as i8).map(|x| x.max(-127)).collect();
        ramp[0] = 127;
        let codes = [all(127), all(-127), single, ramp];
        for a in &codes {
            for b in &codes {
                assert_near(a, b, FULL);
            }
        }
        assert!(score(&codes[0], &codes[1], FULL).raw() <= Score::MIN.raw() + 1);
        assert!(score(&codes[0], &codes[0], FULL).raw() >= Score::MAX.raw() - 1);
    }
    // The longest and the shortest that a norm-limited code can be.
    let flat = [[127, 127].as_slice(), &[22, 4]].concat();
    let norm: i32 = flat.iter().map(|&x| i32::from(x) * i32::from(x)).sum();
    assert_eq!(norm, 32_758);
    for (a, b) in [(flat.as_slice(), flat.as_slice()), (&[127, 0, 0, 0], &flat), (&[127, 0, 0, 0], &[0, 127, 0, 0])] {
        assert_near(a, b, NORM_LIMITED);
    }
}

/// The shift of a probe is chosen by its factor: no dot product with any code may leave 32 bits on the way.
#[test]
fn no_dot_product_is_shifted_out_of_32_bits() {
    let one = |code: &[i8]| {
        TemplateRef::new(code, FULL).unwrap().with_finish(|shift| {
            let greatest: i64 = code.iter().map(|&x| 127 * i64::from(x.unsigned_abs())).sum();
            assert!(greatest << shift < 1 << 31, "{greatest} << {shift}");
        });
    };
    for dimension in [1, 16, 128, MAX_DIMENSION] {
        // Lengths from a single 127 to all of them, in small steps.
        for rest in 0..=127i8 {
            for count in [0, 1, dimension / 3, dimension - 1] {
                let mut code = vec![0; dimension];
                code[0] = 127;
                code.iter_mut().skip(1).take(count).for_each(|element| *element = rest);
                one(&code);
            }
        }
    }
}

trait WithFinish {
    fn with_finish(&self, look: impl FnOnce(u32));
}

impl WithFinish for TemplateRef<'_> {
    fn with_finish(&self, look: impl FnOnce(u32)) {
        self.with_probe(|probe| match probe.kernel().finish() {
            kernel::Finish::Cosine { shift } => look(shift),
            other => panic!("{other:?}"),
        });
    }
}

#[test]
fn a_worked_example_gives_the_documented_integers() {
    // docs/fixed-point.md works this example by hand.
    let a = template([0.3f32, -0.1, 0.2], FULL);
    let b = template([0.1f32, 0.1, 0.4], FULL);
    assert_eq!((a.code(), b.code()), (&[127, -42, 85], &[32, 32, 127]));
    assert_eq!((kernel::dot(a.code(), a.code()), kernel::dot(b.code(), b.code())), (25_118, 18_177));
    assert_eq!(kernel::dot(a.code(), b.code()), 13_515);
    assert_eq!((a.factor(), b.factor()), (1_720_842_255, 2_022_891_026));
    a.as_ref().with_finish(|shift| assert_eq!(shift, 11));
    assert_eq!(portable::multiply_high(13_515 << 11, 2_022_891_026), 13_036_429);
    let score = similarity::cosine(&a, &b).unwrap();
    assert_eq!((score.raw(), score.to_string().as_str()), (5_305_818, "0.6325"));
}

#[test]
fn scores_print_with_four_decimals() {
    let print = |raw| Score::from_raw(raw).to_string();
    assert_eq!(print(0), "0.0000");
    assert_eq!(print(-1), "0.0000");
    assert_eq!(print(-(1 << 22)), "-0.5000");
    assert_eq!((Score::MIN.to_string(), Score::MAX.to_string()), ("-1.0000".into(), "1.0000".into()));
    assert_eq!((Score::from_ratio(1, 0), Score::from_ratio(-5, 2)), (Score::MAX, Score::MIN));
    assert_eq!(Score::from_ratio(-1, 3).raw(), -2_796_203); // rounded down
    assert_eq!(Score::from_squared_distance(77).squared_distance(), 77);
    assert_eq!((Score::MAX.above(Score::MIN), Score::MIN.above(Score::MAX)), ((1 << 24) - 1, 0));
}

#[test]
fn codes_that_no_embedding_has_are_refused() {
    assert_eq!(TemplateRef::new(&[127, -128], FULL), Err(TemplateError::Code));
    assert_eq!(TemplateRef::new(&[126, 0], FULL), Err(TemplateError::Code));
    assert_eq!(TemplateRef::new(&[127, 127, 30], NORM_LIMITED), Err(TemplateError::Code));
    assert_eq!(TemplateRef::new(&[126, 0], NORM_LIMITED), Err(TemplateError::Code));
    assert_eq!(TemplateRef::new(&[0, 0], euclidean(1.0)), Err(TemplateError::Code));
    assert!(TemplateRef::new(&[0, 1], euclidean(1.0)).is_ok());
    assert_eq!(TemplateRef::new(&[], FULL), Err(TemplateError::Dimension { found: 0 }));
    let long = vec![127; MAX_DIMENSION + 1];
    assert_eq!(TemplateRef::new(&long, FULL), Err(TemplateError::Dimension { found: MAX_DIMENSION + 1 }));
    assert_eq!(Template::from_integers(&[0; 3], 0, FULL), Err(EmbeddingError::Zero));
    let wrong_length = quantize(&[1.0], FULL.form, &mut [0; 2]);
    assert_eq!(wrong_length, Err(EmbeddingError::Length { expected: 2, found: 1 }));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let in_space = |space| template([0.5, -2.0], space);
    let distance = |a, b| similarity::squared_distance(&in_space(a), &in_space(b));
    assert_eq!(in_space(euclidean(1.0)).code(), &[64, -127]);
    assert_eq!(distance(euclidean(1.0), euclidean(1.0)), Ok(0));
    assert!(matches!(distance(euclidean(1.0), euclidean(2.0)), Err(MatchError::Space(SpaceMismatch::Form { .. }))));
    let other = Space { model: OTHER_MODEL, ..euclidean(1.0) };
    let mismatch = SpaceMismatch::Model { expected: other.model, found: MODEL };
    assert_eq!(distance(euclidean(1.0), other), Err(MatchError::Space(mismatch)));
    assert_eq!(distance(FULL, FULL), Err(MatchError::Metric { found: CodeForm::Full }));
    let cosine = similarity::cosine(&in_space(euclidean(1.0)), &in_space(euclidean(1.0)));
    assert!(matches!(cosine, Err(MatchError::Metric { found: CodeForm::Euclidean(_) })));
    let shorter = similarity::cosine(&template([1.0], FULL), &in_space(FULL));
    assert_eq!(shorter, Err(MatchError::Dimension { expected: 2, found: 1 }));
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
    assert_eq!(template([1e-40f32, 0.0, -2e-40], FULL).code(), &[63, 0, -127]);
    assert_eq!(template([1e-40f32, 0.0, -2e-40], NORM_LIMITED).code(), &[63, 0, -127]);
    assert!(FullScale::new(1e-45).is_some());
}
