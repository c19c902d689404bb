//! `cognate encode`

use super::output::{check_embeddings_output, progress_bar};
use cognate_host::embeddings;
use cognate_host::encoding::encode;
use cognate_host::model::Model;
use cognate_host::samples::SampleSet;
use std::path::{Path, PathBuf};

/// Runs a model over samples and writes their embeddings, with their labels in a CSV file beside them
#[derive(Debug, clap::Args)]
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
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let inputs: Vec<&Path> =
        [&args.model, &args.samples].into_iter().chain(&args.labels).map(PathBuf::as_path).collect();
    check_embeddings_output(&args.output, &inputs)?;
    let model = Model::open(&args.model)?;
    let samples = SampleSet::open(&args.samples, args.labels.as_deref())?;
    let encoder = model.encoder()?;
    let bar = progress_bar(samples.len(), "samples", args.quiet);
    let encoded = encode(&model, &*encoder, &samples, args.resize, &|done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let encoded = encoded?;
    embeddings::write_all(&encoded.to_files(&args.output))?;
    eprintln!("{}: {} embeddings of {} elements", args.output.display(), encoded.len(), encoded.dimension());
    Ok(())
}
