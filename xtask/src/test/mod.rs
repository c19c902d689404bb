//! `cargo xtask test`: everything that must pass.

mod bench;
mod device;
mod fixture;
mod host;
mod region;
mod summary;

use crate::board::Board;
use anyhow::{Result, bail};
use summary::Summary;

/// Runs all of it, to the end even when something fails.
///
/// # Errors
/// When anything failed.
pub fn run() -> Result<()> {
    let mut summary = Summary::default();
    summary.step("set-up", crate::setup::run);
    host::run(&mut summary);
    let boards = Board::ALL.map(|board| (board, device::run(board, &mut summary)));
    summary.step("demo: real samples, decided alike on host and device", || crate::demo::run(false));
    println!("\n{summary}");
    for (board, ran) in boards {
        println!("board {} ({}): {}", board.name(), board.core(), if ran { "ran in QEMU" } else { "DID NOT RUN" });
    }
    println!("{} passed, {} failed", summary.passed(), summary.failed());
    if summary.failed() > 0 {
        bail!("not everything passed");
    }
    Ok(())
}
