//! `cognate bridge`

use super::output::{check_output, percent, print, refused};
use anyhow::bail;
use cognate::BundleView;
use cognate::policy::Rate;
use cognate::protocol::Key;
use cognate_host::bridge::backup::convert;
use cognate_host::bridge::{Limits, Measured, Pairs, fit};
use cognate_host::bundle::{Bundle, BundleProblem, with_search};
use cognate_host::embeddings::Embeddings;
use cognate_host::file::{self, FileError, write_all};
use cognate_host::signing::read_line;
use cognate_host::thresholds::parse_rate;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate bridge old.bundle new.bundle --old photos-old.npy --new photos-new.npy
  cognate bridge old.bundle new.bundle --old a.npy --new b.npy --backup a.backup --link-key k.key --backup-output b.backup
  cognate bridge old.bundle new.bundle --old a.npy --new b.npy --fmr 0.01 --json -o both.bundle";

/// Takes whoever is enrolled over to a new model, by a map fitted on samples that both models encoded
///
/// Half of the subjects fit the map, the other half judges it: a bridge that accepts too many strangers, or for which that cannot
/// be known, is refused, and so is one that no longer knows whom it should.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The bundle of the old model, with everybody in it
    old_bundle: PathBuf,
    /// The bundle of the new model, with its thresholds and nobody in it
    new_bundle: PathBuf,
    /// Samples as the old model encoded them, of people who need not be enrolled
    #[arg(long, value_name = "FILE.npy")]
    old: PathBuf,
    /// The same samples as the new model encoded them
    #[arg(long, value_name = "FILE.npy")]
    new: PathBuf,
    /// The bundle to write; otherwise everybody is added to the new one
    #[arg(short, long, value_name = "FILE.bundle")]
    output: Option<PathBuf>,
    /// The false match rate to keep to with 95 % confidence; otherwise what the new threshold's own evidence says
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    fmr: Option<Rate>,
    /// The most false non-matches
    #[arg(long, value_name = "RATE", default_value = "0.1", value_parser = parse_rate)]
    fnmr: Rate,
    /// Take over a sealed backup of a device, too
    #[arg(long, value_name = "FILE.backup", requires_all = ["link_key", "backup_output"])]
    backup: Option<PathBuf>,
    /// The key of the device's link, which seals its backups
    #[arg(long, value_name = "FILE.key", requires = "backup")]
    link_key: Option<PathBuf>,
    /// The backup to write, for the device to restore when it has the new bundle
    #[arg(long, value_name = "FILE.backup", requires = "backup")]
    backup_output: Option<PathBuf>,
    /// How subjects are parted
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let output = args.output.as_ref().unwrap_or(&args.new_bundle);
    check_output(output, &[&args.old_bundle, &args.old, &args.new])?;
    let (old, mut new) = (Bundle::read(&args.old_bundle)?, Bundle::read(&args.new_bundle)?);
    for (bundle, path) in [(&old, &args.old_bundle), (&new, &args.new_bundle)] {
        if bundle.is_protected() {
            return Err(FileError::new(path, BundleProblem::Protected).into());
        }
    }
    if old.subjects().is_empty() {
        return Err(FileError::new(&args.old_bundle, BundleProblem::Nobody).into());
    }
    if !new.subjects().is_empty() {
        bail!("{}: somebody is enrolled in it already: export it with nobody in it", args.new_bundle.display());
    }
    let read = |bundle: &Bundle, path: &PathBuf| {
        let embeddings = Embeddings::read(path, None)?;
        embeddings.labels().require_subjects(path)?;
        embeddings.require_model(path, bundle.encoder())?;
        embeddings.require_dimension(path, bundle.embedding_dimension())?;
        anyhow::Ok(embeddings)
    };
    let (old_samples, new_samples) = (read(&old, &args.old)?, read(&new, &args.new)?);
    let pairs = Pairs { old: &old_samples, new: &new_samples };
    let (bridge, measured) = fit(old.settings(), new.settings(), &pairs, args.seed)?;
    let most = args.fmr.unwrap_or(new.operating_point().fmr_upper_bound);
    measured.require(&Limits { fmr: most, fnmr: cognate_host::thresholds::fraction(args.fnmr) }).map_err(refused)?;
    let of_output = |problem| FileError::new(output, problem);
    let taken = new.take_over(bridge.convert_all(&old)?, old.next_subject());
    taken.map_err(|error| of_output(BundleProblem::Enroll(error)))?;
    let bytes = new.to_bytes().map_err(|error| of_output(BundleProblem::Write(error)))?;
    let view = BundleView::new_checked(&bytes).map_err(|error| of_output(BundleProblem::Refused(error)))?;
    let policy = with_search(&view, |search| view.identification(search).map(|_| ()));
    policy.map_err(|error| refused(of_output(BundleProblem::Policy(error))))?;
    let backup = match (&args.backup, &args.link_key, &args.backup_output) {
        (Some(backup), Some(key), Some(converted)) => {
            check_output(converted, &[backup, key, &args.old_bundle, output])?;
            let (sealed, key) = (file::read(backup)?, Key::new(read_line(key)?));
            let bytes = convert(&sealed, &key, old.coder().space().model, &bridge);
            Some((converted, bytes.map_err(|problem| FileError::new(backup, problem))?))
        }
        _ => None,
    };
    let backup = backup.as_ref().map(|(path, bytes)| (path.as_path(), bytes.as_slice()));
    write_all(&[(output.as_path(), bytes.as_slice())].into_iter().chain(backup).collect::<Vec<_>>())?;
    let subjects = new.subjects().len();
    print(&if args.json {
        format!("{}\n", json!({ "subjects": subjects, "measured": measured }))
    } else {
        format!("{}: {subjects} subjects\n{}", output.display(), text(&measured))
    })
}

fn text(measured: &Measured) -> String {
    let Measured { fitted_subjects, judged_subjects, impostors, false_matches, genuine, false_non_matches, .. } =
        measured;
    format!(
        "fitted on {fitted_subjects} subjects, judged on {judged_subjects} others\n\
         false matches: {false_matches} of {impostors}, at most {} with 95 % confidence\n\
         false non-matches: {false_non_matches} of {genuine} ({}); {} if they were enrolled again\n",
        percent(measured.fmr_upper_bound),
        percent(measured.fnmr()),
        measured.false_non_matches_enrolled_again,
    )
}
