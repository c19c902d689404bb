//! `cognate evaluate`

mod json;
mod source;
mod text;

pub use source::{Source, SourceArgs};

use super::output::{print, progress_bar};
use cognate::policy::Rate;
use cognate_host::evaluation::identification::Setting;
use cognate_host::evaluation::{AtFmr, Evaluation, Plan, bootstrap};
use cognate_host::file::FileError;
use cognate_host::thresholds::parse_rate;

const EXAMPLES: &str = "\
Examples:
  cognate evaluate face.onnx photos/
  cognate evaluate door.bundle photos.npy
  cognate evaluate --embeddings photos.npy --labels photos.csv --groups age --json";

/// How an evaluation is made
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// The false match rates to find thresholds for, as fractions; groups are compared at the first
    #[arg(long, value_delimiter = ',', value_name = "RATE,…", value_parser = parse_rate, default_value = "0.001,0.01,0.0001,0.00001")]
    fmr: Vec<Rate>,
    /// Enroll the first K samples of each subject and identify the others; otherwise each sample among all the others
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    enroll: Option<u32>,
    /// Identify no more probes than this, picked evenly
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    probes: u32,
    /// The numbers of enrolled subjects to tell the error rates of identification for
    #[arg(long, value_delimiter = ',', value_name = "N,…", default_value = "1,10,100,1000", value_parser = clap::value_parser!(u32).range(1..))]
    gallery: Vec<u32>,
    /// Compare the groups of samples that columns of the labels make
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    groups: Vec<String>,
    /// How often subjects are drawn anew for an interval
    #[arg(long, value_name = "N", default_value_t = bootstrap::REPLICATES, value_parser = clap::value_parser!(u32).range(..=100_000))]
    replicates: u32,
    /// What draws begin from
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Tells how good an encoder is, in f32 and as the device computes: error rates, thresholds, identification, groups
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    plan: PlanArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let source = args.source.load()?;
    let evaluation = args.plan.evaluate(&source)?;
    print(&if args.json {
        format!("{}\n", json::object(&source, &evaluation))
    } else {
        text::text(&source, &evaluation)
    })
}

impl PlanArgs {
    /// How often subjects are drawn anew.
    pub const fn replicates(&self) -> u32 {
        self.replicates
    }

    /// What draws begin from.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Evaluates, with a bar of the pairs of both paths.
    pub fn evaluate(&self, source: &Source) -> anyhow::Result<Evaluation> {
        let mut rates: Vec<Rate> = Vec::new();
        rates.extend(self.fmr.iter().filter(|rate| !rates.contains(rate)).collect::<Vec<_>>());
        let mut galleries: Vec<usize> = self.gallery.iter().map(|&size| size as usize).collect();
        galleries.sort_unstable();
        galleries.dedup();
        let plan = Plan {
            rates,
            setting: Setting { enroll: self.enroll.map(|count| count as usize), most_probes: self.probes as usize },
            galleries,
            groups: self.groups.clone(),
            replicates: self.replicates,
            seed: self.seed,
        };
        let samples = source.embeddings.len();
        let bar = progress_bar(samples * samples.saturating_sub(1), "pairs");
        let evaluation = Evaluation::new(&source.embeddings, &source.coder, &plan, &|pairs| bar.inc(pairs));
        bar.finish_and_clear();
        Ok(evaluation.map_err(|problem| FileError::new(&source.name, problem))?)
    }
}

/// What a bundle's threshold does on these samples.
fn in_use(source: &Source, evaluation: &Evaluation) -> Option<AtFmr> {
    let (threshold, rate) = source.in_use?;
    Some(AtFmr::at_threshold(&evaluation.device.scores, threshold.raw(), rate))
}
