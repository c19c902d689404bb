//! The whole way from a model and samples to an encoder and what it costs.

use super::import::ImportError;
use super::lower::{LowerError, Lowered, lower};
use super::network::{NodeId, Operator};
use super::prepare::Prepared;
use super::qdq::qdq;
use super::ranges::{Choice, Observed, observe};
use super::report::{Report, layers};
use super::scheme::{Scheme, Settings};
use super::verdict::{Verdict, cosine};
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use crate::encoder::{EncodeError, Encoder};
use crate::file::FileError;
use crate::int8::{EncoderFile, EncoderFileProblem, Int8Encoder};
use crate::labels::Labels;
use crate::onnx::OnnxFile;
use crate::preprocessing::Preprocessing;
use crate::runtime::pb::ModelProto;
use crate::runtime::{RuntimeError, TractEncoder};
use crate::samples::{SampleProblem, SampleSet};

/// Fewer samples tell too little of what values a tensor takes.
const LEAST_SAMPLES: usize = 8;
/// Samples that ranges are chosen from; of more, so many are taken evenly.
const MOST_CALIBRATION: usize = 48;
/// Samples that ways to choose are compared on.
const MOST_PROBES: usize = 24;
/// Samples that layers are compared on.
const MOST_REPORTED: usize = 12;
/// Layers that read int16 sum in 64 bits and slowly: together at most one in so many multiplications.
const WIDE_SHARE: u64 = 20;
/// Samples that are loaded and encoded together.
const CHUNK: usize = 64;

/// What is to be quantized.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The model.
    pub onnx: &'a OnnxFile,
    /// How samples become its input.
    pub preprocessing: &'a Preprocessing,
    /// Labeled samples: half of the subjects to calibrate on, the others to judge by.
    pub samples: &'a SampleSet,
    /// Whether pictures of another size are stretched.
    pub resize: bool,
    /// The most layers that may have int16.
    pub most_wide: usize,
}

/// An encoder and what it costs.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// The encoder.
    pub file: EncoderFile,
    /// How samples are read for it.
    pub preprocessing: Preprocessing,
    /// What was measured.
    pub report: Report,
    /// How it was rounded.
    pub scheme: Scheme,
    /// The same as an ONNX model.
    pub qdq: ModelProto,
}

/// Quantizes a model. `progress` is told what is being done.
///
/// # Errors
/// [`QuantizeError`], in words that tell what to do.
pub fn quantize(request: &Request<'_>, progress: &dyn Fn(&str)) -> Result<Quantized, QuantizeError> {
    let preprocessing = request.preprocessing;
    let prepared = Prepared::new(request.onnx, preprocessing, preprocessing.output())?;
    let split = Split::new(request.samples.labels());
    if split.calibration.len() < LEAST_SAMPLES {
        return Err(QuantizeError::TooFew { found: split.calibration.len(), least: LEAST_SAMPLES });
    }
    progress("running the model in f32");
    let samples = Samples::load(request, &prepared)?;
    let shape = preprocessing.sample_shape();
    let tract = TractEncoder::new(request.onnx, preprocessing.input(), preprocessing.output(), &shape)?;
    let labels = request.samples.labels();
    let exact = embeddings(&tract, &samples.model, labels)?;

    progress("observing the ranges of its tensors");
    let calibration = evenly(&split.calibration, MOST_CALIBRATION);
    let inputs: Vec<Vec<f32>> = calibration.iter().map(|&row| prepared.sample(samples.device.row(row))).collect();
    let observed = observe(&prepared.network, &inputs);
    check_varied(&observed[0], &inputs)?;

    let work = Work {
        prepared: &prepared,
        samples: &samples,
        exact: &exact,
        observed: &observed,
        step: series_step(&observed[0]),
        unit: prepared.network.normalized || preprocessing.normalize(),
    };
    let probes = evenly(&calibration, MOST_PROBES);
    let chosen = work.choose(&probes, request.most_wide, progress)?;
    progress("judging it");
    let encoder = &chosen.encoder;
    let int8 = embeddings(encoder, &samples.device, labels)?;
    let all: Vec<usize> = (0..labels.rows.len()).collect();
    let verdict = |rows: &[usize]| Verdict::new(&exact, &int8, rows).map_err(QuantizeError::Embeddings);
    let reported = evenly(if split.held_out.is_empty() { &split.calibration } else { &split.held_out }, MOST_REPORTED);
    let layers = layers(request, &chosen.scheme, &chosen.lowered, encoder, &samples, &observed, &reported)?;
    let report = Report {
        model: request.onnx.path().display().to_string(),
        digest: chosen.file.digest().to_string(),
        bytes: chosen.file.bytes().len(),
        arena_bytes: chosen.file.device().arena_bytes(),
        tensor_bytes: chosen.file.device().tensor_bytes(),
        live_bytes: chosen.lowered.live_bytes,
        macs: prepared.network.macs(),
        normalized: prepared.network.normalized,
        choice: chosen.choice,
        corrects_bias: chosen.corrects_bias,
        tried: chosen.tried,
        calibration: verdict(&split.calibration)?,
        held_out: if split.held_out.is_empty() { None } else { Some(verdict(&split.held_out)?) },
        all: verdict(&all)?,
        layers,
    };
    let qdq = qdq(&chosen.scheme, &prepared, preprocessing, &chosen.lowered.nodes);
    Ok(Quantized { preprocessing: work.preprocessing(), file: chosen.file, report, scheme: chosen.scheme, qdq })
}

