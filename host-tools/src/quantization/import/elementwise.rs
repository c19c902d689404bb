//! Operators on each element, in the forms in which exporters write activations, scalings and the normalization at the end.

use super::layers::mismatch;
use super::{Attributes, Constant, Found, ImportProblem, Importer, Tensor, Value, axis_of};
use crate::quantization::function::{Binary, Function, Unary};
use crate::quantization::network::{Clip, NodeId, Operator};
use crate::runtime::pb::NodeProto;

impl Importer<'_> {
    /// A function of one tensor.
    pub(super) fn activation(&mut self, node: &NodeProto) -> Found<Value> {
        let function = self.function_of(node)?;
        if let Value::Norm { of, power } = *self.value(node, 0)? {
            return norm_after(&function, of, power);
        }
        let tensor = self.tensor(node, 0)?;
        Ok(self.push_function(node, tensor, &function))
    }

    fn function_of(&self, node: &NodeProto) -> Found<Function> {
        let attributes = Attributes(node);
        let float = |name, default| attributes.float(name, default);
        let times = |function| Function::binary(Binary::Multiply, Function::Element, function);
        Ok(match node.op_type.as_str() {
            "Relu" => Function::clip(0.0, f64::INFINITY),
            "Clip" => {
                let end = |index, role| self.constant(node, index, role)?.map_or(Ok(None), Constant::scalar);
                let (low, high) = (end(1, "lower end")?, end(2, "upper end")?);
                Function::clip(low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY))
            }
            "LeakyRelu" => Function::unary(Unary::LeakyRelu(float("alpha", 0.01))),
            "Elu" => Function::unary(Unary::Elu(float("alpha", 1.0))),
            "Selu" => {
                let alpha = float("alpha", 1.673_263_2);
                let elu = Function::unary(Unary::Elu(alpha));
                Function::binary(Binary::Multiply, elu, Function::Constant(float("gamma", 1.050_701)))
            }
            "HardSigmoid" => Function::hard_sigmoid(float("alpha", 0.2), float("beta", 0.5)),
            "HardSwish" => times(Function::hard_sigmoid(1.0 / 6.0, 0.5)),
            "Sigmoid" => Function::unary(Unary::Sigmoid),
            "Tanh" => Function::unary(Unary::Tanh),
            "Softplus" => Function::unary(Unary::Softplus),
            "Mish" => times(Function::Unary(Unary::Tanh, Box::new(Function::unary(Unary::Softplus)))),
            "Gelu" => gelu(&attributes)?,
            "Erf" => Function::unary(Unary::Erf),
            "Exp" => Function::unary(Unary::Exp),
            "Log" => Function::unary(Unary::Log),
            "Sqrt" => Function::unary(Unary::Sqrt),
            "Abs" => Function::unary(Unary::Abs),
            "Neg" => Function::binary(Binary::Multiply, Function::Element, Function::Constant(-1.0)),
            "Reciprocal" => Function::unary(Unary::Reciprocal),
            _ => return Err(ImportProblem::Operator),
        })
    }

    fn push_function(&mut self, node: &NodeProto, tensor: Tensor, function: &Function) -> Value {
        let (of, inner) = self.root(&tensor);
        let shape = self.nodes[tensor.node].shape;
        self.push(node, Operator::Function(function.of(&inner)), &[of], shape, tensor.view)
    }

    /// The tensor that another is a function of.
    fn root(&self, tensor: &Tensor) -> (NodeId, Function) {
        match &self.nodes[tensor.node].operator {
            Operator::Function(function) => (self.nodes[tensor.node].inputs[0], function.clone()),
            _ => (tensor.node, Function::Element),
        }
    }

    /// The node whose squares these elements are, if they are that.
    pub(super) fn squared(&self, tensor: &Tensor) -> Option<NodeId> {
        let (of, function) = self.root(tensor);
        let is_square = |x: f64| (function.apply(x) - x * x).abs() < 1e-9;
        [-2.5, -1.0, 0.5, 3.0].into_iter().all(is_square).then_some(of)
    }

    pub(super) fn binary(&mut self, node: &NodeProto) -> Found<Value> {
        let binary = match node.op_type.as_str() {
            "Add" => Binary::Add,
            "Sub" => Binary::Subtract,
            "Mul" => Binary::Multiply,
            "Div" => Binary::Divide,
            _ => Binary::Power,
        };
        self.join(node, binary, [0, 1])
    }

    /// The greatest or least of one tensor and constants.
    pub(super) fn extremum(&mut self, node: &NodeProto) -> Found<Value> {
        let binary = if node.op_type == "Max" { Binary::Maximum } else { Binary::Minimum };
        match node.input.len() {
            1 => Ok(self.value(node, 0)?.clone()),
            2 => self.join(node, binary, [0, 1]),
            _ => Err(ImportProblem::Operator),
        }
    }

    fn join(&mut self, node: &NodeProto, binary: Binary, [a, b]: [usize; 2]) -> Found<Value> {
        match (self.value(node, a)?.clone(), self.value(node, b)?.clone()) {
            (Value::Norm { of, power }, Value::Constant(constant)) => {
                let function = Function::binary(binary, Function::Element, Function::Constant(one_number(&constant)?));
                norm_after(&function, of, power)
            }
            (Value::Constant(constant), Value::Norm { of, power }) => {
                let function = Function::binary(binary, Function::Constant(one_number(&constant)?), Function::Element);
                norm_after(&function, of, power)
            }
            (Value::Tensor(tensor), Value::Norm { of, power }) => normalized(binary, tensor, of, power),
            (Value::Norm { of, power }, Value::Tensor(tensor)) if binary == Binary::Multiply => {
                normalized(binary, tensor, of, power)
            }
            (Value::Tensor(_), Value::Constant(constant)) => self.with_constant(node, binary, a, &constant, false),
            (Value::Constant(constant), Value::Tensor(_)) => self.with_constant(node, binary, b, &constant, true),
            (Value::Tensor(_), Value::Tensor(_)) => self.with_tensor(node, binary, [a, b]),
            _ => Err(ImportProblem::Operator),
        }
    }

    /// A tensor and a constant, in either order.
    fn with_constant(
        &mut self,
        node: &NodeProto,
        binary: Binary,
        index: usize,
        constant: &Constant,
        constant_first: bool,
    ) -> Found<Value> {
        let tensor = self.tensor(node, index)?;
        let spread = tensor.view.spread(&constant.shape(), &constant.values()?);
        let spread = spread.ok_or_else(|| {
            mismatch(format!("a constant of shape {:?} for a tensor of {:?}", constant.shape(), tensor.view.shape()))
        })?;
        if let [first, rest @ ..] = spread.as_slice()
            && rest.iter().all(|value| value == first)
        {
            let (element, constant) = (Function::Element, Function::Constant(*first));
            let function = if constant_first {
                Function::binary(binary, constant, element)
            } else {
                Function::binary(binary, element, constant)
            };
            return Ok(self.push_function(node, tensor, &function));
        }
        let (ones, zeros) = (vec![1.0; spread.len()], vec![0.0; spread.len()]);
        let each = |change: fn(f64) -> f64| spread.iter().map(|&value| change(value)).collect::<Vec<f64>>();
        match (binary, constant_first) {
            (Binary::Add, _) => Ok(self.push_line(node, tensor, &ones, &spread)),
            (Binary::Multiply, _) => Ok(self.push_line(node, tensor, &spread, &zeros)),
            (Binary::Subtract, false) => Ok(self.push_line(node, tensor, &ones, &each(|value| -value))),
            (Binary::Subtract, true) => Ok(self.push_line(node, tensor, &vec![-1.0; spread.len()], &spread)),
            (Binary::Divide, false) if !spread.contains(&0.0) => {
                Ok(self.push_line(node, tensor, &each(|value| 1.0 / value), &zeros))
            }
            _ => Err(ImportProblem::Shape {
                found: "a constant that differs from channel to channel".to_owned(),
                advice: "such a one can be added, subtracted, multiplied by or divided by; use one number for all here",
            }),
        }
    }

    fn with_tensor(&mut self, node: &NodeProto, binary: Binary, [a, b]: [usize; 2]) -> Found<Value> {
        let (a, b) = (self.tensor(node, a)?, self.tensor(node, b)?);
        let (shape, alike) = (self.nodes[a.node].shape, a.view == b.view);
        let ((of_a, f), (of_b, g)) = (self.root(&a), self.root(&b));
        if alike && of_a == of_b {
            return Ok(self.push(node, Operator::Function(Function::binary(binary, f, g)), &[of_a], shape, a.view));
        }
        match binary {
            Binary::Add if alike => Ok(self.push(node, Operator::Add(Clip::NONE), &[a.node, b.node], shape, a.view)),
            Binary::Subtract if alike => {
                let elements = b.view.elements();
                let view = a.view.clone();
                let Value::Tensor(b) = self.push_line(node, b, &vec![-1.0; elements], &vec![0.0; elements]) else {
                    return Err(ImportProblem::Operator);
                };
                Ok(self.push(node, Operator::Add(Clip::NONE), &[a.node, b.node], shape, view))
            }
            Binary::Multiply => {
                let (a, b) = if a.view.elements() < b.view.elements() { (b, a) } else { (a, b) };
                let images = a.view.image().zip(b.view.image());
                match images {
                    Some(([_, _, channels], [1, 1, factors])) if channels == factors => {
                        let shape = self.nodes[a.node].shape;
                        Ok(self.push(node, Operator::Scale(Clip::NONE), &[a.node, b.node], shape, a.view))
                    }
                    _ => Err(unequal(&a, &b)),
                }
            }
            _ => Err(unequal(&a, &b)),
        }
    }

    /// A leaky ReLU with a slope a channel.
    pub(super) fn slope(&mut self, node: &NodeProto) -> Found<Value> {
        let tensor = self.tensor(node, 0)?;
        let slope = self.required(node, 1, "slope")?;
        let spread = tensor.view.spread(&slope.shape(), &slope.values()?);
        let spread = spread.ok_or_else(|| {
            mismatch(format!("a slope of shape {:?} for a tensor of {:?}", slope.shape(), tensor.view.shape()))
        })?;
        let shape = self.nodes[tensor.node].shape;
        let slopes = &spread[..shape[2]];
        if slopes.iter().all(|slope| slope == &slopes[0]) && spread.chunks(shape[2]).all(|place| place == slopes) {
            return Ok(self.push_function(node, tensor, &Function::unary(Unary::LeakyRelu(slopes[0]))));
        }
        if !spread.chunks(shape[2]).all(|place| place == slopes) {
            return Err(ImportProblem::Shape {
                found: "slopes that differ from place to place".to_owned(),
                advice: "share them over rows and columns (in Keras: PReLU(shared_axes=[1, 2]))",
            });
        }
        let slopes = slopes.iter().map(|&slope| slope as f32).collect();
        Ok(self.push(node, Operator::Slope(slopes), &[tensor.node], shape, tensor.view))
    }

    /// A normalization of the whole tensor, whatever the norm: a cosine does not see it.
    pub(super) fn normalization(&mut self, node: &NodeProto) -> Found<Value> {
        let tensor = self.tensor(node, 0)?;
        let shape = tensor.view.shape();
        let axis = axis_of(Attributes(node).int("axis", -1), shape.len())?;
        if shape[axis] == tensor.view.elements() {
            return Ok(Value::Tensor(Tensor { unit: true, ..tensor }));
        }
        let found = axis.to_string();
        Err(ImportProblem::Attribute {
            name: "axis",
            found,
            supported: "that of the elements of an embedding, at the end",
        })
    }
}

