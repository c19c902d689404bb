//! From a model to an int8 encoder, and on as with any model.

use crate::model_file::{ImageModel, PREPROCESSING};
use crate::support::{Bench, recorded_data};
use cognate_host::back_end::Kind;
use cognate_host::onnx::OnnxFile;
use cognate_host::preprocessing::Preprocessing;
use cognate_host::quantization::quantize::{Quantized, Request, quantize};
use cognate_host::runtime::pb::{ModelProto, NodeProto, ValueInfoProto};
use cognate_host::samples::SampleSet;
use prost::Message;
use serde_json::Value;
use std::path::Path;

const QUANTIZE: [&str; 5] = ["quantize", "model.onnx", "digits-samples.csv", "-o", "model.encoder"];

#[test]
fn an_encoder_goes_where_a_model_goes() {
    let bench = Bench::with_model();
    bench.manifest("digits", 4..8, 10);
    let report = bench.succeed(&QUANTIZE);
    assert!(report.contains("dense") && report.contains("held out            20 samples of 2 subjects"), "{report}");
    let json: Value = serde_json::from_str(&bench.succeed(&[&QUANTIZE[..], &["--json"]].concat())).unwrap();
    assert!(json["all"]["least_cosine"].as_f64().unwrap() > 0.999, "{json}");
    let manifest = bench.manifest("calibration", 0..5, 20);
    bench.succeed(&["encode", "model.encoder", &manifest, "-o", "calibration.npy"]);
    bench.succeed(&["calibrate", "calibration.npy", "--enroll", "3", "--fmr", "0.05", "-o", "thresholds.json"]);
    let steps = ["encode", "model.onnx", &manifest, "-o", "x.npy", "--steps", "steps"];
    bench.fail(&steps, &["model.onnx: --steps is for an int8 encoder"]);
    let export = |board, output| {
        let with = ["export", "--model", "model.encoder", "--thresholds", "thresholds.json", "--board", board, "-o"];
        bench.succeed(&[&with[..], &[output]].concat())
    };
    export("mps2-an386", "m4.bundle");
    export("mps3-an547", "m55.bundle");
    let m4 = bench.succeed(&["budget", "m4.bundle", "--board", "mps2-an386"]);
    let plain = bench.succeed(&["budget", "model.encoder"]);
    let estimate = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("instructions")).unwrap().to_owned();
        line.split(&[' ', ','][..]).filter_map(|word| word.parse::<u64>().ok()).next().unwrap()
    };
    assert!(estimate(&m4) * 2 < estimate(&plain), "{m4}{plain}");
    // The model normalizes, the encoder does not: distances would be others.
    let euclidean =
        ["--enroll", "3", "--fmr", "0.05", "--form", "euclidean", "--no-comparison", "-o", "euclidean.json"];
    bench.succeed(&[&["calibrate", "calibration.npy"][..], &euclidean].concat());
    bench.fail(
        &["export", "--model", "model.encoder", "--thresholds", "euclidean.json", "-o", "euclidean.bundle"],
        &["model.encoder: ", "unit length", "--form full"],
    );
    // A changed byte is another encoder.
    let mut bytes = bench.read("model.encoder");
    bytes[21] ^= 1;
    bench.write("changed.encoder", &bytes);
    bench.write("changed.encoder.toml", PREPROCESSING.as_bytes());
    bench
        .fail(&["encode", "changed.encoder", &manifest, "-o", "out.npy"], &["changed.encoder: the encoder is damaged"]);
}

