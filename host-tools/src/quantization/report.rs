//! What was measured, layer by layer and in all.

use super::flips::Beginning;
use super::lower::Lowered;
use super::network::{NodeId, Operator, Pooling};
use super::quantize::{QuantizeError, Request, Samples};
use super::ranges::Choice;
use super::scheme::Scheme;
use super::search::{Chosen, Form, Tried};
use super::verdict::Verdict;
use crate::back_end::Fit;
use crate::encoder::EncodeError;
use crate::int8::Int8Encoder;
use crate::runtime::TractTensors;
use serde::Serialize;

/// What quantization gave.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The f32 model's file.
    pub model: String,
    /// The digest of the encoder, which its embeddings carry.
    pub digest: String,
    /// Bytes of the encoder.
    pub bytes: usize,
    /// Bytes of memory that a run takes.
    pub arena_bytes: usize,
    /// How many of them hold tensors.
    pub tensor_bytes: usize,
    /// The greatest sum of tensors that are needed at one time: no arena is smaller.
    pub live_bytes: usize,
    /// Multiplications with an accumulation.
    pub macs: u64,
    /// Whether a normalization at the end was left out.
    pub normalized: bool,
    /// How ranges were chosen.
    pub choice: Choice,
    /// Whether biases were corrected.
    pub corrects_bias: bool,
    /// Tensors whose channels were equalized.
    pub equalized: usize,
    /// What the last layer does beside, and how many elements it takes and gives.
    pub back_end: Option<Folded>,
    /// The ways that were tried, and what each gave.
    pub tried: Vec<String>,
    /// On the subjects that ranges were chosen on.
    pub calibration: Verdict,
    /// On the others.
    pub held_out: Option<Verdict>,
    /// On all.
    pub all: Verdict,
    /// In the order in which they run.
    pub layers: Vec<LayerReport>,
    /// At which layers the decisions begin to differ that int8 changes.
    pub flips: Vec<Beginning>,
}

impl Report {
    /// The verdict that counts: that on held-out subjects, where there are such with pairs to compare.
    #[must_use]
    pub fn judged(&self) -> &Verdict {
        self.held_out.as_ref().filter(|verdict| verdict.rates.is_some()).unwrap_or(&self.all)
    }
}

/// The back end that the last layer does.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Folded {
    /// What it does.
    pub kind: String,
    /// Samples that it was fitted on.
    pub samples: usize,
    /// Elements of the model's embedding.
    pub inputs: usize,
    /// Elements of the encoder's.
    pub outputs: usize,
}

/// One layer.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LayerReport {
    /// The ONNX tensor that it gives.
    pub name: String,
    /// What it does.
    pub operator: &'static str,
    /// Rows, columns, channels.
    pub shape: [usize; 3],
    /// Bits of an element.
    pub bits: usize,
    /// Signal to quantization noise in dB, against the tensor of the f32 model in tract.
    pub sqnr_db: f64,
    /// What its elements can hold.
    pub range: [f64; 2],
    /// What was seen.
    pub seen: [f32; 2],
    /// The share of what was seen that is cut.
    pub cut: f64,
    /// Multiplications with an accumulation.
    pub macs: u64,
}

/// Powers of a tensor and of what quantization changed in it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Noise {
    signal: f64,
    noise: f64,
}

impl Noise {
    fn add(&mut self, exact: f64, found: f64) {
        self.signal += exact * exact;
        self.noise += (exact - found) * (exact - found);
    }

    /// Signal to noise in dB; a tensor that is exact has 200.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        (10.0 * (self.signal.max(1e-30) / self.noise.max(1e-30)).log10()).clamp(-200.0, 200.0)
    }
}

