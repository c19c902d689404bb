//! `cognate evaluate`.

use crate::support::{Bench, recorded_data};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn evaluate(bench: &Bench, arguments: &[&str]) -> Value {
    let printed = bench.succeed(&[&["evaluate", "--json", "--replicates", "20"], arguments].concat());
    serde_json::from_str(&printed).unwrap()
}

fn is_close(found: &Value, expected: f64, tolerance: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - expected).abs() <= tolerance)
}

/// Six samples in the plane, of three subjects: what comes of them can be worked out by hand.
fn plane(bench: &Bench) {
    let angles = [0.0f32, 10.0, 90.0, 110.0, 40.0, 101.0];
    let values: Vec<f32> =
        angles.iter().flat_map(|angle| [angle.to_radians().cos(), angle.to_radians().sin()]).collect();
    bench.write_embeddings("plane", 2, &values, &["a", "a", "b", "b", "c", "c"]);
}

#[test]
fn figures_that_can_be_worked_out_by_hand() {
    let bench = Bench::new();
    plane(&bench);
    let found = evaluate(&bench, &["--embeddings", "plane.npy", "--fmr", "0.5,0.1", "--gallery", "1,2"]);
    assert_eq!((&found["genuine_pairs"], &found["impostor_pairs"]), (&Value::from(3), &Value::from(12)));
    assert_eq!((&found["samples"], &found["subjects"]), (&Value::from(6), &Value::from(3)));
    // Genuine: 10°, 20°, 61° apart. Impostor: 9, 11, 30, 40, 50, 70, 80, 90, 91, 100, 101, 110.
    // At a half: six of twelve are nearer than 80°, and no genuine pair is refused; at a tenth: one passes, nearer than 11°.
    assert_eq!(found["fnmr_at_fmr"], serde_json::json!({"0.5": 0.0, "0.1": 2.0 / 3.0}));
    // Of 36, the genuine one is nearer in 11, 10 and 7.
    assert!(is_close(&found["auc"], (11.0 + 10.0 + 7.0) / 36.0, 1e-12), "{}", found["auc"]);
    assert!(is_close(&found["threshold_at_fmr"]["0.5"], 80f64.to_radians().cos(), 1e-6));
    // a: 0 and 10 find each other; b: both are nearer to 101; c: 40 is nearer to 10, 101 to 110.
    assert!(is_close(&found["rank1"], 2.0 / 6.0, 1e-12));
    assert!(found["pairs_per_second"].as_f64().unwrap() > 0.0);
    assert!(found["device"]["eer"].is_number() && found["losses"]["alignment"].is_number());
    let text = bench.succeed(&["evaluate", "--embeddings", "plane.npy", "--fmr", "0.5,0.0001"]);
    assert!(text.contains("needs 30,000 impostor pairs, and there are 12"), "{text}");
}

#[test]
fn models_and_bundles_are_judged_by_their_samples() {
    let bench = Bench::with_bundle();
    let manifest = bench.manifest("digits", 4..8, 20);
    let by_model = evaluate(&bench, &["model.onnx", &manifest]);
    let by_file = evaluate(&bench, &["--embeddings", "digits.npy"]);
    let by_bundle = evaluate(&bench, &["digits.bundle", "digits.npy"]);
    for name in ["eer", "auc", "rank1", "fnmr_at_fmr"] {
        assert_eq!(by_model[name], by_file[name], "{name}");
        assert_eq!(by_bundle["device"][name], by_file["device"][name], "{name}");
    }
    let in_use = &by_bundle["device"]["bundle_threshold"];
    assert!(in_use["fmr"].is_number() && by_file["device"]["bundle_threshold"].is_null(), "{in_use}");
    bench.fail(&["evaluate", "digits.bundle", "digits.npy", "--back-end", "mean"], &["a bundle has its own back end"]);
    bench.fail(&["evaluate", "model.onnx", "digits.npy"], &["digits.npy: "]);
}

#[test]
fn what_cannot_be_evaluated_says_why() {
    let bench = Bench::new();
    let evaluate = ["evaluate", "--embeddings", "bad.npy"];
    let good = [1.0f32, 2.0, 3.0, -1.0, 2.0, 2.0, 0.5, 1.0];
    bench.write_embeddings("bad", 2, &good, &["a", "a", "a", "a"]);
    bench.fail(&evaluate, &["bad.npy: all its samples are of one subject, `a`"]);
    bench.write_embeddings("bad", 2, &good, &["a", "b", "c", "d"]);
    bench.fail(&evaluate, &["bad.npy: each of its 4 subjects has one sample only"]);
    bench.write_embeddings("bad", 2, &good, &["a", "b", "a"]);
    bench.fail(&evaluate, &["bad.csv: it has 3 rows where 4 are needed"]);
    bench.write_embeddings("bad", 2, &good, &["a", "b", "a", ""]);
    bench.write("bad.csv", b"subject,x\na,1\nb,1\na,1\n,1\n");
    bench.fail(&evaluate, &["bad.npy: row 3 (counted from 0) has no subject"]);
    bench.write("bad.csv", b"name\na\nb\na\nb\n");
    bench.fail(&evaluate, &["bad.csv: it has no column `subject`"]);
    bench.write("bad.csv", b"subject,age\na,1\nb,1\na,1\nb,1\n");
    bench
        .fail(&[&evaluate[..], &["--groups", "sex"]].concat(), &["bad.npy: its labels have no column `sex`, only age"]);
    let mut values = good;
    values[5] = f32::NAN;
    bench.write("bad.npy", &cognate_host::npy::matrix_bytes(&values, 2));
    bench.fail(&evaluate, &["bad.npy: row 2 (counted from 0, bad.npy#2) is NaN or infinite at element 1"]);
    let whole = cognate_host::npy::matrix_bytes(&good, 2);
    bench.write("bad.npy", &whole[..whole.len() - 7]);
    bench.fail(&evaluate, &["bad.npy: "]);
    bench.fail(&["evaluate", "--embeddings", "none.npy"], &["none.npy: there is no such file"]);
}

