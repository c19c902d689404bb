//! `cognate device remove`

use super::{Device, failed};
use crate::commands::output::print;
use cognate::protocol::{Answer, Command};
use serde_json::json;

/// Removes a subject and prints the receipt: what was erased for it, or that its bytes stay in the bundle until the next one
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The subject
    subject: u32,
}

/// What the device says that was done.
struct Receipt {
    templates: u16,
    from: u32,
    to: u32,
    stubborn: u32,
}

pub fn run(device: &Device<'_>, args: &Args) -> anyhow::Result<()> {
    let subject = args.subject;
    let receipt = device.connect()?.ask(&Command::Remove { subject }, |answer| match answer {
        Answer::Removed { templates, from, to, stubborn } => {
            Some(Some(Receipt { templates: *templates, from: *from, to: *to, stubborn: *stubborn }))
        }
        Answer::Hidden => Some(None),
        _ => None,
    });
    let receipt = receipt.map_err(failed)?;
    let Some(Receipt { templates, from, to, stubborn }) = receipt else {
        return print(&if device.json() {
            format!("{}\n", json!({ "subject": subject, "hidden": true }))
        } else {
            format!(
                "subject {subject} is not found any more, but its templates stay in the bundle until the next one\n"
            )
        });
    };
    print(&if device.json() {
        format!(
            "{}\n",
            json!({ "subject": subject, "templates": templates, "erased": [from, to], "stubborn": stubborn })
        )
    } else {
        let worn = match stubborn {
            0 => String::new(),
            stubborn => format!(", but {stubborn} of its pages are worn and still hold something: replace the part"),
        };
        format!("subject {subject}: {templates} templates removed, flash {from:#x} to {to:#x} erased{worn}\n")
    })
}
