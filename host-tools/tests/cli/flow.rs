//! From samples to decisions.

use crate::support::{Bench, export, repository};
use cognate_host::embeddings::Embeddings;
use serde_json::Value;

/// The objects that `simulate --json` prints: one a probe, and the summary.
fn simulate(bench: &Bench, arguments: &[&str]) -> (Vec<Value>, Value) {
    let printed = bench.succeed(&[&["simulate"], arguments, &["--json"]].concat());
    let mut lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().unwrap()["summary"].take();
    (lines, summary)
}

fn subjects(bench: &Bench) -> Vec<(u64, String, u64)> {
    let listed: Value = serde_json::from_str(&bench.succeed(&["list", "digits.bundle", "--json"])).unwrap();
    let subject = |subject: &Value| {
        let name = subject["name"].as_str().unwrap().to_owned();
        (subject["id"].as_u64().unwrap(), name, subject["templates"].as_u64().unwrap())
    };
    listed["subjects"].as_array().unwrap().iter().map(subject).collect()
}

#[test]
fn the_shipped_encoder_tells_digits_that_it_never_saw_apart() {
    let bench = Bench::new();
    let data = |path: &str| repository().join(path).to_str().unwrap().to_owned();
    let model = data("models/glyphs.onnx");
    for (samples, output) in [("calibration", "calibration.npy"), ("digits", "digits.npy")] {
        bench.succeed(&["encode", &model, &data(&format!("data/{samples}/samples.csv")), "-o", output]);
    }
    bench.succeed(&["calibrate", "calibration.npy", "--enroll", "5", "--fmr", "0.01", "-o", "thresholds.json"]);
    bench.succeed(
        &[
            &["split", "digits.npy", "--subjects", "5,6,7,8", "--first", "5"][..],
            &["--enroll-out", "enroll.npy", "--probes-out", "probes.npy"],
        ]
        .concat(),
    );
    bench.succeed(
        &[
            &["export", "--model", &model, "--thresholds", "thresholds.json"][..],
            &["--gallery", "enroll.npy", "-o", "digits.bundle"],
        ]
        .concat(),
    );
    let (probes, summary) = simulate(&bench, &["digits.bundle", "probes.npy", "--enrolled", "enroll.npy"]);
    let count = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!((probes.len(), count("genuine"), count("strangers")), (1980, 780, 1200));
    assert_eq!(count("comparisons"), 780 * 3);
    // Far from chance, which would be 3 of 4; what the encoder reaches is measured elsewhere.
    assert!(count("false_non_matches") < 780 / 4 && count("misidentified") < 780 / 4, "{summary}");
    assert!(count("f32_flips") < 1980 / 50, "templates decide as their embeddings do: {summary}");
}

#[test]
fn decisions_add_up() {
    let bench = Bench::with_bundle();
    let (probes, summary) = simulate(&bench, &["digits.bundle", "probes.npy", "--enrolled", "enroll.npy"]);
    assert_eq!((probes.len(), &summary["probes"]), (74, &Value::from(74)));
    assert_eq!((&summary["genuine"], &summary["strangers"]), (&Value::from(34), &Value::from(40)));
    // Each genuine probe is compared with one other subject.
    assert_eq!(summary["comparisons"], Value::from(34));
    let threshold = summary["threshold"].as_i64().unwrap();
    for (row, probe) in probes.iter().enumerate() {
        assert_eq!(probe["probe"], Value::from(row));
        assert_eq!(probe["verdict"] == "known", probe["score"].as_i64().unwrap() >= threshold);
        let stranger = !["5", "6"].contains(&probe["label"].as_str().unwrap());
        assert_eq!(
            (probe["own_score"].is_null(), probe["others"].as_array().unwrap().len()),
            (stranger, 1 + usize::from(stranger))
        );
        let right = if stranger {
            probe["verdict"] == "unknown"
        } else {
            probe["verdict"] == "known" && probe["name"] == probe["label"]
        };
        assert_eq!(probe["right"], Value::from(right));
    }
    let accepted = probes.iter().filter(|probe| probe["own_score"].is_null() && probe["verdict"] == "known").count();
    assert_eq!(summary["strangers_accepted"], Value::from(accepted));
    let flips = probes.iter().filter(|probe| {
        probe["verdict"] != probe["f32_verdict"]
            || (probe["verdict"] == "known" && probe["subject"] != probe["f32_subject"])
    });
    assert_eq!(summary["f32_flips"], Value::from(flips.count()));
    let table = bench.succeed(&["simulate", "digits.bundle", "probes.npy"]);
    assert!(table.contains("74: 34 genuine, 40 strangers"), "{table}");
}

