//! `cognate calibrate` and what `export` takes from it.

use crate::support::{Bench, export};
use serde_json::Value;

fn calibrate(rates: &str) -> Vec<String> {
    ["calibrate", "calibration.npy", "--enroll", "5", "--fmr", rates, "-o", "thresholds.json", "--json"]
        .map(str::to_owned)
        .to_vec()
}

fn bench() -> Bench {
    let bench = Bench::with_model();
    bench.encode_sheets();
    bench
}

#[test]
fn thresholds_come_with_their_evidence() {
    let bench = bench();
    let arguments = calibrate("0.05,0.1,0.02");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let printed = bench.succeed(&arguments);
    assert_eq!(printed.as_bytes(), bench.read("thresholds.json"));
    let thresholds: Value = serde_json::from_str(&printed).unwrap();
    let entries = thresholds["entries"].as_array().unwrap();
    let rates: Vec<f64> = entries.iter().map(|entry| entry["fmr"].as_f64().unwrap()).collect();
    // Those that were asked for, and one more: 3 of 300 is the least that the data supports.
    assert_eq!((rates, &thresholds["operating_point"]), (vec![0.1, 0.05, 0.02, 0.01], &Value::from(1)));
    for entry in entries {
        // 5 subjects of 20 samples, 5 of them enrolled: 15 probes each, against its own subject and 4 others.
        assert_eq!((&entry["comparisons"], &entry["genuine_comparisons"]), (&Value::from(300), &Value::from(75)));
        assert!(entry["observed_fmr"].as_f64() <= entry["fmr"].as_f64());
        assert!(entry["fmr_upper_bound"].as_f64() > entry["observed_fmr"].as_f64());
        assert_eq!(entry["held_out"]["splits"], Value::from(20));
        // Five subjects: each two are judged by a threshold that was chosen on the other three.
        let judged = &entry["cross_validated"];
        assert_eq!((&judged["groups"], &entry["claimed"]), (&Value::from(5), &Value::from(false)));
        assert!(entry["fmr_upper_bound"].as_f64() > judged["fmr"].as_f64(), "{entry}");
    }
    assert!(thresholds["scope"].as_str().unwrap().starts_with("Chosen on these 5 subjects"));
    assert_eq!(bench.succeed(&arguments), printed, "the same seed, the same thresholds");
}

#[test]
fn a_rate_beyond_the_data_is_refused() {
    let bench = bench();
    let arguments = calibrate("0.05,0.001");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    bench.refuse(
        &arguments,
        &[
            "calibration.npy: a false match rate of 0.1 % needs at least 3000 impostor comparisons",
            "this data has 300",
            "ask for 1 % or more, or write it down without evidence with --claim",
        ],
    );
    let repeated = calibrate("0.05,0.05");
    bench.fail(&repeated.iter().map(String::as_str).collect::<Vec<_>>(), &["--fmr has 5 % twice"]);
}

#[test]
fn a_rate_beyond_the_data_can_be_claimed_but_is_not_shown() {
    let bench = bench();
    let arguments = calibrate("0.001");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--claim"]).collect();
    let thresholds: Value = serde_json::from_str(&bench.succeed(&arguments)).unwrap();
    let entries = thresholds["entries"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["fmr"] == 0.001).unwrap();
    assert_eq!((&entry["claimed"], &entry["comparisons"]), (&Value::from(true), &Value::from(300)));
    assert!(entry["fmr_upper_bound"].as_f64().unwrap() > 0.009, "three hundred show a hundredth at best: {entry}");
    let export = ["export", "--model", "model.onnx", "--thresholds", "thresholds.json", "-o", "out.bundle"];
    bench.succeed(&export);
    let listed: Value = serde_json::from_str(&bench.succeed(&["list", "out.bundle", "--json"])).unwrap();
    let in_use =
        listed["thresholds"].as_array().unwrap().iter().find(|entry| entry["operating_point"] == true).unwrap();
    assert_eq!(in_use["comparisons"], Value::from(300), "the bundle says what is behind it");
}

