//! Models, and files beside them, that cannot be used.

use crate::model_file::{ImageModel, PREPROCESSING};
use crate::support::Bench;
use cognate_host::onnx::OnnxFile;

/// Every command that reads a model, given this one.
fn each_command_fails(bench: &Bench, model: &str, texts: &[&str]) {
    bench.fail(&["encode", model, "digits-samples.csv", "-o", "out.npy"], texts);
    bench.fail(&["export", "--model", model, "--thresholds", "thresholds.json", "-o", "out.bundle"], texts);
    bench.fail(&["enroll", "digits.bundle", "--model", model, "--subject", "x", "a.png", "b.png"], texts);
}

#[test]
fn files_that_are_no_model() {
    let bench = Bench::with_bundle();
    let good = bench.read("model.onnx");
    bench.write("empty.onnx", b"");
    bench.write("text.onnx", b"this is a text, not a model");
    bench.write("cut.onnx", &good[..good.len() / 2]);
    bench.write("picture.onnx", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    for (model, text) in [
        ("missing.onnx", "missing.onnx: there is no such file, or it is a link to none: check the path"),
        ("empty.onnx", "empty.onnx: the file is empty: export or copy the model again"),
        ("text.onnx", "text.onnx: this is not an ONNX model, or it was cut short"),
        ("cut.onnx", "cut.onnx: this is not an ONNX model, or it was cut short"),
        ("picture.onnx", "picture.onnx: this is not an ONNX model, or it was cut short"),
    ] {
        each_command_fails(&bench, model, &[text]);
        bench.fail(&["inspect", model, "--write"], &[text]);
        bench.fail(
            &["calibrate", "digits.npy", "--enroll", "2", "--fmr", "0.1", "-o", "t.json", "--model", model],
            &[text],
        );
    }
}

#[test]
fn a_model_cut_anywhere_is_refused() {
    let bench = Bench::new();
    let bytes = ImageModel { side: 2, dimension: 3, ..ImageModel::default() }.bytes();
    for length in 0..bytes.len() {
        bench.write("cut.onnx", &bytes[..length]);
        assert!(OnnxFile::open(&bench.path("cut.onnx")).is_err(), "{length} of {} bytes were accepted", bytes.len());
    }
    bench.write("whole.onnx", &bytes);
    assert!(OnnxFile::open(&bench.path("whole.onnx")).is_ok());
}

#[test]
fn an_operator_that_the_runtime_lacks_is_named() {
    let bench = Bench::with_model();
    bench.manifest("digits", 4..8, 2);
    bench.write("model.onnx", &ImageModel { operator: "Frobnicate", ..ImageModel::default() }.bytes());
    let texts = ["model.onnx: the runtime (tract) has no operator `Frobnicate`", "export the model with other"];
    bench.fail(&["encode", "model.onnx", "digits-samples.csv", "-o", "out.npy"], &texts);
    std::fs::remove_file(bench.path("model.toml")).unwrap();
    bench.fail(&["inspect", "model.onnx", "--write"], &texts[..1]);
    let report = String::from_utf8(bench.run(&["inspect", "model.onnx"]).stdout).unwrap();
    assert!(report.contains("Frobnicate × 1"), "what can be told is told: {report}");
}

#[test]
fn a_model_that_contradicts_itself() {
    let bench = Bench::with_model();
    bench.manifest("digits", 4..8, 2);
    let encode = ["encode", "model.onnx", "digits-samples.csv", "-o", "out.npy"];
    // One pad too few makes tract panic; a pad too many changes the size, and so the projection does not fit.
    for (pads, text) in
        [(&[0][..], "it contradicts itself"), (&[0, 0, 0, 1], "the runtime (tract) cannot prepare the model")]
    {
        bench.write("model.onnx", &ImageModel { pads, ..ImageModel::default() }.bytes());
        bench.fail(&encode, &["model.onnx: ", text]);
        let report = bench.succeed(&["inspect", "model.onnx"]);
        assert!(report.contains("not known: the shapes cannot be worked out"), "{report}");
    }
    bench.write("model.onnx", &ImageModel { pads: &[0, 0, 0, 0], ..ImageModel::default() }.bytes());
    bench.succeed(&encode);
}

#[test]
fn a_preprocessing_that_is_missing_or_wrong() {
    let bench = Bench::with_bundle();
    std::fs::remove_file(bench.path("model.toml")).unwrap();
    each_command_fails(&bench, "model.onnx", &["model.toml: ", "`cognate inspect model.onnx --write`"]);
    for (from, to, text) in [
        ("normalize", "normalise", "unknown field `normalise`"),
        ("width = 28\n", "", "missing field `width`"),
        ("mean = [0.0]", "mean = [0.0, 0.0]", "one value for each channel"),
        ("\"gray\"", "\"cmyk\"", "unknown variant `cmyk`"),
        ("= 28", "= ", "this is not a preprocessing file"),
    ] {
        bench.write("model.toml", PREPROCESSING.replace(from, to).as_bytes());
        each_command_fails(&bench, "model.onnx", &["model.toml: ", text]);
        bench.fail(&["inspect", "model.onnx"], &["model.toml: ", text]);
    }
    for (from, to, text) in [
        ("\"image\"\noutput", "\"picture\"\noutput", "the model's input is `image`, its .toml file says `picture`"),
        ("width = 28", "width = 32", "is N×1×28×28 (batch first), its .toml file makes samples of shape [1, 28, 32]"),
        ("\"nchw\"", "\"nhwc\"", "its .toml file makes samples of shape [28, 28, 1]"),
    ] {
        bench.write("model.toml", PREPROCESSING.replace(from, to).as_bytes());
        each_command_fails(&bench, "model.onnx", &["model.onnx: ", text]);
    }
    bench.write("model.toml", PREPROCESSING.replace("\"embedding\"", "\"logits\"").as_bytes());
    bench.fail(&["encode", "model.onnx", "digits-samples.csv", "-o", "out.npy"], &["the model has no tensor `logits`"]);
}

#[test]
fn a_changed_preprocessing_is_another_model() {
    let bench = Bench::with_bundle();
    bench.write("model.toml", PREPROCESSING.replace("mean = [0.0]", "mean = [0.5]").as_bytes());
    let export = ["export", "--model", "model.onnx", "--thresholds", "thresholds.json", "-o", "out.bundle"];
    bench.fail(&export, &["thresholds.json: the thresholds are of model ", "calibrate with embeddings of this model"]);
    let reordered: Vec<&str> = PREPROCESSING.lines().rev().collect();
    bench.write("model.toml", format!("# reordered\n{}\n", reordered.join("\n")).as_bytes());
    bench.succeed(&export);
}
