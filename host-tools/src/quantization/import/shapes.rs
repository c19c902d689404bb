//! Operators that change how elements are counted, and those that put elements beside others.

use super::{Attributes, Constant, Found, ImportProblem, Importer, Tensor, Value, View, axis_of};
use crate::quantization::network::{Operator, Padding};
use crate::runtime::pb::NodeProto;
use crate::runtime::pb::tensor_proto::DataType;

impl Importer<'_> {
    /// Operators after which every element is where it was.
    pub(super) fn shape_operator(&mut self, node: &NodeProto) -> Found<Value> {
        let tensor = match self.value(node, 0)? {
            Value::Tensor(tensor) => tensor.clone(),
            // Whatever shape a single number has, it is spread over all elements.
            norm @ Value::Norm { .. } => return Ok(norm.clone()),
            Value::Constant(_) => return Err(ImportProblem::NotConstant { role: "shape" }),
        };
        let shape = tensor.view.shape();
        let view = match node.op_type.as_str() {
            "Shape" => return self.shape_of(node, &shape),
            "Size" => return Ok(Value::Constant(Constant::of_integers(&[shape.iter().product()]))),
            "Flatten" => self.flatten(node, &tensor.view)?,
            "Reshape" => self.reshape(node, &tensor.view)?,
            "Squeeze" => self.squeeze(node, &tensor.view)?,
            "Unsqueeze" => self.unsqueeze(node, &tensor.view)?,
            "Transpose" => transpose(node, &tensor.view)?,
            "Expand" => self.expand(node, tensor.view)?,
            "Cast" => {
                let floats = [DataType::Float, DataType::Double, DataType::Float16];
                let to = Attributes(node).int("to", DataType::Float as i64);
                if !floats.iter().any(|&kind| kind as i64 == to) {
                    return Err(ImportProblem::Attribute {
                        name: "to",
                        found: to.to_string(),
                        supported: "a type of floats",
                    });
                }
                tensor.view
            }
            _ => tensor.view,
        };
        Ok(Value::Tensor(Tensor { view, ..tensor }))
    }

    fn shape_of(&self, node: &NodeProto, shape: &[usize]) -> Found<Value> {
        let rank = shape.len();
        let bound = |name, default: i64| {
            let end = Attributes(node).int(name, default);
            (if end < 0 { end + rank as i64 } else { end }).clamp(0, rank as i64) as usize
        };
        let (start, end) = (bound("start", 0), bound("end", rank as i64));
        Ok(Value::Constant(Constant::of_integers(shape.get(start..end).unwrap_or_default())))
    }

    fn flatten(&self, node: &NodeProto, view: &View) -> Found<View> {
        let shape = view.shape();
        let axis = Attributes(node).int("axis", 1);
        let axis = if axis == shape.len() as i64 { shape.len() } else { axis_of(axis, shape.len())? };
        let sides = [&shape[..axis], &shape[axis..]].map(|axes| axes.iter().product());
        view.reshaped(&sides).ok_or(ImportProblem::Rearranged)
    }

    fn reshape(&self, node: &NodeProto, view: &View) -> Found<View> {
        let wanted = self.required(node, 1, "shape")?.integers()?;
        let old = view.shape();
        let keep_zeros = Attributes(node).int("allowzero", 0) != 0;
        let mut shape: Vec<usize> = Vec::with_capacity(wanted.len());
        for (axis, &length) in wanted.iter().enumerate() {
            shape.push(match length {
                0 if !keep_zeros => old.get(axis).copied().unwrap_or(0),
                -1 => 1,
                _ => usize::try_from(length).unwrap_or(0),
            });
        }
        if let Some(free) = wanted.iter().position(|&length| length == -1) {
            shape[free] = view.elements() / shape.iter().product::<usize>().max(1);
        }
        if shape.iter().product::<usize>() != view.elements() {
            return Err(ImportProblem::Shape {
                found: format!("{old:?} cannot become {wanted:?}"),
                advice: "export the model with a batch of one sample, or with a free batch axis",
            });
        }
        view.reshaped(&shape).ok_or(ImportProblem::Rearranged)
    }

    fn squeeze(&self, node: &NodeProto, view: &View) -> Found<View> {
        let shape = view.shape();
        let dropped: Vec<usize> = match self.constant(node, 1, "axes")? {
            Some(axes) => axes.integers()?.into_iter().map(|axis| axis_of(axis, shape.len())).collect::<Found<_>>()?,
            None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
        };
        let kept = shape.iter().enumerate().filter(|(axis, _)| !dropped.contains(axis)).map(|(_, &length)| length);
        view.reshaped(&kept.collect::<Vec<_>>()).ok_or(ImportProblem::Rearranged)
    }

    fn unsqueeze(&self, node: &NodeProto, view: &View) -> Found<View> {
        let axes = self.required(node, 1, "axes")?.integers()?;
        let mut shape = view.shape();
        let rank = shape.len() + axes.len();
        let mut axes: Vec<usize> = axes.into_iter().map(|axis| axis_of(axis, rank)).collect::<Found<_>>()?;
        axes.sort_unstable();
        for axis in axes {
            shape.insert(axis.min(shape.len()), 1);
        }
        view.reshaped(&shape).ok_or(ImportProblem::Rearranged)
    }

    fn expand(&self, node: &NodeProto, view: View) -> Found<View> {
        let wanted = self.required(node, 1, "shape")?.integers()?;
        let elements: i64 = wanted.iter().product();
        if elements.unsigned_abs() as usize <= view.elements() {
            return Ok(view);
        }
        Err(ImportProblem::Shape {
            found: format!("{:?} is repeated to {wanted:?}", view.shape()),
            advice: "the device repeats no elements: use broadcasting in the operator that reads this",
        })
    }

    /// Channels of several tensors, one after the other.
    pub(super) fn concatenation(&mut self, node: &NodeProto) -> Found<Value> {
        let tensors: Vec<Tensor> = (0..node.input.len()).map(|index| self.tensor(node, index)).collect::<Found<_>>()?;
        let [first, ..] = tensors.as_slice() else { return Err(ImportProblem::Operator) };
        let axis = axis_of(Attributes(node).int("axis", 1), first.view.rank())?;
        let lengths: Vec<usize> =
            tensors.iter().map(|tensor| tensor.view.shape().get(axis).copied().unwrap_or(0)).collect();
        let channels = lengths.iter().sum();
        let view = first.view.with_innermost(axis, channels);
        for tensor in &tensors {
            if !tensor.view.is_innermost(axis) || tensor.view.with_innermost(axis, channels) != view {
                return Err(ImportProblem::Attribute {
                    name: "axis",
                    found: axis.to_string(),
                    supported: "the axis of the channels, with tensors that are alike in all others",
                });
            }
        }
        let [rows, columns, _] = self.nodes[first.node].shape;
        let places = first.view.elements() / lengths[0];
        let shape = if rows * columns == places { [rows, columns, channels] } else { [1, places, channels] };
        let inputs: Vec<usize> = tensors.iter().map(|tensor| tensor.node).collect();
        Ok(self.push(node, Operator::Concatenate, &inputs, shape, view))
    }

    /// A frame around rows and columns.
    pub(super) fn padding(&mut self, node: &NodeProto) -> Found<Value> {
        let tensor = self.tensor(node, 0)?;
        let mode = Attributes(node).text("mode", "constant");
        if mode != "constant" {
            return Err(ImportProblem::Attribute { name: "mode", found: mode, supported: "constant" });
        }
        let shape = tensor.view.shape();
        let pads = self.required(node, 1, "list of pads")?.integers()?;
        let value = self.constant(node, 2, "value")?.map_or(Ok(Some(0.0)), Constant::scalar)?.unwrap_or(0.0);
        let axes: Vec<usize> = match self.constant(node, 3, "list of axes")? {
            Some(axes) => axes.integers()?.into_iter().map(|axis| axis_of(axis, shape.len())).collect::<Found<_>>()?,
            None => (0..shape.len()).collect(),
        };
        let unsupported = |found: String| ImportProblem::Attribute {
            name: "pads",
            found,
            supported: "none or more elements around rows and columns",
        };
        let all = || format!("{pads:?}");
        let mut ends = vec![[0, 0]; shape.len()];
        for (index, &axis) in axes.iter().enumerate() {
            let end = |place: usize| {
                let pad = pads.get(place).and_then(|&pad| u16::try_from(pad).ok()).map(usize::from);
                pad.ok_or_else(|| unsupported(all()))
            };
            ends[axis] = [end(index)?, end(index + axes.len())?];
        }
        // As rows, columns and channels; or as the tensor's own axes, where they are in that order in memory.
        let own =
            || tensor.view.is_in_order().then(|| [shape.get(1).copied(), shape.get(2).copied(), shape.get(3).copied()]);
        let (input, order, channels_second) = match (tensor.view.image(), own()) {
            (Some(image), _) if ends[1] == [0, 0] => (image, [shape.len() - 2, shape.len() - 1], true),
            (_, Some([Some(rows), Some(columns), Some(channels)])) if shape[0] == 1 && ends[3] == [0, 0] => {
                ([rows, columns, channels], [1, 2], false)
            }
            // With channels innermost it could be done.
            (None, _) => return Err(ImportProblem::Rearranged),
            _ => return Err(unsupported(all())),
        };
        if ends[0] != [0, 0] {
            return Err(unsupported(all()));
        }
        // Of three axes the last is that of the columns; the one before it is that of the channels.
        let around = order.map(|axis| if channels_second && axis < 2 { [0, 0] } else { ends[axis] });
        let padding =
            Padding { input, before: around.map(|end| end[0]), after: around.map(|end| end[1]), value: value as f32 };
        let output = padding.output();
        let view = if channels_second {
            View::of_image(output, shape.len())
        } else {
            View::in_order(&[1, output[0], output[1], output[2]])
        };
        Ok(self.push(node, Operator::Pad(padding), &[tensor.node], output, view))
    }
}

fn transpose(node: &NodeProto, view: &View) -> Found<View> {
    let rank = view.rank();
    let order = Attributes(node).ints("perm").unwrap_or_else(|| (0..rank as i64).rev().collect());
    let order: Vec<usize> = order.into_iter().map(|axis| axis_of(axis, rank)).collect::<Found<_>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        let found = format!("{order:?}");
        return Err(ImportProblem::Attribute { name: "perm", found, supported: "each axis once" });
    }
    Ok(view.transposed(&order))
}
