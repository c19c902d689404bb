use super::*;
use crate::calibration::Plan;
use crate::choices::Form;
use crate::coder::Coder;
use crate::embeddings::Embeddings;
use crate::labels::{Label, Labels};
use cognate::policy::Rate;
use cognate::{Fusion, ModelDigest, Space};

const DIMENSION: usize = 5;
const MODEL: ModelDigest = ModelDigest::new([4; 16]);

fn embeddings(dimension: usize, rows: &[(usize, Vec<f32>)]) -> Embeddings {
    let label = |(subject, _): &(usize, _)| Label { subject: subject.to_string(), ..Label::default() };
    let labels = Labels { rows: rows.iter().map(label).collect(), ..Labels::default() };
    Embeddings::new(dimension, rows.iter().flat_map(|(_, values)| values.clone()).collect(), labels).unwrap()
}

/// Six subjects of four samples, by a formula.
fn data() -> Embeddings {
    let element = |subject: usize, sample: usize, j: usize| {
        let (s, i, j) = (subject as f64, (subject * 4 + sample) as f64, j as f64);
        (2.0 * (2.1 * s * (j + 1.0)).cos() + (1.7 * i * (j + 1.0) + 0.3 * j).sin() + 0.5 * j) as f32
    };
    let row = |row: usize| (row / 4, (0..DIMENSION).map(|j| element(row / 4, row % 4, j)).collect());
    embeddings(DIMENSION, &(0..24).map(row).collect::<Vec<_>>())
}

fn subjects(embeddings: &Embeddings) -> Vec<Vec<usize>> {
    embeddings.labels().by_subject().into_iter().map(|(_, rows)| rows).collect()
}

fn fitted(kind: Kind) -> Fit {
    let data = data();
    fit(kind, &data, &subjects(&data)).unwrap().unwrap()
}

// Made with numpy 2 and scipy 1 on the same data: the mean; the right singular vectors of the centered rows; those divided by
// √(0.9 · variance + 0.1 · mean variance); scipy.linalg.eigh(between, 0.9 · within + 0.1 · trace(within) / 5 · I); the eigenvectors of
// half of within + trace(within) / 5 · I, each divided by the root of its eigenvalue. Each has its greatest element above zero.
const MEAN: [f64; DIMENSION] =
    [0.03904902267580231, 0.49552111979573965, 2.965627541144689, 1.5070334425351273, 2.032033624437948];
const PCA: [[f64; DIMENSION]; 3] = [
    [0.4437136723925987, 0.447714228247682, -0.03412239803582215, 0.6135133928614969, 0.47445455576726764],
    [-0.4502900245091279, 0.8333986834059587, -0.0871129475824727, -0.05233507467563313, -0.303904430120676],
    [0.43146631477965663, 0.09094516032447786, 0.6571083717489377, 0.12149601964959772, -0.5991770205964027],
];
const WHITEN: [[f64; DIMENSION]; 2] = [
    [0.13884327974576882, 0.1400951012024546, -0.010677303745313109, 0.19197562962963016, 0.1484624673786546],
    [-0.5181001154832433, 0.9589018868159656, -0.10023146360340907, -0.06021632005467631, -0.3496700165921613],
];
const LDA: [[f64; DIMENSION]; 3] = [
    [0.295882928429279, 0.4358990237015284, -0.11359368015078156, 1.6863651147582002, 0.5719082778974929],
    [-0.15095623853357357, -0.2787755607974219, 1.1383405719312971, 0.5880073409167589, -0.29465881274107],
    [0.18132621273436267, 1.0899726427480072, 0.35253332390198633, -0.6399094359339492, -0.31425529759109094],
];

const WCCN: [[f64; DIMENSION]; 5] = [
    [-0.7901379219439855, 0.9429614123933789, -0.11689872747759761, -0.06985614343722303, -0.2907161146247426],
    [0.9221396323300535, 0.6212405774621097, 0.1703017907882394, 0.1621308238537876, -0.5986785335700956],
    [0.17498712656124796, 0.5324673487947895, 0.6405886400534041, -0.02028990311781645, 0.9987942244733194],
    [-0.34578841885441086, -0.2989851016621213, 1.127429592797409, 0.07600442862590197, -0.5015729252461574],
    [-0.17983591379522856, -0.0015793396837562607, -0.10626292163154072, 1.6342046163366235, 0.1336998023676249],
];

