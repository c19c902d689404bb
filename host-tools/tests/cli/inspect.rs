//! `cognate inspect`.

use crate::support::{Bench, repository};
use serde_json::{Value, json};

#[test]
fn what_a_model_holds() {
    let bench = Bench::with_model();
    let report: Value = serde_json::from_str(&bench.succeed(&["inspect", "model.onnx", "--json"])).unwrap();
    assert_eq!(report["inputs"], json!([{ "name": "image", "type": "float", "shape": ["N", 1, 28, 28] }]));
    assert_eq!(report["outputs"], json!([{ "name": "embedding", "type": "float", "shape": ["N", 16] }]));
    assert_eq!(report["operators"], json!({ "Flatten": 1, "MatMul": 1 }));
    assert_eq!((&report["parameters"], &report["macs"]), (&json!(784 * 16), &json!(784 * 16)));
    assert_eq!(report["digest"].as_str().map(str::len), Some(32));
}

#[test]
fn a_proposal_is_written_once_and_can_be_used() {
    let bench = Bench::with_model();
    let own = bench.read("model.toml");
    bench.fail(&["inspect", "model.onnx", "--write"], &["model.toml: there is a preprocessing already"]);
    std::fs::remove_file(bench.path("model.toml")).unwrap();
    let report = bench.succeed(&["inspect", "model.onnx"]);
    assert!(report.contains("digest      none before there is a preprocessing"), "{report}");
    assert!(report.contains("width = 28"), "{report}");
    bench.succeed(&["inspect", "model.onnx", "--write"]);
    assert_ne!(bench.read("model.toml"), own, "a proposal has comments");
    let manifest = bench.manifest("digits", 5..6, 2);
    bench.succeed(&["encode", "model.onnx", &manifest, "-o", "proposed.npy"]);
    bench.write("model.toml", &own);
    bench.succeed(&["encode", "model.onnx", &manifest, "-o", "own.npy"]);
    assert_eq!(bench.read("proposed.csv"), bench.read("own.csv"), "this proposal is the same model");
}

#[test]
fn the_shipped_encoder_is_as_its_description_says() {
    let model = repository().join("models/glyphs.onnx");
    let printed = Bench::new().succeed(&["inspect", model.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&report["parameters"], &report["macs"]), (&json!(89_784), &json!(2_709_856)));
}
