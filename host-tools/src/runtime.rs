//! tract, the runtime: the one file that names it.
//!
//! A second runtime would be another implementation of [`Encoder`], beside this one.

use crate::encoder::{EncodeError, Encoder};
use crate::onnx::OnnxFile;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tract_onnx::prelude::*;

/// The message types of an ONNX file, as tract compiled them.
pub use tract_onnx::pb;

/// A model in tract, planned for one sample.
///
/// Batches are spread over threads, one sample a run: for convolutional encoders that is faster than a plan for a
/// larger batch, which adds transpositions.
#[derive(Debug)]
pub struct TractEncoder {
    plan: Arc<TypedRunnableModel>,
    input_shape: Vec<usize>,
    dimension: usize,
}

impl TractEncoder {
    /// Prepares a model that takes samples of `sample_shape` (without the batch axis) as `input` and gives their
    /// embeddings as `output`.
    ///
    /// # Errors
    /// [`RuntimeError`] when tract lacks an operator, or the shapes do not go together.
    pub fn new(model: &OnnxFile, input: &str, output: &str, sample_shape: &[usize]) -> Result<Self, RuntimeError> {
        guarded(|| Self::plan(model, input, output, sample_shape)).map_err(RuntimeError::Failed)?
    }

    fn plan(model: &OnnxFile, input: &str, output: &str, sample_shape: &[usize]) -> Result<Self, RuntimeError> {
        let input_shape = with_batch_axis(sample_shape);
        let typed = typed_model(model, input, &input_shape, &[output])?;
        let fact = typed.output_fact(0).map_err(failed)?;
        let shape = fact.shape.as_concrete().ok_or(RuntimeError::FreeOutput)?;
        if fact.datum_type != f32::datum_type() {
            return Err(RuntimeError::OutputType(format!("{:?}", fact.datum_type)));
        }
        if shape.first() != Some(&1) || shape.contains(&0) {
            return Err(RuntimeError::OutputShape(shape.to_vec()));
        }
        let dimension = shape.iter().product();
        let plan = typed.into_optimized().and_then(TypedModel::into_runnable).map_err(failed)?;
        Ok(Self { plan, input_shape, dimension })
    }

    fn encode_one(&self, sample: &[f32]) -> Result<Vec<f32>, EncodeError> {
        let input = Tensor::from_shape(&self.input_shape, sample).map_err(|error| not_run(&error))?;
        let outputs = self.plan.run(tvec!(input.into())).map_err(|error| not_run(&error))?;
        let output = outputs[0].to_plain_array_view::<f32>().map_err(|error| not_run(&error))?;
        Ok(output.iter().copied().collect())
    }
}

