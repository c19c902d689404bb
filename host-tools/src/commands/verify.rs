//! `cognate verify`

use super::output::print;
use cognate::signature::BundleVersion;
use cognate_host::bundle::read_bytes;
use cognate_host::file::FileError;
use cognate_host::signing::{read_public_key, verify};
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate verify door.bundle --key door.pub
  cognate verify update.bundle --key door.pub --least 2 --json";

/// Checks a signed bundle as a device does, and its signature by a second implementation
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The signed bundle
    bundle: PathBuf,
    /// The public key
    #[arg(long, value_name = "FILE.pub")]
    key: PathBuf,
    /// The least version to accept, as a device that has had it does
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    least: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let key = read_public_key(&args.key)?;
    let bytes = read_bytes(&args.bundle)?;
    let signed = verify(&bytes, &key, BundleVersion::new(args.least));
    let signed = signed.map_err(|problem| FileError::new(&args.bundle, problem))?;
    let (version, length, id) = (signed.version(), signed.len(), key.id());
    print(&if args.json {
        format!("{}\n", json!({ "version": version.number(), "bytes": length, "key": id.to_string() }))
    } else {
        format!("{}: {length} bytes, version {version}, signed with key {id}\n", args.bundle.display())
    })
}
