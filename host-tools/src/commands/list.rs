//! `cognate list`

use super::output::{print, show_score};
use cognate::BundleView;
use cognate_host::bundle::{Bundle, BundleProblem, read_bytes, with_search};
use cognate_host::file::FileError;
use cognate_host::thresholds::fraction;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate list door.bundle
  cognate list door.bundle --json";

/// Shows a bundle's model, thresholds and subjects
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The bundle
    bundle: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let of_bundle = |problem| FileError::new(&args.bundle, problem);
    let bytes = read_bytes(&args.bundle)?;
    let view = BundleView::new_checked(&bytes).map_err(|error| of_bundle(BundleProblem::Refused(error)))?;
    let bundle = Bundle::of_view(&view);
    // A bundle whose thresholds do not hold its rate for everybody enrolled has none for identification.
    let identification = with_search(&view, |search| view.identification(search).ok().map(|policy| policy.threshold()));
    let listing = Listing { bundle: &bundle, identification: identification.map(cognate::Score::raw) };
    print(&if args.json { listing.json() } else { listing.text() })
}

struct Listing<'a> {
    bundle: &'a Bundle,
    identification: Option<i32>,
}

impl Listing<'_> {
    fn json(&self) -> String {
        let settings = self.bundle.settings();
        let thresholds = settings.thresholds.iter().map(|entry| {
            json!({
                "fmr": fraction(entry.fmr),
                "threshold": entry.threshold.raw(),
                "comparisons": entry.comparisons,
                "fmr_upper_bound": fraction(entry.fmr_upper_bound),
                "operating_point": entry == self.bundle.operating_point(),
            })
        });
        let subject = |subject: &cognate_host::bundle::Enrolled| json!({ "id": subject.id.number(), "name": subject.name, "templates": subject.codes.len() });
        let object = json!({
            "model": self.bundle.encoder().to_string(),
            "dimension": self.bundle.dimension(),
            "embedding_dimension": self.bundle.embedding_dimension(),
            "form": settings.coder.space().form.to_string(),
            "back_end": settings.coder.back_end().is_some(),
            "layout": settings.layout.to_string(),
            "filter": settings.filter,
            "fusion": settings.fusion.to_string(),
            "calibrated_templates": settings.calibrated_templates,
            "normalization": settings.cohort.as_ref().map(|cohort| cohort.method.to_string()),
            "cohort": settings.cohort.as_ref().map_or(0, |cohort| cohort.codes.len()),
            "fpir": fraction(settings.fpir),
            "identification_threshold": self.identification,
            "margin": settings.margin,
            "thresholds": thresholds.collect::<Vec<_>>(),
            "subjects": self.bundle.subjects().iter().map(subject).collect::<Vec<_>>(),
        });
        format!("{object}\n")
    }

    fn text(&self) -> String {
        let mut text = self.head();
        let mut line = |columns: [&str; 5]| {
            let [a, b, c, d, e] = columns;
            writeln!(text, "{a:>10}  {b:>9}  {c:>11}  {d:>13}  {e}").expect("a string takes it");
        };
        let (settings, form) = (self.bundle.settings(), self.bundle.coder().space().form);
        line(["FMR", "threshold", "comparisons", "95 % bound", ""]);
        for entry in &settings.thresholds {
            let verification = entry == self.bundle.operating_point();
            let identification = self.identification == Some(entry.threshold.raw());
            let mark = match (verification, identification) {
                (true, true) => "verification, identification",
                (true, false) => "verification",
                (false, true) => "identification",
                (false, false) => "",
            };
            let columns = [entry.fmr.to_string(), show_score(entry.threshold, form), entry.comparisons.to_string()];
            line([&columns[0], &columns[1], &columns[2], &entry.fmr_upper_bound.to_string(), mark]);
        }
        writeln!(text, "\n{:>10}  {:>9}  name", "id", "templates").expect("a string takes it");
        for subject in self.bundle.subjects() {
            let (id, count) = (subject.id.number(), subject.codes.len());
            writeln!(text, "{id:>10}  {count:>9}  {}", subject.name).expect("a string takes it");
        }
        text
    }

    fn head(&self) -> String {
        let settings = self.bundle.settings();
        let back_end = settings.coder.back_end().map_or_else(String::new, |_| {
            format!(" behind a back end of {} elements", self.bundle.embedding_dimension())
        });
        let normalized = settings.cohort.as_ref().map_or_else(String::new, |cohort| {
            format!(", normalized by {} against a cohort of {}", cohort.method, cohort.codes.len())
        });
        let none = ": its thresholds do not hold it for so many subjects";
        format!(
            "model {}\ntemplates: {} elements{back_end}, form {}, layout {}{}\nscores: fused by {} of {} templates{normalized}\n\
             identification: false positives at a rate of {}{}\n\n",
            self.bundle.encoder(),
            self.bundle.dimension(),
            settings.coder.space().form,
            settings.layout,
            if settings.filter { ", with a filter" } else { "" },
            settings.fusion,
            settings.calibrated_templates,
            settings.fpir,
            if self.identification.is_none() { none } else { "" },
        )
    }
}
