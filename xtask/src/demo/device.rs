//! The device's decisions, and what they cost.

use super::{BUNDLE, PROBES};
use crate::board::Board;
use crate::decision::Decision;
use crate::firmware::{self, Flash};
use crate::log;
use crate::qemu::{self, Ending, Line};
use crate::sizes::Sizes;
use anyhow::{Result, bail, ensure};
use std::time::Duration;

/// A run takes half a minute; without instructions for signals, some minutes.
const TIMEOUT: Duration = Duration::from_secs(900);

/// What the firmware reports.
pub struct Device {
    /// The board's name and core.
    pub board: Board,
    /// What it says about the bundle and its thresholds.
    pub bundle: String,
    /// One decision a probe, in the order of the probes.
    pub decisions: Vec<Decision>,
    /// Instructions of an embedding, on average.
    pub instructions_per_embedding: u64,
    /// What the firmware says about the encoder and its memory.
    pub encoder: String,
    /// Instructions of a decision, on average.
    pub instructions_per_decision: u64,
    /// The most bytes of stack that were in use.
    pub peak_stack: u64,
    /// What the program takes of flash and RAM.
    pub sizes: Sizes,
}

impl Device {
    /// Builds the firmware with bundle and probes, and runs it in QEMU.
    ///
    /// # Errors
    /// When it does not build, fails, takes too long or reports something else than is expected.
    pub fn run(board: Board) -> Result<Self> {
        eprintln!("\ndemo: building the firmware and running it in QEMU");
        let flash = Flash::of_demo(board)?;
        ensure!(flash.bundle.is_some() && flash.probes.is_some(), "{BUNDLE} or {PROBES} was not written");
        let elf = firmware::build_one(board, "demo", &flash)?;
        let run = qemu::run(board, &elf, TIMEOUT, show)?;
        match run.ending {
            Ending::Exited(0) => (),
            Ending::Exited(code) => bail!("the firmware failed with exit code {code}: its log is above"),
            Ending::TimedOut => bail!("the firmware did not end within {} s and was stopped", TIMEOUT.as_secs()),
        }
        Ok(Self {
            board,
            bundle: log::after(&run.lines, "bundle ")?.to_owned(),
            encoder: log::after(&run.lines, "encoder ")?.to_owned(),
            decisions: log::decisions(&run.lines)?,
            instructions_per_embedding: log::number(&run.lines, "instructions_per_embedding ")?,
            instructions_per_decision: log::number(&run.lines, "instructions_per_decision ")?,
            peak_stack: log::number(&run.lines, "peak_stack ")?,
            sizes: Sizes::of(&elf)?,
        })
    }
}

/// Shows what is not one of two thousand decisions.
fn show(line: &Line) {
    if !line.message.starts_with("decision ") {
        eprintln!("{line}");
    }
}
