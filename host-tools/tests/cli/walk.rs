//! The walk of a graph against tract: every tensor that is left after simplification, in f32.

use crate::support::{Bench, recorded_data, repository};
use cognate_host::onnx::OnnxFile;
use cognate_host::quantization::import::import;
use cognate_host::quantization::network::Network;
use cognate_host::quantization::simplify::simplify;
use cognate_host::runtime::TractTensors;
use cognate_host::runtime::pb::attribute_proto::AttributeType;
use cognate_host::runtime::pb::tensor_proto::DataType;
use cognate_host::runtime::pb::tensor_shape_proto::{Dimension, dimension::Value as Length};
use cognate_host::runtime::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};
use prost::Message;
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

/// Writes a graph of the patterns that exporters leave: a convolution with `SAME` padding behind a transposition, batch
/// normalization apart from it, a HardSwish in parts, a mean by axes, a dense layer as a product and a sum, and a division by
/// the length.
fn exported(opset: i64) -> Vec<u8> {
    let mut graph = GraphProto { name: "exported".to_owned(), ..Default::default() };
    let mut chance = fastrand::Rng::with_seed(5);
    let mut constant = |name: &str, dims: &[i64], low: f32, high: f32| TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        float_data: (0..dims.iter().product()).map(|_| low + (high - low) * chance.f32()).collect(),
        ..Default::default()
    };
    let whole = |name: &str, values: &[i64]| TensorProto {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: values.to_vec(),
        ..Default::default()
    };
    graph.initializer = vec![
        constant("weight", &[8, 3, 3, 3], -0.4, 0.4),
        constant("gamma", &[8], 0.5, 1.5),
        constant("beta", &[8], -0.5, 0.5),
        constant("mean", &[8], -0.5, 0.5),
        constant("variance", &[8], 0.5, 2.0),
        constant("three", &[], 3.0, 3.0),
        constant("zero", &[], 0.0, 0.0),
        constant("six", &[], 6.0, 6.0),
        constant("matrix", &[8, 6], -1.0, 1.0),
        constant("bias", &[6], -1.0, 1.0),
        constant("little", &[], 1e-9, 1e-9),
        whole("places", &[2, 3]),
    ];
    let text = |name: &str, value: &str| AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::String as i32,
        s: value.as_bytes().to_vec(),
        ..Default::default()
    };
    let ints = |name: &str, values: &[i64]| AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: values.to_vec(),
        ..Default::default()
    };
    let mut node = |operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>| {
        graph.node.push(NodeProto {
            op_type: operator.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute,
            ..Default::default()
        });
    };
    node("Transpose", &["image"], "nchw", vec![ints("perm", &[0, 3, 1, 2])]);
    let window = vec![ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2]), text("auto_pad", "SAME_UPPER")];
    node("Conv", &["nchw", "weight"], "conv", window);
    node("BatchNormalization", &["conv", "gamma", "beta", "mean", "variance"], "normal", Vec::new());
    node("Add", &["normal", "three"], "shifted", Vec::new());
    node("Clip", &["shifted", "zero", "six"], "gate", Vec::new());
    node("Mul", &["normal", "gate"], "gated", Vec::new());
    node("Div", &["gated", "six"], "swish", Vec::new());
    // An attribute up to opset 17, an input from then on.
    if opset < 18 {
        node("ReduceMean", &["swish"], "pooled", vec![ints("axes", &[2, 3])]);
    } else {
        node("ReduceMean", &["swish", "places"], "pooled", Vec::new());
    }
    node("Flatten", &["pooled"], "flat", Vec::new());
    node("MatMul", &["flat", "matrix"], "product", Vec::new());
    node("Add", &["product", "bias"], "raw", Vec::new());
    if opset < 18 {
        node("ReduceL2", &["raw"], "length", vec![ints("axes", &[1])]);
    } else {
        node("Mul", &["raw", "raw"], "squares", Vec::new());
        node("Unsqueeze", &["squares", "one"], "wide", Vec::new());
        node("ReduceSum", &["wide", "both"], "sum", Vec::new());
        node("Sqrt", &["sum"], "length", Vec::new());
    }
    node("Max", &["length", "little"], "safe", Vec::new());
    node("Div", &["raw", "safe"], "embedding", Vec::new());
    graph.initializer.extend([whole("one", &[1]), whole("both", &[1, 2])]);
    let value = |name: &str, axes: &[i64]| {
        let dim =
            axes.iter().map(|&axis| Dimension { value: Some(Length::DimValue(axis)), ..Default::default() }).collect();
        let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(TensorShapeProto { dim }) };
        let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
        ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..Default::default() }
    };
    graph.input = vec![value("image", &[1, 12, 10, 3])];
    graph.output = vec![value("raw", &[1, 6]), value("embedding", &[1, 6])];
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
    ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..Default::default() }.encode_to_vec()
}

#[test]
fn patterns_of_exporters_are_walked_as_tract_runs_them() {
    let bench = Bench::new();
    for opset in 13..=20 {
        bench.write("model.onnx", &exported(opset));
        let path = bench.path("model.onnx");
        let network = same_as_in_tract(&path, &[12, 10, 3], false);
        assert_eq!(network.nodes.len(), 5, "opset {opset}: input, convolution, table, mean, dense layer");
        let onnx = OnnxFile::open(&path).unwrap();
        let network = simplify(import(&onnx, "image", "embedding", &[12, 10, 3], false).unwrap());
        assert!(
            network.normalized && network.nodes.len() == 5,
            "opset {opset}: the division by the length is left out"
        );
    }
}
