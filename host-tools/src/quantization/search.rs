//! Tries ways to round a network, and keeps what measures best.

use super::equalize::{Equalized, equalize};
use super::lower::{Lowered, lower};
use super::network::{Network, NodeId, Operator};
use super::prepare::Prepared;
use super::quantize::{QuantizeError, Samples};
use super::ranges::{Choice, Observed, observe};
use super::scheme::{Scheme, Settings};
use super::verdict::cosine;
use crate::embeddings::Embeddings;
use crate::encoder::Encoder;
use crate::int8::{EncoderFile, Int8Encoder};
use crate::preprocessing::Preprocessing;

/// Layers that read int16 sum in 64 bits and slowly: together at most one in so many multiplications.
const WIDE_SHARE: u64 = 20;
/// What costs or complicates something has to take away so much of the loss.
const WORTH: f64 = 0.05;

/// What ways to quantize are tried with.
pub(super) struct Search<'a> {
    pub prepared: &'a Prepared,
    pub samples: &'a Samples,
    pub exact: &'a Embeddings,
    /// The value of a step of int16 samples.
    pub step: f64,
    /// Whether the f32 model's embeddings are brought to unit length.
    pub unit: bool,
    /// The rows that embeddings are compared on.
    pub probes: &'a [usize],
    /// The most layers that may have int16.
    pub most_wide: usize,
    pub progress: &'a dyn Fn(&str),
}

/// A network to be rounded, and what its tensors hold.
pub(super) struct Form {
    pub network: Network,
    pub observed: Vec<Observed>,
    /// For each node whose channels are not those of the model's tensor the factor of each.
    pub factors: Equalized,
}

impl Form {
    /// A network as it is.
    pub fn new(network: Network, inputs: &[Vec<f32>]) -> Self {
        let observed = observe(&network, inputs);
        Self { network, observed, factors: Equalized::new() }
    }

    /// The same with channels brought to ranges that are alike; `None` where nothing can be.
    fn equalized(&self, inputs: &[Vec<f32>]) -> Option<Self> {
        let (network, factors) = equalize(&self.network, &self.observed);
        (!factors.is_empty()).then(|| Self { factors, ..Self::new(network, inputs) })
    }
}

/// One way, and what it gave.
pub(super) struct Tried {
    pub choice: Choice,
    pub corrects_bias: bool,
    wide: Vec<NodeId>,
    pub scheme: Scheme,
    pub lowered: Lowered,
    pub file: EncoderFile,
    pub encoder: Int8Encoder,
    mean_cosine: f64,
}

impl Tried {
    fn loss(&self) -> f64 {
        1.0 - self.mean_cosine
    }
}

/// What was chosen.
pub(super) struct Chosen {
    pub form: Form,
    pub best: Tried,
    /// Every way, and what it gave.
    pub log: Vec<String>,
}

