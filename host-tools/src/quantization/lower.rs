//! From a scheme to the steps of the core, written in its format.

mod error;
mod ratios;
mod step;

pub use error::{LowerError, LowerProblem};

use super::arena::{self, Block};
use super::function::Function;
use super::network::{Clip, Node, NodeId, Operator, Pooling, Shape as NodeShape, Window as NodeWindow};
use super::relayout::packed;
use super::scheme::{Scale, Scheme};
use cognate::ModelDigest;
use cognate::encoder::{
    Constants, Element, EncoderContents, Extent, FilterLayout, InputForm, Shape, Size, Sizes, Step, Tensor, Window,
    WriteError,
};
use cognate::frontend::SoundForm;
use ratios::{factors, multiplier, multipliers, multipliers_from};
use sha2::{Digest, Sha256};
use step::{DraftStep, Draw};

/// How samples come, and what becomes of them.
#[derive(Clone, PartialEq, Debug)]
pub enum SampleForm {
    /// Pixels, by a table for all channels or one a channel.
    Pixels(Vec<[u8; 256]>),
    /// int16.
    Series {
        /// What each stands for, by its value.
        step: f64,
        /// The sound that they are features of.
        sound: Option<SoundForm>,
    },
}

/// An encoder, written.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The file.
    pub bytes: Vec<u8>,
    /// For each step the node whose tensor it completes; `None` for what is done on the way.
    pub nodes: Vec<Option<NodeId>>,
    /// The greatest sum of tensors that are needed at one time.
    pub live_bytes: usize,
}

/// Writes a scheme as an encoder.
///
/// # Errors
/// [`LowerError`], naming the layer.
pub fn lower(scheme: &Scheme, form: &SampleForm) -> Result<Lowered, LowerError> {
    let mut draft =
        Draft { scheme, buffers: Vec::new(), tensors: Vec::new(), steps: Vec::new(), of_node: Vec::new(), exponent: 0 };
    for id in 0..scheme.network.nodes.len() {
        draft.add(id)?;
    }
    draft.write(form)
}

/// Elements in the arena. Each is written once, but for a table that works in place.
struct Buffer {
    elements: usize,
    element: Element,
}

/// A buffer with what its elements stand for.
#[derive(Clone, Copy)]
struct Operand {
    buffer: usize,
    scale: Scale,
}

struct Draft<'a> {
    scheme: &'a Scheme,
    buffers: Vec<Buffer>,
    /// With the number of the buffer in place of the offset.
    tensors: Vec<Tensor>,
    steps: Vec<DraftStep>,
    of_node: Vec<Operand>,
    exponent: i8,
}

