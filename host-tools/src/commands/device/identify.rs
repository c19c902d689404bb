//! `cognate device identify`

use super::samples::Samples;
use super::{Device, failed};
use crate::commands::output::print;
use serde_json::json;

/// Asks the device whose samples are: each is an attempt
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    samples: Samples,
}

pub fn run(device: &Device<'_>, args: &Args) -> anyhow::Result<()> {
    let mut link = device.connect()?;
    for sample in args.samples.read()? {
        let (id, score) = link.identify(&sample).map_err(failed)?;
        print(&if device.json() {
            format!("{}\n", json!({ "subject": id, "score": score }))
        } else {
            match id {
                Some(id) => format!("subject {id}, raw score {score}\n"),
                None => format!("nobody for sure, raw score of the most alike {score}\n"),
            }
        })?;
    }
    Ok(())
}
