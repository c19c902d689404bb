//! Runs a firmware in QEMU or on a board, with its log on standard output.

use crate::board::Board;
use crate::firmware::{self, Flash};
use crate::probe;
use crate::qemu::{self, Ending};
use anyhow::{Result, bail};
use std::process::ExitCode;
use std::time::Duration;

/// `cargo xtask run`: the exit code is the firmware's.
pub fn run(board: Board, bin: &str, timeout: Duration) -> ExitCode {
    crate::exit_code(run_to_end(board, bin, timeout))
}

fn run_to_end(board: Board, bin: &str, timeout: Duration) -> Result<u8> {
    let elf = firmware::build_one(board, bin, &Flash::of_demo(board)?)?;
    let ending = match board.chip() {
        Some(chip) => probe::run(chip, &elf, timeout)?,
        None => qemu::run(board, &elf, timeout, |line| println!("{line}"))?.ending,
    };
    match ending {
        Ending::Exited(code) => Ok(u8::try_from(code).unwrap_or(u8::MAX)),
        Ending::TimedOut => {
            bail!("{bin} did not end within {} s and was stopped: --timeout gives it longer", timeout.as_secs())
        }
    }
}
