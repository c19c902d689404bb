//! Embeddings and codes of any bytes: a template is one that can be stored, and scores stay in their range.
#![no_main]

use cognate::similarity::{cosine, score, squared_distance};
use cognate::{Embedding, ModelDigest, Score, Template, TemplateRef, query};
use cognate_fuzz::{DIMENSION, spaces};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    values: [f32; DIMENSION],
    integers: [i32; DIMENSION],
    exponent: i8,
    code: Vec<i8>,
    weights: [i16; 2],
    digest: String,
}

fuzz_target!(|input: Input| {
    let Input { values, integers, exponent, code, weights, digest } = input;
    let _ = digest.parse::<ModelDigest>();
    for space in spaces() {
        let of_values = Embedding::from_slice(&values).map(|embedding| Template::new(&embedding, space));
        let of_integers = Template::from_integers(&integers, exponent, space);
        for template in [of_values, of_integers].into_iter().flatten() {
            // Of an embedding below half a step of a Euclidean code nothing is left.
            let stored = Template::from_code(*template.code(), space);
            assert!(stored == Ok(template) || template.code() == &[0; DIMENSION]);
            let Ok(other) = TemplateRef::new(&code, space) else { continue };
            let Ok(score) = score(&template, &other) else { continue };
            if space.form.is_cosine() {
                assert_eq!(cosine(&template, &other), Ok(score));
                assert!((Score::MIN..=Score::MAX).contains(&score));
            } else {
                let distance = template.code().iter().zip(&code).map(|(a, b)| (i64::from(*a) - i64::from(*b)).pow(2));
                assert_eq!(squared_distance(&template, &other).map(i64::from), Ok(distance.sum::<i64>()));
            }
            let (mut sums, mut sum) = ([0; DIMENSION], [0; DIMENSION]);
            let terms = [(TemplateRef::new(template.code(), space).unwrap_or(other), weights[0]), (other, weights[1])];
            if query::combine(&terms, space, &mut sums, &mut sum).is_ok() {
                assert!(TemplateRef::new(&sum, space).is_ok());
            }
        }
    }
});
