//! `cognate inspect`

use super::output::{note, print};
use anyhow::bail;
use cognate_host::file::{FileError, write_all};
use cognate_host::inspection::{Inspection, inspect, propose};
use cognate_host::onnx::OnnxFile;
use cognate_host::preprocessing::Preprocessing;
use cognate_host::runtime::RuntimeError;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate inspect face.onnx
  cognate inspect face.onnx --write       # writes face.toml, to be checked line by line
  cognate inspect face.onnx --json";

/// Shows what a model holds, and proposes how samples are brought into its input form
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The ONNX model
    model: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write the proposed preprocessing beside the model (model.toml for model.onnx), if there is none yet
    #[arg(long)]
    write: bool,
}

/// Prints before it fails: a model with an operator that is missing is best looked into.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let onnx = OnnxFile::open(&args.model)?;
    let path = Preprocessing::path_for(&args.model);
    if args.write && path.exists() {
        bail!("{}: there is a preprocessing already, and it is not overwritten: edit or remove it", path.display());
    }
    let inspection = inspect(&onnx)?;
    let proposal = if path.exists() { None } else { propose(&onnx).ok() };
    print(&if args.json { json(&inspection)? } else { text(&inspection, &path, proposal.as_deref()) })?;
    if !inspection.missing_operators.is_empty() {
        let problem = RuntimeError::MissingOperators(inspection.missing_operators);
        return Err(FileError::new(&args.model, problem).into());
    }
    if args.write {
        let proposal = propose(&onnx).map_err(|problem| FileError::new(&args.model, problem))?;
        write_all(&[(&path, proposal.as_bytes())])?;
        note(&format!("wrote {}: check every line of it", path.display()));
    }
    Ok(())
}

fn json(inspection: &Inspection) -> anyhow::Result<String> {
    Ok(serde_json::to_string(inspection)? + "\n")
}

fn text(inspection: &Inspection, toml: &Path, proposal: Option<&str>) -> String {
    let mut text = format!("model       {}\n", inspection.model);
    let mut line = |name: &str, value: &str| writeln!(text, "{name:<12}{value}").expect("a string takes it");
    line("digest", inspection.digest.as_deref().unwrap_or("none before there is a preprocessing"));
    for (name, tensors) in [("input", &inspection.inputs), ("output", &inspection.outputs)] {
        for tensor in tensors {
            line(name, &format!("{}  {}  {}", tensor.name, tensor.element, tensor.shape_text()));
        }
    }
    line("parameters", &inspection.parameters.to_string());
    let macs = inspection
        .macs
        .map_or_else(|| "not known: the shapes cannot be worked out".to_owned(), |macs| macs.to_string());
    line("MACs", &macs);
    let operators: Vec<String> = inspection.operators.iter().map(|(name, count)| format!("{name} × {count}")).collect();
    line("operators", &operators.join(", "));
    if let Some(proposal) = proposal {
        write!(text, "\nproposed for {} (--write writes it):\n\n{proposal}", toml.display())
            .expect("a string takes it");
    }
    text
}
