//! `cognate device status`

use super::{Device, failed, hexadecimal};
use crate::commands::output::print;
use cognate::protocol::{Answer, Command};
use serde_json::json;

/// What the device is for, who has room on it, and whether it is well
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(device: &Device<'_>) -> anyhow::Result<()> {
    let mut link = device.connect()?;
    let about = *link.about();
    let status = link.ask(&Command::Status, |answer| match answer {
        Answer::Status { wrong, wait, damaged, worn } => Some([*wrong, *wait, *damaged, *worn]),
        _ => None,
    });
    let [wrong, wait, damaged, worn] = status.map_err(failed)?;
    let model = hexadecimal(&about.model);
    if device.json() {
        let object = json!({
            "bundle": about.bundle, "model": model, "dimension": about.dimension, "templates": about.templates,
            "capacity": about.capacity, "wrong_attempts": wrong,
            "wait_seconds": (wait != u32::MAX).then_some(wait), "damaged": damaged, "worn": worn,
        });
        return print(&format!("{object}\n"));
    }
    let bundle = match about.bundle {
        0 => "no bundle: send a signed one with `cognate device update`".to_owned(),
        version => format!("bundle: version {version}, model {model}"),
    };
    let attempts = match wait {
        0 => "the next one can be made now".to_owned(),
        u32::MAX => "locked until it is unlocked by another way".to_owned(),
        seconds => format!("locked for another {seconds} s"),
    };
    let health = match (damaged, worn) {
        (0, 0) => "the flash is well".to_owned(),
        (damaged, worn) => format!(
            "{damaged} records were found damaged and {worn} writes did not hold: enroll again whoever is missing, and think \
             of replacing the part"
        ),
    };
    print(&format!(
        "{bundle}\n{} of {} templates of {} elements are enrolled on the device\n{wrong} wrong attempts in a row: {attempts}\n{health}\n",
        about.templates, about.capacity, about.dimension
    ))
}
