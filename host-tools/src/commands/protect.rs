//! `cognate protect`

use super::output::{check_output, print};
use cognate::protection::ProtectionKey;
use cognate_host::bundle::{Bundle, BundleProblem};
use cognate_host::file::{FileError, create_private, write_all};
use cognate_host::signing::{random, read_line, to_line};
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate protect door.bundle --key door.key
  cognate protect door.bundle --old-key door.key --key new.key -o door-2.bundle
  cognate protect door.bundle --old-key door.key --reveal";

/// Protects a bundle's templates by a device's key, changes the key, or takes the protection away
///
/// A protected gallery decides exactly as before on the device that has the key, and cannot be compared with anything without
/// it. It is no encryption: how alike its templates are among each other stays visible, and whoever has the key has the
/// templates.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The bundle
    bundle: PathBuf,
    /// The key to protect it with; a file that does not exist is made, readable to you alone
    #[arg(long, value_name = "FILE.key", required_unless_present = "reveal", conflicts_with = "reveal")]
    key: Option<PathBuf>,
    /// The key that it is protected with now
    #[arg(long, value_name = "FILE.key")]
    old_key: Option<PathBuf>,
    /// Only take the protection away
    #[arg(long, requires = "old_key")]
    reveal: bool,
    /// The bundle to write; otherwise the bundle itself is changed
    #[arg(short, long, value_name = "FILE.bundle")]
    output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let of_bundle = |problem| FileError::new(&args.bundle, problem);
    let output = args.output.as_ref().unwrap_or(&args.bundle);
    let keys: Vec<_> = args.key.iter().chain(&args.old_key).map(PathBuf::as_path).collect();
    check_output(output, &keys)?;
    let mut bundle = Bundle::read(&args.bundle)?;
    if let Some(old) = &args.old_key {
        let revealed = bundle.reveal(&ProtectionKey::new(read_line(old)?));
        revealed.map_err(|error| of_bundle(BundleProblem::Protection(error)))?;
    }
    if bundle.is_protected() {
        anyhow::bail!("{}: it is protected already: give its key with --old-key", args.bundle.display());
    }
    if let Some(path) = &args.key {
        let is_new = !path.exists();
        let key = if is_new { random()? } else { read_line(path)? };
        bundle.protect(&ProtectionKey::new(key)).map_err(|error| of_bundle(BundleProblem::Protection(error)))?;
        if is_new {
            create_private(path, to_line(&key).as_bytes())?;
        }
    }
    let bytes = bundle.to_bytes().map_err(|error| of_bundle(BundleProblem::Write(error)))?;
    write_all(&[(output, &bytes)])?;
    if args.json {
        let object =
            json!({ "output": output, "subjects": bundle.subjects().len(), "protected": bundle.is_protected() });
        return print(&format!("{object}\n"));
    }
    let what = if bundle.is_protected() { "protected" } else { "no longer protected" };
    print(&format!("{}: {} subjects, {what}\n", output.display(), bundle.subjects().len()))
}
