//! `cognate remove`

use super::output::print;
use cognate::SubjectId;
use cognate_host::bundle::{Bundle, BundleProblem, Wanted};
use cognate_host::file::{FileError, write_all};
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate remove door.bundle Anna
  cognate remove door.bundle --id 3";

/// Removes a subject and all its templates from a bundle
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The bundle to change
    bundle: PathBuf,
    /// The subject's name
    #[arg(required_unless_present = "id", conflicts_with = "id")]
    name: Option<String>,
    /// The subject's id, in place of its name: names can be numbers too
    #[arg(long)]
    id: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let of_bundle = |problem| FileError::new(&args.bundle, problem);
    let mut bundle = Bundle::read(&args.bundle)?;
    let wanted = match (&args.name, args.id) {
        (_, Some(id)) => Wanted::Id(SubjectId::new(id)),
        (name, None) => Wanted::Name(name.clone().unwrap_or_default()),
    };
    let removed = bundle.remove(&wanted).map_err(|error| of_bundle(BundleProblem::Enroll(error)))?;
    let bytes = bundle.to_bytes().map_err(|error| of_bundle(BundleProblem::Write(error)))?;
    write_all(&[(&args.bundle, &bytes)])?;
    let (id, name, count) = (removed.id, removed.name, removed.codes.len());
    if args.json {
        let object = json!({ "bundle": args.bundle, "id": id.number(), "name": name, "templates": count });
        return print(&format!("{object}\n"));
    }
    print(&format!("{}: removed subject {id}, `{name}`, with {count} templates\n", args.bundle.display()))
}
