//! `cognate quantize`

use super::output::{check_output, note, percent, print, refused, warn};
use anyhow::{anyhow, bail};
use cognate_host::back_end::Kind;
use cognate_host::file::{FileError, write_all};
use cognate_host::onnx::OnnxFile;
use cognate_host::preprocessing::Preprocessing;
use cognate_host::quantization::flips::Beginning;
use cognate_host::quantization::quantize::{Request, quantize};
use cognate_host::quantization::report::{Folded, Report};
use cognate_host::quantization::verdict::Verdict;
use cognate_host::samples::SampleSet;
use prost::Message;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate quantize face.onnx photos/ -o face.encoder
  cognate quantize face.onnx visits.csv -o face.encoder --limit 0.2 --json
  cognate quantize face.onnx photos/ -o face.encoder --back-end lda:64
  cognate quantize face.onnx photos/ -o face.encoder --qdq face-int8.onnx";

/// Makes an int8 encoder for the device of an ONNX model, and measures what that costs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The ONNX model, with its preprocessing beside it (model.toml for model.onnx)
    model: PathBuf,
    /// Labeled samples as for `cognate encode`: ranges are chosen on every second subject, and the others judge
    samples: PathBuf,
    /// The encoder to write, and beside it how samples are read for it (FILE.encoder.toml)
    #[arg(short, long, value_name = "FILE.encoder")]
    output: PathBuf,
    /// Also write the quantized network as an ONNX model with QuantizeLinear and DequantizeLinear, for other runtimes: it takes
    /// what the model takes, and its metadata name the tensor of each step of the encoder
    #[arg(long, value_name = "FILE.onnx")]
    qdq: Option<PathBuf>,
    /// The labels of the samples of an .npy array: a CSV file with a column subject
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// The model's input, where it is another than its preprocessing says
    #[arg(long, value_name = "TENSOR")]
    input: Option<String>,
    /// The tensor that is the embedding, where it is another than the preprocessing says
    #[arg(long = "output-tensor", value_name = "TENSOR")]
    output_tensor: Option<String>,
    /// By how many points (hundredths) the equal error rate may be up, on held-out subjects
    #[arg(long, value_name = "POINTS", default_value_t = 0.5)]
    limit: f64,
    /// The most layers that may give int16, where that helps and what reads them is a small part of all multiplications: they
    /// take twice the memory, and 64-bit sums
    #[arg(long, value_name = "LAYERS", default_value_t = 2)]
    int16: usize,
    /// What the last layer does beside: none, mean, wccn, pca, whiten or lda, the last three also with a number of dimensions (pca:32);
    /// fitted on the subjects that ranges are chosen on, so that `cognate calibrate` needs none
    #[arg(long, value_name = "KIND", default_value_t = Kind::None)]
    back_end: Kind,
    /// Write the encoder even if it loses more than the limit, or nothing can be compared
    #[arg(long)]
    force: bool,
    /// Stretch pictures of another size to the model's, instead of refusing them
    #[arg(long)]
    resize: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    check(args)?;
    let onnx = OnnxFile::open(&args.model)?;
    let mut preprocessing = Preprocessing::of_model(&args.model)?;
    if matches!(&preprocessing, Preprocessing::Audio(audio) if audio.log_mel.is_none()) {
        bail!(
            "{}: waveforms are not quantized: give the encoder features, by [log_mel] in its preprocessing or as tensors",
            args.model.display()
        );
    }
    preprocessing.rename(args.input.as_deref(), args.output_tensor.as_deref());
    let samples = SampleSet::open(&args.samples, args.labels.as_deref())?;
    let request = Request {
        onnx: &onnx,
        preprocessing: &preprocessing,
        samples: &samples,
        resize: args.resize,
        most_wide: args.int16,
        back_end: args.back_end,
    };
    let quantized = quantize(&request, &note).map_err(|problem| FileError::new(&args.model, problem))?;
    let report = &quantized.report;
    print(&if args.json { format!("{}\n", serde_json::to_string(report)?) } else { text(report) })?;
    refuse_beyond(args, report)?;
    let beside = Preprocessing::path_for(&args.output);
    let text = quantized.preprocessing.canonical_text();
    let mut files = vec![(args.output.as_path(), quantized.file.bytes()), (&beside, text.as_bytes())];
    let model = quantized.qdq.encode_to_vec();
    files.extend(args.qdq.iter().map(|path| (path.as_path(), model.as_slice())));
    write_all(&files)?;
    note(&format!("{}: {} bytes", args.output.display(), report.bytes));
    Ok(())
}

