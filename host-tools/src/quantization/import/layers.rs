//! Convolutions, dense layers, batch normalization, pooling.

use super::{Attributes, Found, ImportProblem, Importer, Tensor, Value, View, axis_of};
use crate::quantization::network::{Clip, Convolution, Operator, Pooling, Shape, Window};
use crate::runtime::pb::NodeProto;

impl Importer<'_> {
    pub(super) fn convolution(&mut self, node: &NodeProto) -> Found<Value> {
        let tensor = self.tensor(node, 0)?;
        let rank = tensor.view.rank();
        let input = self.image(&tensor)?;
        let weights = self.required(node, 1, "weight")?;
        let (dims, values) = (weights.shape(), weights.values()?);
        let (outputs, group_inputs, kernel) = match *dims {
            [outputs, inputs, rows, columns] if rank == 4 => (outputs, inputs, [rows, columns]),
            [outputs, inputs, columns] if rank == 3 => (outputs, inputs, [1, columns]),
            _ => return Err(mismatch(format!("weights of shape {dims:?} for an input of {rank} axes"))),
        };
        let attributes = Attributes(node);
        let groups = usize::try_from(attributes.int("group", 1)).unwrap_or(0);
        let fits = groups > 0 && group_inputs * groups == input[2] && outputs.is_multiple_of(groups) && outputs > 0;
        if !fits || kernel.contains(&0) {
            let found = format!("weights of shape {dims:?} and group {groups} for {} channels", input[2]);
            return Err(mismatch(found));
        }
        let bias = match self.constant(node, 2, "bias")? {
            Some(bias) => bias.values()?.into_iter().map(|value| value as f32).collect(),
            None => vec![0.0; outputs],
        };
        if bias.len() != outputs {
            return Err(mismatch(format!("{} biases for {outputs} channels", bias.len())));
        }
        let window = window(node, input, outputs, kernel)?;
        // From [output][input][row][column] to channels innermost.
        let taps = kernel[0] * kernel[1];
        let row = |values: &[f64]| {
            (0..taps * group_inputs)
                .map(|at| values[at % group_inputs * taps + at / group_inputs] as f32)
                .collect::<Vec<_>>()
        };
        let weights = values.chunks(taps * group_inputs).flat_map(row).collect();
        let operator = Operator::Convolution(Convolution { window, groups, weights, bias, clip: Clip::NONE });
        Ok(self.push(node, operator, &[tensor.node], window.output, View::of_image(window.output, rank)))
    }

    pub(super) fn gemm(&mut self, node: &NodeProto) -> Found<Value> {
        let attributes = Attributes(node);
        attributes.require_int("transA", 0, "0")?;
        let tensor = self.tensor(node, 0)?;
        let matrix = self.required(node, 1, "matrix")?;
        let (dims, values) = (matrix.shape(), matrix.values()?);
        let [rows, columns] = *dims else { return Err(mismatch(format!("a matrix of shape {dims:?}"))) };
        let transposed = attributes.int("transB", 0) != 0;
        let (inputs, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
        let (alpha, beta) = (attributes.float("alpha", 1.0), attributes.float("beta", 1.0));
        let bias = match self.constant(node, 2, "bias")? {
            Some(bias) => View::in_order(&[1, outputs])
                .spread(&bias.shape(), &bias.values()?)
                .ok_or_else(|| mismatch(format!("a bias of shape {:?} for {outputs} outputs", bias.shape())))?,
            None => vec![0.0; outputs],
        };
        let at = |input: usize, output: usize| {
            alpha * if transposed { values[output * inputs + input] } else { values[input * outputs + output] }
        };
        let bias = bias.into_iter().map(|value| (value * beta) as f32).collect();
        self.dense(node, tensor, [inputs, outputs], at, bias)
    }

    pub(super) fn matrix_product(&mut self, node: &NodeProto) -> Found<Value> {
        let tensor = self.tensor(node, 0)?;
        let matrix = self.required(node, 1, "second matrix")?;
        let (dims, values) = (matrix.shape(), matrix.values()?);
        let [inputs, outputs] = *dims else { return Err(mismatch(format!("a matrix of shape {dims:?}"))) };
        let at = |input: usize, output: usize| values[input * outputs + output];
        self.dense(node, tensor, [inputs, outputs], at, vec![0.0; outputs])
    }

    /// A dense layer over the last axis of a tensor.
    fn dense(
        &mut self,
        node: &NodeProto,
        tensor: Tensor,
        [inputs, outputs]: [usize; 2],
        weight: impl Fn(usize, usize) -> f64,
        bias: Vec<f32>,
    ) -> Found<Value> {
        let shape = tensor.view.shape();
        let last = shape.len().saturating_sub(1);
        if shape.last() != Some(&inputs) || outputs == 0 {
            return Err(mismatch(format!("a matrix of {inputs} rows for a tensor of shape {shape:?}")));
        }
        let places = tensor.view.elements() / inputs;
        let (order, view) = if places == 1 {
            // The elements of one sample, wherever each lies.
            let flat: Vec<usize> = shape[..last].iter().copied().chain([outputs]).collect();
            (tensor.view.places(), View::in_order(&flat))
        } else if tensor.view.is_innermost(last) {
            ((0..inputs).collect(), tensor.view.with_innermost(last, outputs))
        } else {
            return Err(ImportProblem::Rearranged);
        };
        let mut weights = vec![0.0; inputs * outputs];
        for (input, place) in order.into_iter().enumerate() {
            for output in 0..outputs {
                weights[output * inputs + place] = weight(input, output) as f32;
            }
        }
        let window = Window::point([places, 1, inputs], outputs);
        let operator = Operator::Convolution(Convolution { window, groups: 1, weights, bias, clip: Clip::NONE });
        Ok(self.push(node, operator, &[tensor.node], window.output, view))
    }

    pub(super) fn batch_normalization(&mut self, node: &NodeProto) -> Found<Value> {
        let attributes = Attributes(node);
        attributes.require_int("training_mode", 0, "0 (export the model for inference: model.eval())")?;
        let tensor = self.tensor(node, 0)?;
        let shape = tensor.view.shape();
        let channels = shape.get(1).copied().unwrap_or(0);
        let mut parameters = Vec::new();
        for (index, role) in [(1, "scale"), (2, "bias"), (3, "mean"), (4, "variance")] {
            let values = self.required(node, index, role)?.values()?;
            if values.len() != channels {
                return Err(mismatch(format!("{} values for {channels} channels", values.len())));
            }
            parameters.push(values);
        }
        let epsilon = attributes.float("epsilon", 1e-5);
        let factors: Vec<f64> =
            (0..channels).map(|at| parameters[0][at] / (parameters[3][at] + epsilon).sqrt()).collect();
        let summands: Vec<f64> = (0..channels).map(|at| parameters[1][at] - parameters[2][at] * factors[at]).collect();
        let axes: Vec<usize> = (1..shape.len()).map(|axis| if axis == 1 { channels } else { 1 }).collect();
        let spread = |values: &[f64]| tensor.view.spread(&axes, values).ok_or(ImportProblem::Rearranged);
        let (factors, summands) = (spread(&factors)?, spread(&summands)?);
        Ok(self.push_line(node, tensor, &factors, &summands))
    }

    pub(super) fn pool(&mut self, node: &NodeProto) -> Found<Value> {
        let attributes = Attributes(node);
        let tensor = self.tensor(node, 0)?;
        let input = self.image(&tensor)?;
        let window = window(node, input, input[2], attributes.pair("kernel_shape", 0)?)?;
        let pooling = if node.op_type == "MaxPool" {
            Pooling::Maximum
        } else if attributes.int("count_include_pad", 0) != 0 && window.is_padded() {
            if attributes.int("ceil_mode", 0) != 0 {
                return Err(ImportProblem::Attribute {
                    name: "ceil_mode",
                    found: "1 with count_include_pad".to_owned(),
                    supported: "0 there",
                });
            }
            Pooling::MeanWithZeros
        } else {
            Pooling::Mean
        };
        let view = View::of_image(window.output, tensor.view.rank());
        Ok(self.push(node, Operator::Pool(window, pooling), &[tensor.node], window.output, view))
    }

    pub(super) fn global_pool(&mut self, node: &NodeProto) -> Found<Value> {
        let tensor = self.tensor(node, 0)?;
        let input = self.image(&tensor)?;
        let pooling = if node.op_type == "GlobalMaxPool" { Pooling::Maximum } else { Pooling::Mean };
        let view = View::of_image([1, 1, input[2]], tensor.view.rank());
        Ok(self.push_whole(node, &tensor, input, pooling, view))
    }

    /// Sums, means and greatest elements along axes.
    pub(super) fn reduce(&mut self, node: &NodeProto) -> Found<Value> {
        let tensor = self.tensor(node, 0)?;
        let (shape, attributes) = (tensor.view.shape(), Attributes(node));
        // An attribute up to opset 17, an input from 18 on; for sums since 13.
        let axes = match self.constant(node, 1, "list of axes")? {
            Some(axes) => Some(axes.integers()?),
            None => attributes.ints("axes"),
        };
        let reduced: Vec<usize> = match axes.filter(|axes| !axes.is_empty()) {
            Some(axes) => axes.into_iter().map(|axis| axis_of(axis, shape.len())).collect::<Found<_>>()?,
            None => (0..shape.len()).collect(),
        };
        let many: usize = reduced.iter().map(|&axis| shape[axis]).product();
        let whole = many == tensor.view.elements();
        match node.op_type.as_str() {
            "ReduceL2" if whole => return Ok(Value::Norm { of: tensor.node, power: 0.5 }),
            "ReduceSumSquare" if whole => return Ok(Value::Norm { of: tensor.node, power: 1.0 }),
            "ReduceSum" if whole => {
                if let Some(of) = self.squared(&tensor) {
                    return Ok(Value::Norm { of, power: 1.0 });
                }
            }
            "ReduceL2" | "ReduceSumSquare" => return Err(ImportProblem::Operator),
            _ => {}
        }
        let unsupported = || ImportProblem::Attribute {
            name: "axes",
            found: format!("{reduced:?}"),
            supported: "those of all rows and columns, so that one number a channel is left",
        };
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !reduced.contains(axis) && shape[*axis] > 1).collect();
        let &[channel] = kept.as_slice() else { return Err(unsupported()) };
        if !tensor.view.is_innermost(channel) {
            return Err(unsupported());
        }
        let keep = attributes.int("keepdims", 1) != 0;
        let left = (0..shape.len()).filter(|axis| keep || !reduced.contains(axis));
        let left: Vec<usize> = left.map(|axis| if axis == channel { shape[axis] } else { 1 }).collect();
        let view = View::in_order(&left);
        let input = [many, 1, shape[channel]];
        let pooling = if node.op_type == "ReduceMax" { Pooling::Maximum } else { Pooling::Mean };
        let pooled = self.push_whole(node, &tensor, input, pooling, view);
        match pooled {
            Value::Tensor(mean) if node.op_type == "ReduceSum" => {
                let factors = vec![many as f64; shape[channel]];
                Ok(self.push_line(node, mean, &factors, &vec![0.0; shape[channel]]))
            }
            pooled => Ok(pooled),
        }
    }

    /// One number of each channel of a whole image.
    fn push_whole(&mut self, node: &NodeProto, tensor: &Tensor, input: Shape, pooling: Pooling, view: View) -> Value {
        let output = [1, 1, input[2]];
        let window = Window { output, kernel: [input[0], input[1]], ..Window::point(input, input[2]) };
        self.push(node, Operator::Pool(window, pooling), &[tensor.node], output, view)
    }

    /// How a tensor lies as rows, columns and channels.
    fn image(&self, tensor: &Tensor) -> Found<Shape> {
        match tensor.view.image() {
            Some(image) => Ok(image),
            None if tensor.view.shape().first() != Some(&1) || !(3..=4).contains(&tensor.view.rank()) => {
                Err(mismatch(format!("a tensor of shape {:?}", tensor.view.shape())))
            }
            None => Err(ImportProblem::Rearranged),
        }
    }
}

