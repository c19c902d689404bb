//! The walk of a graph against tract: every tensor that is left after simplification, in f32.

use crate::support::{recorded_data, repository};
use cognate_host::onnx::OnnxFile;
use cognate_host::quantization::import::import;
use cognate_host::quantization::network::Network;
use cognate_host::quantization::simplify::simplify;
use cognate_host::runtime::TractTensors;
use std::path::Path;

/// Walks a model whose samples lie in memory as given, and compares each tensor with tract's for a sample by chance.
fn same_as_in_tract(path: &Path, sample: &[usize], channels_last: bool) -> Network {
    let onnx = OnnxFile::open(path).unwrap();
    let (input, output) = (onnx.inputs()[0].name.clone(), onnx.outputs()[0].name.clone());
    let network = simplify(import(&onnx, &input, &output, sample, channels_last).unwrap());
    let mut chance = fastrand::Rng::with_seed(3);
    let sample_values: Vec<f32> = (0..sample.iter().product()).map(|_| chance.f32() * 4.0 - 2.0).collect();
    let mut in_memory = vec![0.0; sample_values.len()];
    for (&value, &place) in sample_values.iter().zip(&network.nodes[0].places) {
        in_memory[place] = value;
    }
    let tensors = network.run(&in_memory, |_, _| ());
    let compared = || network.nodes.iter().zip(&tensors).skip(1);
    let names: Vec<&str> = compared().map(|(node, _)| node.name.as_str()).collect();
    let expected = TractTensors::new(&onnx, &input, &names, sample).unwrap().run(&sample_values).unwrap();
    for ((node, found), expected) in compared().zip(&expected) {
        assert_eq!(found.len(), expected.len(), "{}", node.name);
        let greatest = expected.iter().fold(1e-3f32, |greatest, value| greatest.max(value.abs()));
        for (expected, &place) in expected.iter().zip(&node.places) {
            let off = (expected - found[place]).abs() / greatest;
            assert!(off < 1e-5, "{}: {} instead of {expected}", node.name, found[place]);
        }
    }
    network
}

#[test]
fn the_shipped_encoder_is_walked_as_tract_runs_it() {
    let network = same_as_in_tract(&repository().join("models/glyphs.onnx"), &[1, 28, 28], true);
    assert_eq!(network.nodes.len(), 6, "the input, four convolutions with their ReLU, and a dense layer");
    assert_eq!(network.macs(), 2_709_856);
}

#[test]
fn recorded_encoders_are_walked_as_tract_runs_them() {
    let Some(data) = recorded_data("recorded_encoders_are_walked_as_tract_runs_them") else { return };
    let faces = same_as_in_tract(&data.join("faces/MobileFaceNet.onnx"), &[3, 112, 112], true);
    assert_eq!((faces.nodes.len(), faces.macs()), (64, 233_810_432), "51 convolutions and 12 sums");
    let keyword = same_as_in_tract(&data.join("keyword/embedding_model.onnx"), &[76, 32, 1], false);
    assert_eq!((keyword.nodes.len(), keyword.macs()), (46, 42_012_672));
}