/// Runs a sample on the encoder and compares each node's tensor with an exact one, in the order of memory.
///
/// # Errors
/// [`EncodeError`] when it does not run.
pub fn noise(
    scheme: &Scheme,
    lowered: &Lowered,
    encoder: &Int8Encoder,
    sample: &[f32],
    exact: impl Fn(NodeId) -> Vec<f32>,
) -> Result<Vec<Option<Noise>>, EncodeError> {
    let mut noises = vec![None; scheme.network.nodes.len()];
    let output = encoder.encode_one(sample, |step, bytes| {
        let Some(id) = lowered.nodes[step] else { return };
        if id == scheme.network.output {
            return;
        }
        let scale = &scheme.scales[id];
        let mut noise = Noise::default();
        for (found, exact) in scale.values(bytes).zip(exact(id)) {
            noise.add(exact.into(), found);
        }
        noises[id] = Some(noise);
    })?;
    let mut noise = Noise::default();
    for (found, exact) in output.iter().zip(exact(scheme.network.output)) {
        noise.add(exact.into(), f64::from(*found));
    }
    noises[scheme.network.output] = Some(noise);
    Ok(noises)
}

/// Compares each layer with the model's own tensors on these samples. `back_end` is what the last layer does beside.
pub(super) fn layers(
    request: &Request<'_>,
    chosen: &Chosen,
    back_end: Option<&Fit>,
    samples: &Samples,
    rows: &[usize],
) -> Result<Vec<LayerReport>, QuantizeError> {
    let (Tried { scheme, lowered, encoder, .. }, Form { observed, factors, .. }) = (&chosen.best, &chosen.form);
    let (network, preprocessing) = (&scheme.network, request.preprocessing);
    let names: Vec<&str> = network.nodes[1..].iter().map(|node| node.name.as_str()).collect();
    let tract = TractTensors::new(request.onnx, preprocessing.input(), &names, &preprocessing.sample_shape())?;
    let mut sums = vec![Noise::default(); network.nodes.len()];
    for &row in rows {
        let tensors = tract.run(samples.model.row(row))?;
        let in_memory = |id: NodeId| {
            let (node, tensor) = (&network.nodes[id], &tensors[id - 1]);
            if let Some(fit) = back_end.filter(|_| id == network.output) {
                return fit.project(tensor);
            }
            let mut placed = vec![0.0; node.elements()];
            node.places.iter().zip(tensor).for_each(|(&place, &value)| placed[place] = value);
            if let Some(factors) = factors.get(&id) {
                placed.iter_mut().zip(factors.iter().cycle()).for_each(|(value, factor)| *value *= factor);
            }
            placed
        };
        let noises = noise(scheme, lowered, encoder, samples.device.row(row), in_memory)?;
        for (sum, noise) in sums.iter_mut().zip(noises) {
            if let Some(noise) = noise {
                sum.signal += noise.signal;
                sum.noise += noise.noise;
            }
        }
    }
    let of_node = |id: NodeId| {
        let (node, scale, observed) = (&network.nodes[id], &scheme.scales[id], &observed[id]);
        let (low, high) = scale.ends();
        let is_last = id == network.output;
        LayerReport {
            name: node.name.clone(),
            operator: name_of(&node.operator),
            shape: node.shape,
            bits: if is_last { 32 } else { scale.element.bytes() * 8 },
            sqnr_db: sums[id].ratio(),
            range: if is_last { [f64::from(observed.least), f64::from(observed.greatest)] } else { [low, high] },
            seen: [observed.least, observed.greatest],
            cut: if is_last { 0.0 } else { observed.outside(low, high) },
            macs: match &node.operator {
                Operator::Convolution(convolution) => convolution.macs(),
                _ => 0,
            },
        }
    };
    Ok((1..network.nodes.len()).map(of_node).collect())
}

/// What a layer is called.
#[must_use]
pub fn name_of(operator: &Operator) -> &'static str {
    match operator {
        Operator::Input => "input",
        Operator::Convolution(convolution) if convolution.is_depthwise() => "depthwise",
        Operator::Convolution(convolution) if convolution.window.input[..2] == [1, 1] => "dense",
        Operator::Convolution(_) => "convolution",
        Operator::Add(_) => "add",
        Operator::Scale(_) => "scale",
        Operator::Pool(_, Pooling::Maximum) => "max pool",
        Operator::Pool(..) => "mean pool",
        Operator::Pad(_) => "pad",
        Operator::Concatenate => "concatenate",
        Operator::Function(_) => "table",
        Operator::Slope(_) => "PReLU",
    }
}