impl Draft<'_> {
    fn node(&self, id: NodeId) -> &Node {
        &self.scheme.network.nodes[id]
    }

    fn buffer(&mut self, elements: usize, element: Element) -> usize {
        self.buffers.push(Buffer { elements, element });
        self.buffers.len() - 1
    }

    /// The number of a tensor that is a buffer in a shape.
    fn tensor(&mut self, operand: Operand, shape: NodeShape) -> usize {
        let [height, width, channels] = shape;
        let element = self.buffers[operand.buffer].element;
        let zero = if element == Element::Int8 { operand.scale.zero as i8 } else { 0 };
        let tensor = Tensor { extent: Extent { height, width, channels }, element, zero, offset: operand.buffer };
        let known = self.tensors.iter().position(|known| *known == tensor);
        known.unwrap_or_else(|| {
            self.tensors.push(tensor);
            self.tensors.len() - 1
        })
    }

    /// A new buffer for what a node gives, and its tensor.
    fn output(&mut self, id: NodeId, shape: NodeShape) -> (Operand, usize) {
        let scale = self.scheme.scales[id];
        let buffer = self.buffer(self.node(id).elements(), scale.element);
        let operand = Operand { buffer, scale };
        let tensor = self.tensor(operand, shape);
        (operand, tensor)
    }

    fn step(&mut self, node: impl Into<Option<NodeId>>, draw: Draw, inputs: &[usize], output: usize) {
        self.steps.push(DraftStep { draw, inputs: inputs.to_vec(), output, node: node.into() });
    }

    /// What a node gives, as elements of this type.
    fn operand(&mut self, id: NodeId, element: Element) -> Operand {
        let given = self.of_node[id];
        if given.scale.element == element {
            return given;
        }
        let scale = given.scale.as_element(element);
        let buffer = self.buffer(self.buffers[given.buffer].elements, element);
        let converted = Operand { buffer, scale };
        let (multipliers, shift) = multipliers(&[given.scale.step / scale.step]);
        let shape = self.node(id).shape;
        let (input, output) = (self.tensor(given, shape), self.tensor(converted, shape));
        self.step(None, Draw::Scale { positive: multipliers, negative: Vec::new(), shift }, &[input], output);
        converted
    }

    fn add(&mut self, id: NodeId) -> Result<(), LowerError> {
        let node = self.node(id).clone();
        let element = self.scheme.scales[id].element;
        let operand = match &node.operator {
            Operator::Input => {
                let (operand, _) = self.output(id, node.shape);
                operand
            }
            Operator::Convolution(convolution) => {
                self.convolution(id, &node, &convolution.window, convolution.groups)?
            }
            Operator::Add(_) => {
                let inputs = [self.operand(node.inputs[0], element), self.operand(node.inputs[1], element)];
                let (output, to) = self.output(id, node.shape);
                let (factors, shift) = factors(inputs.map(|input| input.scale.step / output.scale.step));
                let from = inputs.map(|input| self.tensor(input, node.shape));
                self.step(id, Draw::Add { factors, shift }, &from, to);
                output
            }
            Operator::Scale(_) => {
                let inputs = [self.operand(node.inputs[0], element), self.operand(node.inputs[1], element)];
                let (output, to) = self.output(id, node.shape);
                let ratio = inputs[0].scale.step * inputs[1].scale.step / output.scale.step;
                let (multiplier, shift) = multiplier(ratio);
                let from = [self.tensor(inputs[0], node.shape), self.tensor(inputs[1], [1, 1, node.shape[2]])];
                self.step(id, Draw::Multiply { multiplier, shift }, &from, to);
                output
            }
            Operator::Pool(window, pooling) => self.pool(id, &node, window, *pooling),
            Operator::Pad(padding) => {
                if padding.value != 0.0 {
                    return Err(self.error(id, LowerProblem::PadValue(padding.value)));
                }
                let input = self.operand(node.inputs[0], element);
                let (output, to) = self.output(id, padding.output());
                let from = self.tensor(input, padding.input);
                let [top, left] = padding.before;
                self.step(id, Draw::Pad { top, left }, &[from], to);
                output
            }
            Operator::Concatenate => self.concatenation(id, &node),
            Operator::Function(function) => self.table(id, node.inputs[0], function),
            Operator::Slope(slopes) => {
                let input = self.of_node[node.inputs[0]];
                let (output, to) = self.output(id, node.shape);
                let ratio = input.scale.step / output.scale.step;
                let ratios: Vec<f64> = [1.0]
                    .into_iter()
                    .cycle()
                    .take(slopes.len())
                    .chain(slopes.iter().map(|&slope| slope.into()))
                    .collect();
                let (mut all, shift) = multipliers(&ratios.iter().map(|slope| slope * ratio).collect::<Vec<_>>());
                let negative = all.split_off(slopes.len());
                let from = self.tensor(input, node.shape);
                self.step(id, Draw::Scale { positive: all, negative, shift }, &[from], to);
                output
            }
        };
        self.of_node.push(operand);
        self.clip(id, node.operator.clip().unwrap_or(Clip::NONE));
        Ok(())
    }

    /// Cuts what a node gave, where saturation does not.
    fn clip(&mut self, id: NodeId, clip: Clip) {
        let scale = self.of_node[id].scale;
        let (low, high) = scale.ends();
        let beyond = f64::from(clip.low) > low + scale.step * 0.75 || f64::from(clip.high) < high - scale.step * 0.75;
        if !beyond {
            return;
        }
        let shape = self.node(id).shape;
        let given = self.of_node[id];
        let tensor = self.tensor(given, shape);
        if scale.element == Element::Int8 {
            let table = table(&Function::clip(clip.low.into(), clip.high.into()), &scale, &scale);
            self.step(id, Draw::Table(Box::new(table)), &[tensor], tensor);
        } else if clip.low == 0.0 {
            // There is no table of so many entries. What is above the range saturates.
            let (cut, to) = self.output(id, shape);
            let (mut positive, shift) = multipliers(&[1.0, 0.0]);
            let negative = positive.split_off(1);
            self.step(id, Draw::Scale { positive, negative, shift }, &[tensor], to);
            self.of_node[id] = cut;
        }
    }

    fn convolution(
        &mut self,
        id: NodeId,
        node: &Node,
        window: &NodeWindow,
        groups: usize,
    ) -> Result<Operand, LowerError> {
        let Some(weights) = &self.scheme.weights[id] else { return Err(self.error(id, LowerProblem::TooLarge)) };
        let input = self.of_node[node.inputs[0]];
        let is_wide = input.scale.element == Element::Int16;
        let is_last = id == self.scheme.network.output;
        let shape = device_shape(window, groups).ok_or_else(|| self.error(id, LowerProblem::TooLarge))?;
        let row = shape.depth();
        let most_input: u64 = if is_wide { 1 << 15 } else { 1 << 7 };
        // The greatest magnitude of any sum.
        let bounds = weights.weights.chunks(row).zip(&weights.biases).map(|(weights, bias)| {
            weights.iter().map(|weight| u64::from(weight.unsigned_abs())).sum::<u64>() * most_input
                + u64::from(bias.unsigned_abs())
        });
        let bits = 64 - bounds.max().unwrap_or(0).leading_zeros();
        let drop = if is_wide { bits.saturating_sub(30) } else { 0 };
        let kept = bits - drop;
        let steps: Vec<f64> = weights.steps.iter().map(|step| step * f64::from(1u32 << drop)).collect();
        let (ratios, least_shift) = if is_last {
            // As fine as 32 bits hold: the finest power of two for which every multiplier is below ½.
            let shift = 31u32.saturating_sub(kept);
            let greatest = steps.iter().fold(0.0, |greatest: f64, &step| greatest.max(step));
            let exponent = (greatest.log2() - f64::from(shift) + 1.0).floor() as i32 + 1;
            let exponent = exponent.clamp(-64, 64);
            self.exponent = exponent as i8;
            (steps.iter().map(|step| step / 2f64.powi(exponent)).collect::<Vec<_>>(), shift)
        } else {
            let out = self.scheme.scales[id].step;
            (steps.iter().map(|step| step / out).collect(), 0)
        };
        let (multipliers, shift) = multipliers_from(&ratios, least_shift as u8);
        if u32::from(shift) + kept > 31 {
            return Err(self.error(id, LowerProblem::TooLarge));
        }
        let multipliers: Vec<i32> = multipliers.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
        let constants = Constants { weights: &weights.weights, biases: &weights.biases, multipliers: &multipliers };
        let bytes = packed(shape, FilterLayout::Plain, &constants)
            .map_err(|error| self.error(id, LowerProblem::Pack(error)))?;
        let (output, to) = if is_last {
            let elements = node.elements();
            let scale = Scale { step: 2f64.powi(self.exponent.into()), zero: 0, element: Element::Int32 };
            let operand = Operand { buffer: self.buffer(elements, Element::Int32), scale };
            let tensor = self.tensor(operand, [1, 1, elements]);
            (operand, tensor)
        } else {
            self.output(id, window.output)
        };
        let from = self.tensor(input, window.input);
        let draw =
            Draw::Convolution { window: device_window(window), groups, shift, drop: drop as u8, constants: bytes };
        self.step(id, draw, &[from], to);
        Ok(output)
    }

    fn pool(&mut self, id: NodeId, node: &Node, window: &NodeWindow, pooling: Pooling) -> Operand {
        let input = self.operand(node.inputs[0], self.scheme.scales[id].element);
        let (output, to) = self.output(id, window.output);
        let from = self.tensor(input, window.input);
        let on_device = device_window(window);
        if pooling == Pooling::Maximum {
            self.step(id, Draw::MaxPool { window: on_device }, &[from], to);
            return output;
        }
        let most = window.kernel[0] * window.kernel[1];
        let ratio = input.scale.step / output.scale.step;
        let counts: Vec<usize> =
            if pooling == Pooling::Mean && window.is_padded() { (1..=most).collect() } else { vec![most] };
        let ratios: Vec<f64> = counts.iter().map(|&count| ratio / count as f64).collect();
        let greatest = if output.scale.element == Element::Int16 { 32768u64 } else { 255 };
        let bits = 64 - (greatest * most as u64).leading_zeros();
        let drop = bits.saturating_sub(30);
        let ratios: Vec<f64> = ratios.iter().map(|ratio| ratio * f64::from(1u32 << drop)).collect();
        let (multipliers, shift) = multipliers(&ratios);
        let draw = Draw::AveragePool {
            window: on_device,
            counts_padding: pooling == Pooling::MeanWithZeros,
            shift,
            drop: drop as u8,
            multipliers,
        };
        self.step(id, draw, &[from], to);
        output
    }

    /// Two at a time.
    fn concatenation(&mut self, id: NodeId, node: &Node) -> Operand {
        let [rows, columns, _] = node.shape;
        let places = rows * columns;
        let element = self.scheme.scales[id].element;
        let mut joined: Option<(Operand, usize)> = None;
        for &input in &node.inputs {
            let operand = self.operand(input, element);
            let channels = self.node(input).elements() / places;
            joined = Some(match joined {
                None => (operand, channels),
                Some((before, count)) => {
                    let buffer = self.buffer(places * (count + channels), element);
                    let both = Operand { buffer, scale: self.scheme.scales[id] };
                    let from =
                        [self.tensor(before, [rows, columns, count]), self.tensor(operand, [rows, columns, channels])];
                    let to = self.tensor(both, [rows, columns, count + channels]);
                    self.step(id, Draw::Concatenate, &from, to);
                    (both, count + channels)
                }
            });
        }
        joined.map_or(Operand { buffer: 0, scale: self.scheme.scales[id] }, |(operand, _)| operand)
    }

    /// A function as a table; in place where nothing else reads its input.
    fn table(&mut self, id: NodeId, of: NodeId, function: &Function) -> Operand {
        let input = self.operand(of, Element::Int8);
        let scale = self.scheme.scales[id];
        let shape = self.node(id).shape;
        let is_alone = self.scheme.network.readers(of).count() == 1 && of != 0;
        let operand = if is_alone { Operand { scale, ..input } } else { self.output(id, shape).0 };
        let (from, to) = (self.tensor(input, shape), self.tensor(operand, shape));
        self.step(id, Draw::Table(Box::new(table(function, &input.scale, &scale))), &[from], to);
        operand
    }

    fn error(&self, id: NodeId, problem: LowerProblem) -> LowerError {
        LowerError { layer: self.node(id).name.clone(), problem }
    }

    /// The blocks of the buffers, step by step.
    fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = self
            .buffers
            .iter()
            .map(|buffer| Block { bytes: buffer.elements * buffer.element.bytes(), begin: usize::MAX, end: 0 })
            .collect();
        let mut touch = |tensor: usize, step: usize| {
            let block = &mut blocks[self.tensors[tensor].offset];
            block.begin = block.begin.min(step);
            block.end = block.end.max(step);
        };
        for (index, step) in self.steps.iter().enumerate() {
            for &tensor in step.inputs.iter().chain([&step.output]) {
                touch(tensor, index);
            }
        }
        // The sample is there before the first step.
        blocks[self.of_node[0].buffer].begin = 0;
        blocks
    }

    fn write(mut self, form: &SampleForm) -> Result<Lowered, LowerError> {
        let blocks = self.blocks();
        let (offsets, _) = arena::plan(&blocks);
        let input = self.tensor(self.of_node[0], self.node(0).shape);
        for tensor in &mut self.tensors {
            tensor.offset = offsets[tensor.offset];
        }
        let steps: Vec<Step<'_>> = self.steps.iter().map(DraftStep::on_device).collect();
        let last = self.error(self.scheme.network.output, LowerProblem::TooLarge);
        let Some(output) = steps.last().map(|step| step.output) else { return Err(last) };
        let multiplier = match form {
            SampleForm::Pixels(_) => [0; 4],
            SampleForm::Series { step, .. } => {
                let ratio = step / self.of_node[0].scale.step;
                ((ratio * f64::from(1 << 18)).round().min(f64::from(i32::MAX)) as i32).to_le_bytes()
            }
        };
        let (offset, multiplier) = ([[0; 4]], [multiplier]);
        let input_form = match form {
            SampleForm::Pixels(tables) => InputForm::Uint8 { tables },
            SampleForm::Series { .. } => InputForm::Int16 { offsets: &offset, multipliers: &multiplier },
        };
        let sound = match form {
            SampleForm::Pixels(_) => None,
            SampleForm::Series { sound, .. } => *sound,
        };
        let contents = EncoderContents {
            digest: ModelDigest::new([0; 16]),
            input_form,
            sound,
            input: input as u16,
            output,
            exponent: self.exponent,
            tensors: &self.tensors,
            steps: &steps,
        };
        let bytes = encode_with_digest(&contents)
            .map_err(|error| LowerError { problem: LowerProblem::Write(error), ..last })?;
        let nodes = self.steps.iter().map(|step| step.node).collect();
        Ok(Lowered { bytes, nodes, live_bytes: arena::least(&blocks) })
    }
}

