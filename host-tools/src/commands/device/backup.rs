//! `cognate device backup`

use super::{Device, failed};
use crate::commands::output::print;
use cognate_host::file::write_all;
use serde_json::json;
use std::path::PathBuf;

/// Keeps who was enrolled on the device in a file, sealed with the link's key
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The backup to write
    #[arg(short, long, value_name = "FILE.backup")]
    output: PathBuf,
}

pub fn run(device: &Device<'_>, args: &Args) -> anyhow::Result<()> {
    let backup = device.connect()?.backup().map_err(failed)?;
    write_all(&[(&args.output, &backup)])?;
    print(&if device.json() {
        format!("{}\n", json!({ "output": args.output, "bytes": backup.len() }))
    } else {
        format!("{}: {} bytes, sealed\n", args.output.display(), backup.len())
    })
}
