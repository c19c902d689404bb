//! `cognate export`

use super::output::{check_output, print};
use anyhow::bail;
use cognate::bundle::Rate;
use cognate_host::bundle::{Bundle, BundleProblem, Enrolled};
use cognate_host::embeddings::{Embeddings, EmbeddingsProblem};
use cognate_host::file::{FileError, write_all};
use cognate_host::model::Model;
use cognate_host::preprocessing::Preprocessing;
use cognate_host::templates::TemplateSet;
use cognate_host::thresholds::{Thresholds, parse_rate};
use std::path::{Path, PathBuf};

/// Writes the bundle for the device: thresholds with their evidence, and the enrolled subjects
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The ONNX model, with its preprocessing beside it
    #[arg(long)]
    model: PathBuf,
    /// What `cognate calibrate` wrote
    #[arg(long, value_name = "FILE.json")]
    thresholds: PathBuf,
    /// The bundle to write
    #[arg(short, long, value_name = "FILE.bundle")]
    output: PathBuf,
    /// Embeddings to enroll, every row under its subject; without them nobody is enrolled
    #[arg(long, value_name = "FILE.npy")]
    gallery: Option<PathBuf>,
    /// The labels of the gallery, where they are not in the CSV file beside it
    #[arg(long, value_name = "CSV", requires = "gallery")]
    labels: Option<PathBuf>,
    /// The false match rate to use, one of those calibrated; otherwise the one that was calibrated first
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    fmr: Option<Rate>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    check_inputs_are_kept(args)?;
    let digest = Model::open(&args.model)?.digest();
    let thresholds = Thresholds::read(&args.thresholds)?;
    if thresholds.source.model != digest {
        bail!(
            "{}: the thresholds are of model {}, not of {digest} ({}): calibrate with embeddings of this model",
            args.thresholds.display(),
            thresholds.source.model,
            args.model.display()
        );
    }
    let operating_point = thresholds.index_of(args.fmr).map_err(|problem| FileError::new(&args.thresholds, problem))?;
    let mut bundle = Bundle::new(digest, thresholds.source.dimension, thresholds.to_bundle(), operating_point);
    if let Some(gallery) = &args.gallery {
        enroll_all(&mut bundle, gallery, args.labels.as_deref(), thresholds.source.enroll)?;
    }
    check_nobody_is_lost(&args.output, &bundle)?;
    let bytes = bundle.to_bytes().map_err(|error| FileError::new(&args.output, BundleProblem::Write(error)))?;
    write_all(&[(&args.output, &bytes)])?;
    let point = bundle.operating_point();
    print(&format!(
        "{}: {} bytes, {} subjects, threshold {} for a false match rate of {}\n",
        args.output.display(),
        bytes.len(),
        bundle.subjects().len(),
        point.threshold,
        point.fmr
    ))
}

fn check_inputs_are_kept(args: &Args) -> anyhow::Result<()> {
    let preprocessing = Preprocessing::path_for(&args.model);
    let gallery_labels = args.gallery.as_ref().map(|gallery| Embeddings::labels_path(gallery));
    let optional = args.gallery.iter().chain(&gallery_labels).chain(&args.labels);
    let inputs = [&args.model, &preprocessing, &args.thresholds].into_iter().chain(optional);
    check_output(&args.output, &inputs.map(PathBuf::as_path).collect::<Vec<_>>())
}

/// Refuses to write over a bundle that has somebody enrolled who is not in the new one.
fn check_nobody_is_lost(output: &Path, new: &Bundle) -> anyhow::Result<()> {
    let Ok(old) = Bundle::read(output) else { return Ok(()) };
    let is_lost = |enrolled: &&Enrolled| new.subjects().iter().all(|subject| subject.name != enrolled.name);
    match old.subjects().iter().find(is_lost) {
        Some(lost) => bail!(
            "{}: `{}` is enrolled in this bundle and would be lost: choose another name, or delete the file first",
            output.display(),
            lost.name
        ),
        None => Ok(()),
    }
}

/// Enrolls every row of a file of embeddings, subjects in the order in which they appear.
fn enroll_all(bundle: &mut Bundle, path: &Path, labels: Option<&Path>, calibrated: usize) -> anyhow::Result<()> {
    let embeddings = Embeddings::read(path, labels)?;
    embeddings.labels().require_subjects(path)?;
    embeddings.require_model(path, bundle.model())?;
    if embeddings.dimension() != bundle.dimension() {
        let problem = EmbeddingsProblem::Dimension { expected: bundle.dimension(), found: embeddings.dimension() };
        return Err(FileError::new(path, problem).into());
    }
    let templates = TemplateSet::new(&embeddings, bundle.model()).map_err(|problem| FileError::new(path, problem))?;
    let codes: Vec<Vec<i8>> = templates.codes().map(<[i8]>::to_vec).collect();
    for (name, rows) in embeddings.labels().by_subject() {
        if rows.len() > calibrated {
            eprintln!(
                "warning: subject `{name}` gets {} templates, and the thresholds were chosen with {calibrated}: \
                 false matches become likelier",
                rows.len()
            );
        }
        let codes = rows.iter().map(|&row| codes[row].clone()).collect();
        bundle.enroll(name, codes).map_err(|problem| FileError::new(path, problem))?;
    }
    Ok(())
}