/// Writes contents whose convolutions are in the layout [`FilterLayout::Plain`], under their digest.
///
/// # Errors
/// [`WriteError`] when a device would refuse them.
pub fn encode_with_digest(contents: &EncoderContents<'_>) -> Result<Vec<u8>, WriteError> {
    let mut bytes = vec![0; contents.encoded_len()];
    contents.encode(&mut bytes)?;
    let contents = EncoderContents { digest: digest(&bytes), ..*contents };
    contents.encode(&mut bytes)?;
    Ok(bytes)
}

/// The digest of an encoder in the layout [`FilterLayout::Plain`].
#[must_use]
pub fn digest(plain: &[u8]) -> ModelDigest {
    let hash = Sha256::digest(plain.get(36..).unwrap_or_default());
    let mut bytes = [0; ModelDigest::BYTES];
    bytes.copy_from_slice(&hash[..ModelDigest::BYTES]);
    ModelDigest::new(bytes)
}

fn device_shape(window: &NodeWindow, groups: usize) -> Option<Shape> {
    let extent = |[height, width, channels]: NodeShape| Extent { height, width, channels };
    let size = |[height, width]: [usize; 2]| Size { height, width };
    Shape::new(Sizes {
        input: extent(window.input),
        output: extent(window.output),
        kernel: size(window.kernel),
        stride: size(window.stride),
        dilation: size(window.dilation),
        padding: size(window.before),
        groups,
    })
}

fn device_window(window: &NodeWindow) -> Window {
    let size = |[height, width]: [usize; 2]| Size { height, width };
    let [rows, columns, _] = window.input;
    if window.kernel == [rows, columns] && window.output[..2] == [1, 1] && window.before == [0, 0] {
        return Window::WHOLE;
    }
    Window {
        kernel: size(window.kernel),
        stride: size(window.stride),
        dilation: size(window.dilation),
        padding: size(window.before),
    }
}

/// The entries of a table, as bytes in the order of elements taken without their sign.
fn table(function: &Function, from: &Scale, to: &Scale) -> [u8; 256] {
    std::array::from_fn(|index| {
        let value = function.apply(from.value(i32::from(index as u8 as i8)));
        to.element(if value.is_nan() { 0.0 } else { value }) as i8 as u8
    })
}

#[cfg(test)]
mod tests;
