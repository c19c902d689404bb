//! `cognate calibrate`

use super::output::{check_output, percent, print, progress_bar, refused, show_score, warn};
use anyhow::bail;
use cognate::bundle::MAX_THRESHOLDS;
use cognate::normalization::Method;
use cognate::policy::Rate;
use cognate::{Fusion, ModelDigest};
use cognate_host::back_end::{Comparison, Kind, LEAST_SUBJECTS, compare};
use cognate_host::calibration::{CalibrationError, CrossValidated, Plan, Preset, Verdict, calibrate};
use cognate_host::choices::{Form, parse_fusion, parse_method};
use cognate_host::embeddings::Embeddings;
use cognate_host::file::{FileError, write_all};
use cognate_host::model::Model;
use cognate_host::thresholds::{Source, Thresholds, fraction, parse_rate};
use std::fmt::Write;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate calibrate photos.npy --enroll 5 --fmr 0.01 -o thresholds.json
  cognate calibrate photos.npy --enroll 5 --fmr 0.01,0.001 --back-end pca:32 -o thresholds.json
  cognate calibrate voices.npy --enroll 3 --fmr 0.01 --normalize as:20 --cohort others.npy -o thresholds.json";

/// Chooses thresholds for false match rates, on subjects other than those it will be judged on
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The embeddings of the calibration samples
    embeddings: PathBuf,
    /// How many samples of a subject will be enrolled: more templates make a false match likelier
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    enroll: u32,
    /// The false match rates to find thresholds for, as fractions; the first becomes the operating point. Those of a ladder, down
    /// to the least that the data supports, are added: identification takes one by the number of subjects
    #[arg(long, required_unless_present = "preset", value_delimiter = ',', value_name = "RATE,…", value_parser = parse_rate)]
    fmr: Vec<Rate>,
    /// What others require: android (class 3: FMR 1 in 50,000, FNMR 10 %), windows-hello (faces: 1 in 100,000, 5 %) or fido (1 in
    /// 10,000, 5 %). Adds its rate, and tells whether the data can show that it is met, and whether it is
    #[arg(long, value_name = "NAME")]
    preset: Option<Preset>,
    /// Write rates down that the data has too few comparisons for: the file and the bundle say so
    #[arg(long)]
    claim: bool,
    /// The JSON file to write
    #[arg(short, long, value_name = "FILE.json")]
    output: PathBuf,
    /// The labels, where they are not in the CSV file beside the embeddings
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// The model that made the embeddings, where their labels do not say
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// What is done to embeddings before they become templates: none, mean, wccn, pca, whiten or lda, the last three also with a number
    /// of dimensions (pca:32)
    #[arg(long, value_name = "KIND", default_value_t = Kind::None)]
    back_end: Kind,
    /// Do not compare the back ends on subjects that they were not fitted on
    #[arg(long)]
    no_comparison: bool,
    /// The form of templates: full; norm-limited, a little coarser and much faster on Cortex-M0 and M3; or euclidean, for
    /// distances
    #[arg(long, value_name = "FORM", default_value_t = Form::Full)]
    form: Form,
    /// How the templates of a subject are fused: max, mean:K (of the best K, 1 to 8), or centroid (kept as one template)
    #[arg(long, value_name = "FUSION", default_value_t = Fusion::Maximum, value_parser = parse_fusion)]
    fusion: Fusion,
    /// How scores are normalized against the cohort: z, t, s, or as:N with the N members that are most alike
    #[arg(long, value_name = "METHOD", requires = "cohort", value_parser = parse_method)]
    normalize: Option<Method>,
    /// Embeddings of 2 to 128 others who are never enrolled: a member is a subject, or a sample without one
    #[arg(long, value_name = "FILE.npy", requires = "normalize")]
    cohort: Option<PathBuf>,
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
    let mut rates = args.fmr.clone();
    rates.extend(args.preset.map(Preset::fmr).filter(|rate| !args.fmr.contains(rate)));
    check_inputs_are_kept(args)?;
    let embeddings = Embeddings::read(&args.embeddings, args.labels.as_deref())?;
    embeddings.labels().require_subjects(&args.embeddings)?;
    let encoder = model_digest(args, &embeddings)?;
    let cohort = read_cohort(args, &embeddings, encoder)?;
    let plan = Plan {
        enroll: args.enroll as usize,
        rates,
        draws: args.draws,
        seed: args.seed,
        form: args.form,
        back_end: args.back_end,
        fusion: args.fusion,
        cohort: args.normalize.zip(cohort.as_ref()),
        claim: args.claim,
    };
    let of_embeddings = |problem| FileError::new(&args.embeddings, problem);
    let calibration = calibrate(&embeddings, encoder, &plan).map_err(|problem| {
        let lacks_evidence = matches!(problem, CalibrationError::TooFew { .. } | CalibrationError::ZeroRate);
        let error = of_embeddings(problem);
        if lacks_evidence { refused(error) } else { error.into() }
    })?;
    let comparisons = comparisons(args, &embeddings, encoder, &plan)?;
    let thresholds =
        Thresholds::new(source(&embeddings, encoder, &plan), calibration, comparisons).judged_by(args.preset);
    write_all(&[(&args.output, thresholds.to_json().as_bytes())])?;
    warn_of_lost_length(args, &embeddings);
    print(&if args.json { thresholds.to_json() } else { text(&thresholds) })
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

