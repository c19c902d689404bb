//! Sums of templates against `f64`.

use crate::support::{FULL, MODEL, NORM_LIMITED, OTHER_MODEL, euclidean, template};
use cognate::{AsTemplate, Embedding, Query, QueryError, Space, Template, query, similarity};
use proptest::prelude::*;

const D: usize = 12;

fn embeddings() -> impl Strategy<Value = Vec<([f32; D], i16)>> {
    let values =
        prop::array::uniform12(-1.0f32..1.0).prop_filter("not zero", |values| values.iter().any(|&x| x != 0.0));
    prop::collection::vec((values, -3i16..=3), 1..8)
}

proptest! {
    #[test]
    fn a_sum_of_templates_is_the_sum_of_their_unit_vectors(terms in embeddings()) {
        for space in [FULL, NORM_LIMITED] {
            let mut query = Query::<D>::new(space);
            let mut sum = [0f64; D];
            for (values, weight) in &terms {
                let template = template(*values, space);
                query = query.weighted(&template, *weight).unwrap();
                let code = template.code().map(f64::from);
                let norm = code.iter().map(|x| x * x).sum::<f64>().sqrt();
                sum.iter_mut().zip(code).for_each(|(sum, x)| *sum += f64::from(*weight) * x / norm);
            }
            let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            prop_assume!(length > 0.05); // what is left of terms that cancel each other out is their rounding
            let expected = Template::new(&Embedding::new(sum.map(|x| x as f32)).unwrap(), space);
            let score = similarity::cosine(&query.template().unwrap(), &expected).unwrap();
            prop_assert!(score.to_f32() > 0.9998, "{score}");
        }
    }
}

#[test]
fn a_euclidean_sum_is_of_the_codes() {
    let space = euclidean(127.0);
    let [a, b] = [[100.0f32, -40.0, 3.0], [80.0, 41.0, -3.0]].map(|values| template(values, space));
    let sum = |query: Result<Query<3>, QueryError>| query.and_then(|query| query.template()).map(|sum| *sum.code());
    let query = Query::<3>::new(space);
    assert_eq!(sum(query.minus(&b)), Ok([-80, -41, 3]));
    assert_eq!(sum(query.plus(&a).and_then(|query| query.plus(&b))), Ok([90, 1, 0]), "the mean, ties away from zero");
    assert_eq!(sum(query.plus(&a).and_then(|query| query.minus(&b))), Ok([20, -81, 6]));
    assert_eq!(sum(query.plus(&a).and_then(|q| q.plus(&b)?.minus(&a))), Ok([80, 41, -3]));
    assert_eq!(sum(query.plus(&a).and_then(|q| q.plus(&a)?.minus(&b))), Ok([120, -121, 9]), "2a − b");
    assert_eq!(sum(query.weighted(&a, 3).and_then(|q| q.weighted(&b, -2))), Ok([127, -127, 15]), "cut at ±127");
}

#[test]
fn what_makes_no_query() {
    let a = template([1.0, 2.0], FULL);
    assert_eq!(Query::<2>::new(FULL).template(), Err(QueryError::Zero));
    assert_eq!(Query::<2>::new(FULL).plus(&a).unwrap().minus(&a).unwrap().template(), Err(QueryError::Zero));
    let mismatch = Space::full(OTHER_MODEL).require(Space::full(MODEL)).unwrap_err();
    assert_eq!(Query::<2>::new(Space::full(OTHER_MODEL)).plus(&a).unwrap_err(), QueryError::Space(mismatch));
}

#[test]
fn a_sum_of_any_dimension_is_the_same() {
    let [a, b] = [[1.0f32, 0.3, -0.2], [0.4, 1.0, 0.9]].map(|values| template(values, FULL));
    let expected = Query::new(FULL).weighted(&a, 3).unwrap().minus(&b).unwrap().template().unwrap();
    let (mut sums, mut code) = ([9; 3], [9; 3]);
    query::combine(&[(a.as_ref(), 3), (b.as_ref(), -1)], FULL, &mut sums, &mut code).unwrap();
    assert_eq!(&code, expected.code());
    let short = query::combine(&[(a.as_ref(), 3)], FULL, &mut sums[..2], &mut code);
    assert_eq!(short, Err(QueryError::Dimension { expected: 3, found: 2 }));
}

#[test]
fn weights_beyond_the_range_saturate() {
    let [a, b] = [[1.0f32, 0.0], [0.0, 1.0]].map(|values| template(values, FULL));
    let query = Query::<2>::new(FULL).weighted(&a, i16::MAX).unwrap().weighted(&a, i16::MAX).unwrap();
    assert_eq!(query.weighted(&b, 1).unwrap().template().unwrap().code(), &[127, 0]);
}
