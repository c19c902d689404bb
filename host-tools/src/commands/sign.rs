//! `cognate sign`

use super::output::{check_output, print};
use cognate::signature::BundleVersion;
use cognate_host::bundle::read_bytes;
use cognate_host::file::{FileError, write_all};
use cognate_host::signing::{public_key, read_secret_key, sign};
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate sign door.bundle --key door.key --as-version 1
  cognate sign door.bundle --key door.key --as-version 2 -o update.bundle";

/// Signs a bundle, so that devices which pin the key use it, and none that is older
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The bundle
    bundle: PathBuf,
    /// The secret key
    #[arg(long, value_name = "FILE.key")]
    key: PathBuf,
    /// The version: 1 or more, and more than that of every bundle that the devices had before
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    as_version: u32,
    /// The signed bundle to write; otherwise the bundle itself is signed
    #[arg(short, long, value_name = "FILE.bundle")]
    output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let output = args.output.as_ref().unwrap_or(&args.bundle);
    check_output(output, &[&args.key])?;
    let key = read_secret_key(&args.key)?;
    let version = BundleVersion::new(args.as_version);
    let bytes = read_bytes(&args.bundle)?;
    let signed = sign(&bytes, version, &key).map_err(|problem| FileError::new(&args.bundle, problem))?;
    write_all(&[(output, &signed)])?;
    if args.json {
        let id = public_key(&key).id().to_string();
        let object = json!({ "output": output, "version": version.number(), "bytes": signed.len(), "key": id });
        return print(&format!("{object}\n"));
    }
    let (path, length, id) = (output.display(), signed.len(), public_key(&key).id());
    print(&format!("{path}: {length} bytes, version {version}, signed with key {id}\n"))
}
