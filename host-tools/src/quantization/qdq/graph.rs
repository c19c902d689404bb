//! An ONNX graph while it is written.

use crate::quantization::scheme::Scale;
use crate::runtime::pb::attribute_proto::AttributeType;
use crate::runtime::pb::tensor_proto::DataType;
use crate::runtime::pb::tensor_shape_proto::{Dimension, dimension::Value};
use crate::runtime::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use cognate::encoder::Element;
use std::collections::HashSet;

/// Nodes and constants, each under a name of its own.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) graph: GraphProto,
    names: HashSet<String>,
}

impl Writer {
    /// A name that nothing has yet: this one, or with a number behind it.
    pub(super) fn name(&mut self, wanted: &str) -> String {
        let numbered = (1..).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        let name = names.find(|name| !self.names.contains(name)).unwrap_or_default();
        self.names.insert(name.clone());
        name
    }

    /// Adds an operator; returns the name of what it gives.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attribute: Vec<AttributeProto>,
    ) -> String {
        let output = self.name(output);
        self.push(operator, inputs, &output, attribute);
        output
    }

    /// The same for an output whose name is known to be free.
    pub(super) fn push(&mut self, operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) {
        self.graph.node.push(NodeProto {
            op_type: operator.to_owned(),
            name: format!("{output}/{operator}"),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute,
            ..Default::default()
        });
    }

    fn constant(&mut self, name: &str, dims: &[usize], kind: DataType, raw_data: Vec<u8>) -> String {
        let name = self.name(name);
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: dims.iter().map(|&axis| axis as i64).collect(),
            data_type: kind as i32,
            raw_data,
            ..Default::default()
        });
        name
    }

    pub(super) fn floats(&mut self, name: &str, dims: &[usize], values: impl IntoIterator<Item = f64>) -> String {
        let bytes = values.into_iter().flat_map(|value| (value as f32).to_le_bytes()).collect();
        self.constant(name, dims, DataType::Float, bytes)
    }

    pub(super) fn int8s(&mut self, name: &str, dims: &[usize], values: impl IntoIterator<Item = i8>) -> String {
        let bytes = values.into_iter().map(i8::cast_unsigned).collect();
        self.constant(name, dims, DataType::Int8, bytes)
    }

    pub(super) fn int32s(&mut self, name: &str, values: &[i32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, &[values.len()], DataType::Int32, bytes)
    }

    pub(super) fn int64s(&mut self, name: &str, values: &[usize]) -> String {
        let bytes = values.iter().flat_map(|&value| (value as i64).to_le_bytes()).collect();
        self.constant(name, &[values.len()], DataType::Int64, bytes)
    }

    /// The scale and zero point of a tensor.
    fn scale(&mut self, name: &str, scale: &Scale) -> [String; 2] {
        let step = self.floats(&format!("{name}_scale"), &[], [scale.step]);
        let zero = format!("{name}_zero_point");
        let zero = match scale.element {
            Element::Int16 => self.constant(&zero, &[], DataType::Int16, (scale.zero as i16).to_le_bytes().to_vec()),
            _ => self.int8s(&zero, &[], [scale.zero as i8]),
        };
        [step, zero]
    }

    /// What is given, in steps of a scale.
    pub(super) fn quantize(&mut self, from: &str, name: &str, scale: &Scale) -> String {
        let [step, zero] = self.scale(name, scale);
        self.node("QuantizeLinear", &[from, &step, &zero], name, Vec::new())
    }

    /// What the steps of a scale stand for.
    pub(super) fn dequantize(&mut self, from: &str, scale: &Scale) -> String {
        let name = format!("{from}_dequantized");
        let [step, zero] = self.scale(&name, scale);
        self.node("DequantizeLinear", &[from, &step, &zero], &name, Vec::new())
    }

    /// Notes the type and shape of a tensor of elements, so that parts of the model can be cut out.
    pub(super) fn note(&mut self, name: &str, element: Element, [rows, columns, channels]: [usize; 3]) {
        let kind = if element == Element::Int16 { DataType::Int16 } else { DataType::Int8 };
        self.graph.value_info.push(value(name, kind, &[1, channels, rows, columns]));
    }
}

pub(super) fn value(name: &str, kind: DataType, shape: &[usize]) -> ValueInfoProto {
    let axis = |&axis: &usize| Dimension { value: Some(Value::DimValue(axis as i64)), ..Default::default() };
    let shape = TensorShapeProto { dim: shape.iter().map(axis).collect() };
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape: Some(shape) };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..Default::default() }
}

pub(super) fn integer(name: &str, i: usize) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Int as i32, i: i as i64, ..Default::default() }
}

pub(super) fn integers(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Ints as i32, ints, ..Default::default() }
}

pub(super) fn float(name: &str, f: f64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: AttributeType::Float as i32, f: f as f32, ..Default::default() }
}
