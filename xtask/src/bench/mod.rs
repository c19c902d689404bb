//! `cargo xtask bench`: what searches and an encoder's layers cost in instructions, counted in QEMU, and what stands beside them.

mod data;
mod layers;
mod run;
mod table;

pub use data::Data;
pub use layers::{LayerRuns, table as layer_table};
pub use run::Runs;
pub use table::{KERNELS, of as table};

use crate::board::Board;
use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::Serialize;

/// Measurements that belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum What {
    /// Searches, and what a user would otherwise write
    Searches,
    /// Layers of an encoder, beside their definition
    Layers,
}

/// Runs everything, or only some of it, on some boards and prints tables or, with `json`, one object a line.
///
/// # Errors
/// When something does not run, or an answer is not what the definition gives.
pub fn run(json: bool, board: Option<Board>, only: Option<What>) -> Result<()> {
    let boards = board.map_or(Board::ALL.to_vec(), |board| vec![board]);
    let is_wanted = |what| only.is_none_or(|only| only == what);
    let data = Data::load()?;
    let mut wrong = 0;
    for board in boards {
        if is_wanted(What::Searches) {
            let figures = Runs::build(board, &data)?.all()?;
            wrong += figures.iter().filter(|figure| !figure.equal_to_portable).count();
            print(json, &figures, || table(board, &figures))?;
        }
        if is_wanted(What::Layers) {
            let figures = LayerRuns::build(board)?.all()?;
            wrong += figures.iter().filter(|figure| !figure.equal_to_portable).count();
            print(json, &figures, || layer_table(board, &figures))?;
        }
    }
    if wrong > 0 {
        bail!("{wrong} answers are not what the definition gives: this must never happen");
    }
    Ok(())
}

fn print(json: bool, figures: &[impl Serialize], table: impl FnOnce() -> String) -> Result<()> {
    if json {
        for figure in figures {
            println!("{}", serde_json::to_string(figure)?);
        }
    } else {
        println!("{}", table());
    }
    Ok(())
}