fn gelu(attributes: &Attributes<'_>) -> Found<Function> {
    let approximate = attributes.text("approximate", "none");
    let constant = |value: f64| Function::Constant(value);
    let x = || Function::Element;
    let multiply = |a, b| Function::binary(Binary::Multiply, a, b);
    let bend = match approximate.as_str() {
        "none" => Function::Unary(Unary::Erf, Box::new(multiply(x(), constant(std::f64::consts::FRAC_1_SQRT_2)))),
        "tanh" => {
            let cube = multiply(multiply(x(), x()), multiply(x(), constant(0.044_715)));
            let sum = Function::binary(Binary::Add, x(), cube);
            Function::Unary(Unary::Tanh, Box::new(multiply(sum, constant((2.0 / std::f64::consts::PI).sqrt()))))
        }
        _ => {
            let supported = "none or tanh";
            return Err(ImportProblem::Attribute { name: "approximate", found: approximate, supported });
        }
    };
    let half = multiply(x(), constant(0.5));
    Ok(multiply(half, Function::binary(Binary::Add, bend, constant(1.0))))
}

/// What a function makes of a norm. Whatever keeps it above zero is there against a division by zero.
fn norm_after(function: &Function, of: NodeId, power: f64) -> Found<Value> {
    let factor = match function {
        Function::Unary(Unary::Sqrt, _) => 0.5,
        Function::Unary(Unary::Reciprocal, _) => -1.0,
        Function::Unary(Unary::Abs, _) => 1.0,
        Function::Binary(Binary::Power, base, exponent) => match (&**base, &**exponent) {
            (Function::Element, Function::Constant(exponent)) => *exponent,
            _ => return Err(ImportProblem::Operator),
        },
        Function::Binary(Binary::Divide, one, _) if matches!(**one, Function::Constant(_)) => -1.0,
        Function::Binary(Binary::Add | Binary::Maximum | Binary::Minimum, ..) => 1.0,
        _ => return Err(ImportProblem::Operator),
    };
    Ok(Value::Norm { of, power: power * factor })
}

/// A tensor divided by its length.
fn normalized(binary: Binary, tensor: Tensor, of: NodeId, power: f64) -> Found<Value> {
    let divides = (binary == Binary::Divide && power == 0.5) || (binary == Binary::Multiply && power == -0.5);
    if divides && tensor.node == of && !tensor.unit {
        Ok(Value::Tensor(Tensor { unit: true, ..tensor }))
    } else {
        Err(ImportProblem::AfterNormalization)
    }
}

fn one_number(constant: &Constant) -> Found<f64> {
    constant.scalar()?.ok_or(ImportProblem::AfterNormalization)
}

fn unequal(a: &Tensor, b: &Tensor) -> ImportProblem {
    ImportProblem::Shape {
        found: format!("tensors of shape {:?} and {:?}", a.view.shape(), b.view.shape()),
        advice: "two tensors of one shape can be added, and one multiplied by another with one number a channel (N×C×1×1)",
    }
}
