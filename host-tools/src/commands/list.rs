//! `cognate list`

use super::output::print;
use cognate_host::bundle::Bundle;
use cognate_host::thresholds::fraction;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Shows a bundle's model, thresholds and subjects
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle
    bundle: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let bundle = Bundle::read(&args.bundle)?;
    print(&if args.json { json(&bundle) } else { text(&bundle) })
}

fn json(bundle: &Bundle) -> String {
    let subjects = bundle.subjects().iter();
    let thresholds = bundle.thresholds().iter().map(|entry| {
        json!({
            "fmr": fraction(entry.fmr),
            "threshold": entry.threshold.raw(),
            "comparisons": entry.comparisons,
            "fmr_upper_bound": fraction(entry.fmr_upper_bound),
            "operating_point": entry == bundle.operating_point(),
        })
    });
    let object = json!({
        "model": bundle.model().to_string(),
        "dimension": bundle.dimension(),
        "thresholds": thresholds.collect::<Vec<_>>(),
        "subjects": subjects
            .map(|subject| json!({ "id": subject.id.number(), "name": subject.name, "templates": subject.codes.len() }))
            .collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

fn text(bundle: &Bundle) -> String {
    let mut text = format!("model {}, {} elements a template\n\n", bundle.model(), bundle.dimension());
    let mut line = |columns: [&str; 5]| {
        let [a, b, c, d, e] = columns;
        writeln!(text, "{a:>10}  {b:>9}  {c:>11}  {d:>13}  {e}").expect("a string takes it");
    };
    line(["FMR", "threshold", "comparisons", "95 % bound", ""]);
    for entry in bundle.thresholds() {
        let mark = if entry == bundle.operating_point() { "in use" } else { "" };
        let columns = [entry.fmr.to_string(), entry.threshold.to_string(), entry.comparisons.to_string()];
        line([&columns[0], &columns[1], &columns[2], &entry.fmr_upper_bound.to_string(), mark]);
    }
    writeln!(text, "\n{:>10}  {:>9}  name", "id", "templates").expect("a string takes it");
    for subject in bundle.subjects() {
        let (id, count) = (subject.id.number(), subject.codes.len());
        writeln!(text, "{id:>10}  {count:>9}  {}", subject.name).expect("a string takes it");
    }
    text
}
