//! `cognate device watch`

use super::{Device, failed};
use crate::commands::output::{note, print};
use cognate::protocol::{Answer, Command, Verdict};
use cognate_link::LinkError;
use serde_json::json;
use std::thread;
use std::time::Duration;

/// How often the device is asked.
const EVERY: Duration = Duration::from_millis(250);

/// Shows decisions as they come, until it is interrupted
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after so many decisions
    #[arg(long)]
    count: Option<u32>,
}

pub fn run(device: &Device<'_>, args: &Args) -> anyhow::Result<()> {
    let (mut link, mut after, mut shown) = (device.connect()?, 0, 0);
    note("watching: Ctrl-C ends it");
    while args.count.is_none_or(|count| shown < count) {
        let found = link.ask(&Command::Decision { after }, |answer| match answer {
            Answer::Decision { number, verdict, id, score } => Some(Some((*number, *verdict, *id, *score))),
            Answer::End => Some(None),
            _ => None,
        });
        match found {
            Ok(Some((number, verdict, id, score))) => {
                (after, shown) = (number, shown + 1);
                show(device.json(), number, verdict, id, score)?;
            }
            Ok(None) => thread::sleep(EVERY),
            // It was started anew, and counts from 1 again.
            Err(LinkError::Lost) => {
                note("the device has started anew");
                (link, after) = (device.connect()?, 0);
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn show(json: bool, number: u32, verdict: Verdict, id: u32, score: i32) -> anyhow::Result<()> {
    let verdict = match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Rejected => "rejected",
        Verdict::Known => "known",
        Verdict::Ambiguous => "ambiguous",
        Verdict::Unknown => "unknown",
    };
    print(&if json {
        format!(
            "{}\n",
            json!({ "number": number, "verdict": verdict, "subject": (id != 0).then_some(id), "score": score })
        )
    } else if id == 0 {
        format!("{number:>6}  {verdict:<9}  {:>10}  {score:>9}\n", "-")
    } else {
        format!("{number:>6}  {verdict:<9}  {id:>10}  {score:>9}\n")
    })
}