#[test]
fn what_cannot_be_quantized_says_why_and_writes_nothing() {
    let bench = Bench::with_model();
    bench.manifest("digits", 4..8, 10);
    bench.fail(&["quantize", "model.onnx", "digits-samples.csv", "-o", "x.bundle"], &["end it in .encoder"]);
    bench.fail(&[&QUANTIZE[..], &["--output-tensor", "logits"]].concat(), &["no tensor `logits`"]);
    bench.manifest("digits", 4..6, 3);
    bench.fail(&QUANTIZE, &["have 3 samples, and ranges need at least 8"]);
    // One sample again and again.
    let text = String::from_utf8(bench.read("digits-samples.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let same = [lines[0]].into_iter().chain(std::iter::repeat_n(lines[1], 20)).collect::<Vec<_>>().join("\n");
    bench.write("digits-samples.csv", same.as_bytes());
    bench.fail(&QUANTIZE, &["the samples are constant"]);
    bench.write("model.toml", PREPROCESSING.replace("width = 28", "width = 14").as_bytes());
    bench.fail(&QUANTIZE, &["model.onnx: "]);
}

#[test]
fn graphs_that_are_not_an_encoder_of_the_device() {
    let bench = Bench::with_model();
    bench.manifest("digits", 4..8, 10);
    let change = |change: &dyn Fn(&mut ModelProto)| {
        let mut model = ModelProto::decode(&*ImageModel::default().bytes()).unwrap();
        change(&mut model);
        bench.write("model.onnx", &model.encode_to_vec());
    };
    let after = |operator: &str, inputs: &[&str]| NodeProto {
        op_type: operator.to_owned(),
        name: "after".to_owned(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec!["last".to_owned()],
        ..Default::default()
    };
    let last = ["--output-tensor", "last"];
    let quantize_last = [&QUANTIZE[..], &last].concat();
    change(&|model| model.graph.as_mut().unwrap().node.push(after("Softmax", &["embedding"])));
    bench.fail(
        &quantize_last,
        &["node `after` (Softmax)", "not supported on the device", "LpNormalization", "--output"],
    );
    change(&|model| {
        let graph = model.graph.as_mut().unwrap();
        graph.node.push(after("Add", &["embedding", "other"]));
        graph.input.push(ValueInfoProto { name: "other".to_owned(), ..graph.input[0].clone() });
    });
    bench.fail(&quantize_last, &["the model has 2 inputs (image, other)", "--input"]);
    // The other input is not needed for the embedding itself.
    bench.succeed(&QUANTIZE);
    change(&|model| model.opset_import[0].version = 12);
    bench.fail(&QUANTIZE, &["opset 12, and supported are 13 to 20"]);
}

/// What a back end gives behind the encoder, the encoder gives by itself.
#[test]
fn the_last_layer_does_the_back_end() {
    let bench = Bench::with_model();
    bench.manifest("digits", 4..8, 10);
    let quantize = |back_end: &str| {
        let report = bench.succeed(&[&QUANTIZE[..], &["--back-end", back_end, "--json"]].concat());
        serde_json::from_str::<Value>(&report).unwrap()
    };
    let plain = quantize("none");
    assert_eq!(plain["back_end"], Value::Null);
    let folded = quantize("pca:3");
    assert_eq!(folded["back_end"]["kind"], "pca:3");
    assert_eq!(folded["back_end"]["outputs"], 3);
    assert!(folded["back_end"]["inputs"].as_u64().unwrap() > 3);
    assert!(folded["macs"].as_u64().unwrap() < plain["macs"].as_u64().unwrap(), "it costs nothing: {folded}");
    assert_eq!(folded["layers"].as_array().unwrap().len(), plain["layers"].as_array().unwrap().len());
    assert!(folded["all"]["mean_cosine"].as_f64().unwrap() > 0.98, "{folded}");
    bench.fail(&[&QUANTIZE[..], &["--back-end", "pca:900"]].concat(), &["900 dimensions are asked for"]);
}

/// Quantizes a recorded model.
fn recorded(model: &Path, preprocessing: &str, samples: &Path, labels: &str) -> Quantized {
    let bench = Bench::new();
    bench.write("labels.csv", format!("subject\n{labels}").as_bytes());
    let samples = SampleSet::open(samples, Some(&bench.path("labels.csv"))).unwrap();
    let (onnx, preprocessing) = (OnnxFile::open(model).unwrap(), Preprocessing::parse(preprocessing).unwrap());
    let request = Request {
        onnx: &onnx,
        preprocessing: &preprocessing,
        samples: &samples,
        resize: false,
        most_wide: 2,
        back_end: Kind::None,
    };
    quantize(&request, &|text| println!("{text}")).unwrap()
}

#[test]
fn recorded_faces_keep_their_embeddings_in_int8() {
    let Some(data) = recorded_data("recorded_faces_keep_their_embeddings_in_int8") else { return };
    let labels = std::fs::read(data.join("faces/lfw_10x10_labels_i64.npy")).unwrap();
    let labels: Vec<i64> = npyz::NpyFile::new(&*labels).unwrap().into_vec().unwrap();
    let labels: String = labels.iter().map(|label| format!("{label}\n")).collect();
    let preprocessing = "input = \"input0\"\noutput = \"output0\"\nkind = \"image\"\nwidth = 112\nheight = 112\n\
        channels = \"rgb\"\nlayout = \"nchw\"\nscale = 0.00392156862745098\nmean = [0.485, 0.456, 0.406]\n\
        std = [0.229, 0.224, 0.225]\nnormalize = true\n";
    let samples = data.join("faces/lfw_10x10_images_u8_nhwc.npy");
    let report = recorded(&data.join("faces/MobileFaceNet.onnx"), preprocessing, &samples, &labels).report;
    println!("faces: {:?} held out, {:?} of all", report.held_out, report.all);
    let held_out = report.held_out.unwrap();
    assert!(held_out.mean_cosine >= 0.995 && held_out.least_cosine >= 0.990, "{held_out:?}");
    assert!(report.all.mean_cosine >= 0.995 && report.all.least_cosine >= 0.990, "{:?}", report.all);
    // Around the equal error rate one of 450 genuine pairs is 0.22 points by itself.
    assert!(report.all.rates.unwrap().eer_loss() <= 0.0023, "{:?}", report.all);
    assert!(report.tensor_bytes <= 602_112 * 105 / 100 && report.live_bytes <= report.tensor_bytes, "{report:?}");
}

#[test]
fn recorded_keywords_keep_their_error_rate_in_int8() {
    let Some(data) = recorded_data("recorded_keywords_keep_their_error_rate_in_int8") else { return };
    let mut table = csv::Reader::from_path(data.join("keyword/fsdd_idx0-9_labels.csv")).unwrap();
    let labels: String = table.records().map(|row| format!("{}\n", &row.unwrap()[1])).collect();
    let preprocessing =
        "input = \"input_1\"\noutput = \"conv2d_19\"\nkind = \"tensor\"\nshape = [76, 32, 1]\nnormalize = true\n";
    let samples = data.join("keyword/fsdd_idx0-9_melspec_f32_n76x32.npy");
    let report = recorded(&data.join("keyword/embedding_model.onnx"), preprocessing, &samples, &labels).report;
    println!("keyword: {:?} held out, {:?} of all", report.held_out, report.all);
    assert!(report.all.rates.unwrap().eer_loss().abs() <= 0.003, "{:?}", report.all);
    assert!(report.tensor_bytes <= 113_664 * 105 / 100 && report.live_bytes <= report.tensor_bytes, "{report:?}");
}
