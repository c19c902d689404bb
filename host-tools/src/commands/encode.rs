//! `cognate encode`

use super::output::{check_embeddings_output, note, print_if, progress_bar, warn};
use anyhow::{Context, bail};
use cognate::encoder::Tensor;
use cognate_host::cache::{self, CachedEncoder, Usage};
use cognate_host::embeddings::{self, Embeddings};
use cognate_host::encoder::Encoder;
use cognate_host::encoding::encode;
use cognate_host::file::write_all;
use cognate_host::model::Model;
use cognate_host::npy::integer_bytes;
use cognate_host::samples::SampleSet;
use serde_json::json;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate encode face.onnx photos/ -o photos.npy
  cognate encode face.onnx visits.csv -o visits.npy --resize
  cognate encode face.onnx faces.npy --labels people.csv -o faces-128.npy
  cognate encode face.encoder photos/ -o photos.npy --steps steps/";

/// Runs a model over samples and writes their embeddings, with their labels in a CSV file beside them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The ONNX model, with its preprocessing beside it (model.toml for model.onnx)
    model: PathBuf,
    /// A folder with one folder of samples a subject; a CSV manifest with the columns file, subject and optionally x,
    /// y, width, height; or an .npy array of all samples (uint8 pictures, or float32 tensors)
    samples: PathBuf,
    /// The .npy file to write
    #[arg(short, long, value_name = "FILE.npy")]
    output: PathBuf,
    /// The labels of the samples of an .npy array: a CSV file with a column subject
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// Stretch pictures of another size to the model's, instead of refusing them
    #[arg(long)]
    resize: bool,
    /// Of an int8 encoder, also write what each step gave: FOLDER/0.npy and so on, of int8, int16 or int32, samples first
    #[arg(long, value_name = "FOLDER")]
    steps: Option<PathBuf>,
    /// Neither look for embeddings in the cache nor keep them there
    #[arg(long)]
    no_cache: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let inputs: Vec<&Path> =
        [&args.model, &args.samples].into_iter().chain(&args.labels).map(PathBuf::as_path).collect();
    check_embeddings_output(&args.output, &inputs)?;
    let model = Model::open(&args.model)?;
    let samples = SampleSet::open(&args.samples, args.labels.as_deref())?;
    if let Some(folder) = &args.steps {
        write_steps(&model, &samples, args.resize, folder).with_context(|| args.model.display().to_string())?;
    }
    let (encoded, usage) = encode_with_cache(&model, &samples, args.resize, !args.no_cache)?;
    embeddings::write_all(&encoded.to_files(&args.output))?;
    let known = if usage.found > 0 { format!(", {} of them from the cache", usage.found) } else { String::new() };
    let (count, dimension) = (encoded.len(), encoded.dimension());
    note(&format!("{}: {count} embeddings of {dimension} elements{known}", args.output.display()));
    let object = json!({
        "output": args.output,
        "embeddings": count,
        "dimension": dimension,
        "from_cache": usage.found,
        "model": model.digest().to_string(),
    });
    print_if(args.json, &object)
}

/// Writes the tensor that each step of an int8 encoder writes, of all samples together.
fn write_steps(model: &Model, samples: &SampleSet, resize: bool, folder: &Path) -> anyhow::Result<()> {
    let Some(file) = model.int8() else { bail!("--steps is for an int8 encoder, which `cognate quantize` makes") };
    let encoder = model.preprocessing().int8_encoder(file.clone());
    let mut steps: Vec<Vec<u8>> = vec![Vec::new(); file.device().steps().count()];
    for row in 0..samples.len() {
        let sample = samples.load(row..row + 1, model.preprocessing(), resize)?;
        encoder.encode_one(&sample, |step, bytes| steps[step].extend(bytes))?;
    }
    let device = file.device();
    let tensors: Vec<Tensor> = device.tensors().collect();
    let arrays: Vec<Vec<u8>> = device
        .steps()
        .zip(&steps)
        .map(|(step, bytes)| {
            let Tensor { extent, element, .. } = tensors[usize::from(step.output)];
            integer_bytes(bytes, element, &[samples.len(), extent.height, extent.width, extent.channels])
        })
        .collect();
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let paths: Vec<PathBuf> = (0..arrays.len()).map(|step| folder.join(format!("{step}.npy"))).collect();
    let files: Vec<(&Path, &[u8])> =
        paths.iter().zip(&arrays).map(|(path, bytes)| (path.as_path(), bytes.as_slice())).collect();
    Ok(write_all(&files)?)
}

/// Encodes samples with a bar, behind the cache if that is wanted; whatever a run that was interrupted had encoded is in it.
pub fn encode_with_cache(
    model: &Model,
    samples: &SampleSet,
    resize: bool,
    with_cache: bool,
) -> anyhow::Result<(Embeddings, Usage)> {
    let encoder = model.encoder()?;
    let bar = progress_bar(samples.len(), "samples");
    let run = |encoder: &dyn Encoder| {
        let encoded = encode(model, encoder, samples, resize, &|done| bar.set_position(done as u64));
        bar.finish_and_clear();
        encoded
    };
    let Some(folder) = cache::folder().filter(|_| with_cache) else { return Ok((run(&*encoder)?, Usage::default())) };
    let cached = CachedEncoder::new(encoder, &folder, model.digest());
    let encoded = run(&cached);
    let usage = cached.usage();
    if let Some(trouble) = &usage.trouble {
        warn(&format!("{}: the cache keeps nothing ({trouble}): correct it, or give --no-cache", folder.display()));
    }
    if usage.damaged > 0 {
        let damaged = usage.damaged;
        warn(&format!(
            "{}: {damaged} damaged embeddings in the cache are not used, and encoded again",
            folder.display()
        ));
    }
    Ok((encoded?, usage))
}
