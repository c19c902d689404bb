//! Runs firmware on a board behind a debug probe, by probe-rs.

use crate::qemu::Ending;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How often to look whether it has ended.
const INTERVAL: Duration = Duration::from_millis(50);

/// Flashes a firmware and runs it until it ends or its time is up, the time to flash it included. probe-rs prints its log, and
/// takes its exit code.
///
/// # Errors
/// When probe-rs cannot be started; says what to type. What else goes wrong it prints itself, and ends with a failing exit code.
pub fn run(chip: &str, elf: &Path, timeout: Duration) -> Result<Ending> {
    let deadline = Instant::now() + timeout;
    let mut command = Command::new("probe-rs");
    command.args(["run", "--chip", chip]).arg(elf);
    let mut child = command.spawn().context(
        "cannot start probe-rs, which flashes boards: cargo install --locked probe-rs-tools, or https://probe.rs",
    )?;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Ending::Exited(status.code().unwrap_or(1)));
        }
        thread::sleep(INTERVAL);
    }
    child.kill()?;
    child.wait()?;
    Ok(Ending::TimedOut)
}
