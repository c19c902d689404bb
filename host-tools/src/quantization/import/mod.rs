//! From the graph of an ONNX file to a [`Network`].
//!
//! The graph is walked as it stands in the file; the runtime is asked only for the value of what does not depend on the
//! sample. Each operator becomes the plain thing that it is: batch normalization a scaling by channel, a dense layer a
//! convolution of one place, an activation a [`Function`](super::function::Function). What belongs together is joined
//! afterwards, by [`simplify`](super::simplify).

mod attributes;
mod constant;
mod elementwise;
mod error;
mod layers;
mod shapes;
mod view;

pub use error::{ImportError, ImportProblem, NodeName, OPERATORS};

use super::network::{Convolution, Network, Node, NodeId, Operator, Shape};
use crate::onnx::OnnxFile;
use crate::runtime::{self, pb::NodeProto};
use attributes::Attributes;
use constant::Constant;
use std::collections::{HashMap, HashSet};
use view::View;

type Found<T> = Result<T, ImportProblem>;

/// Reads the part of a model that is between an input, of samples of a shape without the batch's axis, and an output.
///
/// `channels_last` says that a sample lies in memory with its first axis, that of the channels, innermost.
///
/// # Errors
/// [`ImportError`], naming the node.
pub fn import(
    onnx: &OnnxFile,
    input: &str,
    output: &str,
    sample: &[usize],
    channels_last: bool,
) -> Result<Network, ImportError> {
    let opset = onnx.proto().opset_import.iter().find(|set| set.domain.is_empty() || set.domain == "ai.onnx");
    let opset = opset.map_or(0, |set| set.version);
    if !(13..=20).contains(&opset) {
        return Err(ImportProblem::Opset(opset).into());
    }
    let mut importer = Importer { onnx, nodes: Vec::new(), values: HashMap::new() };
    importer.read_initializers();
    importer.read_input(input, sample, channels_last)?;
    for node in needed_nodes(onnx, input, output)? {
        importer.read_node(node)?;
    }
    match importer.values.get(output) {
        Some(Value::Tensor(tensor)) if tensor.view.is_in_order() => {
            Ok(Network { output: tensor.node, normalized: tensor.unit, nodes: importer.nodes })
        }
        Some(Value::Tensor(_)) => Err(ImportProblem::Rearranged.into()),
        Some(Value::Constant(_) | Value::Norm { .. }) => Err(ImportProblem::ConstantOutput.into()),
        None => Err(ImportProblem::NoSuchTensor { name: output.to_owned() }.into()),
    }
}

/// The nodes that an output needs, in the file's order, which is one in which they can run.
fn needed_nodes<'a>(onnx: &'a OnnxFile, input: &str, output: &str) -> Result<Vec<&'a NodeProto>, ImportError> {
    let nodes = &onnx.graph().node;
    let outputs = nodes.iter().enumerate().flat_map(|(index, node)| node.output.iter().map(move |name| (name, index)));
    let givers: HashMap<&str, usize> =
        outputs.filter(|(name, _)| !name.is_empty()).map(|(name, index)| (name.as_str(), index)).collect();
    let mut needed = HashSet::new();
    let mut open = vec![output];
    let inputs: Vec<String> = onnx.inputs().into_iter().map(|input| input.name).collect();
    while let Some(name) = open.pop() {
        if name != input && inputs.iter().any(|other| other == name) {
            return Err(ImportProblem::Inputs { names: inputs }.into());
        }
        if let Some(&index) = givers.get(name).filter(|_| name != input)
            && needed.insert(index)
        {
            open.extend(nodes[index].input.iter().filter(|name| !name.is_empty()).map(String::as_str));
        }
    }
    Ok(nodes.iter().enumerate().filter(|(index, _)| needed.contains(index)).map(|(_, node)| node).collect())
}