fn assert_rows(found: &Fit, expected: &[[f64; DIMENSION]]) {
    let map = found.map.as_ref().unwrap();
    assert_eq!(map.nrows(), expected.len());
    for (row, expected) in map.row_iter().zip(expected) {
        // A direction has no sign of its own.
        let sign = if row.iter().zip(expected).map(|(a, b)| a * b).sum::<f64>() < 0.0 { -1.0 } else { 1.0 };
        for (found, expected) in row.iter().zip(expected) {
            assert!((sign * found - expected).abs() < 1e-9, "{row}, not {expected:?}");
        }
    }
}

#[test]
fn fits_are_those_of_numpy_and_scipy() {
    let mean = fitted(Kind::Mean);
    assert!(mean.map.is_none() && mean.mean.iter().zip(MEAN).all(|(a, b)| (a - b).abs() < 1e-12), "{}", mean.mean);
    assert_rows(&fitted(Kind::Pca(Some(3))), &PCA);
    assert_rows(&fitted(Kind::Whiten(Some(2))), &WHITEN);
    assert_rows(&fitted(Kind::Lda(Some(3))), &LDA);
    let wccn = fitted(Kind::Wccn);
    assert_rows(&wccn, &WCCN);
    assert_eq!(wccn.mean.amax(), 0.0);
    // 97.9 % of the variance lie in four directions, and all five are fewer than the kernels do at once.
    assert_eq!(fitted(Kind::Pca(None)).map.unwrap().nrows(), DIMENSION);
    assert_eq!(fitted(Kind::Lda(None)).map.unwrap().nrows(), DIMENSION);
}

#[test]
fn what_cannot_be_fitted() {
    let data = data();
    let subjects = subjects(&data);
    let fit_on = |kind, rows: &[Vec<usize>]| fit(kind, &data, rows).map(|_| ()).unwrap_err();
    assert_eq!(fit(Kind::None, &data, &[]), Ok(None));
    assert_eq!(fit_on(Kind::Mean, &[vec![3]]), FitError::TooFewSamples { found: 1 });
    assert_eq!(fit_on(Kind::Mean, &[vec![3, 3]]), FitError::Constant);
    assert_eq!(fit_on(Kind::Pca(Some(6)), &subjects), FitError::Dimensions { asked: 6, available: 5 });
    assert_eq!(fit_on(Kind::Lda(Some(3)), &subjects[..3]), FitError::Dimensions { asked: 3, available: 2 });
    assert_eq!(fit_on(Kind::Lda(None), &subjects[..1]), FitError::TooFewSubjects { found: 1 });
    for kind in [Kind::Lda(None), Kind::Wccn] {
        assert_eq!(fit_on(kind, &[vec![0], vec![4]]), FitError::TooFewSubjects { found: 2 });
        assert_eq!(fit_on(kind, &[vec![0, 0], vec![4, 4]]), FitError::Constant, "no spread within a subject");
    }
}

#[test]
fn embeddings_beyond_every_exponent_are_refused() {
    for greatest in [1e-14, 1e27] {
        let error = FittedBackEnd::quantize(&fitted(Kind::Mean), MODEL, greatest).unwrap_err();
        assert_eq!(error, FitError::Magnitude { greatest: format!("{greatest:e}") });
    }
}