fn check(args: &Args) -> anyhow::Result<()> {
    if args.output.extension().is_none_or(|extension| extension != "encoder") {
        bail!("{}: an int8 encoder is known by its name: end it in .encoder", args.output.display());
    }
    if !(args.limit.is_finite() && args.limit >= 0.0) {
        bail!("--limit {}: a limit is 0 points or more", args.limit);
    }
    let preprocessing = Preprocessing::path_for(&args.model);
    let inputs: Vec<&Path> =
        [&args.model, &preprocessing, &args.samples].into_iter().chain(&args.labels).map(PathBuf::as_path).collect();
    check_output(&args.output, &inputs)?;
    if let Some(qdq) = &args.qdq {
        check_output(qdq, &inputs)?;
        if *qdq == args.output {
            bail!("{}: --qdq is another file than the encoder: choose another name", qdq.display());
        }
    }
    check_output(&Preprocessing::path_for(&args.output), &inputs)
}

/// Refuses an encoder that loses too much, or of which nobody knows.
fn refuse_beyond(args: &Args, report: &Report) -> anyhow::Result<()> {
    let problem = match report.judged().rates {
        None => {
            "nothing says what it costs: label the samples, with several of each of at least four subjects".to_owned()
        }
        Some(rates) if rates.eer_loss() * 100.0 > args.limit => format!(
            "its equal error rate is up by {:.3} points, from {} to {}, and the limit is {}: give more calibration samples, allow \
             int16 layers with --int16, or another --limit",
            rates.eer_loss() * 100.0,
            percent(rates.f32_eer),
            percent(rates.int8_eer),
            args.limit
        ),
        Some(_) => return Ok(()),
    };
    if args.force {
        warn(&problem);
        return Ok(());
    }
    let output = args.output.display();
    Err(refused(anyhow!("{output}: not written, since {problem}; --force writes it all the same")))
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("writing to a string does not fail");
    line(format_args!(
        "{:<44} {:<12} {:>13} {:>4} {:>8} {:>21} {:>8}",
        "layer", "operator", "shape", "bits", "SQNR", "range", "cut"
    ));
    for layer in &report.layers {
        let shape = layer.shape.map(|size| size.to_string()).join("×");
        let range = format!("{:.3}..{:.3}", layer.range[0], layer.range[1]);
        line(format_args!(
            "{:<44} {:<12} {shape:>13} {:>4} {:>5.1} dB {range:>21} {:>8}",
            tail(&layer.name, 44),
            layer.operator,
            layer.bits,
            layer.sqnr_db,
            percent(layer.cut)
        ));
    }
    let biases = if report.corrects_bias { "biases corrected" } else { "biases as they are" };
    let equalized = match report.equalized {
        0 => String::new(),
        tensors => format!(", tensors with equalized channels: {tensors}"),
    };
    line(format_args!("ranges              {}, {biases}{equalized}", report.choice));
    if let Some(Folded { kind, samples, inputs, outputs }) = &report.back_end {
        line(format_args!(
            "back end            {kind} in the last layer, of {samples} samples: {inputs} elements in, {outputs} out"
        ));
    }
    if report.normalized {
        line(format_args!(
            "normalization       left out: a cosine does not see it, and `cognate export` refuses Euclidean templates"
        ));
    }
    line(format_args!("encoder             {} bytes, {} MACs", report.bytes, report.macs));
    line(format_args!(
        "arena               {} bytes, {} of them tensors (at least {} are needed at one time)",
        report.arena_bytes, report.tensor_bytes, report.live_bytes
    ));
    let mut verdict = |name: &str, verdict: &Verdict| {
        line(format_args!(
            "{name:<19} {} samples of {} subjects: cosine to f32 mean {:.5}, least {:.5}",
            verdict.samples, verdict.subjects, verdict.mean_cosine, verdict.least_cosine
        ));
        if let Some(rates) = verdict.rates {
            line(format_args!(
                "{:<19} EER {} (f32 {}), FNMR at FMR 0.1 % {} (f32 {}), {} of {} decisions flipped",
                "",
                percent(rates.int8_eer),
                percent(rates.f32_eer),
                percent(rates.int8_fnmr),
                percent(rates.f32_fnmr),
                rates.flipped,
                rates.genuine + rates.impostor
            ));
        }
    };
    verdict("calibrated on", &report.calibration);
    if let Some(held_out) = &report.held_out {
        verdict("held out", held_out);
    }
    verdict("all", &report.all);
    for (index, Beginning { layer, decisions }) in report.flips.iter().enumerate() {
        let title = if index == 0 { "flips begin" } else { "" };
        let place = match layer {
            Some(name) => tail(name, 60),
            None => "no layer: templates are rounded, or the threshold is another".to_owned(),
        };
        text += &format!("{title:<19} {decisions} at {place}\n");
    }
    text
}

/// The end of a name that is too long: what tells layers apart.
fn tail(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        name.to_owned()
    } else {
        format!("…{}", name.chars().skip(count - most + 1).collect::<String>())
    }
}
