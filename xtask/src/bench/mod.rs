//! `cargo xtask bench`: what searches, an encoder's layers, whole encoders, the features of sound and the device's start cost in
//! instructions, counted in QEMU, and what stands beside them.

mod data;
mod encoders;
mod layers;
mod networks;
mod quantized;
mod run;
mod sound;
mod table;

pub use data::Data;
pub use encoders::{EncoderRuns, table as encoder_table};
pub use layers::{LayerRuns, table as layer_table};
pub use run::Runs;
pub use sound::{run as sound, table as sound_table};
pub use table::{KERNELS, of as table};

use crate::board::Board;
use crate::firmware::{self, Flash};
use crate::{device, in_repository};
use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::Serialize;

/// The firmware that measures; of the device on a link is measured what it is.
pub const BINS: [&str; 4] = ["bench", "bench-encoder", "bench-layers", "bench-sound"];

/// Measurements that belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum What {
    /// Searches, and what a user would otherwise write
    Searches,
    /// Layers of an encoder, beside their definition
    Layers,
    /// Whole encoders, beside their definition
    Encoders,
    /// Log-mel features of a second of sound
    Sound,
    /// The device on a link until it is ready
    Boot,
}

/// Runs everything, or only some of it, on some boards and prints tables or, with `json`, one object a line.
///
/// # Errors
/// When something does not run, or an answer is not what the definition gives.
pub fn run(json: bool, board: Option<Board>, only: Option<What>, samples: usize) -> Result<()> {
    let boards = board.map_or(Board::EMULATED.to_vec(), |board| vec![board]);
    let is_wanted = |what| only.is_none_or(|only| only == what);
    let of_device = boards.contains(&device::BOARD);
    let data = Data::load()?;
    let encoders = if is_wanted(What::Encoders) { quantized::all(samples)? } else { Vec::new() };
    let mut wrong = 0;
    for board in boards {
        let elf = |bin| firmware::build_one(board, bin, &Flash::default());
        if is_wanted(What::Searches) {
            let figures = Runs::new(board, &elf("bench")?, &data)?.all()?;
            wrong += figures.iter().filter(|figure| !figure.equal_to_portable).count();
            print(json, &figures, || table(board, &figures))?;
        }
        if is_wanted(What::Layers) {
            let figures = LayerRuns::new(board, &elf("bench-layers")?)?.all()?;
            wrong += figures.iter().filter(|figure| !figure.equal_to_portable).count();
            print(json, &figures, || layer_table(board, &figures))?;
        }
        if is_wanted(What::Encoders)
            && let Some(runs) = EncoderRuns::new(board, &elf("bench-encoder")?)?
        {
            let figures = runs.all(&encoders)?;
            wrong += figures.iter().filter(|figure| !figure.equal_to_portable).count();
            print(json, &figures, || encoder_table(board, &figures))?;
        }
        if is_wanted(What::Sound) {
            let figure = sound(board, &elf("bench-sound")?)?;
            wrong += usize::from(!figure.equal_to_portable);
            print(json, std::slice::from_ref(&figure), || sound_table(board, &figure))?;
        }
    }
    if is_wanted(What::Boot) && of_device {
        let figures = device::boot(&in_repository("target/bench/device"))?;
        print(json, &figures, || device::boot_table(&figures))?;
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

/// xorshift32 (Marsaglia 2003): the next of pseudo-random numbers that are the same each time.
pub fn pseudo_random(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}
