//! `cognate device list`

use super::{Device, failed};
use crate::commands::output::print;
use serde_json::json;

/// Who is enrolled, of the bundle and on the device
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(device: &Device<'_>) -> anyhow::Result<()> {
    let subjects = device.connect()?.list().map_err(failed)?;
    if device.json() {
        let subjects: Vec<_> =
            subjects.iter().map(|subject| json!({ "id": subject.id, "templates": subject.templates })).collect();
        return print(&format!("{}\n", json!({ "subjects": subjects })));
    }
    let lines = subjects.iter().map(|subject| format!("subject {}: {} templates\n", subject.id, subject.templates));
    let text: String = lines.collect();
    print(if text.is_empty() { "nobody is enrolled\n" } else { &text })
}
