//! From one model to another, with everybody who is enrolled.

use crate::model_file::ImageModel;
use crate::support::Bench;

/// A bench with a second model, its thresholds, and the samples of ten digits as both encoded them.
fn bench() -> Bench {
    let bench = Bench::with_bundle();
    bench.write("new.onnx", &ImageModel { first_weight: 0.25, ..ImageModel::default() }.bytes());
    bench.write("new.toml", &bench.read("model.toml"));
    let calibration = bench.manifest("calibration", 0..5, 20);
    let digits = bench.manifest("digits", 0..10, 20);
    bench.succeed(&["encode", "new.onnx", &calibration, "-o", "new-calibration.npy"]);
    bench.succeed(&["encode", "model.onnx", &digits, "-o", "a.npy"]);
    bench.succeed(&["encode", "new.onnx", &digits, "-o", "b.npy"]);
    bench.succeed(&["calibrate", "new-calibration.npy", "--enroll", "3", "--fmr", "0.05", "-o", "new.json"]);
    bench.succeed(&["export", "--model", "new.onnx", "--thresholds", "new.json", "-o", "new.bundle", "--fpir", "0.5"]);
    bench
}

const BRIDGE: [&str; 7] = ["bridge", "digits.bundle", "new.bundle", "--old", "a.npy", "--new", "b.npy"];

#[test]
fn everybody_is_taken_over_with_ids_and_names() {
    let bench = bench();
    let listed = |bundle: &str| -> serde_json::Value {
        serde_json::from_str(&bench.succeed(&["list", bundle, "--json"])).unwrap()
    };
    let before = listed("digits.bundle");
    let shown = bench.succeed(&[&BRIDGE[..], &["--fmr", "0.5", "--fnmr", "0.9"]].concat());
    assert!(shown.contains("fitted on 5 subjects, judged on 5 others"), "{shown}");
    let after = listed("new.bundle");
    assert_eq!(after["subjects"], before["subjects"]);
    assert_ne!(after["model"], before["model"]);
    // The new bundle is used as any.
    bench.succeed(&["simulate", "new.bundle", "b.npy"]);
}

#[test]
fn what_cannot_be_known_to_hold_is_refused() {
    let bench = bench();
    bench
        .refuse(&[&BRIDGE[..], &["--fmr", "0.0001"]].concat(), &["impostors were accepted", "false match rate may be"]);
    bench.fail(&["bridge", "digits.bundle", "new.bundle", "--old", "b.npy", "--new", "b.npy"], &["b.npy: "]);
    bench.fail(
        &["bridge", "digits.bundle", "digits.bundle", "--old", "a.npy", "--new", "a.npy", "-o", "c.bundle"],
        &["somebody is enrolled in it already"],
    );
}
