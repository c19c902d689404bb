//! A small ONNX model, built here.

use cognate_host::runtime::pb::attribute_proto::AttributeType;
use cognate_host::runtime::pb::tensor_proto::DataType;
use cognate_host::runtime::pb::tensor_shape_proto::{Dimension, dimension::Value};
use cognate_host::runtime::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};
use prost::Message;

/// The preprocessing of an [`ImageModel`].
pub const PREPROCESSING: &str = r#"input = "image"
output = "embedding"
kind = "image"
width = 28
height = 28
channels = "gray"
layout = "nchw"
scale = 0.00392156862745098
mean = [0.0]
std = [1.0]
normalize = true
"#;

/// A model that flattens a picture and projects it: an encoder that has learned nothing, but keeps what is alike alike.
pub struct ImageModel {
    pub side: i64,
    /// Whether it takes the pixels in a row: a waveform of as many points.
    pub waveform: bool,
    pub dimension: i64,
    /// The operator that projects.
    pub operator: &'static str,
    /// The value of its first weight.
    pub first_weight: f32,
    /// Where there are any, the pads of a pooling of 1×1 before the rest; there should be four.
    pub pads: &'static [i64],
}

impl Default for ImageModel {
    fn default() -> Self {
        Self { side: 28, waveform: false, dimension: 16, operator: "MatMul", first_weight: 0.5, pads: &[] }
    }
}

impl ImageModel {
    /// The ONNX file.
    pub fn bytes(&self) -> Vec<u8> {
        let graph = GraphProto {
            name: "projection".to_owned(),
            node: self.nodes(),
            initializer: vec![self.weight()],
            input: vec![self.input()],
            output: vec![value("embedding", &[None, Some(self.dimension)])],
            ..Default::default()
        };
        let opset = OperatorSetIdProto { domain: String::new(), version: 13 };
        ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() }
            .encode_to_vec()
    }

    fn input(&self) -> ValueInfoProto {
        let side = Some(self.side);
        let axes =
            if self.waveform { vec![None, Some(self.side * self.side)] } else { vec![None, Some(1), side, side] };
        value("image", &axes)
    }

    fn nodes(&self) -> Vec<NodeProto> {
        let project = node(self.operator, &["flat", "weight"], "embedding");
        if self.pads.is_empty() {
            return vec![flatten("image", "flat"), project];
        }
        let attribute = vec![integers("kernel_shape", &[1, 1]), integers("pads", self.pads)];
        let pool = NodeProto { attribute, ..node("MaxPool", &["image"], "pooled") };
        vec![pool, flatten("pooled", "flat"), project]
    }

    fn weight(&self) -> TensorProto {
        let mut chance = fastrand::Rng::with_seed(1);
        let count = self.side * self.side * self.dimension;
        let mut values: Vec<f32> = (0..count).map(|_| chance.f32() - 0.5).collect();
        values[0] = self.first_weight;
        TensorProto {
            name: "weight".to_owned(),
            dims: vec![self.side * self.side, self.dimension],
            data_type: DataType::Float as i32,
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..Default::default()
        }
    }
}

fn flatten(input: &str, output: &str) -> NodeProto {
    let axis =
        AttributeProto { name: "axis".to_owned(), r#type: AttributeType::Int as i32, i: 1, ..Default::default() };
    NodeProto { attribute: vec![axis], ..node("Flatten", &[input], output) }
}

fn integers(name: &str, values: &[i64]) -> AttributeProto {
    let r#type = AttributeType::Ints as i32;
    AttributeProto { name: name.to_owned(), r#type, ints: values.to_vec(), ..Default::default() }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: operator.to_owned(),
        name: format!("{operator}_node"),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

/// An input or output; `None` is an axis left free.
fn value(name: &str, axes: &[Option<i64>]) -> ValueInfoProto {
    let dimension = |axis: &Option<i64>| Dimension {
        value: Some(axis.map_or_else(|| Value::DimParam("N".to_owned()), Value::DimValue)),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto { dim: axes.iter().map(dimension).collect() }),
    };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..Default::default() }
}