#[test]
fn kinds_are_read_as_they_are_written() {
    for kind in [Kind::None, Kind::Mean, Kind::Pca(Some(32)), Kind::Whiten(None), Kind::Lda(Some(7)), Kind::Wccn] {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    for text in ["", "mean:3", "wccn:3", "pca:0", "pca:x", "pca:", "svd"] {
        assert!(text.parse::<Kind>().is_err(), "{text}");
    }
}

#[test]
fn integers_make_the_codes_that_exact_numbers_make() {
    let data = data();
    for kind in [Kind::Mean, Kind::Pca(Some(3)), Kind::Whiten(Some(4)), Kind::Lda(None), Kind::Wccn] {
        for scale in [1.0, 3e-11, 1e11] {
            let rows: Vec<(usize, Vec<f32>)> =
                data.rows().map(|row| (0, row.iter().map(|value| value * scale).collect())).collect();
            let scaled = embeddings(DIMENSION, &rows);
            let fit = fit(kind, &scaled, &subjects(&data)).unwrap().unwrap();
            let greatest = scaled.rows().flatten().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
            let back_end = FittedBackEnd::quantize(&fit, MODEL, greatest.into()).unwrap();
            let coder = Coder::new(Space::full(back_end.model()), Some(back_end));
            for (row, code) in scaled.rows().zip(coder.codes(&scaled).unwrap()) {
                let centered = nalgebra::DVector::from_iterator(DIMENSION, row.iter().map(|&value| f64::from(value)));
                let centered = centered - &fit.mean;
                let exact = fit.map.as_ref().map_or_else(|| centered.clone(), |map| map * &centered);
                let unit = 127.0 / exact.amax();
                for (&element, exact) in code.iter().zip(&exact) {
                    let error = (f64::from(element) - exact * unit).abs();
                    // Half a step of the code, and what the 15 bits of a weight leave.
                    assert!(error < 0.55, "{kind} at {scale}: {element}, not {}", exact * unit);
                }
            }
        }
    }
}

#[test]
fn a_file_keeps_every_bit_and_refuses_what_does_not_fit() {
    let back_end = FittedBackEnd::quantize(&fitted(Kind::Lda(Some(2))), MODEL, 5.0).unwrap();
    let text = serde_json::to_string(&back_end).unwrap();
    assert_eq!(serde_json::from_str::<FittedBackEnd>(&text).unwrap(), back_end);
    assert_eq!(FittedBackEnd::of_bundle(&back_end.view()), back_end);
    let other = FittedBackEnd::quantize(&fitted(Kind::Lda(Some(3))), MODEL, 5.0).unwrap();
    assert!(other.model() != back_end.model() && back_end.model() != MODEL, "each is a model of its own");
    for (from, to) in [
        ("\"shift\":", "\"shift\":20"),
        ("\"exponent\":", "\"exponent\":9"),
        ("\"mean\":[", "\"mean\":[1,"),
        ("\"mean\":[", "\"mean\":[16777216,1,1,1,1,"),
        ("\"map\":[", "\"map\":[1,"),
        ("0404", "04"),
    ] {
        let edited = text.replacen(from, to, 1);
        assert!(edited != text && serde_json::from_str::<FittedBackEnd>(&edited).is_err(), "{to}");
    }
}

#[test]
fn a_comparison_tells_that_embeddings_are_not_centered() {
    // Subjects differ in 8 directions, more or less strongly from sample to sample, and all of them lie far out in a ninth.
    let mut chance = fastrand::Rng::with_seed(8);
    let mut noise = |size: f32| size * (chance.f32() * 2.0 - 1.0);
    let centers: Vec<Vec<f32>> = (0..8).map(|_| (0..8).map(|_| noise(1.0)).collect()).collect();
    let mut rows = Vec::new();
    for (subject, center) in centers.iter().enumerate() {
        for _ in 0..12 {
            let strength = 1.0 + noise(0.7);
            let mut row: Vec<f32> = center.iter().map(|value| strength * (value + noise(0.5))).collect();
            row.push(5.0);
            rows.push((subject, row));
        }
    }
    let data = embeddings(9, &rows);
    let plan = Plan {
        enroll: 3,
        rates: vec![Rate::from_parts_per_billion(100_000_000).unwrap()],
        draws: 1,
        seed: 1,
        form: Form::Full,
        back_end: Kind::None,
        fusion: Fusion::Maximum,
        cohort: None,
        claim: false,
    };
    let eer = |kind| compare(kind, &data, MODEL, &plan).unwrap().unwrap().eer;
    let (none, mean) = (eer(Kind::None), eer(Kind::Mean));
    assert!(none > 0.15 && mean < none / 2.0, "none {none}, mean {mean}");
    assert_eq!(compare(Kind::Pca(Some(10)), &data, MODEL, &plan).unwrap(), None, "there are nine dimensions");
    let few = data.select(&(0..36).collect::<Vec<_>>());
    let error = compare(Kind::Mean, &few, MODEL, &plan).unwrap_err().to_string();
    assert!(error.starts_with("there are 3 subjects, and a back end needs at least 4"), "{error}");
}
