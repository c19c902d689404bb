//! Log-mel features of a second of sound at 16 kHz.

use super::run::{kernels_and_k, rounded};
use crate::board::Board;
use crate::qemu::{self, Ending};
use anyhow::{Context, Result, ensure};
use cognate_firmware::parity::Sound;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(300);

/// A measurement.
#[derive(Clone, Debug, Serialize)]
pub struct SoundFigure {
    /// What was measured.
    pub kernel: &'static str,
    /// On which core: m0, m3, …
    pub core: &'static str,
    /// Rows of features.
    pub rows: u32,
    /// Executed instructions, in all.
    pub instructions: f64,
    /// Instructions of a tick of SysTick, as they were counted.
    pub k: f64,
    /// Whether the features are those of the host.
    pub equal_to_portable: bool,
}

/// Runs the firmware `bench-sound`.
///
/// # Errors
/// When it does not run.
pub fn run(board: Board, elf: &Path) -> Result<SoundFigure> {
    let run = qemu::run(board, elf, TIMEOUT, |_| ())?;
    let lines: String = run.lines.iter().map(|line| format!("\n{line}")).collect();
    ensure!(run.ending == Ending::Exited(0), "the firmware ended with {:?}:{lines}", run.ending);
    let (_, k) = kernels_and_k(board, &run.lines)?;
    let line = run.lines.iter().find_map(|line| line.message.strip_prefix("sound rows "));
    let line = line.with_context(|| format!("no measurement in this log:{lines}"))?;
    let (rows, rest) = line.split_once(" ticks ").context("no ticks")?;
    let (ticks, features) = rest.split_once(' ').context("no features")?;
    let (expected_rows, expected) = Sound::new().hear();
    let rows = rows.parse()?;
    Ok(SoundFigure {
        kernel: "log_mel_16khz_1s",
        core: board.short_core(),
        rows,
        instructions: rounded(ticks.parse::<f64>()? * k, 1.0),
        k,
        equal_to_portable: rows == expected_rows && features == format!("{expected:?}"),
    })
}

/// A line about one board.
pub fn table(board: Board, figure: &SoundFigure) -> String {
    let SoundFigure { rows, instructions, equal_to_portable, .. } = figure;
    let wrong = if *equal_to_portable { "" } else { "  WRONG ANSWER" };
    format!(
        "{} ({}), log-mel features of 1 s at 16 kHz, {rows} rows of 40 bands: {:.2} M instructions{wrong}\n",
        board.name(),
        board.core(),
        instructions / 1e6
    )
}
