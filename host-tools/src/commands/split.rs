//! `cognate split`

use super::output::{check_embeddings_output, note, print_if};
use anyhow::bail;
use cognate_host::embeddings::{self, Embeddings};
use serde_json::json;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate split digits.npy --subjects 5,6,7,8 --first 5 --enroll-out enroll.npy --probes-out probes.npy";

/// Parts embeddings into those to enroll (the first of some subjects) and the probes (all others)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The embeddings
    embeddings: PathBuf,
    /// The subjects to enroll
    #[arg(long, required = true, value_delimiter = ',', value_name = "NAME,NAME,…")]
    subjects: Vec<String>,
    /// How many samples of each subject to enroll
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    first: u32,
    /// The .npy file for the embeddings to enroll
    #[arg(long, value_name = "FILE.npy")]
    enroll_out: PathBuf,
    /// The .npy file for all others, in their order
    #[arg(long, value_name = "FILE.npy")]
    probes_out: PathBuf,
    /// The labels, where they are not in the CSV file beside the embeddings
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let inputs: Vec<&Path> = std::iter::once(&args.embeddings).chain(&args.labels).map(PathBuf::as_path).collect();
    check_embeddings_output(&args.enroll_out, &inputs)?;
    check_embeddings_output(&args.probes_out, &inputs)?;
    if args.enroll_out == args.probes_out {
        bail!("{}: --enroll-out and --probes-out name the same file", args.enroll_out.display());
    }
    let all = Embeddings::read(&args.embeddings, args.labels.as_deref())?;
    all.labels().require_subjects(&args.embeddings)?;
    let enrolled = rows_to_enroll(args, &all)?;
    let is_enrolled: HashSet<usize> = enrolled.iter().copied().collect();
    let probes: Vec<usize> = (0..all.len()).filter(|row| !is_enrolled.contains(row)).collect();
    if probes.is_empty() {
        bail!("{}: nothing is left for probes: lower --first, or name fewer subjects", args.embeddings.display());
    }
    let files = [all.select(&enrolled).to_files(&args.enroll_out), all.select(&probes).to_files(&args.probes_out)];
    embeddings::write_all(&files.concat())?;
    note(&format!("{}: {} to enroll", args.enroll_out.display(), enrolled.len()));
    note(&format!("{}: {} probes", args.probes_out.display(), probes.len()));
    print_if(args.json, &json!({ "enroll": enrolled.len(), "probes": probes.len() }))
}

/// The first rows of each subject, in the order in which the subjects are named.
fn rows_to_enroll(args: &Args, all: &Embeddings) -> anyhow::Result<Vec<usize>> {
    let (file, first) = (args.embeddings.display(), args.first as usize);
    let by_subject = all.labels().by_subject();
    let mut enrolled = Vec::new();
    for (place, name) in args.subjects.iter().enumerate() {
        if args.subjects[..place].contains(name) {
            bail!("--subjects names `{name}` twice");
        }
        let Some((_, rows)) = by_subject.iter().find(|(subject, _)| subject == name) else {
            bail!("{file}: it has no subject `{name}`: check --subjects and the labels");
        };
        let Some(rows) = rows.get(..first) else {
            bail!("{file}: subject `{name}` has {} samples, fewer than the {first} of --first", rows.len());
        };
        enrolled.extend(rows);
    }
    Ok(enrolled)
}
