//! The quantized network as an ONNX model, and what onnxruntime made of it.

use crate::support::{Bench, repository};
use cognate::ModelDigest;
use cognate::Space;
use cognate_host::coder::Coder;
use cognate_host::embeddings::Embeddings;
use cognate_host::labels::{Label, Labels};
use cognate_host::npy::{self, Numbers};
use cognate_host::runtime::pb::tensor_proto::DataType;
use cognate_host::runtime::pb::{ModelProto, NodeProto, TensorProto};
use prost::Message;
use serde::Deserialize;
use std::collections::HashMap;

/// What `host-tools/witness/qdq.py` recorded.
#[derive(Deserialize)]
struct Recorded {
    /// Rows of `data/calibration/samples.csv`, counted from 0.
    rows: Vec<usize>,
    /// The embedding of each.
    embeddings: Vec<Vec<f32>>,
    /// The elements of one tensor of each, channels innermost.
    tensors: HashMap<String, Vec<Vec<i8>>>,
}

/// A folder with the repository's encoder of glyphs, quantized.
fn glyphs() -> (Bench, ModelProto) {
    let (bench, models) = (Bench::new(), repository().join("models"));
    for name in ["glyphs.onnx", "glyphs.toml"] {
        bench.write(name, &std::fs::read(models.join(name)).unwrap());
    }
    let samples = repository().join("data/calibration/samples.csv");
    let samples = samples.to_str().unwrap();
    let quantize = ["quantize", "glyphs.onnx", samples, "--int16", "0"];
    bench.succeed(&[&quantize[..], &["-o", "glyphs.encoder", "--qdq", "glyphs.qdq.onnx"]].concat());
    let model = ModelProto::decode(&*bench.read("glyphs.qdq.onnx")).unwrap();
    (bench, model)
}

#[test]
fn onnxruntime_computes_the_same_within_a_step() {
    let (bench, model) = glyphs();
    check_structure(&model);
    let recorded = std::fs::read(repository().join("host-tools/witness/glyphs-qdq.json")).unwrap();
    let recorded: Recorded = serde_json::from_slice(&recorded).unwrap();
    let folder = repository().join("data/calibration");
    let table = std::fs::read_to_string(folder.join("samples.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    let chosen = recorded.rows.iter().map(|row| format!("{}/{}\n", folder.display(), lines[row + 1]));
    bench.write("chosen.csv", format!("{}\n{}", lines[0], chosen.collect::<String>()).as_bytes());
    bench.succeed(&["encode", "glyphs.encoder", "chosen.csv", "-o", "int8.npy", "--steps", "steps"]);
    for (name, expected) in &recorded.tensors {
        let entry = model.metadata_props.iter().find(|entry| entry.value == *name);
        let step = entry.unwrap_or_else(|| panic!("no step gives {name}")).key.rsplit('.').next().unwrap().to_owned();
        // Behind the header are the bytes of int8.
        let file = bench.read(&format!("steps/{step}.npy"));
        let expected: Vec<i32> = expected.iter().flatten().map(|&element| element.into()).collect();
        let elements = &file[file.len() - expected.len()..];
        let found: Vec<i32> = elements.iter().map(|&byte| i32::from(byte as i8)).collect();
        within_a_step(name, &found, &expected);
        assert!(expected.iter().any(|&element| element != expected[0]), "{name} is not one value");
    }
    let Numbers::F32(found) = npy::read(&bench.path("int8.npy")).unwrap() else { panic!("embeddings are floats") };
    let expected = recorded.embeddings.concat();
    within_a_step("embedding", &codes(found.values, 64), &codes(expected, 64));
}

/// The elements of full codes.
fn codes(values: Vec<f32>, dimension: usize) -> Vec<i32> {
    let rows = vec![Label::default(); values.len() / dimension];
    let embeddings = Embeddings::new(dimension, values, Labels { rows, ..Labels::default() }).unwrap();
    let coder = Coder::new(Space::full(ModelDigest::new([0; 16])), None);
    coder.codes(&embeddings).unwrap().concat().into_iter().map(i32::from).collect()
}

fn within_a_step(name: &str, found: &[i32], expected: &[i32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let apart = found.iter().zip(expected).filter(|(a, b)| a.abs_diff(**b) > 1).count();
    println!("{name}: {apart} of {} elements are more than a step apart", found.len());
    assert!(apart * 1000 <= found.len(), "{name}: {apart} of {} elements are more than a step apart", found.len());
}

/// Every convolution reads int8 elements and int8 weights, one scale a channel, and int32 biases.
fn check_structure(model: &ModelProto) {
    let graph = model.graph.as_ref().unwrap();
    assert_eq!((model.opset_import[0].version, model.ir_version), (13, 8));
    let givers: HashMap<&str, &NodeProto> = graph.node.iter().map(|node| (node.output[0].as_str(), node)).collect();
    let constants: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let convolutions: Vec<&NodeProto> = graph.node.iter().filter(|node| node.op_type == "Conv").collect();
    assert_eq!(convolutions.len(), 5);
    for node in convolutions {
        let dequantized = node.input.iter().map(|name| givers[name.as_str()]).collect::<Vec<_>>();
        assert!(dequantized.iter().all(|giver| giver.op_type == "DequantizeLinear"), "{}", node.name);
        let (weights, bias) =
            (constants[dequantized[1].input[0].as_str()], constants[dequantized[2].input[0].as_str()]);
        assert_eq!((weights.data_type, bias.data_type), (DataType::Int8 as i32, DataType::Int32 as i32));
        for giver in &dequantized[1..] {
            assert_eq!(constants[giver.input[1].as_str()].dims, [weights.dims[0]], "one scale a channel");
        }
        // Read as elements: from what a step gave, in whatever shape.
        let mut from = dequantized[0].input[0].as_str();
        while givers[from].op_type != "QuantizeLinear" {
            assert!(["Transpose", "Reshape"].contains(&givers[from].op_type.as_str()), "{from}");
            from = givers[from].input[0].as_str();
        }
    }
    assert_eq!(graph.node.iter().filter(|node| node.op_type == "QuantizeLinear").count(), 5);
}
