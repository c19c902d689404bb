//! `cognate device update`

use super::{Device, failed};
use crate::commands::output::{print, progress_bar};
use anyhow::bail;
use cognate::signature::claimed;
use cognate_host::bundle::read_bytes;
use serde_json::json;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// How long a device is given to start anew.
const RESTARTS: Duration = Duration::from_millis(300);

/// Sends a signed bundle, which the device checks and takes into use
///
/// An update that was cut goes on where it ended; until it is whole and checked, the device works with the bundle before.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle, signed by `cognate sign`
    bundle: PathBuf,
}

pub fn run(device: &Device<'_>, args: &Args) -> anyhow::Result<()> {
    let bytes = read_bytes(&args.bundle)?;
    let Some(claim) = claimed(&bytes) else {
        bail!("{}: the bundle is not signed: sign it with `cognate sign`", args.bundle.display());
    };
    let mut link = device.connect()?;
    let before = link.about().bundle;
    let bar = progress_bar(bytes.len(), "bytes");
    let sent = link.update(&bytes, |bytes| bar.inc(bytes as u64));
    bar.finish_and_clear();
    let sent = sent.map_err(failed)?;
    drop(link);
    thread::sleep(RESTARTS);
    let after = device.connect()?.about().bundle;
    if after != claim.version.number() {
        bail!("the device has taken version {} and uses {after}: ask it for its status", claim.version);
    }
    print(&if device.json() {
        format!(
            "{}\n",
            json!({ "before": before, "version": after, "bytes": sent.bytes, "resumed_at": sent.resumed_at })
        )
    } else {
        let resumed = if sent.resumed_at > 0 { format!(", from byte {} on", sent.resumed_at) } else { String::new() };
        format!("version {after} is in use, before it was {before}: {} bytes sent{resumed}\n", sent.bytes)
    })
}
