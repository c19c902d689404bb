//! `cognate simulate`

use super::output::{percent, print, show_score};
use cognate::{BundleView, Score};
use cognate_host::bundle::{Bundle, BundleProblem, read_bytes, with_search};
use cognate_host::embeddings::Embeddings;
use cognate_host::file::FileError;
use cognate_host::simulation::{Outcome, Reference, Summary, simulate};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate simulate door.bundle probes.npy
  cognate simulate door.bundle probes.npy --enrolled enroll.npy --json > decisions.jsonl";

/// Decides for probes as the device will, and tells how often that is right
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The bundle
    bundle: PathBuf,
    /// The embeddings of the probes
    probes: PathBuf,
    /// The labels of the probes, where they are not in the CSV file beside them
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// The embeddings that were enrolled: decisions are then compared with those by the f32 embeddings themselves
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
    if bundle.is_protected() {
        return Err(of_bundle(BundleProblem::Protected).into());
    }
    let coder = Bundle::of_view(&bundle).coder().clone();
    let probes = read(&bundle, &args.probes, args.labels.as_deref())?;
    let reference = match &args.enrolled {
        Some(path) => {
            let enrolled = read(&bundle, path, args.enrolled_labels.as_deref())?;
            enrolled.labels().require_subjects(path)?;
            Some(Reference::new(&bundle, &coder, &enrolled).map_err(|problem| FileError::new(path, problem))?)
        }
        None => None,
    };
    let identification = with_search(&bundle, |search| bundle.identification(search).map(|policy| policy.threshold()));
    let identification = identification.map_err(|error| of_bundle(BundleProblem::Policy(error)))?;
    let outcomes = simulate(&bundle, &coder, &probes, reference.as_ref())
        .map_err(|problem| FileError::new(&args.probes, problem))?;
    let summary = Summary::new(&outcomes, bundle.operating_point().threshold, identification);
    print(&if args.json { json(&outcomes, &summary)? } else { text(&bundle, &summary, identification) })
}

/// Embeddings that go with the bundle.
fn read(bundle: &BundleView<'_>, path: &Path, labels: Option<&Path>) -> anyhow::Result<Embeddings> {
    let embeddings = Embeddings::read(path, labels)?;
    embeddings.require_model(path, bundle.encoder())?;
    embeddings.require_dimension(path, bundle.encoder_dimension())?;
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

fn text(bundle: &BundleView<'_>, summary: &Summary, identification: Score) -> String {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "none compared".to_owned(), percent);
    let (point, form) = (bundle.operating_point(), bundle.space().form);
    let rows = [
        (
            "verification",
            format!("threshold {} for a false match rate of {}", show_score(point.threshold, form), point.fmr),
        ),
        (
            "identification",
            format!(
                "threshold {} for false positives at a rate of {}",
                show_score(identification, form),
                bundle.fpir()
            ),
        ),
        ("probes", format!("{}: {} genuine, {} strangers", summary.probes, summary.genuine, summary.strangers)),
        ("FNMR", format!("{} ({} of {})", rate(summary.fnmr), summary.false_non_matches, summary.genuine)),
        ("FMR", format!("{} ({} of {})", rate(summary.fmr), summary.false_matches, summary.comparisons)),
        (
            "stranger accepts",
            format!("{} ({} of {})", rate(summary.stranger_accepts), summary.strangers_accepted, summary.strangers),
        ),
        ("misidentified", format!("{} of {}", summary.misidentified, summary.genuine)),
        ("ambiguous", format!("{} of {}", summary.ambiguous, summary.probes)),
        (
            "f32 flips",
            summary.f32_flips.map_or_else(|| "give --enrolled to count them".to_owned(), |flips| flips.to_string()),
        ),
    ];
    rows.iter().map(|(name, value)| format!("{name:<18}{value}\n")).collect()
}
