//! What a model holds: shapes, operators, parameters, multiplications.

mod macs;
mod proposal;

pub use proposal::{ProposalProblem, propose};

use crate::file::FileError;
use crate::model::digest;
use crate::onnx::{OnnxFile, TensorInfo};
use crate::preprocessing::{Preprocessing, PreprocessingProblem};
use crate::runtime;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What `cognate inspect` tells of a model.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Inspection {
    /// The model's file.
    pub model: String,
    /// The digest that templates and bundles carry; there is none before there is a preprocessing.
    pub digest: Option<String>,
    /// What has to be fed.
    pub inputs: Vec<TensorInfo>,
    /// What it gives.
    pub outputs: Vec<TensorInfo>,
    /// How often each operator occurs.
    pub operators: BTreeMap<String, usize>,
    /// Those of them that the runtime lacks.
    pub missing_operators: BTreeSet<String>,
    /// Elements of the stored floating-point tensors.
    pub parameters: u64,
    /// Multiplications with an accumulation, for one sample, in convolutions, dense layers and recurrent layers;
    /// `None` when shapes cannot be worked out.
    pub macs: Option<u64>,
}

/// Looks into a model. Its preprocessing may be missing, but what is there has to be right.
///
/// # Errors
/// [`PreprocessingProblem`], naming the TOML file.
pub fn inspect(onnx: &OnnxFile) -> Result<Inspection, FileError<PreprocessingProblem>> {
    let preprocessing = match Preprocessing::of_model(onnx.path()) {
        Ok(preprocessing) => Some(preprocessing),
        Err(FileError { problem: PreprocessingProblem::Missing { .. }, .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Inspection {
        model: onnx.path().display().to_string(),
        digest: preprocessing.as_ref().map(|preprocessing| digest(onnx, preprocessing).to_string()),
        inputs: onnx.inputs(),
        outputs: onnx.outputs(),
        operators: onnx.operators(),
        missing_operators: runtime::missing_operators(onnx),
        parameters: onnx.parameters(),
        macs: macs::count(onnx, preprocessing.as_ref()),
    })
}
