//! The whole way from a model and samples to an encoder and what it costs.

use super::back_end::fold;
use super::flips::follow;
use super::import::ImportError;
use super::lower::LowerError;
use super::prepare::Prepared;
use super::qdq::qdq;
use super::ranges::Observed;
use super::report::{Folded, Report, layers};
use super::scheme::Scheme;
use super::search::{Chosen, Form, Search, Tried};
use super::verdict::{Flips, Verdict};
use crate::back_end::{Fit, FitError, Kind, fit};
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use crate::encoder::{EncodeError, Encoder};
use crate::file::FileError;
use crate::int8::{EncoderFile, EncoderFileProblem};
use crate::labels::Labels;
use crate::onnx::OnnxFile;
use crate::preprocessing::Preprocessing;
use crate::runtime::pb::ModelProto;
use crate::runtime::{RuntimeError, TractEncoder};
use crate::samples::{SampleProblem, SampleSet};
use std::collections::BTreeSet;

/// Fewer samples tell too little of what values a tensor takes.
const LEAST_SAMPLES: usize = 8;
/// Samples that ranges are chosen from; of more, so many are taken evenly.
const MOST_CALIBRATION: usize = 48;
/// Samples that ways to choose are compared on.
const MOST_PROBES: usize = 24;
/// Samples that layers are compared on.
const MOST_REPORTED: usize = 12;
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
    /// What the last layer does beside, fitted on the subjects to calibrate on.
    pub back_end: Kind,
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
    let mut prepared = Prepared::new(request.onnx, preprocessing, preprocessing.output())?;
    let split = Split::new(request.samples.labels());
    if split.calibration.len() < LEAST_SAMPLES {
        return Err(QuantizeError::TooFew { found: split.calibration.len(), least: LEAST_SAMPLES });
    }
    progress("running the model in f32");
    let samples = Samples::load(request, &prepared)?;
    let shape = preprocessing.sample_shape();
    let tract = TractEncoder::new(request.onnx, preprocessing.input(), preprocessing.output(), &shape)?;
    let labels = request.samples.labels();
    let mut exact = embeddings(&tract, &samples.model, labels)?;
    let fit = fit_back_end(request, &prepared, &exact, &split.calibration)?;
    if let Some(fit) = &fit {
        prepared.network = fold(prepared.network, fit);
        let values: Vec<f32> = exact.rows().flat_map(|row| fit.project(row)).collect();
        exact = Embeddings::new(values.len() / exact.len().max(1), values, labels.clone())?;
    }

    progress("observing the ranges of its tensors");
    let calibration = evenly(&split.calibration, MOST_CALIBRATION);
    let inputs: Vec<Vec<f32>> = calibration.iter().map(|&row| prepared.sample(samples.device.row(row))).collect();
    let plain = Form::new(prepared.network.clone(), &inputs);
    check_varied(&plain.observed[0], &inputs)?;

    let search = Search {
        prepared: &prepared,
        samples: &samples,
        exact: &exact,
        step: feature_step(preprocessing).unwrap_or_else(|| series_step(&plain.observed[0])),
        unit: fit.is_none() && (prepared.network.normalized || preprocessing.normalize()),
        probes: &evenly(&calibration, MOST_PROBES),
        most_wide: request.most_wide,
        progress,
    };
    let chosen = search.choose(plain, &inputs)?;
    progress("judging it");
    let int8 = embeddings(&chosen.best.encoder, &samples.device, labels)?;
    let all: Vec<usize> = (0..labels.rows.len()).collect();
    let verdict = |rows: &[usize]| Verdict::new(&exact, &int8, rows).map_err(QuantizeError::Embeddings);
    let reported = evenly(if split.held_out.is_empty() { &split.calibration } else { &split.held_out }, MOST_REPORTED);
    let layers = layers(request, &chosen, fit.as_ref(), &samples, &reported)?;
    progress("following decisions that differ");
    let judged = if split.held_out.is_empty() { &all } else { &split.held_out };
    let rows = |row: usize| (prepared.sample(samples.device.row(row)), samples.device.row(row));
    let Tried { scheme, lowered, encoder, .. } = &chosen.best;
    let flips = follow(&Flips::new(&exact, &int8, judged)?, scheme, lowered, encoder, rows)?;
    let Chosen { form, best, log } = chosen;
    let report = Report {
        model: request.onnx.path().display().to_string(),
        digest: best.file.digest().to_string(),
        bytes: best.file.bytes().len(),
        arena_bytes: best.file.device().arena_bytes(),
        tensor_bytes: best.file.device().tensor_bytes(),
        live_bytes: best.lowered.live_bytes,
        macs: form.network.macs(),
        normalized: form.network.normalized,
        choice: best.choice,
        corrects_bias: best.corrects_bias,
        equalized: form.factors.len(),
        back_end: fit.map(|fit| Folded {
            kind: request.back_end.to_string(),
            samples: split.calibration.len(),
            inputs: fit.mean.len(),
            outputs: exact.dimension(),
        }),
        tried: log,
        calibration: verdict(&split.calibration)?,
        held_out: if split.held_out.is_empty() { None } else { Some(verdict(&split.held_out)?) },
        all: verdict(&all)?,
        layers,
        flips,
    };
    let qdq = qdq(&best.scheme, &prepared, preprocessing, &best.lowered.nodes);
    Ok(Quantized { preprocessing: search.preprocessing(), file: best.file, report, scheme: best.scheme, qdq })
}

/// What the last layer is to do beside, fitted on these rows; `None` where nothing was asked for.
fn fit_back_end(
    request: &Request<'_>,
    prepared: &Prepared,
    exact: &Embeddings,
    rows: &[usize],
) -> Result<Option<Fit>, QuantizeError> {
    if request.back_end != Kind::None && prepared.network.normalized {
        return Err(QuantizeError::Normalized);
    }
    let rows: BTreeSet<usize> = rows.iter().copied().collect();
    let of_subject = |(_, all): (_, Vec<usize>)| all.into_iter().filter(|row| rows.contains(row)).collect::<Vec<_>>();
    let mut subjects: Vec<_> =
        exact.labels().by_subject().into_iter().map(of_subject).filter(|rows| !rows.is_empty()).collect();
    if !request.back_end.needs_subjects() {
        let unknown = |row: &usize| exact.labels().rows[*row].subject.is_empty();
        subjects.extend(rows.iter().copied().filter(unknown).map(|row| vec![row]));
    }
    Ok(fit(request.back_end, exact, &subjects)?)
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

/// What a device's own features are in.
fn feature_step(preprocessing: &Preprocessing) -> Option<f64> {
    match preprocessing {
        Preprocessing::Audio(audio) => audio.step(),
        _ => None,
    }
}

/// A power of two in steps of which int16 holds a quarter more than was seen.
fn series_step(input: &Observed) -> f64 {
    let greatest = f64::from(input.least.abs().max(input.greatest.abs()));
    2f64.powi((greatest * 1.25 / 32767.0).log2().ceil() as i32)
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
    /// No back end comes of these samples.
    #[error(transparent)]
    BackEnd(#[from] FitError),
    /// A back end is to come behind a normalization.
    #[error(
        "the model brings its embeddings to unit length, and a back end comes before that: name the tensor that is normalized \
         with --output-tensor"
    )]
    Normalized,
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
