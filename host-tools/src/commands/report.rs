//! `cognate report`

use super::evaluate::{PlanArgs, SourceArgs};
use super::output::{check_output, note};
use anyhow::bail;
use cognate_host::embeddings::Embeddings;
use cognate_host::file::write_all;
use cognate_host::report::{Chart, charts, page};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate report face.onnx photos/ -o report.html
  cognate report --embeddings photos.npy --groups age -o report.html --figures figures/";

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
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let inputs = args.source.inputs();
    let labels: Vec<PathBuf> = inputs.iter().map(|path| Embeddings::labels_path(path)).collect();
    let inputs: Vec<&Path> = inputs.into_iter().chain(labels.iter().map(PathBuf::as_path)).collect();
    check_output(&args.output, &inputs)?;
    if let Some(folder) = args.figures.as_ref().filter(|folder| !folder.is_dir()) {
        bail!("{}: there is no such folder: create it first", folder.display());
    }
    let source = args.source.load()?;
    let evaluation = args.plan.evaluate(&source)?;
    let charts = charts(&evaluation, args.plan.replicates(), args.plan.seed());
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

/// A drawing, and its numbers.
fn files(folder: &Path, chart: &Chart) -> [(PathBuf, Vec<u8>); 2] {
    let path = |extension: &str| folder.join(format!("{}.{extension}", chart.name));
    [(path("svg"), chart.figure.file().into_bytes()), (path("csv"), chart.table.to_csv())]
}
