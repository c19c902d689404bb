//! `cognate device verify`

use super::samples::Samples;
use super::{Device, failed};
use crate::commands::output::print;
use serde_json::json;

/// Asks the device whether samples are a subject's: each is an attempt
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Who is claimed
    subject: u32,
    #[command(flatten)]
    samples: Samples,
}

pub fn run(device: &Device<'_>, args: &Args) -> anyhow::Result<()> {
    let mut link = device.connect()?;
    for sample in args.samples.read()? {
        let (accepted, score) = link.verify(args.subject, &sample).map_err(failed)?;
        print(&if device.json() {
            format!("{}\n", json!({ "subject": args.subject, "accepted": accepted, "score": score }))
        } else {
            let verdict = if accepted { "accepted" } else { "rejected" };
            format!("subject {}: {verdict}, raw score {score}\n", args.subject)
        })?;
    }
    Ok(())
}
