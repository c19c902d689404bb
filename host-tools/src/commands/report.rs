//! `cognate report`

use super::budget;
use super::evaluate::{PlanArgs, SourceArgs};
use super::output::{check_output, note};
use anyhow::bail;
use cognate_host::budget::{Board, parse_board};
use cognate_host::embeddings::Embeddings;
use cognate_host::file::write_all;
use cognate_host::report::encoder::{self, Quantization};
use cognate_host::report::{Chart, charts, page};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate report face.onnx photos/ -o report.html
  cognate report --embeddings photos.npy --groups age -o report.html --figures figures/
  cognate report face.encoder photos/ --board mps2-an386 --quantization quantized.json -o report.html";

/// Writes an evaluation as one page with drawings, which needs no network and no file beside it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    plan: PlanArgs,
    /// The page to write
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
    /// The folder that the samples' files are in, where it is not that of the samples, or of the embeddings
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// A folder that is there already, for each drawing as an SVG file and its numbers as CSV
    #[arg(long, value_name = "FOLDER")]
    figures: Option<PathBuf>,
    /// The board that an int8 encoder's budget is for; without one, a core that runs everything the portable way
    #[arg(long, value_name = "NAME", value_parser = parse_board)]
    board: Option<Board>,
    /// What `cognate quantize --json` printed of the encoder: draws what each layer loses
    #[arg(long, value_name = "FILE.json")]
    quantization: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let inputs = args.source.inputs();
    let labels: Vec<PathBuf> = inputs.iter().map(|path| Embeddings::labels_path(path)).collect();
    let inputs = inputs.into_iter().chain(labels.iter().chain(&args.quantization).map(PathBuf::as_path));
    let inputs: Vec<&Path> = inputs.collect();
    check_output(&args.output, &inputs)?;
    if let Some(folder) = args.figures.as_ref().filter(|folder| !folder.is_dir()) {
        bail!("{}: there is no such folder: create it first", folder.display());
    }
    let budget = args.source.with_encoder().map(|path| budget::of_file(path, args.board)).transpose()?.flatten();
    if args.board.is_some() && budget.is_none() {
        bail!("--board goes with an int8 encoder, or with a bundle that holds one: name it first");
    }
    let quantization = args.quantization.as_deref().map(Quantization::read).transpose()?;
    let source = args.source.load()?;
    if let (Some(path), Some(quantization)) = (&args.quantization, &quantization) {
        require_encoder(path, quantization, &source.embeddings)?;
    }
    let evaluation = args.plan.evaluate(&source)?;
    let mut charts = charts(&evaluation, args.plan.replicates(), args.plan.seed());
    charts.extend(quantization.as_ref().map(Quantization::chart));
    charts.extend(budget.as_ref().and_then(encoder::budget));
    let name = source.name.file_name().unwrap_or(source.name.as_os_str()).to_string_lossy();
    let folder = args.pictures.as_deref().unwrap_or(&source.folder);
    let page = page(&name, &source.embeddings, folder, &evaluation, &charts);
    let figures = args.figures.iter().flat_map(|folder| charts.iter().flat_map(move |chart| files(folder, chart)));
    let figures: Vec<(PathBuf, Vec<u8>)> = figures.collect();
    for (path, _) in &figures {
        check_output(path, &inputs)?;
    }
    let all = std::iter::once((args.output.as_path(), page.as_bytes()));
    write_all(&all.chain(figures.iter().map(|(path, bytes)| (path.as_path(), bytes.as_slice()))).collect::<Vec<_>>())?;
    note(&format!("{}: {} drawings", args.output.display(), charts.len()));
    Ok(())
}

/// Refuses what was said of another encoder than the one that made the embeddings.
fn require_encoder(path: &Path, quantization: &Quantization, embeddings: &Embeddings) -> anyhow::Result<()> {
    match embeddings.labels().model {
        Some(model) if model.to_string() != quantization.digest => bail!(
            "{}: it is about the encoder {}, and the embeddings are of {model}: give what was printed when that was made",
            path.display(),
            quantization.digest
        ),
        _ => Ok(()),
    }
}

/// A drawing, and its numbers.
fn files(folder: &Path, chart: &Chart) -> [(PathBuf, Vec<u8>); 2] {
    let path = |extension: &str| folder.join(format!("{}.{extension}", chart.name));
    [(path("svg"), chart.figure.file().into_bytes()), (path("csv"), chart.table.to_csv())]
}
