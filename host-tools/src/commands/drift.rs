//! `cognate drift`

use super::output::{check_output, percent, print, refused, show_score};
use anyhow::bail;
use cognate::statistics::FieldStatistics;
use cognate::{BundleView, Score};
use cognate_host::bundle::{Bundle, BundleProblem, read_bytes};
use cognate_host::drift::Drift;
use cognate_host::file::{self, FileError, write_all};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate drift door.bundle door.stats
  cognate drift door.bundle door.stats -o stricter.bundle --json";

/// Compares what a device has counted with what its thresholds promise, and proposes a stricter one
///
/// The statistics are counts of scores, without templates, ids or times. They know of impostors by the probes whose owner is
/// known, each of which is compared with everybody else.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The bundle that the device has
    bundle: PathBuf,
    /// What the device has counted
    statistics: PathBuf,
    /// Write the bundle with the proposed thresholds, to be signed and sent
    #[arg(short, long, value_name = "FILE.bundle")]
    output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let of_bundle = |problem| FileError::new(&args.bundle, problem);
    if let Some(output) = &args.output {
        check_output(output, &[&args.bundle, &args.statistics])?;
    }
    let bytes = read_bytes(&args.bundle)?;
    let view = BundleView::new_checked(&bytes).map_err(|error| of_bundle(BundleProblem::Refused(error)))?;
    let counted = file::read(&args.statistics)?;
    let counted = counted.as_array().and_then(FieldStatistics::from_bytes);
    let Some(field) = counted else {
        bail!("{}: these are no statistics of a device: read them with `cognate device`", args.statistics.display());
    };
    let drift = Drift::of(&view, &field).map_err(|problem| FileError::new(&args.statistics, problem))?;
    if let Some(output) = &args.output {
        let mut bundle = Bundle::of_view(&view);
        drift.apply(&mut bundle).map_err(|problem| refused(FileError::new(&args.statistics, problem)))?;
        let bytes = bundle.to_bytes().map_err(|error| of_bundle(BundleProblem::Write(error)))?;
        write_all(&[(output, &bytes)])?;
    }
    let form = view.space().form;
    print(&if args.json {
        format!("{}\n", serde_json::to_string(&drift)?)
    } else {
        text(&drift, |raw| show_score(Score::from_raw(raw), form))
    })
}

fn text(drift: &Drift, score: impl Fn(i32) -> String) -> String {
    let Drift { decisions: [known, ambiguous, unknown], impostors, false_positives, .. } = drift;
    let verdict = if drift.is_certain() { "DRIFT: the thresholds do not hold here" } else { "no drift is certain" };
    let proposed = drift.proposed.map_or_else(
        || "no threshold is known to keep the rate: count more".to_owned(),
        |proposed| format!("threshold proposed: {} (in use: {})", score(proposed), score(drift.threshold)),
    );
    format!(
        "decisions: {known} known, {ambiguous} ambiguous, {unknown} unknown\n\
         another subject reached the threshold for {false_positives} of {impostors} probes: {} to {} with 95 % confidence each, \
         promised {}\n{verdict}\n{proposed}\n",
        percent(drift.at_least),
        percent(drift.at_most),
        percent(drift.promised),
    )
}
