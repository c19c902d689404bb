//! What each node of a network is between its scales, in ONNX's operators.

use super::Draft;
use super::graph::{float, integer, integers};
use crate::quantization::function::{Binary, Function, Unary};
use crate::quantization::network::{Clip, Convolution, Node, NodeId, Operator, Pooling, Shape, Window};
use cognate::encoder::Element;

impl Draft<'_> {
    /// Adds a node; returns the name of its values, not yet in steps.
    pub(super) fn operator(&mut self, id: NodeId, node: &Node) -> String {
        let name = self.bases[id].clone();
        let element = Some(self.scheme.scales[id].element);
        let first = node.inputs.first().copied().unwrap_or_default();
        match &node.operator {
            // The input is written before all others.
            Operator::Input => name,
            Operator::Convolution(convolution) => {
                let from = self.seen(first, None, convolution.window.input);
                let sums = self.convolution(id, &from, convolution);
                self.clipped(&sums, convolution.clip)
            }
            Operator::Add(clip) => {
                let [a, b] = [0, 1].map(|input| self.seen(node.inputs[input], element, node.shape));
                let sum = self.writer.node("Add", &[&a, &b], &format!("{name}_sum"), Vec::new());
                self.clipped(&sum, *clip)
            }
            Operator::Scale(clip) => {
                let from = self.seen(first, element, node.shape);
                let factors = self.seen(node.inputs[1], element, [1, 1, node.shape[2]]);
                let product = self.writer.node("Mul", &[&from, &factors], &format!("{name}_product"), Vec::new());
                self.clipped(&product, *clip)
            }
            Operator::Pool(window, pooling) => {
                let from = self.seen(first, element, window.input);
                let mut attributes = window_attributes(window);
                let operator = if *pooling == Pooling::Maximum { "MaxPool" } else { "AveragePool" };
                if *pooling == Pooling::MeanWithZeros {
                    attributes.push(integer("count_include_pad", 1));
                }
                // Attributes of later versions are left out where they say nothing.
                attributes.retain(|attribute| attribute.name != "dilations" || window.dilation != [1, 1]);
                self.writer.node(operator, &[&from], &format!("{name}_pooled"), attributes)
            }
            Operator::Pad(padding) => {
                let from = self.seen(first, element, padding.input);
                let ([top, left], [bottom, right]) = (padding.before, padding.after);
                let pads = self.writer.int64s(&format!("{name}_pads"), &[0, 0, top, left, 0, 0, bottom, right]);
                let value = self.writer.floats(&format!("{name}_frame"), &[], [f64::from(padding.value)]);
                self.writer.node("Pad", &[&from, &pads, &value], &format!("{name}_padded"), Vec::new())
            }
            Operator::Concatenate => {
                let [rows, columns, _] = node.shape;
                let parts: Vec<String> = node
                    .inputs
                    .iter()
                    .map(|&input| {
                        let channels = self.scheme.network.channels_beside(input, node.shape);
                        self.seen(input, element, [rows, columns, channels])
                    })
                    .collect();
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                self.writer.node("Concat", &parts, &format!("{name}_joined"), vec![integer("axis", 1)])
            }
            Operator::Function(function) => {
                let from = self.seen(first, Some(Element::Int8), node.shape);
                self.function(function, &from, &name)
            }
            Operator::Slope(slopes) => {
                let from = self.seen(first, None, node.shape);
                let values = slopes.iter().map(|&slope| slope.into());
                let slopes = self.writer.floats(&format!("{name}_slopes"), &[slopes.len(), 1, 1], values);
                self.writer.node("PRelu", &[&from, &slopes], &format!("{name}_rectified"), Vec::new())
            }
        }
    }

    /// A convolution of int8 weights, one scale an output channel, with biases of int32.
    fn convolution(&mut self, id: NodeId, from: &str, convolution: &Convolution) -> String {
        let name = self.bases[id].clone();
        let input = self.scheme.scales[self.scheme.network.nodes[id].inputs[0]];
        let Some(rounded) = &self.scheme.weights[id] else { return name };
        let (outputs, inputs) = (convolution.window.output[2], convolution.group_inputs());
        let [height, width] = convolution.window.kernel;
        let rows = rounded.weights.chunks(convolution.row());
        // [row][column][input] of each channel, as [input][row][column].
        let weights = rows.clone().flat_map(|row| {
            (0..inputs).flat_map(move |input| (0..height * width).map(move |tap| row[tap * inputs + input]))
        });
        // The biases of the scheme have the input's zero point in them, those of ONNX do not.
        let biases: Vec<i32> = rows
            .clone()
            .zip(&rounded.biases)
            .map(|(row, bias)| bias + input.zero * row.iter().map(|&weight| i32::from(weight)).sum::<i32>())
            .collect();
        let writer = &mut self.writer;
        let weights = writer.int8s(&format!("{name}_weight"), &[outputs, inputs, height, width], weights);
        let steps = rounded.steps.iter().map(|step| step / input.step);
        let steps = writer.floats(&format!("{weights}_scale"), &[outputs], steps);
        let zeros = writer.int8s(&format!("{weights}_zero_point"), &[outputs], vec![0; outputs]);
        let dequantized = format!("{weights}_dequantized");
        let weights =
            writer.node("DequantizeLinear", &[&weights, &steps, &zeros], &dequantized, vec![integer("axis", 0)]);
        let bias = writer.int32s(&format!("{name}_bias"), &biases);
        let steps = writer.floats(&format!("{bias}_scale"), &[outputs], rounded.steps.iter().copied());
        let dequantized = format!("{bias}_dequantized");
        let bias = writer.node("DequantizeLinear", &[&bias, &steps], &dequantized, vec![integer("axis", 0)]);
        let mut attributes = window_attributes(&convolution.window);
        attributes.push(integer("group", convolution.groups));
        writer.node("Conv", &[from, &weights, &bias], &format!("{name}_sums"), attributes)
    }

    /// Values, cut to a range.
    fn clipped(&mut self, from: &str, clip: Clip) -> String {
        if clip == Clip::NONE {
            return from.to_owned();
        }
        let name = format!("{from}_cut");
        if clip.low == 0.0 && clip.high == f32::INFINITY {
            return self.writer.node("Relu", &[from], &name, Vec::new());
        }
        let mut end = |which: &str, value: f32| {
            let finite = value.is_finite();
            if finite { self.writer.floats(&format!("{name}_{which}"), &[], [f64::from(value)]) } else { String::new() }
        };
        let (low, high) = (end("low", clip.low), end("high", clip.high));
        self.writer.node("Clip", &[from, &low, &high], &name, Vec::new())
    }

    /// A function of what a name stands for.
    fn function(&mut self, function: &Function, of: &str, name: &str) -> String {
        match function {
            Function::Element => of.to_owned(),
            Function::Constant(value) => self.writer.floats(&format!("{name}_constant"), &[], [*value]),
            Function::Unary(unary, argument) => {
                let argument = self.function(argument, of, name);
                let (operator, attributes) = match unary {
                    Unary::Abs => ("Abs", Vec::new()),
                    Unary::Erf => ("Erf", Vec::new()),
                    Unary::Exp => ("Exp", Vec::new()),
                    Unary::Log => ("Log", Vec::new()),
                    Unary::Elu(alpha) => ("Elu", vec![float("alpha", *alpha)]),
                    Unary::LeakyRelu(alpha) => ("LeakyRelu", vec![float("alpha", *alpha)]),
                    Unary::Reciprocal => ("Reciprocal", Vec::new()),
                    Unary::Sigmoid => ("Sigmoid", Vec::new()),
                    Unary::Softplus => ("Softplus", Vec::new()),
                    Unary::Sqrt => ("Sqrt", Vec::new()),
                    Unary::Tanh => ("Tanh", Vec::new()),
                };
                self.writer.node(operator, &[&argument], &format!("{name}_{}", operator.to_lowercase()), attributes)
            }
            Function::Binary(binary, a, b) => {
                let (a, b) = (self.function(a, of, name), self.function(b, of, name));
                let operator = match binary {
                    Binary::Add => "Add",
                    Binary::Subtract => "Sub",
                    Binary::Multiply => "Mul",
                    Binary::Divide => "Div",
                    Binary::Maximum => "Max",
                    Binary::Minimum => "Min",
                    Binary::Power => "Pow",
                };
                self.writer.node(operator, &[&a, &b], &format!("{name}_{}", operator.to_lowercase()), Vec::new())
            }
        }
    }

    /// What a node gave, as elements of a type if one is asked for, in a shape, and dequantized.
    pub(super) fn seen(&mut self, id: NodeId, element: Option<Element>, shape: Shape) -> String {
        let scale = self.scheme.scales[id];
        let element = element.unwrap_or(scale.element);
        if let Some((.., known)) = self
            .read
            .iter()
            .find(|(read, as_element, as_shape, _)| (*read, *as_element, *as_shape) == (id, element, shape))
        {
            return known.clone();
        }
        let base = self.bases[id].clone();
        let (mut name, mut scale) = (self.quantized[id].clone(), scale);
        if scale.element != element {
            let exact = self.writer.dequantize(&name, &scale);
            scale = scale.as_element(element);
            let bits = element.bytes() * 8;
            name = self.writer.quantize(&exact, &format!("{base}_as_int{bits}"), &scale);
        }
        if self.shapes[id] != shape {
            name = self.reshaped(&name, shape);
        }
        let seen = self.writer.dequantize(&name, &scale);
        self.read.push((id, element, shape, seen.clone()));
        seen
    }

    /// The same elements, in the order with channels innermost, as another shape.
    fn reshaped(&mut self, name: &str, [rows, columns, channels]: Shape) -> String {
        let writer = &mut self.writer;
        let last =
            writer.node("Transpose", &[name], &format!("{name}_channels_last"), vec![integers("perm", &[0, 2, 3, 1])]);
        let shape = writer.int64s(&format!("{name}_shape"), &[1, rows, columns, channels]);
        let reshaped = writer.node("Reshape", &[&last, &shape], &format!("{name}_reshaped"), Vec::new());
        writer.node("Transpose", &[&reshaped], &format!("{name}_seen"), vec![integers("perm", &[0, 3, 1, 2])])
    }
}

fn window_attributes(window: &Window) -> Vec<crate::runtime::pb::AttributeProto> {
    let after = |axis: usize| {
        let reach =
            (window.output[axis] - 1) * window.stride[axis] + (window.kernel[axis] - 1) * window.dilation[axis] + 1;
        reach.saturating_sub(window.before[axis] + window.input[axis])
    };
    vec![
        integers("kernel_shape", &window.kernel),
        integers("strides", &window.stride),
        integers("dilations", &window.dilation),
        integers("pads", &[window.before[0], window.before[1], after(0), after(1)]),
    ]
}
