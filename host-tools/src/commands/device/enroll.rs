//! `cognate device enroll`

use super::samples::Samples;
use super::{Device, failed};
use crate::commands::output::print;
use serde_json::json;

/// Enrolls a new subject on the device, by three samples or more
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    samples: Samples,
}

pub fn run(device: &Device<'_>, args: &Args) -> anyhow::Result<()> {
    let samples = args.samples.read()?;
    let id = device.connect()?.enroll(samples.iter().map(Vec::as_slice)).map_err(failed)?;
    print(&if device.json() {
        format!("{}\n", json!({ "id": id, "samples": samples.len() }))
    } else {
        format!("enrolled as subject {id}, by {} samples\n", samples.len())
    })
}
