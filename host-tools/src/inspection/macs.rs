//! Counting multiplications.

use crate::onnx::{Axis, OnnxFile};
use crate::preprocessing::Preprocessing;
use crate::runtime::{self, pb::NodeProto};
use std::collections::HashMap;

/// The shape of each tensor, by name.
type Shapes = HashMap<String, Vec<usize>>;

/// Multiplications with an accumulation for one sample; `None` when the shapes cannot be worked out.
pub(super) fn count(onnx: &OnnxFile, preprocessing: Option<&Preprocessing>) -> Option<u64> {
    let inputs = onnx.inputs();
    let [input] = inputs.as_slice() else { return None };
    let sample = match preprocessing {
        Some(preprocessing) => preprocessing.sample_shape(),
        None => input.shape.iter().skip(1).map(Axis::fixed).collect::<Option<_>>()?,
    };
    let mut shapes = runtime::tensor_shapes(onnx, &input.name, &sample).ok()?;
    shapes.insert(input.name.clone(), [&[1], &*sample].concat());
    for tensor in &onnx.graph().initializer {
        let dims = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok());
        shapes.insert(tensor.name.clone(), dims.collect::<Option<_>>()?);
    }
    onnx.graph().node.iter().map(|node| of_node(node, &shapes)).sum()
}

fn of_node(node: &NodeProto, shapes: &Shapes) -> Option<u64> {
    let input = |index: usize| shapes.get(node.input.get(index)?);
    let output = || shapes.get(node.output.first()?);
    Some(match node.op_type.as_str() {
        // A weight is [outputs, inputs of the group, kernel …]: each output element needs one row of it.
        "Conv" => product(output()?) * product(input(1)?.get(1..)?),
        // A weight is [inputs, outputs of the group, kernel …]: each input element is spread over one row of it.
        "ConvTranspose" => product(input(0)?) * product(input(1)?.get(1..)?),
        "MatMul" => product(output()?) * *input(0)?.last()? as u64,
        "Gemm" => product(output()?) * *input(0)?.get(usize::from(!is_transposed(node)))? as u64,
        // Each step multiplies the input by W and the state by R, whose first axis counts the directions.
        "LSTM" | "GRU" | "RNN" => product(input(0)?.get(..2)?) * (product(input(1)?) + product(input(2)?)),
        _ => 0,
    })
}

/// Whether a Gemm takes its first input transposed.
fn is_transposed(node: &NodeProto) -> bool {
    node.attribute.iter().any(|attribute| attribute.name == "transA" && attribute.i != 0)
}

fn product(axes: &[usize]) -> u64 {
    axes.iter().map(|&axis| axis as u64).product()
}