impl Search<'_> {
    pub fn preprocessing(&self) -> Preprocessing {
        // Kept for whoever asks whether lengths mean anything: the encoder itself normalizes nothing.
        let mut preprocessing = self.prepared.device.clone();
        match &mut preprocessing {
            Preprocessing::Tensor(tensor) => (tensor.step, tensor.normalize) = (Some(self.step), self.unit),
            Preprocessing::Image(image) => image.normalize = self.unit,
            Preprocessing::Audio(audio) => audio.normalize = self.unit,
        }
        preprocessing
    }

    fn attempt(
        &self,
        form: &Form,
        choice: Choice,
        corrects_bias: bool,
        wide: &[NodeId],
    ) -> Result<Tried, QuantizeError> {
        let settings = Settings { choice, corrects_bias, wide };
        let scheme = Scheme::new(&form.network, &form.observed, self.prepared.input, settings);
        let lowered = lower(&scheme, &self.prepared.form(&scheme.scales[0], self.step))?;
        let file = EncoderFile::new(lowered.bytes.clone())?;
        let encoder = self.preprocessing().int8_encoder(file.clone());
        let batch: Vec<f32> = self.probes.iter().flat_map(|&row| self.samples.device.row(row)).copied().collect();
        let found = encoder.encode(&batch)?;
        let rows = found.chunks(encoder.dimension()).zip(self.probes);
        let mean_cosine =
            rows.map(|(found, &row)| cosine(found, self.exact.row(row))).sum::<f64>() / self.probes.len() as f64;
        let mean_cosine = if mean_cosine.is_nan() { -1.0 } else { mean_cosine };
        Ok(Tried { choice, corrects_bias, wide: wide.to_vec(), scheme, lowered, file, encoder, mean_cosine })
    }

    /// The way with the greatest mean cosine on the probes. `inputs` are the samples that ranges are observed on.
    pub fn choose(&self, plain: Form, inputs: &[Vec<f32>]) -> Result<Chosen, QuantizeError> {
        let mut log = Vec::new();
        let mut note = |what: &str, tried: &Tried| {
            let line = format!("{what}: mean cosine {:.5}", tried.mean_cosine);
            (self.progress)(&line);
            log.push(line);
        };
        let mut best: Option<Tried> = None;
        let ways = Choice::ALL.into_iter().flat_map(|choice| [(choice, false), (choice, true)]);
        for (choice, corrects_bias) in ways {
            let tried = self.attempt(&plain, choice, corrects_bias, &[])?;
            let biases = if corrects_bias { "biases corrected" } else { "biases as they are" };
            note(&format!("{choice}, {biases}"), &tried);
            if best.as_ref().is_none_or(|best| tried.mean_cosine > best.mean_cosine) {
                best = Some(tried);
            }
        }
        let (mut form, mut best) = (plain, best.ok_or(QuantizeError::Constant)?);
        if let Some(equalized) = form.equalized(inputs) {
            let tried = self.attempt(&equalized, best.choice, best.corrects_bias, &[])?;
            note(&format!("tensors with equalized channels: {}", equalized.factors.len()), &tried);
            if tried.loss() <= best.loss() * (1.0 - WORTH) {
                (form, best) = (equalized, tried);
            }
        }
        for _ in 0..self.most_wide {
            let Some(node) = self.worst(&best)? else { break };
            let wide: Vec<NodeId> = best.wide.iter().copied().chain([node]).collect();
            let tried = self.attempt(&form, best.choice, best.corrects_bias, &wide)?;
            note(&format!("int16 for {}", form.network.nodes[node].name), &tried);
            if tried.loss() > best.loss() * (1.0 - WORTH) {
                break;
            }
            best = tried;
        }
        Ok(Chosen { form, best, log })
    }

    /// The node that loses most by int8, of those that could have int16.
    fn worst(&self, best: &Tried) -> Result<Option<NodeId>, QuantizeError> {
        let network = &best.scheme.network;
        let probe = *self.probes.first().ok_or(QuantizeError::Constant)?;
        let sample = self.samples.device.row(probe);
        let exact = network.run(&self.prepared.sample(sample), |_, _| ());
        let noise = super::report::noise(&best.scheme, &best.lowered, &best.encoder, sample, |id| exact[id].clone())?;
        let all = network.macs();
        let of_reader = |reader: NodeId| match &network.nodes[reader].operator {
            Operator::Convolution(convolution) => convolution.macs(),
            _ => 0,
        };
        let can = |id: &NodeId| {
            let operator = &network.nodes[*id].operator;
            let free = *id != network.output && *id != 0 && !best.wide.contains(id);
            let cheap = network.readers(*id).map(of_reader).sum::<u64>() <= all / WIDE_SHARE;
            // int16 is cut at 0 or not at all.
            let cut = operator.clip().is_none_or(|clip| matches!(clip.low, 0.0 | f32::NEG_INFINITY));
            free && cheap && cut && !matches!(operator, Operator::Function(_))
        };
        let ratios = noise.iter().enumerate().filter_map(|(id, noise)| Some((id, noise.as_ref()?.ratio())));
        let worst = ratios.filter(|(id, _)| can(id)).min_by(|a, b| a.1.total_cmp(&b.1));
        Ok(worst.map(|(id, _)| id))
    }
}