/// Whoever is there a million times with one sample each is told at once, not after 5 · 10¹¹ pairs.
#[test]
fn a_million_subjects_with_one_sample_each_are_refused() {
    let bench = Bench::new();
    let values: Vec<f32> = (0..2_000_000).map(|place| (place % 977) as f32 + 1.0).collect();
    bench.write("many.npy", &cognate_host::npy::matrix_bytes(&values, 2));
    let rows: String = (0..1_000_000).map(|row| format!("{row}\n")).collect();
    bench.write("many.csv", format!("subject\n{rows}").as_bytes());
    bench.fail(
        &["evaluate", "--embeddings", "many.npy"],
        &["many.npy: each of its 1000000 subjects has one sample only"],
    );
}

#[test]
fn equal_scores_tell_nobody_apart() {
    let bench = Bench::new();
    bench.write_embeddings("same", 4, &[0.5; 24], &["a", "b", "a", "b", "c", "c"]);
    let found = evaluate(&bench, &["--embeddings", "same.npy"]);
    assert_eq!((&found["eer"], &found["auc"], &found["rank1"]), (&0.5.into(), &0.5.into(), &0.0.into()));
}

/// The labels of recorded embeddings as this tool takes them.
fn labels(bench: &Bench, name: &str, subjects: impl Iterator<Item = String>) {
    let rows: String = subjects.map(|subject| format!("{subject}\n")).collect();
    bench.write(name, format!("subject\n{rows}").as_bytes());
}

fn figures(bench: &Bench, array: &Path, labels: &str, extra: &[&str]) -> Value {
    let arguments = ["--embeddings", array.to_str().unwrap(), "--labels", labels, "--fmr", "0.01,0.001"];
    evaluate(bench, &[&arguments[..], extra].concat())
}

fn keywords(data: &Path) -> (PathBuf, Vec<csv::StringRecord>) {
    let table = csv::Reader::from_path(data.join("keyword/fsdd_idx0-9_labels.csv")).unwrap().into_records();
    let array = data.join("keyword/fsdd_idx0-9_f32_embeddings_onnxruntime.npy");
    (array, table.map(Result::unwrap).collect())
}

#[test]
fn recorded_faces_have_their_published_figures() {
    let Some(data) = recorded_data("recorded_faces_have_their_published_figures") else { return };
    let bench = Bench::new();
    let numbers = std::fs::read(data.join("faces/lfw_10x10_labels_i64.npy")).unwrap();
    let numbers: Vec<i64> = npyz::NpyFile::new(&*numbers).unwrap().into_vec().unwrap();
    labels(&bench, "faces.csv", numbers.iter().map(i64::to_string));
    let found = figures(&bench, &data.join("faces/lfw_10x10_f32_embeddings_onnxruntime.npy"), "faces.csv", &[]);
    assert_eq!((&found["genuine_pairs"], &found["impostor_pairs"]), (&Value::from(450), &Value::from(4500)));
    // 0.111 % and, at the nearest threshold, 0.056 %: in 4500ths.
    assert!(is_close(&found["eer"], 5.0 / 4500.0, 1e-9), "{}", found["eer"]);
    assert!(is_close(&found["eer_nearest_threshold"], 2.5 / 4500.0, 1e-9), "{}", found["eer_nearest_threshold"]);
    assert_eq!(found["fnmr_at_fmr"]["0.01"], Value::from(0.0));
    assert!(is_close(&found["fnmr_at_fmr"]["0.001"], 1.0 / 450.0, 1e-9));
    assert!(is_close(&found["threshold_at_fmr"]["0.001"], 0.3205, 5e-5));
    assert_eq!(found["rank1"], Value::from(1.0));
}

#[test]
fn recorded_keywords_have_their_published_figures() {
    let Some(data) = recorded_data("recorded_keywords_have_their_published_figures") else { return };
    let bench = Bench::new();
    let (array, table) = keywords(&data);
    labels(&bench, "digits.csv", table.iter().map(|row| row[1].to_owned()));
    labels(&bench, "both.csv", table.iter().map(|row| format!("{} {}", &row[1], &row[2])));
    let mean = ["--back-end", "mean"];
    for (name, extra, [eer, at_1_in_100, at_1_in_1000]) in [
        ("digits.csv", &[][..], [0.1910, 0.705, 0.920]),
        ("digits.csv", &mean, [0.1163, 0.504, 0.846]),
        ("both.csv", &mean, [0.0803, 0.338, 0.679]),
    ] {
        let found = figures(&bench, &array, name, extra);
        assert!(is_close(&found["eer"], eer, 5e-5), "{name}: {}", found["eer"]);
        assert!(is_close(&found["fnmr_at_fmr"]["0.01"], at_1_in_100, 5e-4), "{name}: {}", found["fnmr_at_fmr"]);
        assert!(is_close(&found["fnmr_at_fmr"]["0.001"], at_1_in_1000, 5e-4), "{name}: {}", found["fnmr_at_fmr"]);
    }
}
