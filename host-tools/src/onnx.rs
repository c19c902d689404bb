//! An ONNX file: what can be read from it without running it.

use crate::file::{self, FileError, Unreadable};
use crate::runtime::pb::tensor_proto::DataType;
use crate::runtime::pb::tensor_shape_proto::dimension;
use crate::runtime::pb::type_proto::Value;
use crate::runtime::pb::{GraphProto, ModelProto, TensorProto, ValueInfoProto};
use prost::Message;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// A model file that is ONNX and holds a graph.
#[derive(Debug)]
pub struct OnnxFile {
    path: PathBuf,
    bytes: Vec<u8>,
    proto: ModelProto,
    graph: GraphProto,
}

impl OnnxFile {
    /// Reads a model.
    ///
    /// # Errors
    /// [`OnnxProblem`] when the file is missing, empty, cut short or not ONNX, or keeps its weights elsewhere.
    pub fn open(path: &Path) -> Result<Self, FileError<OnnxProblem>> {
        let bytes = file::read(path).map_err(|error| FileError::new(path, OnnxProblem::Unreadable(error.problem)))?;
        let (proto, graph) = parse(&bytes).map_err(|problem| FileError::new(path, problem))?;
        Ok(Self { path: path.to_owned(), bytes, proto, graph })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The model, without its graph.
    #[must_use]
    pub const fn proto(&self) -> &ModelProto {
        &self.proto
    }

    /// The model's graph.
    #[must_use]
    pub const fn graph(&self) -> &GraphProto {
        &self.graph
    }

    /// What has to be fed: the graph's inputs without those that have a stored value.
    #[must_use]
    pub fn inputs(&self) -> Vec<TensorInfo> {
        let stored: HashSet<&str> = self.graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        let fed = self.graph.input.iter().filter(|input| !stored.contains(input.name.as_str()));
        fed.map(TensorInfo::new).collect()
    }

    /// What the model gives.
    #[must_use]
    pub fn outputs(&self) -> Vec<TensorInfo> {
        self.graph.output.iter().map(TensorInfo::new).collect()
    }

    /// How often each operator occurs, by name.
    #[must_use]
    pub fn operators(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for node in &self.graph.node {
            *counts.entry(node.op_type.clone()).or_default() += 1;
        }
        counts
    }

    /// Elements of all stored floating-point tensors: weights, biases, and the statistics of normalization layers. Scalars, as the
    /// ends of a range, are none.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let learned = |tensor: &&TensorProto| is_float(tensor) && !tensor.dims.is_empty();
        self.graph.initializer.iter().filter(learned).map(|tensor| elements(&tensor.dims)).sum()
    }
}

fn parse(bytes: &[u8]) -> Result<(ModelProto, GraphProto), OnnxProblem> {
    if bytes.is_empty() {
        return Err(OnnxProblem::Empty);
    }
    let mut proto = ModelProto::decode(bytes).map_err(|_| OnnxProblem::NotOnnx)?;
    // Each of these is missing from a file that was cut between two fields.
    let graph = proto.graph.take().filter(|graph| !graph.node.is_empty()).ok_or(OnnxProblem::NotOnnx)?;
    if proto.opset_import.is_empty() {
        return Err(OnnxProblem::NotOnnx);
    }
    match graph.initializer.iter().find(|tensor| !tensor.external_data.is_empty()) {
        Some(tensor) => Err(OnnxProblem::ExternalData { tensor: tensor.name.clone() }),
        None => Ok((proto, graph)),
    }
}

fn is_float(tensor: &TensorProto) -> bool {
    let floats = [DataType::Float, DataType::Float16, DataType::Bfloat16, DataType::Double];
    DataType::try_from(tensor.data_type).is_ok_and(|found| floats.contains(&found))
}

/// The product of a tensor's axes; the empty product, 1, for a scalar.
#[must_use]
pub fn elements(dims: &[i64]) -> u64 {
    dims.iter().map(|&dim| dim.unsigned_abs()).fold(1, u64::saturating_mul)
}

/// An input or output of a model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TensorInfo {
    /// Its name in the graph.
    pub name: String,
    /// The type of its elements, in ONNX's word for it.
    #[serde(rename = "type")]
    pub element: String,
    /// Its axes, the batch's included.
    pub shape: Vec<Axis>,
}

impl TensorInfo {
    fn new(value: &ValueInfoProto) -> Self {
        let Some(Value::TensorType(tensor)) = value.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
            return Self { name: value.name.clone(), element: "UNDEFINED".to_owned(), shape: Vec::new() };
        };
        let element = DataType::try_from(tensor.elem_type).unwrap_or(DataType::Undefined);
        let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
        Self {
            name: value.name.clone(),
            element: format!("{element:?}").to_lowercase(),
            shape: dims.map(|dim| Axis::new(dim.value.as_ref())).collect(),
        }
    }

    /// The shape as people write it, such as `N×1×28×28`.
    #[must_use]
    pub fn shape_text(&self) -> String {
        self.shape.iter().map(Axis::to_string).collect::<Vec<_>>().join("×")
    }
}

/// The length of an axis.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Axis {
    /// Fixed by the model.
    Fixed(usize),
    /// Left to the caller, under this name (`?` where it has none).
    Free(String),
}

impl Axis {
    fn new(value: Option<&dimension::Value>) -> Self {
        match value {
            // Some exporters write 0 or −1 for an axis that is free.
            Some(dimension::Value::DimValue(length)) if *length > 0 => {
                usize::try_from(*length).map_or_else(|_| Self::Free("?".to_owned()), Self::Fixed)
            }
            Some(dimension::Value::DimParam(name)) if !name.is_empty() => Self::Free(name.clone()),
            _ => Self::Free("?".to_owned()),
        }
    }

    /// The length, if it is fixed.
    #[must_use]
    pub const fn fixed(&self) -> Option<usize> {
        match self {
            Self::Fixed(length) => Some(*length),
            Self::Free(_) => None,
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => length.fmt(f),
            Self::Free(name) => name.fmt(f),
        }
    }
}

/// Why a file is not a model that can be used.
#[derive(Debug)]
pub enum OnnxProblem {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// It has no bytes.
    Empty,
    /// It is another kind of file, or was cut short.
    NotOnnx,
    /// Weights lie in another file, which the model's digest would not cover.
    ExternalData {
        /// The first tensor that is elsewhere.
        tensor: String,
    },
}

impl fmt::Display for OnnxProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Empty => f.write_str("the file is empty: export or copy the model again"),
            Self::NotOnnx => {
                f.write_str("this is not an ONNX model, or it was cut short: export or copy the model again")
            }
            Self::ExternalData { tensor } => write!(
                f,
                "the weights of `{tensor}` are kept in another file: save the model as one file (onnx.save does by \
                 default)"
            ),
        }
    }
}
