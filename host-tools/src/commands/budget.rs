//! `cognate budget`

use super::output::print;
use anyhow::{Context, bail};
use cognate::BundleView;
use cognate_host::budget::{Board, Budget, parse_board};
use cognate_host::bundle::{BundleProblem, read_bytes};
use cognate_host::file::FileError;
use cognate_host::int8::EncoderFile;
use cognate_host::model::is_int8;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate budget face.encoder
  cognate budget door.bundle --board mps2-an386 --json";

/// Tells what an encoder takes of a board: flash, memory, and an estimate of the instructions
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// An int8 encoder, or a bundle that holds one
    file: PathBuf,
    /// The board; without one, a core that runs everything the portable way
    #[arg(long, value_name = "NAME", value_parser = parse_board)]
    board: Option<Board>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let Some(budget) = of_file(&args.file, args.board)? else {
        bail!("{}: the bundle has no encoder: export it with --model FILE.encoder", args.file.display());
    };
    print(&if args.json { format!("{}\n", serde_json::to_string(&budget)?) } else { text(&budget) })?;
    if let Some(board) = &args.board {
        let place = budget.check(board).with_context(|| args.file.display().to_string())?;
        if !args.json {
            print(&format!("place               {place}\n"))?;
        }
    }
    Ok(())
}

/// What the encoder in a file takes; `None` when it is a bundle without one.
pub fn of_file(path: &Path, board: Option<Board>) -> anyhow::Result<Option<Budget>> {
    let (encoder, others) = if is_int8(path) {
        (EncoderFile::open(path)?.bytes().to_vec(), 0)
    } else {
        let bytes = read_bytes(path)?;
        let refused = |error| FileError::new(path, BundleProblem::Refused(error));
        let bundle = BundleView::new_checked(&bytes).map_err(refused)?;
        let Some(encoder) = bundle.encoder_section() else { return Ok(None) };
        (encoder.to_vec(), bytes.len() - encoder.len())
    };
    Ok(Some(Budget::new(&encoder, others, board).with_context(|| path.display().to_string())?))
}

fn text(budget: &Budget) -> String {
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("writing to a string does not fail");
    line(format_args!(
        "{:>4} {:<13} {:>13} {:>9} {:>9} {:>11} {:>13}",
        "step", "operator", "shape", "flash", "tensors", "MACs", "instructions"
    ));
    for layer in &budget.layers {
        let shape = layer.shape.map(|size| size.to_string()).join("×");
        line(format_args!(
            "{:>4} {:<13} {shape:>13} {:>9} {:>9} {:>11} {:>13}",
            layer.step, layer.operator, layer.flash_bytes, layer.memory_bytes, layer.macs, layer.instructions
        ));
    }
    line(format_args!("board               {}", budget.board.unwrap_or("any, the portable way")));
    line(format_args!(
        "flash               {} bytes, {} of them the encoder",
        budget.flash_bytes, budget.encoder_bytes
    ));
    line(format_args!("arena               {} bytes", budget.arena_bytes));
    line(format_args!(
        "stack, application  {} bytes, as measured of the demo's firmware on mps2-an386",
        budget.application_bytes
    ));
    line(format_args!("template            {} bytes", budget.template_bytes));
    line(format_args!(
        "instructions        about {}, {:.2} a MAC: an estimate from what `cargo xtask bench --only layers` counts",
        budget.instructions,
        budget.instructions as f64 / budget.macs.max(1) as f64
    ));
    text
}
