//! What int8 templates keep of recorded embeddings, and what a mean buys, where `COGNATE_DATA` names the folder that has them.
//!
//! `COGNATE_DATA=… cargo test -p cognate-host --test cli recorded -- --nocapture` prints the figures.

use crate::support::recorded_data;
use cognate::kernel::Layout;
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{BundleView, Fusion, ModelDigest, Query, Score, Search, Space, SubjectId, Template, similarity};
use cognate_host::back_end::{FittedBackEnd, Kind, fit};
use cognate_host::bundle::{Bundle, Settings};
use cognate_host::coder::Coder;
use cognate_host::eer::equal_error_rate;
use cognate_host::embeddings::Embeddings;
use cognate_host::labels::{Label, Labels};
use rayon::prelude::*;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

const MODEL: ModelDigest = ModelDigest::new([0; 16]);

fn embeddings(array: &Path, labels: Vec<String>) -> Embeddings {
    let bytes = std::fs::read(array).unwrap();
    let values = npyz::NpyFile::new(&*bytes).unwrap();
    let dimension = usize::try_from(values.shape()[1]).unwrap();
    let rows = labels.into_iter().map(|subject| Label { subject, ..Label::default() }).collect();
    Embeddings::new(dimension, values.into_vec().unwrap(), Labels { rows, ..Labels::default() }).unwrap()
}

fn faces(data: &Path) -> Embeddings {
    let labels = std::fs::read(data.join("faces/lfw_10x10_labels_i64.npy")).unwrap();
    let labels: Vec<i64> = npyz::NpyFile::new(&*labels).unwrap().into_vec().unwrap();
    let array = data.join("faces/lfw_10x10_f32_embeddings_onnxruntime.npy");
    embeddings(&array, labels.iter().map(i64::to_string).collect())
}

fn keywords(data: &Path) -> Embeddings {
    let mut table = csv::Reader::from_path(data.join("keyword/fsdd_idx0-9_labels.csv")).unwrap();
    let digits = table.records().map(|row| row.unwrap()[1].to_owned()).collect();
    embeddings(&data.join("keyword/fsdd_idx0-9_f32_embeddings_onnxruntime.npy"), digits)
}

/// The cosine of every pair in f64, on one scale with scores, and whether the two are of one subject.
fn exact_pairs(embeddings: &Embeddings) -> Vec<(i64, bool)> {
    let rows = embeddings.rows().map(|row| {
        let row: Vec<f64> = row.iter().map(|&value| f64::from(value)).collect();
        let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
        row.into_iter().map(|value| value / length).collect::<Vec<f64>>()
    });
    let rows: Vec<Vec<f64>> = rows.collect();
    // Fine enough that no two cosines are equal that are not.
    pairs(embeddings, |a, b| (rows[a].iter().zip(&rows[b]).map(|(x, y)| x * y).sum::<f64>() * 2f64.powi(50)) as i64)
}

/// The same of templates.
fn coded_pairs(embeddings: &Embeddings, coder: &Coder) -> Vec<(i64, bool)> {
    let codes = coder.codes(embeddings).unwrap();
    let score =
        |a: usize, b: usize| similarity::cosine(&coder.template(&codes[a]), &coder.template(&codes[b])).unwrap();
    pairs(embeddings, |a, b| score(a, b).raw().into())
}

fn pairs(embeddings: &Embeddings, score: impl Fn(usize, usize) -> i64) -> Vec<(i64, bool)> {
    let labels = &embeddings.labels().rows;
    let of = |a: usize, b: usize| (score(a, b), labels[a].subject == labels[b].subject);
    (0..labels.len()).flat_map(|b| (0..b).map(move |a| (a, b))).map(|(a, b)| of(a, b)).collect()
}

fn eer(pairs: &[(i64, bool)]) -> f64 {
    let scores = |wanted| pairs.iter().filter(|(_, same)| *same == wanted).map(|(score, _)| *score).collect::<Vec<_>>();
    equal_error_rate(&scores(true), &scores(false)).unwrap()
}

/// The threshold with a false match rate of 1e-3 on these pairs.
fn threshold(pairs: &[(i64, bool)]) -> i64 {
    let mut impostors: Vec<i64> = pairs.iter().filter(|(_, same)| !same).map(|(score, _)| *score).collect();
    impostors.sort_unstable_by_key(|score| std::cmp::Reverse(*score));
    impostors[impostors.len() / 1000] + 1
}

fn quantization(name: &str, embeddings: &Embeddings) {
    let exact = exact_pairs(embeddings);
    let (exact_eer, exact_threshold) = (eer(&exact), threshold(&exact));
    for space in [Space::full(MODEL), Space::norm_limited(MODEL)] {
        let coded = coded_pairs(embeddings, &Coder::new(space, None));
        let (coded_eer, threshold) = (eer(&coded), threshold(&coded));
        let decided = exact.iter().zip(&coded).map(|(exact, coded)| (exact.0 >= exact_threshold, coded.0 >= threshold));
        let flipped = decided.filter(|(exact, coded)| exact != coded).count();
        println!(
            "{name}, {}: EER {:.3} % (f32 {:.3} %); {flipped} of {} decisions flipped at FMR 0.1 %",
            space.form,
            coded_eer * 100.0,
            exact_eer * 100.0,
            exact.len()
        );
        assert!((coded_eer - exact_eer).abs() <= 0.001, "EER within a tenth of a point");
        assert!(flipped * 1000 <= exact.len(), "no more than a thousandth of the decisions");
    }
}

