//! Why a model cannot become an encoder of the device.

use std::fmt;

/// The operators of ONNX that are understood, whatever the opset from 13 to 20.
pub const OPERATORS: &str = "Conv, Gemm, MatMul, BatchNormalization; Add, Sub, Mul, Div, Max, Min, Pow; MaxPool, \
AveragePool, GlobalMaxPool, GlobalAveragePool, ReduceMean, ReduceSum, ReduceMax; Pad, Concat; Relu, Clip, LeakyRelu, \
PRelu, Elu, Selu, HardSigmoid, HardSwish, Sigmoid, Tanh, Softplus, Mish, Gelu, Erf, Exp, Log, Sqrt, Abs, Neg, \
Reciprocal; Flatten, Reshape, Transpose, Squeeze, Unsqueeze, Expand, Identity, Dropout, Cast; LpNormalization, ReduceL2, \
ReduceSumSquare; and whatever depends on shapes and constants alone";

/// What is wrong with a node of the graph, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportError {
    /// The node, if it is one.
    pub node: Option<NodeName>,
    /// What is wrong.
    pub problem: ImportProblem,
}

/// A node, as a user finds it in a viewer of graphs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeName {
    /// Its name or, where it has none, that of its output.
    pub name: String,
    /// Its operator.
    pub operator: String,
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ImportProblem {
    /// An operator that is not understood.
    Operator,
    /// An attribute of a value that is not.
    Attribute {
        /// Its name.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        supported: &'static str,
    },
    /// An input that has to be a constant, and is not.
    NotConstant {
        /// What it is for.
        role: &'static str,
    },
    /// A constant whose elements are of a type that is not understood.
    Type {
        /// The constant.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// Shapes that do not go together, or that the device has no operator for.
    Shape {
        /// What was found.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// A transposition or reshaping after which the tensor would lie otherwise in memory.
    Rearranged,
    /// Something after the normalization.
    AfterNormalization,
    /// A constant node that the runtime cannot work out.
    Constant(String),
    /// An input that nothing gives.
    Missing {
        /// Its name.
        tensor: String,
    },
    /// Not one input.
    Inputs {
        /// The names of the inputs.
        names: Vec<String>,
    },
    /// Not one output.
    Outputs {
        /// The names of the outputs.
        names: Vec<String>,
    },
    /// No tensor of the name that was asked for.
    NoSuchTensor {
        /// The name.
        name: String,
    },
    /// An output that does not depend on the sample.
    ConstantOutput,
    /// An opset that is not understood.
    Opset(i64),
}

impl ImportProblem {
    /// The problem, of this node.
    pub(super) const fn at(self, node: NodeName) -> ImportError {
        ImportError { node: Some(node), problem: self }
    }
}

impl From<ImportProblem> for ImportError {
    fn from(problem: ImportProblem) -> Self {
        Self { node: None, problem }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(NodeName { name, operator }) = &self.node {
            write!(f, "node `{name}` ({operator}): ")?;
        }
        self.problem.fmt(f)
    }
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => write!(
                f,
                "this operator is not supported on the device. Supported are {OPERATORS}. Write this part of the model with \
                 those and export it again, or cut the model before it with --output"
            ),
            Self::Attribute { name, found, supported } => {
                write!(f, "its attribute `{name}` is {found}, and supported is {supported}: change the layer and export the model again")
            }
            Self::NotConstant { role } => {
                write!(f, "its {role} depends on the sample, and has to be a constant: export the model for inference, with fixed shapes and its weights as initializers")
            }
            Self::Type { tensor, found } => {
                write!(f, "the constant `{tensor}` has elements of type {found}: export the model in float32")
            }
            Self::Shape { found, advice } => write!(f, "{found}: {advice}"),
            Self::Rearranged => f.write_str(
                "it needs elements moved in memory, which the device has no operator for (channels are innermost there): keep \
                 to N×C×H×W with Flatten, global pooling and dense layers after the convolutions, or cut the model before it \
                 with --output",
            ),
            Self::AfterNormalization => f.write_str(
                "it comes after the normalization to unit length, which has to be the model's last step: choose the embedding \
                 itself with --output",
            ),
            Self::Constant(reason) => write!(f, "its inputs are constants, and it cannot be worked out: {reason}"),
            Self::Missing { tensor } => write!(f, "nothing gives its input `{tensor}`: the model is damaged, export it again"),
            Self::Inputs { names } => write!(
                f,
                "the model has {} inputs ({}) where an encoder has one: name it with --input; the others must not be needed \
                 for the output",
                names.len(),
                names.join(", ")
            ),
            Self::Outputs { names } => write!(
                f,
                "the model has {} outputs ({}): name the embedding with --output",
                names.len(),
                names.join(", ")
            ),
            Self::NoSuchTensor { name } => {
                write!(f, "the model has no tensor `{name}`: `cognate inspect` lists inputs and outputs")
            }
            Self::ConstantOutput => f.write_str("the output does not depend on the input: name the embedding with --output"),
            Self::Opset(found) => write!(f, "the model is of opset {found}, and supported are 13 to 20: export it with one of those (opset_version=17)"),
        }
    }
}

impl std::error::Error for ImportError {}