/// What a name in the graph stands for.
#[derive(Clone, Debug)]
enum Value {
    /// Something that does not depend on the sample.
    Constant(Constant),
    /// Something that a node of the network gives.
    Tensor(Tensor),
    /// A power of the sum of the squares of all elements of a node: 0.5 makes it the length.
    Norm { of: NodeId, power: f64 },
}

/// What a node gives, as an ONNX tensor.
#[derive(Clone, Debug)]
struct Tensor {
    node: NodeId,
    view: View,
    /// Whether the model has it at unit length, where the node does not.
    unit: bool,
}

/// The graph, as far as it was read.
struct Importer<'a> {
    onnx: &'a OnnxFile,
    nodes: Vec<Node>,
    values: HashMap<String, Value>,
}

impl Importer<'_> {
    fn read_initializers(&mut self) {
        for tensor in &self.onnx.graph().initializer {
            let constant = Value::Constant(Constant::new(tensor.clone()));
            self.values.insert(tensor.name.clone(), constant);
        }
    }

    fn read_input(&mut self, name: &str, sample: &[usize], channels_last: bool) -> Result<(), ImportError> {
        if !self.onnx.inputs().iter().any(|input| input.name == name) {
            return Err(ImportProblem::NoSuchTensor { name: name.to_owned() }.into());
        }
        let shape = [&[1], sample].concat();
        let view = if channels_last {
            let order: Vec<usize> = [0].into_iter().chain(2..shape.len()).chain([1]).collect();
            View::permuted(&shape, &order)
        } else {
            View::in_order(&shape)
        };
        let image = view.image().filter(|_| channels_last);
        let shape = image.unwrap_or_else(|| innermost_three(sample));
        self.nodes.push(Node {
            name: name.to_owned(),
            places: view.places(),
            operator: Operator::Input,
            inputs: Vec::new(),
            shape,
        });
        self.values.insert(name.to_owned(), Value::Tensor(Tensor { node: 0, view, unit: false }));
        Ok(())
    }

    fn read_node(&mut self, node: &NodeProto) -> Result<(), ImportError> {
        let at = |problem: ImportProblem| problem.at(name_of(node));
        if !node.domain.is_empty() && node.domain != "ai.onnx" {
            return Err(at(ImportProblem::Operator));
        }
        let constants = node.input.iter().filter(|name| !name.is_empty()).map(|name| match self.values.get(name) {
            Some(Value::Constant(constant)) => Ok(Some(constant.proto(name))),
            Some(_) => Ok(None),
            None => Err(at(ImportProblem::Missing { tensor: name.clone() })),
        });
        let constants: Option<Vec<_>> = constants.collect::<Result<_, _>>()?;
        if let Some(constants) = constants {
            let imports = &self.onnx.proto().opset_import;
            let given =
                runtime::evaluate(imports, node, constants).map_err(|reason| at(ImportProblem::Constant(reason)))?;
            let named = node.output.iter().cloned().zip(given);
            self.values.extend(named.map(|(name, tensor)| (name, Value::Constant(Constant::new(tensor)))));
            return Ok(());
        }
        let value = self.value_of(node).map_err(at)?;
        if let Some(name) = node.output.first() {
            self.values.insert(name.clone(), value);
        }
        Ok(())
    }

    fn value_of(&mut self, node: &NodeProto) -> Found<Value> {
        match node.op_type.as_str() {
            "Conv" => self.convolution(node),
            "Gemm" => self.gemm(node),
            "MatMul" => self.matrix_product(node),
            "BatchNormalization" => self.batch_normalization(node),
            "MaxPool" | "AveragePool" => self.pool(node),
            "GlobalMaxPool" | "GlobalAveragePool" => self.global_pool(node),
            "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceL2" | "ReduceSumSquare" => self.reduce(node),
            "LpNormalization" => self.normalization(node),
            "Add" | "Sub" | "Mul" | "Div" | "Pow" => self.binary(node),
            "Max" | "Min" => self.extremum(node),
            "PRelu" => self.slope(node),
            "Concat" => self.concatenation(node),
            "Pad" => self.padding(node),
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose" | "Identity" | "Dropout" | "Cast"
            | "Expand" | "Shape" | "Size" => self.shape_operator(node),
            _ => self.activation(node),
        }
    }

    /// An input as it is known.
    fn value(&self, node: &NodeProto, index: usize) -> Found<&Value> {
        let name = node.input.get(index).ok_or_else(|| ImportProblem::Missing { tensor: format!("#{index}") })?;
        self.values.get(name).ok_or_else(|| ImportProblem::Missing { tensor: name.clone() })
    }

    /// An input that depends on the sample and may still be worked with.
    fn tensor(&self, node: &NodeProto, index: usize) -> Found<Tensor> {
        match self.value(node, index)? {
            Value::Tensor(tensor) if tensor.unit => Err(ImportProblem::AfterNormalization),
            Value::Tensor(tensor) => Ok(tensor.clone()),
            Value::Constant(_) | Value::Norm { .. } => Err(ImportProblem::Operator),
        }
    }

    /// An input that has to be a constant; `None` where it is left out.
    fn constant(&self, node: &NodeProto, index: usize, role: &'static str) -> Found<Option<&Constant>> {
        if node.input.get(index).is_none_or(String::is_empty) {
            return Ok(None);
        }
        match self.value(node, index)? {
            Value::Constant(constant) => Ok(Some(constant)),
            Value::Tensor(_) | Value::Norm { .. } => Err(ImportProblem::NotConstant { role }),
        }
    }

    /// The same, which cannot be left out.
    fn required(&self, node: &NodeProto, index: usize, role: &'static str) -> Found<&Constant> {
        self.constant(node, index, role)?.ok_or(ImportProblem::NotConstant { role })
    }

    /// Adds a node that gives the first output.
    fn push(&mut self, node: &NodeProto, operator: Operator, inputs: &[NodeId], shape: Shape, view: View) -> Value {
        let name = node.output.first().cloned().unwrap_or_default();
        self.nodes.push(Node { name, places: view.places(), operator, inputs: inputs.to_vec(), shape });
        Value::Tensor(Tensor { node: self.nodes.len() - 1, view, unit: false })
    }

    /// Adds a scaling with a summand, of each place in memory.
    fn push_line(&mut self, node: &NodeProto, tensor: Tensor, factors: &[f64], summands: &[f64]) -> Value {
        let shape = self.nodes[tensor.node].shape;
        let [rows, columns, channels] = shape;
        let elements = rows * columns * channels;
        let repeats = |period: &usize| {
            let same = |values: &[f64]| values.iter().zip(&values[*period..]).all(|(a, b)| a == b);
            same(factors) && same(summands)
        };
        let period = [channels, columns * channels].into_iter().find(repeats).unwrap_or(elements);
        let first = |values: &[f64]| values[..period].iter().map(|&value| value as f32).collect();
        let scaling = Convolution::by_channel(elements / period, first(factors), first(summands));
        self.push(node, Operator::Convolution(scaling), &[tensor.node], shape, tensor.view)
    }
}

/// The last three axes, with axes of one element in front where there are fewer; what is before them joins the first.
fn innermost_three(shape: &[usize]) -> Shape {
    let (&channels, outer) = shape.split_last().unwrap_or((&1, &[]));
    let (&columns, outer) = outer.split_last().unwrap_or((&1, &[]));
    [outer.iter().product(), columns, channels]
}

fn name_of(node: &NodeProto) -> NodeName {
    let name = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
    NodeName { name: name.cloned().unwrap_or_default(), operator: node.op_type.clone() }
}

/// An axis that may be counted from the end.
fn axis_of(axis: i64, rank: usize) -> Found<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(counted).ok().filter(|&axis| axis < rank).ok_or_else(|| ImportProblem::Shape {
        found: format!("axis {axis} of a tensor with {rank} axes"),
        advice: "the model contradicts itself, export it again",
    })
}