impl Encoder for TractEncoder {
    fn sample_shape(&self) -> &[usize] {
        &self.input_shape[1..]
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn encode(&self, batch: &[f32]) -> Result<Vec<f32>, EncodeError> {
        let sample = self.input_shape.iter().product::<usize>().max(1);
        if !batch.len().is_multiple_of(sample) {
            return Err(EncodeError::Length { sample, found: batch.len() });
        }
        let encode = |sample| guarded(|| self.encode_one(sample)).map_err(EncodeError::Run)?;
        let embeddings: Vec<Vec<f32>> = batch.par_chunks(sample).map(encode).collect::<Result<_, _>>()?;
        Ok(embeddings.concat())
    }
}

/// The operators of a model that tract lacks, by name.
#[must_use]
pub fn missing_operators(model: &OnnxFile) -> BTreeSet<String> {
    let known = tract_onnx::onnx().op_register.0;
    let operators = model.graph().node.iter().map(|node| &node.op_type);
    operators.filter(|name| !known.contains_key(*name)).cloned().collect()
}

/// The shape of every tensor that a node of the model gives, by its name, for a batch of one sample. Tensors whose
/// shape depends on the sample's values are left out.
///
/// # Errors
/// As for [`TractEncoder::new`].
pub fn tensor_shapes(
    model: &OnnxFile,
    input: &str,
    sample_shape: &[usize],
) -> Result<HashMap<String, Vec<usize>>, RuntimeError> {
    let nodes = model.graph().node.iter();
    let names: Vec<&str> =
        nodes.flat_map(|node| &node.output).map(String::as_str).filter(|name| !name.is_empty()).collect();
    let input_shape = with_batch_axis(sample_shape);
    let typed = guarded(|| typed_model(model, input, &input_shape, &names)).map_err(RuntimeError::Failed)??;
    let mut shapes = HashMap::new();
    for (index, name) in names.into_iter().enumerate() {
        let fact = typed.output_fact(index).map_err(failed)?;
        if let Some(shape) = fact.shape.as_concrete() {
            shapes.insert(name.to_owned(), shape.to_vec());
        }
    }
    Ok(shapes)
}

/// What a node gives whose inputs are constants, in the order of its outputs.
///
/// # Errors
/// tract's words, when it cannot work that out.
pub fn evaluate(
    imports: &[pb::OperatorSetIdProto],
    node: &pb::NodeProto,
    constants: Vec<pb::TensorProto>,
) -> Result<Vec<pb::TensorProto>, String> {
    let value = |name: &String| pb::ValueInfoProto { name: name.clone(), ..Default::default() };
    let graph = pb::GraphProto {
        node: vec![node.clone()],
        initializer: constants,
        output: node.output.iter().map(value).collect(),
        ..Default::default()
    };
    let proto = pb::ModelProto { opset_import: imports.to_vec(), graph: Some(graph), ..Default::default() };
    let run = || {
        let model = tract_onnx::onnx().model_for_proto_model(&proto)?.into_typed()?;
        let outputs = model.into_runnable()?.run(tvec![])?;
        outputs.iter().map(|tensor| to_proto(tensor)).collect::<TractResult<Vec<_>>>()
    };
    guarded(run)?.map_err(|error| format!("{error:#}"))
}

fn to_proto(tensor: &Tensor) -> TractResult<pb::TensorProto> {
    use pb::tensor_proto::DataType;
    let kind = tensor.datum_type();
    let dims = tensor.shape().iter().map(|&axis| axis as i64).collect();
    let of = |data_type: DataType| pb::TensorProto { dims, data_type: data_type as i32, ..Default::default() };
    if kind.is_float() {
        let tensor = tensor.cast_to::<f32>()?;
        Ok(pb::TensorProto {
            float_data: tensor.to_plain_array_view::<f32>()?.iter().copied().collect(),
            ..of(DataType::Float)
        })
    } else if kind == bool::datum_type() {
        let values = tensor.to_plain_array_view::<bool>()?.iter().map(|&value| value.into()).collect();
        Ok(pb::TensorProto { int32_data: values, ..of(DataType::Bool) })
    } else {
        let tensor = tensor.cast_to::<i64>()?;
        Ok(pb::TensorProto {
            int64_data: tensor.to_plain_array_view::<i64>()?.iter().copied().collect(),
            ..of(DataType::Int64)
        })
    }
}

/// A model in tract that gives tensors from inside of it, for comparisons layer by layer.
#[derive(Debug)]
pub struct TractTensors {
    plan: Arc<TypedRunnableModel>,
    input_shape: Vec<usize>,
}

impl TractTensors {
    /// Prepares a model that takes samples of `sample_shape` (without the batch axis) as `input` and gives these tensors.
    ///
    /// # Errors
    /// As for [`TractEncoder::new`].
    pub fn new(model: &OnnxFile, input: &str, names: &[&str], sample_shape: &[usize]) -> Result<Self, RuntimeError> {
        let input_shape = with_batch_axis(sample_shape);
        let plan = || {
            let typed = typed_model(model, input, &input_shape, names)?;
            typed.into_optimized().and_then(TypedModel::into_runnable).map_err(failed)
        };
        let plan = guarded(plan).map_err(RuntimeError::Failed)??;
        Ok(Self { plan, input_shape })
    }

