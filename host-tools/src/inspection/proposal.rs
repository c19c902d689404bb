//! A preprocessing to begin from.

use crate::onnx::{Axis, OnnxFile, TensorInfo};
use crate::preprocessing::{Channels, Layout};
use std::fmt::{self, Write};

/// The text of a TOML file for a model that has none, guessed from its shapes; comments mark what to check.
///
/// # Errors
/// [`ProposalProblem`] when the model does not have the one input and the outputs of an encoder.
pub fn propose(onnx: &OnnxFile) -> Result<String, ProposalProblem> {
    let (inputs, outputs) = (onnx.inputs(), onnx.outputs());
    let [input] = inputs.as_slice() else { return Err(ProposalProblem { inputs: inputs.len() }) };
    let output = outputs.first().map_or("", |output| &output.name);
    let mut text =
        String::from("# How a sample becomes this model's input, guessed from its shapes: check every line.\n");
    let mut line = |line: fmt::Arguments<'_>| writeln!(text, "{line}").expect("writing to a string does not fail");
    line(format_args!("input = {}", quoted(&input.name)));
    line(format_args!("output = {}{}", quoted(output), comment(outputs.len() > 1, "one of several outputs")));
    match ImageGuess::new(input) {
        Some(guess) => guess.write(&mut line),
        None => write_tensor(input, &mut line),
    }
    line(format_args!("normalize = true  # bring embeddings to unit length"));
    Ok(text)
}

/// An input of four axes, one of which looks like that of the colors.
struct ImageGuess<'a> {
    width: &'a Axis,
    height: &'a Axis,
    channels: Channels,
    layout: Layout,
}

impl<'a> ImageGuess<'a> {
    fn new(input: &'a TensorInfo) -> Option<Self> {
        let [_, a, b, c] = input.shape.as_slice() else { return None };
        let channels = |axis: &Axis| match axis.fixed() {
            Some(1) => Some(Channels::Gray),
            Some(3) => Some(Channels::Rgb),
            _ => None,
        };
        match (channels(a), channels(c)) {
            (Some(channels), _) => Some(Self { width: c, height: b, channels, layout: Layout::Nchw }),
            (None, Some(channels)) => Some(Self { width: b, height: a, channels, layout: Layout::Nhwc }),
            (None, None) => None,
        }
    }

    fn write(&self, line: &mut impl FnMut(fmt::Arguments<'_>)) {
        let (channels, order) = match self.channels {
            Channels::Gray => ("gray", ""),
            Channels::Rgb | Channels::Bgr => ("rgb", "  # or \"bgr\""),
        };
        let layout = match self.layout {
            Layout::Nchw => "nchw",
            Layout::Nhwc => "nhwc",
        };
        let repeat = |value: &str| vec![value; self.channels.count()].join(", ");
        line(format_args!("kind = \"image\"  # pictures; or \"tensor\" with a shape, for arrays given as they are"));
        line(format_args!("width = {}", axis(self.width)));
        line(format_args!("height = {}", axis(self.height)));
        line(format_args!("channels = \"{channels}\"{order}"));
        line(format_args!("layout = \"{layout}\""));
        line(format_args!("# (pixel * scale - mean) / std, as in the model's training: the shapes do not tell"));
        line(format_args!("scale = {}", 1.0 / 255.0));
        line(format_args!("mean = [{}]", repeat("0.0")));
        line(format_args!("std = [{}]", repeat("1.0")));
    }
}

fn write_tensor(input: &TensorInfo, line: &mut impl FnMut(fmt::Arguments<'_>)) {
    let axes = input.shape.iter().skip(1);
    let shape: Vec<String> = axes.clone().map(|axis| axis.fixed().unwrap_or(0).to_string()).collect();
    let free = axes.clone().any(|axis| axis.fixed().is_none());
    line(format_args!("kind = \"tensor\"  # samples are .npy arrays, given as they are; or \"audio\" for recordings"));
    line(format_args!(
        "shape = [{}]{}",
        shape.join(", "),
        comment(free, "the model leaves what is 0 here free: fill it in")
    ));
}

/// The length of an axis; 0, which is refused until it is filled in, where the model leaves it free.
fn axis(axis: &Axis) -> String {
    match axis.fixed() {
        Some(length) => length.to_string(),
        None => format!("0{}", comment(true, "the model leaves it free: fill it in")),
    }
}

fn comment(wanted: bool, text: &str) -> String {
    if wanted { format!("  # {text}") } else { String::new() }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Why there is nothing to propose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the model has {inputs} inputs where an encoder has one: export the encoder alone")]
pub struct ProposalProblem {
    /// How many inputs it has.
    pub inputs: usize,
}