#[test]
fn what_others_require_needs_evidence() {
    let bench = bench();
    let with = |preset: &'static str, extra: &[&'static str]| {
        let begin = ["calibrate", "calibration.npy", "--enroll", "5", "--preset", preset, "-o", "out.json"];
        [&begin[..], extra].concat()
    };
    bench.refuse(
        &with("windows-hello", &[]),
        &["a false match rate of 0.001 % needs at least 300000 impostor comparisons", "this data has 300"],
    );
    bench.refuse(&with("android", &[]), &["0.002 % needs at least 150000 impostor comparisons"]);
    let thresholds: Value = serde_json::from_str(&bench.succeed(&with("fido", &["--claim", "--json"]))).unwrap();
    let verdict = &thresholds["requirement"];
    assert_eq!((&verdict["preset"], &verdict["is_supported"]), (&Value::from("fido"), &Value::from(false)));
    assert_eq!(verdict["is_met"], Value::from(false));
    let text = bench.succeed(&with("fido", &["--claim"]));
    assert!(text.contains("fido: the data cannot show it, and it is not met"), "{text}");
}

#[test]
fn the_model_has_to_be_known() {
    let bench = bench();
    let table = String::from_utf8(bench.read("calibration.csv")).unwrap();
    let subjects: String = table.lines().map(|line| format!("{}\n", line.split(',').nth(1).unwrap())).collect();
    bench.write("calibration.csv", subjects.as_bytes());
    let arguments = calibrate("0.05");
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    bench.fail(&arguments, &["calibration.npy: its labels do not say which model made the embeddings", "--model"]);
    arguments.extend(["--model", "model.onnx"]);
    bench.succeed(&arguments);
    bench.succeed(&["export", "--model", "model.onnx", "--thresholds", "thresholds.json", "-o", "out.bundle"]);
}

#[test]
fn export_takes_a_rate_that_was_calibrated() {
    let bench = bench();
    let arguments = calibrate("0.05,0.1");
    bench.succeed(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let export = ["export", "--model", "model.onnx", "--thresholds", "thresholds.json", "-o", "out.bundle"];
    bench.fail(
        &[&export[..], &["--fmr", "0.03"]].concat(),
        &["no threshold for a false match rate of 3 %, only for 10 %, 5 %, 2 %, 1 %"],
    );
    let in_use = |extra: &[&str]| {
        bench.succeed(&[&export[..], extra].concat());
        let listed: Value = serde_json::from_str(&bench.succeed(&["list", "out.bundle", "--json"])).unwrap();
        let thresholds = listed["thresholds"].as_array().unwrap();
        let in_use = thresholds.iter().find(|entry| entry["operating_point"] == Value::Bool(true)).unwrap();
        in_use["fmr"].as_f64().unwrap()
    };
    assert!((in_use(&[]) - 0.05).abs() < 1e-12, "the rate that was asked for first");
    assert!((in_use(&["--fmr", "0.1"]) - 0.1).abs() < 1e-12);
    bench.write("thresholds.json", b"{}");
    bench.fail(&export, &["thresholds.json: this is not a file of thresholds", "cognate calibrate"]);
    std::fs::remove_file(bench.path("thresholds.json")).unwrap();
    bench.fail(&export, &["thresholds.json: there is no such file"]);
}

#[test]
fn more_templates_than_the_thresholds_are_for_are_warned_of() {
    let bench = bench();
    bench.succeed(&["calibrate", "calibration.npy", "--enroll", "5", "--fmr", "0.05", "-o", "thresholds.json"]);
    let mut arguments = export("digits.npy", "out.bundle");
    let text = "no threshold for a false-positive identification rate of 10 % with 16 subjects";
    bench.refuse(&arguments, &[text, "(one with more templates than was calibrated with counts as several)"]);
    arguments[10] = "0.5";
    let output = bench.run(&arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success());
    let warning = "warning: subject `7` gets 20 templates, and the thresholds were chosen with 5: for identification it counts as several";
    assert!(errors.contains(warning), "{errors}");
}