#[test]
fn subjects_come_and_go_and_ids_stay() {
    let bench = Bench::with_bundle();
    assert_eq!(subjects(&bench), [(1, "5".to_owned(), 3), (2, "6".to_owned(), 3)]);
    let sheet = image::open(repository().join("data/digits/7.png")).unwrap();
    for index in 0..3 {
        sheet.crop_imm(28 * index, 0, 28, 28).save(bench.path(&format!("seven-{index}.png"))).unwrap();
    }
    bench.succeed(&["remove", "digits.bundle", "6"]);
    let enroll = ["enroll", "digits.bundle", "--model", "model.onnx", "--subject", "7", "seven-0.png"];
    bench.fail(&enroll, &["subject `7` has 1 of the at least 2 samples"]);
    bench.refuse(&[&enroll[..], &["seven-1.png"]].concat(), &["sample 1 is not like the others", "--force enrolls"]);
    bench.succeed(&[&enroll[..], &["seven-1.png", "--force"]].concat());
    assert_eq!(subjects(&bench), [(1, "5".to_owned(), 3), (3, "7".to_owned(), 2)]);
    let add = ["enroll", "digits.bundle", "--model", "model.onnx", "--subject", "7", "--add"];
    bench.refuse(&[&add[..], &["seven-1.png"]].concat(), &["samples 0 and 2 are one and the same"]);
    bench.succeed(&[&add[..], &["seven-2.png", "--force"]].concat());
    assert_eq!(subjects(&bench)[1], (3, "7".to_owned(), 3));
    bench.succeed(&["remove", "digits.bundle", "--id", "1"]);
    assert_eq!(subjects(&bench), [(3, "7".to_owned(), 3)]);
    let table = bench.succeed(&["list", "digits.bundle"]);
    assert!(table.contains("         3          3  7\n"), "{table}");
}

#[test]
fn samples_and_embeddings_enroll_the_same_templates() {
    let bench = Bench::with_bundle();
    let sheet = image::open(repository().join("data/digits/7.png")).unwrap();
    std::fs::create_dir_all(bench.path("seven/7")).unwrap();
    for index in 0..2 {
        sheet.crop_imm(28 * index, 0, 28, 28).save(bench.path(&format!("seven/7/{index}.png"))).unwrap();
    }
    let bundle = bench.read("digits.bundle");
    let enroll = ["enroll", "digits.bundle", "--model", "model.onnx", "--subject", "7", "--force"];
    bench.succeed(&[&enroll[..], &["seven/7/0.png", "seven/7/1.png"]].concat());
    let by_samples = bench.read("digits.bundle");
    bench.write("digits.bundle", &bundle);
    bench.succeed(&["encode", "model.onnx", "seven", "-o", "seven.npy"]);
    bench.succeed(&[&enroll[..], &["--embeddings", "seven.npy"]].concat());
    assert_eq!(bench.read("digits.bundle"), by_samples);
}

#[test]
fn an_encoding_keeps_the_manifest_and_does_not_depend_on_threads() {
    let bench = Bench::with_model();
    bench.encode_sheets();
    let digits = Embeddings::read(&bench.path("digits.npy"), None).unwrap();
    assert_eq!((digits.len(), digits.dimension()), (80, 16));
    assert_eq!(digits.labels().columns, ["x", "y", "width", "height"]);
    for row in digits.rows() {
        let length: f32 = row.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    let once = bench.read("digits.npy");
    let mut single = bench.command(env!("CARGO_BIN_EXE_cognate"));
    single.args(["encode", "model.onnx", "digits-samples.csv", "-o", "digits.npy", "--no-cache"]);
    assert!(single.env("RAYON_NUM_THREADS", "1").output().unwrap().status.success());
    assert_eq!(bench.read("digits.npy"), once);
}

#[test]
fn a_split_parts_every_row() {
    let bench = Bench::with_bundle();
    let [all, enrolled, probes] =
        ["digits.npy", "enroll.npy", "probes.npy"].map(|name| Embeddings::read(&bench.path(name), None).unwrap());
    assert_eq!((enrolled.len(), probes.len()), (6, 74));
    let by_subject = all.labels().by_subject();
    let first = |name: &str| by_subject.iter().find(|(subject, _)| *subject == name).unwrap().1[..3].to_vec();
    let rows = [first("5"), first("6")].concat();
    assert_eq!(enrolled, all.select(&rows));
    let others: Vec<usize> = (0..all.len()).filter(|row| !rows.contains(row)).collect();
    assert_eq!(probes, all.select(&others));
}

#[test]
fn no_output_destroys_an_input_or_a_gallery() {
    let bench = Bench::with_bundle();
    let destroyed = &["writing here would destroy an input: choose another name"][..];
    let inputs = ["model.onnx", "model.toml", "thresholds.json", "enroll.npy", "enroll.csv"];
    for input in inputs {
        let before = bench.read(input);
        bench.fail(&export("enroll.npy", input), destroyed);
        assert_eq!(bench.read(input), before);
    }
    for input in ["probes.npy", "probes.csv"] {
        bench.fail(&["calibrate", "probes.npy", "--enroll", "2", "--fmr", "0.1", "-o", input], destroyed);
    }
    let before = bench.read("digits.bundle");
    let nobody = ["export", "--model", "model.onnx", "--thresholds", "thresholds.json", "-o", "digits.bundle"];
    bench.fail(&nobody, &["digits.bundle: `5` is enrolled in this bundle and would be lost"]);
    assert_eq!(bench.read("digits.bundle"), before);
    bench.succeed(&export("enroll.npy", "digits.bundle"));
}
