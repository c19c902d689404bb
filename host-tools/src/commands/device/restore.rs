//! `cognate device restore`

use super::{Device, failed};
use crate::commands::output::{print, progress_bar};
use cognate_host::file;
use serde_json::json;
use std::path::PathBuf;

/// Puts a backup back: whoever is enrolled on the device and not in it is erased
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The backup
    backup: PathBuf,
}

pub fn run(device: &Device<'_>, args: &Args) -> anyhow::Result<()> {
    let backup = file::read(&args.backup)?;
    let mut link = device.connect()?;
    let bar = progress_bar(backup.len(), "bytes");
    let restored = link.restore(&backup, |bytes| bar.inc(bytes as u64));
    bar.finish_and_clear();
    restored.map_err(failed)?;
    print(&if device.json() {
        format!("{}\n", json!({ "backup": args.backup, "bytes": backup.len() }))
    } else {
        format!("{}: restored\n", args.backup.display())
    })
}
