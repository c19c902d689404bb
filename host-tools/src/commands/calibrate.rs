//! `cognate calibrate`

use super::output::{check_output, percent, print};
use anyhow::bail;
use cognate::ModelDigest;
use cognate::bundle::{MAX_THRESHOLDS, Rate};
use cognate_host::calibration::{Plan, calibrate};
use cognate_host::embeddings::Embeddings;
use cognate_host::file::{FileError, write_all};
use cognate_host::model::Model;
use cognate_host::templates::TemplateSet;
use cognate_host::thresholds::{Source, Thresholds, parse_rate};
use std::fmt::Write;
use std::path::PathBuf;

/// Chooses thresholds for false match rates, on subjects other than those it will be judged on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The embeddings of the calibration samples
    embeddings: PathBuf,
    /// How many samples of a subject will be enrolled: more templates make a false match likelier
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    enroll: u32,
    /// The false match rates to find thresholds for, as fractions; the first becomes the operating point
    #[arg(long, required = true, value_delimiter = ',', value_name = "RATE,…", value_parser = parse_rate)]
    fmr: Vec<Rate>,
    /// The JSON file to write
    #[arg(short, long, value_name = "FILE.json")]
    output: PathBuf,
    /// The labels, where they are not in the CSV file beside the embeddings
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// The model that made the embeddings, where their labels do not say
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// How often the enrolled samples are picked anew; comparisons and bounds are counted for one pick
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    draws: u32,
    /// What the picks begin from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print what is written
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    check_rates(&args.fmr)?;
    let labels = Embeddings::labels_path(&args.embeddings);
    let inputs = [&args.embeddings, &labels].into_iter().chain(&args.labels).chain(&args.model);
    check_output(&args.output, &inputs.map(PathBuf::as_path).collect::<Vec<_>>())?;
    let embeddings = Embeddings::read(&args.embeddings, args.labels.as_deref())?;
    embeddings.labels().require_subjects(&args.embeddings)?;
    let model = model_digest(args, &embeddings)?;
    let templates =
        TemplateSet::new(&embeddings, model).map_err(|problem| FileError::new(&args.embeddings, problem))?;
    let plan = Plan { enroll: args.enroll as usize, rates: args.fmr.clone(), draws: args.draws, seed: args.seed };
    let entries = calibrate(&templates.templates(), embeddings.labels(), &plan)
        .map_err(|problem| FileError::new(&args.embeddings, problem))?;
    let thresholds = Thresholds::new(source(&embeddings, model, &plan), entries);
    write_all(&[(&args.output, thresholds.to_json().as_bytes())])?;
    print(&if args.json { thresholds.to_json() } else { text(&thresholds) })
}

fn source(embeddings: &Embeddings, model: ModelDigest, plan: &Plan) -> Source {
    Source {
        model,
        dimension: embeddings.dimension(),
        subjects: embeddings.labels().by_subject().into_iter().map(|(name, _)| name.to_owned()).collect(),
        samples: embeddings.len(),
        enroll: plan.enroll,
        draws: plan.draws,
        seed: plan.seed,
    }
}

fn check_rates(rates: &[Rate]) -> anyhow::Result<()> {
    if rates.len() > MAX_THRESHOLDS {
        bail!("--fmr has {} rates, and a bundle holds {MAX_THRESHOLDS}: ask for fewer", rates.len());
    }
    match rates.iter().enumerate().find(|(place, rate)| rates[..*place].contains(rate)) {
        Some((_, rate)) => bail!("--fmr has {rate} twice: give each rate once"),
        None => Ok(()),
    }
}

fn model_digest(args: &Args, embeddings: &Embeddings) -> anyhow::Result<ModelDigest> {
    let given = args.model.as_ref().map(|path| Model::open(path)).transpose()?.map(|model| model.digest());
    if let Some(given) = given {
        embeddings.require_model(&args.embeddings, given)?;
        return Ok(given);
    }
    match embeddings.labels().model {
        Some(digest) => Ok(digest),
        None => bail!(
            "{}: its labels do not say which model made the embeddings: name it with --model",
            args.embeddings.display()
        ),
    }
}

fn text(thresholds: &Thresholds) -> String {
    let Source { model, subjects, samples, enroll, draws, .. } = &thresholds.source;
    let mut text = format!(
        "model {model}\n{} subjects, {samples} samples, {enroll} enrolled of each, picked {draws} times\n\n\
         {:>10}  {:>9}  {:>9}  {:>13}  {:>9}  {:>11}  subjects not chosen on: FMR\n",
        subjects.len(),
        "FMR asked",
        "threshold",
        "FMR",
        "95 % bound",
        "FNMR",
        "comparisons",
    );
    for entry in &thresholds.entries {
        let held_out = entry.held_out.map_or_else(
            || "4 subjects needed".to_owned(),
            |held_out| format!("{}, worst {}", percent(held_out.mean_fmr), percent(held_out.worst_fmr)),
        );
        writeln!(
            text,
            "{:>10}  {:>9}  {:>9}  {:>13}  {:>9}  {:>11}  {held_out}",
            entry.fmr.to_string(),
            entry.threshold.to_string(),
            percent(entry.observed_fmr),
            percent(cognate_host::thresholds::fraction(entry.fmr_upper_bound)),
            percent(entry.observed_fnmr),
            entry.comparisons,
        )
        .expect("a string takes it");
    }
    text + "\nThese thresholds are chosen on these subjects: for others rates can differ, as the last column shows.\n"
}
