//! `cognate device statistics`

use super::{Device, failed};
use crate::commands::output::print;
use cognate_host::file::write_all;
use serde_json::json;
use std::path::PathBuf;

/// Keeps what the device has counted of its decisions since it was started, for `cognate drift`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The statistics to write
    #[arg(short, long, value_name = "FILE.stats")]
    output: PathBuf,
}

pub fn run(device: &Device<'_>, args: &Args) -> anyhow::Result<()> {
    let statistics = device.connect()?.statistics().map_err(failed)?;
    write_all(&[(&args.output, &statistics)])?;
    print(&if device.json() {
        format!("{}\n", json!({ "output": args.output, "bytes": statistics.len() }))
    } else {
        format!("{}: {} bytes\n", args.output.display(), statistics.len())
    })
}