/// Which rows calibrate, and which judge.
struct Split {
    calibration: Vec<usize>,
    held_out: Vec<usize>,
}

impl Split {
    /// Every second subject; or every second sample where nobody says whose they are, or of one subject.
    fn new(labels: &Labels) -> Self {
        let subjects = labels.by_subject();
        let known: usize = subjects.iter().map(|(_, rows)| rows.len()).sum();
        let mut split = Self { calibration: Vec::new(), held_out: Vec::new() };
        if subjects.len() < 2 || known < labels.rows.len() {
            let (calibration, held_out) = (0..labels.rows.len()).partition(|row| row % 2 == 0);
            return Self { calibration, held_out };
        }
        for (index, (_, rows)) in subjects.into_iter().enumerate() {
            if index % 2 == 0 { split.calibration.extend(rows) } else { split.held_out.extend(rows) }
        }
        split
    }
}

/// Rows of numbers of one length.
#[derive(Clone, Debug)]
pub struct Rows {
    length: usize,
    values: Vec<f32>,
}

impl Rows {
    /// The row of this number.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.length..][..self.length]
    }
}

/// All samples, for the model and for the device.
#[derive(Clone, Debug)]
pub struct Samples {
    /// As the model takes them.
    pub model: Rows,
    /// As the device does.
    pub device: Rows,
}

impl Samples {
    fn load(request: &Request<'_>, prepared: &Prepared) -> Result<Self, QuantizeError> {
        let all = |preprocessing: &Preprocessing| {
            let mut values = Vec::new();
            for begin in (0..request.samples.len()).step_by(CHUNK) {
                let end = request.samples.len().min(begin + CHUNK);
                values.extend(request.samples.load(begin..end, preprocessing, request.resize)?);
            }
            Ok::<_, FileError<SampleProblem>>(Rows { length: preprocessing.sample_shape().iter().product(), values })
        };
        Ok(Self { model: all(request.preprocessing)?, device: all(&prepared.device)? })
    }
}

fn embeddings(encoder: &dyn Encoder, samples: &Rows, labels: &Labels) -> Result<Embeddings, QuantizeError> {
    let mut values = Vec::new();
    for batch in samples.values.chunks(CHUNK * samples.length) {
        values.extend(encoder.encode(batch)?);
    }
    Ok(Embeddings::new(encoder.dimension(), values, labels.clone())?)
}

/// At most so many of these, evenly.
fn evenly(rows: &[usize], most: usize) -> Vec<usize> {
    let count = rows.len().min(most);
    (0..count).map(|index| rows[index * rows.len() / count]).collect()
}

/// Refuses samples that are all the same, or of one value each.
fn check_varied(input: &Observed, samples: &[Vec<f32>]) -> Result<(), QuantizeError> {
    let same = samples.windows(2).all(|pair| pair[0] == pair[1]);
    if same || input.least == input.greatest { Err(QuantizeError::Constant) } else { Ok(()) }
}

/// A power of two in steps of which int16 holds a quarter more than was seen.
fn series_step(input: &Observed) -> f64 {
    let greatest = f64::from(input.least.abs().max(input.greatest.abs()));
    2f64.powi((greatest * 1.25 / 32767.0).log2().ceil() as i32)
}

/// What ways to quantize are tried with.
struct Work<'a> {
    prepared: &'a Prepared,
    samples: &'a Samples,
    exact: &'a Embeddings,
    observed: &'a [Observed],
    step: f64,
    /// Whether the f32 model's embeddings are brought to unit length.
    unit: bool,
}

/// One way, and what it gave.
struct Tried {
    choice: Choice,
    corrects_bias: bool,
    wide: Vec<NodeId>,
    scheme: Scheme,
    lowered: Lowered,
    file: EncoderFile,
    encoder: Int8Encoder,
    mean_cosine: f64,
    tried: Vec<String>,
}

