//! `cognate simulate`

use super::output::{percent, print};
use cognate::BundleView;
use cognate_host::bundle::{BundleProblem, read_bytes};
use cognate_host::embeddings::{Embeddings, EmbeddingsProblem};
use cognate_host::file::FileError;
use cognate_host::simulation::{Outcome, Reference, Summary, simulate};
use std::path::{Path, PathBuf};

/// Decides for probes as the device will, and tells how often that is right
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle
    bundle: PathBuf,
    /// The embeddings of the probes
    probes: PathBuf,
    /// The labels of the probes, where they are not in the CSV file beside them
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// The embeddings that were enrolled: decisions are then compared with those by their f32 cosine
    #[arg(long, value_name = "FILE.npy")]
    enrolled: Option<PathBuf>,
    /// The labels of the enrolled embeddings, where they are not in the CSV file beside them
    #[arg(long, value_name = "CSV", requires = "enrolled")]
    enrolled_labels: Option<PathBuf>,
    /// Print a JSON object for each probe, and one with the summary at the end
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let bytes = read_bytes(&args.bundle)?;
    let of_bundle = |problem| FileError::new(&args.bundle, problem);
    let bundle = BundleView::new_checked(&bytes).map_err(|error| of_bundle(BundleProblem::Refused(error)))?;
    if bundle.gallery().is_empty() {
        return Err(of_bundle(BundleProblem::Nobody).into());
    }
    let probes = read(&bundle, &args.probes, args.labels.as_deref())?;
    let reference = match &args.enrolled {
        Some(path) => {
            let enrolled = read(&bundle, path, args.enrolled_labels.as_deref())?;
            enrolled.labels().require_subjects(path)?;
            Some(Reference::new(&bundle, &enrolled).map_err(|problem| FileError::new(path, problem))?)
        }
        None => None,
    };
    let outcomes =
        simulate(&bundle, &probes, reference.as_ref()).map_err(|problem| FileError::new(&args.probes, problem))?;
    let summary = Summary::new(&outcomes, bundle.operating_point().threshold.raw());
    print(&if args.json { json(&outcomes, &summary)? } else { text(&bundle, &summary) })
}

/// Embeddings that go with the bundle.
fn read(bundle: &BundleView<'_>, path: &Path, labels: Option<&Path>) -> anyhow::Result<Embeddings> {
    let embeddings = Embeddings::read(path, labels)?;
    embeddings.require_model(path, bundle.model())?;
    let (expected, found) = (bundle.dimension(), embeddings.dimension());
    if expected != found {
        return Err(FileError::new(path, EmbeddingsProblem::Dimension { expected, found }).into());
    }
    Ok(embeddings)
}

fn json(outcomes: &[Outcome], summary: &Summary) -> anyhow::Result<String> {
    let mut text = String::new();
    for outcome in outcomes {
        text += &serde_json::to_string(outcome)?;
        text.push('\n');
    }
    Ok(format!("{text}{{\"summary\":{}}}\n", serde_json::to_string(summary)?))
}

fn text(bundle: &BundleView<'_>, summary: &Summary) -> String {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "none compared".to_owned(), percent);
    let point = bundle.operating_point();
    let rows = [
        ("threshold", format!("{} for a false match rate of {}", point.threshold, point.fmr)),
        ("probes", format!("{}: {} genuine, {} strangers", summary.probes, summary.genuine, summary.strangers)),
        ("FNMR", format!("{} ({} of {})", rate(summary.fnmr), summary.false_non_matches, summary.genuine)),
        ("FMR", format!("{} ({} of {})", rate(summary.fmr), summary.false_matches, summary.comparisons)),
        (
            "stranger accepts",
            format!("{} ({} of {})", rate(summary.stranger_accepts), summary.strangers_accepted, summary.strangers),
        ),
        ("misidentified", format!("{} of {}", summary.misidentified, summary.genuine)),
        (
            "f32 flips",
            summary.f32_flips.map_or_else(|| "give --enrolled to count them".to_owned(), |flips| flips.to_string()),
        ),
    ];
    rows.iter().map(|(name, value)| format!("{name:<18}{value}\n")).collect()
}