fn check_inputs_are_kept(args: &Args) -> anyhow::Result<()> {
    let arrays = || std::iter::once(&args.embeddings).chain(&args.cohort);
    let labels: Vec<PathBuf> = arrays().map(|path| Embeddings::labels_path(path)).collect();
    let inputs = arrays().chain(&labels).chain(&args.labels).chain(&args.model);
    check_output(&args.output, &inputs.map(PathBuf::as_path).collect::<Vec<_>>())
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

fn read_cohort(args: &Args, embeddings: &Embeddings, encoder: ModelDigest) -> anyhow::Result<Option<Embeddings>> {
    let Some(path) = &args.cohort else { return Ok(None) };
    let cohort = Embeddings::read(path, None)?;
    cohort.require_model(path, encoder)?;
    cohort.require_dimension(path, embeddings.dimension())?;
    let named = cohort.labels().by_subject();
    let calibrated = embeddings.labels().by_subject();
    match named.iter().find(|(name, _)| calibrated.iter().any(|(other, _)| name == other)) {
        Some((name, _)) => {
            bail!("{}: `{name}` is among those to calibrate on: a cohort has to be of other subjects", path.display())
        }
        None => Ok(Some(cohort)),
    }
}

fn comparisons(
    args: &Args,
    embeddings: &Embeddings,
    encoder: ModelDigest,
    plan: &Plan<'_>,
) -> anyhow::Result<Vec<Comparison>> {
    if args.no_comparison || embeddings.labels().by_subject().len() < LEAST_SUBJECTS {
        return Ok(Vec::new());
    }
    let mut kinds = Kind::ALL.to_vec();
    if !kinds.contains(&args.back_end) {
        kinds.push(args.back_end);
    }
    let bar = progress_bar(kinds.len(), "back ends");
    let mut found = Vec::new();
    for kind in kinds {
        let comparison = compare(kind, embeddings, encoder, plan);
        found.extend(comparison.map_err(|problem| FileError::new(&args.embeddings, problem))?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(found)
}

fn source(embeddings: &Embeddings, model: ModelDigest, plan: &Plan<'_>) -> Source {
    Source {
        model,
        dimension: embeddings.dimension(),
        back_end: plan.back_end.to_string(),
        fusion: plan.fusion,
        subjects: embeddings.labels().by_subject().into_iter().map(|(name, _)| name.to_owned()).collect(),
        samples: embeddings.len(),
        enroll: plan.enroll,
        draws: plan.draws,
        seed: plan.seed,
    }
}

/// A mean of embeddings that were brought to unit length is not the one that the encoder has.
fn warn_of_lost_length(args: &Args, embeddings: &Embeddings) {
    let length = |row: &[f32]| row.iter().map(|value| value * value).sum::<f32>().sqrt();
    if args.back_end != Kind::None && embeddings.rows().all(|row| (length(row) - 1.0).abs() < 1e-3) {
        warn(
            "every embedding has unit length, and a back end is best fitted on what the encoder gave before: \
             set `normalize = false` in the model's preprocessing, and encode again",
        );
    }
}

fn text(thresholds: &Thresholds) -> String {
    let Source { model, back_end, fusion, subjects, samples, enroll, draws, .. } = &thresholds.source;
    let form = thresholds.coder().space().form;
    let mut text = format!(
        "model {model}\n{} subjects, {samples} samples, {enroll} enrolled of each, picked {draws} times\n\
         templates: {} elements, form {form}, back end {back_end}, fused by {fusion}\n\n",
        subjects.len(),
        thresholds.dimension(),
    );
    text += &back_ends(&thresholds.back_ends);
    writeln!(
        text,
        "{:>10}  {:>9}  {:>9}  {:>9}  {:>11}  on subjects not chosen on: {:>9}  {:>10}  {:>9}  FMR of halves",
        "FMR asked", "threshold", "FMR", "FNMR", "comparisons", "FMR", "95 % bound", "FNMR",
    )
    .expect("a string takes it");
    for entry in &thresholds.entries {
        let none = || "none".to_owned();
        let judged = |rate: fn(&CrossValidated) -> f64| {
            entry.cross_validated.as_ref().map_or_else(none, |found| percent(rate(found)))
        };
        let halves = entry.held_out.map_or_else(
            || "4 subjects needed".to_owned(),
            |held_out| format!("{}, worst {}", percent(held_out.mean_fmr), percent(held_out.worst_fmr)),
        );
        writeln!(
            text,
            "{:>10}  {:>9}  {:>9}  {:>9}  {:>11}  {:>36}  {:>10}  {:>9}  {halves}{}",
            entry.fmr.to_string(),
            show_score(entry.threshold, form),
            percent(entry.observed_fmr),
            percent(entry.observed_fnmr),
            entry.comparisons,
            judged(|found| found.fmr),
            percent(fraction(entry.fmr_upper_bound)),
            judged(|found| found.fnmr),
            if entry.claimed { "  claimed: too few comparisons to show it" } else { "" },
        )
        .expect("a string takes it");
    }
    text += &thresholds.requirement.map_or_else(String::new, |verdict| requirement(&verdict));
    text + "\nThese thresholds are chosen on these subjects: for others rates can differ, as the columns on the right show.\n"
}

/// Whether what others require is met.
fn requirement(verdict: &Verdict) -> String {
    let Verdict { preset, is_supported, fmr_upper_bound, fnmr_upper_bound, is_met } = verdict;
    format!(
        "\n{preset}: {}, {}: FMR at most {} where {} is required, FNMR at most {} where {} is (95 % bounds)\n\
         comparisons alone: what is required of presentation attacks and attempts is not looked at\n",
        if *is_supported { "the data can show it" } else { "the data cannot show it" },
        if *is_met { "and it is met" } else { "and it is not met" },
        percent(*fmr_upper_bound),
        preset.fmr(),
        percent(*fnmr_upper_bound),
        percent(preset.fnmr()),
    )
}

/// What each back end buys.
fn back_ends(comparisons: &[Comparison]) -> String {
    if comparisons.is_empty() {
        return String::new();
    }
    let mut text = format!("{:>10}  {:>8}  {:>9}  {:>18}\n", "back end", "elements", "EER", "FNMR at FMR 1 %");
    for Comparison { back_end, dimension, eer, fnmr_at_fmr_1_percent } in comparisons {
        let fnmr = fnmr_at_fmr_1_percent.map_or_else(|| "none".to_owned(), percent);
        writeln!(text, "{back_end:>10}  {dimension:>8}  {:>9}  {fnmr:>18}", percent(*eer)).expect("a string takes it");
    }
    text + "on subjects that the back end was not fitted on; --back-end chooses one\n\n"
}