/// The window of a convolution or a pool.
fn window(node: &NodeProto, input: Shape, channels: usize, kernel: [usize; 2]) -> Found<Window> {
    let attributes = Attributes(node);
    let (stride, dilation) = (attributes.pair("strides", 1)?, attributes.pair("dilations", 1)?);
    let reach = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis] + 1);
    let mode = attributes.text("auto_pad", "NOTSET");
    let (before, after) = match mode.as_str() {
        "NOTSET" | "" => pads(&attributes)?,
        "VALID" => ([0, 0], [0, 0]),
        "SAME_UPPER" | "SAME_LOWER" => {
            let total = [0, 1].map(|axis| {
                ((input[axis].div_ceil(stride[axis]) - 1) * stride[axis] + reach[axis]).saturating_sub(input[axis])
            });
            let (lesser, greater) = (total.map(|total| total / 2), total.map(|total| total.div_ceil(2)));
            if mode == "SAME_UPPER" { (lesser, greater) } else { (greater, lesser) }
        }
        _ => {
            let supported = "NOTSET, VALID, SAME_UPPER or SAME_LOWER";
            return Err(ImportProblem::Attribute { name: "auto_pad", found: mode, supported });
        }
    };
    let ceil = attributes.int("ceil_mode", 0) != 0;
    let mut output = [0, 0, channels];
    for axis in 0..2 {
        let padded = input[axis] + before[axis] + after[axis];
        let Some(moves) = padded.checked_sub(reach[axis]) else {
            return Err(mismatch(format!("a window of {} over {padded} elements", reach[axis])));
        };
        output[axis] = moves / stride[axis] + 1;
        // Rounded up, as long as the last window begins inside of the input or of what is before it.
        if ceil && moves % stride[axis] > 0 && output[axis] * stride[axis] < input[axis] + before[axis] {
            output[axis] += 1;
        }
        if before[axis] >= reach[axis] {
            return Err(ImportProblem::Attribute {
                name: "pads",
                found: before[axis].to_string(),
                supported: "less than the window",
            });
        }
    }
    Ok(Window { input, output, kernel, stride, dilation, before })
}

fn pads(attributes: &Attributes<'_>) -> Found<([usize; 2], [usize; 2])> {
    let Some(values) = attributes.ints("pads") else { return Ok(([0, 0], [0, 0])) };
    let pads: Option<Vec<usize>> = values.iter().map(|&pad| u16::try_from(pad).ok().map(usize::from)).collect();
    match pads.as_deref() {
        Some(&[left, right]) => Ok(([0, left], [0, right])),
        Some(&[top, left, bottom, right]) => Ok(([top, left], [bottom, right])),
        _ => Err(ImportProblem::Attribute {
            name: "pads",
            found: format!("{values:?}"),
            supported: "none or more elements around rows and columns",
        }),
    }
}

pub(super) fn mismatch(found: String) -> ImportProblem {
    ImportProblem::Shape {
        found,
        advice: "supported are N×C×H×W and N×C×L of one sample; check the model's shapes and export it again with fixed ones",
    }
}
