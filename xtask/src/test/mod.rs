//! `cargo xtask test`: everything that must pass.

mod capi;
mod device;
mod encoders;
pub mod fixture;
mod hear;
mod host;
mod owned;
mod panics;
mod rig;
pub mod summary;

use crate::board::Board;
use crate::cargo::Packages;
use anyhow::{Context, Result, bail};
use rig::Rig;
use std::sync::mpsc;
use std::thread;
use summary::Summary;

/// Runs all of it, or what is tested in QEMU on one board, to the end even when something fails.
///
/// # Errors
/// When anything failed.
pub fn run(board: Option<Board>, packages: Packages) -> Result<()> {
    let mut summary = Summary::default();
    let boards = match board {
        Some(board) if board.chip().is_some() => {
            owned::run(&[board], &mut summary);
            Vec::new()
        }
        Some(board) => {
            let ran = device::run(board, || Rig::build(board), &mut summary);
            capi::run(&[board], &mut summary);
            hear::run(&[board], &mut summary, packages);
            if board == crate::device::BOARD {
                crate::device::test(&mut summary, packages);
            }
            vec![(board, ran)]
        }
        None => everything(&mut summary, packages),
    };
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

/// Everything; which boards there was a firmware to run on.
fn everything(summary: &mut Summary, packages: Packages) -> Vec<(Board, bool)> {
    summary.step("set-up", crate::setup::run);
    // Firmware is built beside all that: linking takes one core, and so does QEMU.
    let (builder, rigs) = mpsc::channel();
    // As many as anybody waits for.
    thread::spawn(move || Board::EMULATED.into_iter().all(|board| builder.send(Rig::build(board)).is_ok()));
    host::run(summary, packages);
    let boards = Board::EMULATED.map(|board| {
        let build = || rigs.recv().context("the thread that builds firmware has ended")?;
        (board, device::run(board, build, summary))
    });
    owned::run(&Board::OWNED, summary);
    capi::run(&Board::EMULATED, summary);
    hear::run(&Board::EMULATED, summary, packages);
    summary.step("demo: real samples, decided alike on host and device", || {
        crate::demo::run(crate::demo::BOARD, false, packages)
    });
    crate::device::test(summary, packages);
    boards.into()
}