#[test]
fn recorded_faces_as_templates_are_told_apart_as_in_f32() {
    let Some(data) = recorded_data("recorded_faces_as_templates_are_told_apart_as_in_f32") else { return };
    let faces = faces(&data);
    quantization("faces", &faces);
    let exact = eer(&exact_pairs(&faces));
    assert!((exact - 0.00111).abs() < 0.000_005, "the published figure is 0.111 %: {exact}");
}

#[test]
fn recorded_keywords_as_templates_are_told_apart_as_in_f32() {
    let Some(data) = recorded_data("recorded_keywords_as_templates_are_told_apart_as_in_f32") else { return };
    quantization("keywords", &keywords(&data));
}

#[test]
fn recorded_keywords_gain_by_a_mean() {
    let Some(data) = recorded_data("recorded_keywords_gain_by_a_mean") else { return };
    let keywords = keywords(&data);
    let subjects: Vec<Vec<usize>> = keywords.labels().by_subject().into_iter().map(|(_, rows)| rows).collect();
    let greatest = keywords.rows().flatten().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
    let with = |kind| {
        let fit = fit(kind, &keywords, &subjects).unwrap();
        let back_end = fit.map(|fit| FittedBackEnd::quantize(&fit, MODEL, greatest.into()).unwrap());
        eer(&coded_pairs(&keywords, &Coder::new(Space::full(MODEL), back_end)))
    };
    let (none, mean) = (with(Kind::None), with(Kind::Mean));
    println!("keywords: EER {:.2} % as they are, {:.2} % without their mean", none * 100.0, mean * 100.0);
    // In f32, with onnxruntime and numpy, 19.10 % and 11.63 %.
    assert!((none - 0.1910).abs() < 0.001 && (mean - 0.1163).abs() < 0.001, "{none}, {mean}");
}

const WORD_DIMENSION: usize = 100;

/// Words and their vectors, in word2vec's text form.
fn words(data: &Path) -> (Vec<String>, Vec<[f32; WORD_DIMENSION]>) {
    let mut text = String::new();
    let file = std::fs::File::open(data.join("words/vectors_100d.txt.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let row = |line: &str| {
        let (word, fields) = line.split_once(' ').unwrap();
        let values: Vec<f32> = fields.split(' ').map(|field| field.parse().unwrap()).collect();
        (word.to_owned(), <[f32; WORD_DIMENSION]>::try_from(values).unwrap())
    };
    text.lines().skip(1).map(row).unzip()
}

/// "a is to b as c is to d": the answer to b − a + c among all words but the three.
#[test]
fn recorded_word_analogies_are_solved_by_queries() {
    let Some(data) = recorded_data("recorded_word_analogies_are_solved_by_queries") else { return };
    let (words, vectors) = words(&data);
    let coder = Coder::new(Space::full(MODEL), None);
    let template =
        |vector: &[f32; WORD_DIMENSION]| Template::new(&cognate::Embedding::new(*vector).unwrap(), coder.space());
    let templates: Vec<Template<WORD_DIMENSION>> = vectors.iter().map(template).collect();
    let mut bundle = Bundle::new(settings(&coder));
    for (word, template) in words.iter().zip(&templates) {
        bundle.enroll_any(word, vec![template.code().to_vec()]).unwrap();
    }
    let bytes = bundle.to_bytes().unwrap();
    let view = BundleView::new_checked(&bytes).unwrap();
    let gallery = view.gallery();
    // Words are enrolled in their order.
    let places: HashMap<&str, usize> = words.iter().enumerate().map(|(place, word)| (word.as_str(), place)).collect();
    let id = |place: usize| SubjectId::new(place as u32 + SubjectId::FIRST.number());
    let questions = std::fs::read_to_string(data.join("words/questions-words.txt")).unwrap();
    let questions: Vec<[usize; 4]> = questions
        .lines()
        .filter(|line| !line.starts_with(':'))
        .map(|line| line.split(' ').map(|word| places[word]).collect::<Vec<_>>().try_into().unwrap())
        .collect();
    let right = |[a, b, c, d]: &[usize; 4]| {
        let query = Query::new(coder.space()).plus(&templates[*b]).unwrap();
        let query = query.minus(&templates[*a]).unwrap().plus(&templates[*c]).unwrap().template().unwrap();
        let galleries: [&dyn cognate::Scan; 1] = [&gallery];
        let excluded = [*a, *b, *c].map(id);
        Search::new(&galleries).without(&excluded).rank::<1>(&query).unwrap()[0].subject == id(*d)
    };
    let solved = questions.par_iter().filter(|question| right(question)).count();
    println!("words: {solved} of {} analogies, 12968 in f32", questions.len());
    assert!(questions.len() == 19_544 && solved.abs_diff(12_968) < 100, "{solved}");
}

fn settings(coder: &Coder) -> Settings {
    let entry = ThresholdEntry { fmr: Rate::ALL, threshold: Score::MIN, comparisons: 1, fmr_upper_bound: Rate::ALL };
    Settings {
        coder: coder.clone(),
        dimension: WORD_DIMENSION,
        layout: Layout::Rows,
        filter: false,
        thresholds: vec![entry],
        operating_point: 0,
        fpir: Rate::ALL,
        margin: 0,
        fusion: Fusion::Maximum,
        calibrated_templates: 1,
        cohort: None,
        encoder: None,
    }
}