    /// The tensors of one sample, in the order of their names.
    ///
    /// # Errors
    /// [`EncodeError::Run`] when the runtime fails.
    pub fn run(&self, sample: &[f32]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let run = || {
            let input = Tensor::from_shape(&self.input_shape, sample)?;
            let outputs = self.plan.run(tvec!(input.into()))?;
            let values = |tensor: &TValue| Ok(tensor.to_plain_array_view::<f32>()?.iter().copied().collect());
            outputs.iter().map(values).collect::<TractResult<Vec<Vec<f32>>>>()
        };
        guarded(run).map_err(EncodeError::Run)?.map_err(|error| not_run(&error))
    }
}

fn with_batch_axis(sample_shape: &[usize]) -> Vec<usize> {
    [&[1], sample_shape].concat()
}

/// The model with these tensors as its outputs and every shape worked out.
fn typed_model(
    model: &OnnxFile,
    input: &str,
    input_shape: &[usize],
    outputs: &[&str],
) -> Result<TypedModel, RuntimeError> {
    let missing = missing_operators(model);
    if !missing.is_empty() {
        return Err(RuntimeError::MissingOperators(missing));
    }
    if !model.inputs().iter().any(|known| known.name == input) {
        return Err(RuntimeError::NoSuchTensor(input.to_owned()));
    }
    let proto = with_outputs(model, input, outputs)?;
    let fed = proto.graph.iter().flat_map(|graph| {
        graph.input.iter().filter(|fed| graph.initializer.iter().all(|stored| stored.name != fed.name))
    });
    let position = fed.map(|fed| fed.name.as_str()).position(|name| name == input);
    let position = position.ok_or_else(|| RuntimeError::NoSuchTensor(input.to_owned()))?;
    let fact = f32::fact(input_shape).into();
    // Shapes that the exporter noted may be for another batch: tract works them out again.
    let reader = tract_onnx::onnx().with_ignore_value_info(true);
    let parsed = reader.model_for_proto_model(&proto).map_err(failed)?;
    parsed.with_input_fact(position, fact).and_then(InferenceModel::into_typed).map_err(failed)
}

/// A copy of the part of the model that gives these tensors. tract would panic on a name that nothing produces, and wants
/// every input fed.
fn with_outputs(model: &OnnxFile, input: &str, outputs: &[&str]) -> Result<pb::ModelProto, RuntimeError> {
    let mut graph = model.graph().clone();
    let produced: BTreeSet<&str> = graph.node.iter().flat_map(|node| &node.output).map(String::as_str).collect();
    if let Some(unknown) = outputs.iter().find(|name| !produced.contains(*name)) {
        return Err(RuntimeError::NoSuchTensor((*unknown).to_owned()));
    }
    let mut needed: BTreeSet<String> = outputs.iter().map(|&name| name.to_owned()).collect();
    // Nodes are in an order in which they can run.
    let mut kept: Vec<pb::NodeProto> = Vec::with_capacity(graph.node.len());
    for node in graph.node.drain(..).rev() {
        if node.output.iter().any(|name| needed.contains(name)) {
            needed.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.input.retain(|fed| fed.name == input || needed.contains(&fed.name));
    let value = |name: &&str| pb::ValueInfoProto { name: (*name).to_owned(), ..Default::default() };
    graph.output = outputs.iter().map(value).collect();
    Ok(pb::ModelProto { graph: Some(graph), ..model.proto().clone() })
}

/// Runs what tract does with a model that anybody may have made: on one that contradicts itself it can panic.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    // What a panic leaves behind is given up as a whole, so nothing half-done is seen afterwards.
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| "it contradicts itself, and the runtime gave up on it".to_owned())
}

/// tract's chain of causes in one line.
fn failed(error: TractError) -> RuntimeError {
    RuntimeError::Failed(format!("{error:#}"))
}

fn not_run(error: &TractError) -> EncodeError {
    EncodeError::Run(format!("{error:#}"))
}

/// Why tract does not run a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RuntimeError {
    /// Operators that tract does not have.
    MissingOperators(BTreeSet<String>),
    /// No input, or no tensor, of this name.
    NoSuchTensor(String),
    /// The embedding's size depends on the sample.
    FreeOutput,
    /// The output is not one embedding for the one sample.
    OutputShape(Vec<usize>),
    /// The output is not made of 32-bit floats.
    OutputType(String),
    /// Anything else; in tract's words.
    Failed(String),
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingOperators(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                write!(
                    f,
                    "the runtime (tract) has no operator {}: export the model with other operators in its place",
                    names.join(", ")
                )
            }
            Self::NoSuchTensor(name) => write!(f, "the model has no tensor `{name}`: correct its .toml file"),
            Self::FreeOutput => {
                f.write_str("the size of the embedding depends on the sample: export the model with fixed sizes")
            }
            Self::OutputShape(shape) => write!(
                f,
                "the output for one sample has shape {shape:?}, where its first axis should be the batch, 1: name \
                 another output in its .toml file"
            ),
            Self::OutputType(found) => {
                write!(f, "the output has elements of type {found}: name an output of float32 in its .toml file")
            }
            Self::Failed(reason) => write!(f, "the runtime (tract) cannot prepare the model: {reason}"),
        }
    }
}

impl std::error::Error for RuntimeError {}
