//! A scheme as an ONNX model with QuantizeLinear and DequantizeLinear around its operators, which other runtimes run in
//! integers of their own: a second witness of what the core computes.
//!
//! The model takes what the f32 model takes, in the same shape, and gives its embedding as one row, without a
//! normalization at its end. Its metadata name the tensor that each step of the encoder completes.

mod graph;
mod operators;

use super::network::{Node, NodeId, Operator, Shape};
use super::prepare::Prepared;
use super::scheme::{Scale, Scheme};
use crate::preprocessing::Preprocessing;
use crate::runtime::pb::tensor_proto::DataType;
use crate::runtime::pb::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
use cognate::encoder::Element;
use graph::{Writer, integers, value};
use std::collections::BTreeMap;

/// The opset and version of the file that every runtime reads.
const COMMON: (i64, i64) = (13, 8);
/// The same for elements of 16 bits.
const WITH_INT16: (i64, i64) = (21, 10);

/// Writes a scheme. `steps` are the nodes that the steps of its encoder complete.
#[must_use]
pub fn qdq(
    scheme: &Scheme,
    prepared: &Prepared,
    preprocessing: &Preprocessing,
    steps: &[Option<NodeId>],
) -> ModelProto {
    let (input, output) = (preprocessing.input(), preprocessing.output());
    let mut writer = Writer::default();
    let [input, output] = [input, output].map(|name| writer.name(name));
    let network = &scheme.network;
    let bases = network.nodes.iter().map(|node| writer.name(&node.name)).collect();
    let mut draft = Draft { scheme, writer, bases, quantized: Vec::new(), shapes: Vec::new(), read: Vec::new() };
    draft.input(&input, prepared, &preprocessing.sample_shape());
    for (id, node) in network.nodes.iter().enumerate().skip(1) {
        let values = draft.operator(id, node);
        let shape = given(node);
        if id == network.output {
            draft.output(&values, &output);
            break;
        }
        draft.quantized(&values, id, shape);
    }
    let completed: BTreeMap<NodeId, usize> =
        steps.iter().enumerate().filter_map(|(step, node)| Some(((*node)?, step))).collect();
    let note = |(&node, step): (&NodeId, &usize)| {
        let name = draft.quantized.get(node)?.clone();
        Some(StringStringEntryProto { key: format!("cognate.step.{step}"), value: name })
    };
    let metadata_props = completed.iter().filter_map(note).collect();
    let is_wide = scheme.scales.iter().any(|scale| scale.element == Element::Int16);
    let (version, ir_version) = if is_wide { WITH_INT16 } else { COMMON };
    let mut graph = draft.writer.graph;
    "quantized".clone_into(&mut graph.name);
    ModelProto {
        ir_version,
        producer_name: "cognate".to_owned(),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version }],
        graph: Some(graph),
        metadata_props,
        ..Default::default()
    }
}

/// The shape that an operator gives, whatever shape it is seen in afterwards.
fn given(node: &Node) -> Shape {
    match &node.operator {
        Operator::Convolution(convolution) => convolution.window.output,
        Operator::Pool(window, _) => window.output,
        Operator::Pad(padding) => padding.output(),
        _ => node.shape,
    }
}

/// The model while it is written.
struct Draft<'a> {
    scheme: &'a Scheme,
    writer: Writer,
    /// What the names of each node's tensors begin with.
    bases: Vec<String>,
    /// The tensor of elements that each node gives, rows and columns innermost.
    quantized: Vec<String>,
    /// Its shape.
    shapes: Vec<Shape>,
    /// What was dequantized already: of a node, as elements of a type, in a shape.
    read: Vec<(NodeId, Element, Shape, String)>,
}

impl Draft<'_> {
    /// The input of the f32 model, in steps.
    fn input(&mut self, name: &str, prepared: &Prepared, sample: &[usize]) {
        let shape: Vec<usize> = std::iter::once(1).chain(sample.iter().copied()).collect();
        self.writer.graph.input.push(value(name, DataType::Float, &shape));
        let node = &self.scheme.network.nodes[0];
        let [rows, columns, channels] = node.shape;
        // The place in the model's input of each element, channels before rows and columns.
        let mut of_place = vec![0; node.elements()];
        node.places.iter().enumerate().for_each(|(element, &place)| of_place[place] = element);
        let of_channel = |channel| of_place.iter().skip(channel).step_by(channels).copied();
        let order: Vec<usize> = (0..channels).flat_map(of_channel).collect();
        let writer = &mut self.writer;
        let mut from = name.to_owned();
        if !order.iter().enumerate().all(|(place, &element)| place == element) {
            let row = writer.int64s(&format!("{name}_row"), &[node.elements()]);
            from = writer.node("Reshape", &[&from, &row], &format!("{name}_flat"), Vec::new());
            let order = writer.int64s(&format!("{name}_order"), &order);
            from = writer.node("Gather", &[&from, &order], &format!("{name}_ordered"), Vec::new());
        }
        let shape = writer.int64s(&format!("{name}_shape"), &[1, channels, rows, columns]);
        from = writer.node("Reshape", &[&from, &shape], &format!("{name}_image"), Vec::new());
        let mut scale = self.scheme.scales[0];
        if let Some(lines) = prepared.folded() {
            // Back to the pixels that the device is given: the first layer does the preprocessing.
            let factors = lines.iter().map(|(factor, _)| 1.0 / factor);
            let factors = writer.floats(&format!("{name}_factor"), &[channels, 1, 1], factors);
            let summands = lines.iter().map(|(factor, summand)| -summand / factor);
            let summands = writer.floats(&format!("{name}_summand"), &[channels, 1, 1], summands);
            from = writer.node("Mul", &[&from, &factors], &format!("{name}_scaled"), Vec::new());
            from = writer.node("Add", &[&from, &summands], &format!("{name}_pixels"), Vec::new());
            scale = Scale { zero: -128, ..scale };
        }
        let base = self.bases[0].clone();
        let quantized = self.writer.quantize(&from, &format!("{base}_quantized"), &scale);
        self.keep(quantized, 0, [rows, columns, channels]);
    }

    /// What a node gives, in steps.
    fn quantized(&mut self, values: &str, id: NodeId, shape: Shape) {
        let name = format!("{}_quantized", self.bases[id]);
        let scale = self.scheme.scales[id];
        let quantized = self.writer.quantize(values, &name, &scale);
        self.keep(quantized, id, shape);
    }

    fn keep(&mut self, quantized: String, id: NodeId, shape: Shape) {
        self.writer.note(&quantized, self.scheme.scales[id].element, shape);
        self.quantized.push(quantized);
        self.shapes.push(shape);
    }

    /// The sums of the last layer, as one row.
    fn output(&mut self, sums: &str, name: &str) {
        let elements = self.scheme.network.nodes[self.scheme.network.output].elements();
        let writer = &mut self.writer;
        let last = vec![integers("perm", &[0, 2, 3, 1])];
        let ordered = writer.node("Transpose", &[sums], &format!("{name}_channels_last"), last);
        let row = writer.int64s(&format!("{name}_shape"), &[1, elements]);
        writer.push("Reshape", &[&ordered, &row], name, Vec::new());
        writer.graph.output.push(value(name, DataType::Float, &[1, elements]));
    }
}