impl Work<'_> {
    fn preprocessing(&self) -> Preprocessing {
        // Kept for whoever asks whether lengths mean anything: the encoder itself normalizes nothing.
        let mut preprocessing = self.prepared.device.clone();
        match &mut preprocessing {
            Preprocessing::Tensor(tensor) => (tensor.step, tensor.normalize) = (Some(self.step), self.unit),
            Preprocessing::Image(image) => image.normalize = self.unit,
            Preprocessing::Audio(_) => (),
        }
        preprocessing
    }

    fn attempt(
        &self,
        choice: Choice,
        corrects_bias: bool,
        wide: &[NodeId],
        probes: &[usize],
    ) -> Result<Tried, QuantizeError> {
        let settings = Settings { choice, corrects_bias, wide };
        let scheme = Scheme::new(&self.prepared.network, self.observed, self.prepared.input, settings);
        let lowered = lower(&scheme, &self.prepared.form(&scheme.scales[0], self.step))?;
        let file = EncoderFile::new(lowered.bytes.clone())?;
        let encoder = self.preprocessing().int8_encoder(file.clone());
        let batch: Vec<f32> = probes.iter().flat_map(|&row| self.samples.device.row(row)).copied().collect();
        let found = encoder.encode(&batch)?;
        let rows = found.chunks(encoder.dimension()).zip(probes);
        let mean_cosine =
            rows.map(|(found, &row)| cosine(found, self.exact.row(row))).sum::<f64>() / probes.len() as f64;
        let mean_cosine = if mean_cosine.is_nan() { -1.0 } else { mean_cosine };
        Ok(Tried {
            choice,
            corrects_bias,
            wide: wide.to_vec(),
            scheme,
            lowered,
            file,
            encoder,
            mean_cosine,
            tried: Vec::new(),
        })
    }

    /// The way with the greatest mean cosine on the probes.
    fn choose(&self, probes: &[usize], most_wide: usize, progress: &dyn Fn(&str)) -> Result<Tried, QuantizeError> {
        let mut best: Option<Tried> = None;
        let mut log = Vec::new();
        let ways = Choice::ALL.into_iter().flat_map(|choice| [(choice, false), (choice, true)]);
        for (choice, corrects_bias) in ways {
            let tried = self.attempt(choice, corrects_bias, &[], probes)?;
            let biases = if corrects_bias { "biases corrected" } else { "biases as they are" };
            let line = format!("{choice}, {biases}: mean cosine {:.5}", tried.mean_cosine);
            progress(&line);
            log.push(line);
            if best.as_ref().is_none_or(|best| tried.mean_cosine > best.mean_cosine) {
                best = Some(tried);
            }
        }
        let mut best = best.ok_or(QuantizeError::Constant)?;
        for _ in 0..most_wide {
            let Some(node) = self.worst(&best, probes)? else { break };
            let wide: Vec<NodeId> = best.wide.iter().copied().chain([node]).collect();
            let tried = self.attempt(best.choice, best.corrects_bias, &wide, probes)?;
            let name = &self.prepared.network.nodes[node].name;
            let line = format!("int16 for {name}: mean cosine {:.5}", tried.mean_cosine);
            progress(&line);
            log.push(line);
            // A loss that goes down by less than a twentieth is not worth it.
            if 1.0 - tried.mean_cosine > (1.0 - best.mean_cosine) * 0.95 {
                break;
            }
            best = tried;
        }
        Ok(Tried { tried: log, ..best })
    }

    /// The node that loses most by int8, of those that could have int16.
    fn worst(&self, best: &Tried, probes: &[usize]) -> Result<Option<NodeId>, QuantizeError> {
        let network = &self.prepared.network;
        let probe = *probes.first().ok_or(QuantizeError::Constant)?;
        let exact = network.run(&self.prepared.sample(self.samples.device.row(probe)), |_, _| ());
        let noise =
            super::report::noise(&best.scheme, &best.lowered, &best.encoder, self.samples.device.row(probe), |id| {
                exact[id].clone()
            })?;
        let all = network.macs();
        let of_reader = |reader: NodeId| match &network.nodes[reader].operator {
            Operator::Convolution(convolution) => convolution.macs(),
            _ => 0,
        };
        let can = |id: &NodeId| {
            let operator = &network.nodes[*id].operator;
            let free = *id != network.output && *id != 0 && !best.wide.contains(id);
            let cheap = network.readers(*id).map(of_reader).sum::<u64>() <= all / WIDE_SHARE;
            free && cheap && !matches!(operator, Operator::Function(_))
        };
        let ratios = noise.iter().enumerate().filter_map(|(id, noise)| Some((id, noise.as_ref()?.ratio())));
        let worst = ratios.filter(|(id, _)| can(id)).min_by(|a, b| a.1.total_cmp(&b.1));
        Ok(worst.map(|(id, _)| id))
    }
}

/// Why a model was not quantized.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// The graph.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A layer.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The f32 model does not run.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A sample is not what the model takes.
    #[error(transparent)]
    Sample(#[from] FileError<SampleProblem>),
    /// A model failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// What a model gave is no embedding.
    #[error("the output is not an embedding: {0}")]
    Embeddings(#[from] EmbeddingsProblem),
    /// The encoder that was written is not accepted.
    #[error("{0}")]
    File(EncoderFileProblem),
    /// Too few samples.
    #[error(
        "half of the subjects have {found} samples, and ranges need at least {least} of them: give more samples, of several \
         subjects"
    )]
    TooFew {
        /// Samples there are to calibrate on.
        found: usize,
        /// Samples that there should be.
        least: usize,
    },
    /// All samples are the same.
    #[error("the samples are constant: give samples as the device will see them, of several subjects")]
    Constant,
}

impl From<EncoderFileProblem> for QuantizeError {
    fn from(problem: EncoderFileProblem) -> Self {
        Self::File(problem)
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::MinMax => "least to greatest",
            Self::Percentile => "percentile",
            Self::LeastError => "least squared error",
        })
    }
}
