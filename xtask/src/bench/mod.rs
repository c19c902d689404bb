//! `cargo xtask bench`: what searches cost in instructions, counted in QEMU, and what a user would otherwise write.

mod data;
mod run;
mod table;

pub use data::Data;
pub use run::Runs;
pub use table::{KERNELS, of as table};

use crate::board::Board;
use anyhow::{Result, bail};

/// Runs everything on some boards and prints a table or, with `json`, one object a line.
///
/// # Errors
/// When something does not run, or an answer is not what the definition gives.
pub fn run(json: bool, board: Option<Board>) -> Result<()> {
    let boards = board.map_or(Board::ALL.to_vec(), |board| vec![board]);
    let data = Data::load()?;
    let mut wrong = 0;
    for board in boards {
        let figures = Runs::build(board, &data)?.all()?;
        wrong += figures.iter().filter(|figure| !figure.equal_to_portable).count();
        if json {
            for figure in &figures {
                println!("{}", serde_json::to_string(figure)?);
            }
        } else {
            println!("{}", table(board, &figures));
        }
    }
    if wrong > 0 {
        bail!("{wrong} answers are not what the definition gives: this must never happen");
    }
    Ok(())
}
