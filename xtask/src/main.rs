//! What a person runs in this repository: `cargo xtask demo`, `cargo xtask test`, and what they are made of.

mod bench;
mod board;
mod capi;
mod cargo;
mod decision;
mod demo;
mod device;
mod features;
mod firmware;
// Of the flash and of the histories, the core's tests use more.
#[allow(dead_code)]
#[path = "../../tests/flash/mod.rs"]
mod flash;
mod fuzz;
mod hear;
mod log;
#[allow(dead_code)]
#[path = "../../tests/powercut/mod.rs"]
mod power;
mod powercut;
mod probe;
mod qemu;
mod region;
// Of the host's tool alone: it would bring the runtime of models with it.
#[allow(dead_code)]
#[path = "../../host-tools/src/quantization/relayout.rs"]
mod relayout;
mod release;
mod run;
mod setup;
mod sizes;
mod test;

use board::Board;
use cargo::Packages;
use clap::{Parser, Subcommand};
use fuzz::Inputs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Builds, runs and tests cognate on the host and on emulated boards.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install the compiler for Cortex-M and QEMU, if anything is missing; the others call it themselves
    Setup,
    /// Build a firmware; prints its ELF file and its sizes
    Firmware {
        /// The board to build for
        board: Board,
        /// The binary: a file of firmware/src/bin
        #[arg(long, value_name = "NAME", default_value = "demo")]
        bin: String,
    },
    /// Build the static library of the C interface; prints where it is
    Capi {
        /// A board with the core to build for
        board: Board,
    },
    /// Build a firmware, run it in QEMU, or by probe-rs on a board that you own, print its log, and exit with its exit code
    Run {
        /// The board to run on
        board: Board,
        /// The binary: a file of firmware/src/bin
        #[arg(long, value_name = "NAME", default_value = "demo")]
        bin: String,
        /// Stop it after this many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        timeout: u64,
    },
    /// The whole path: encode samples, choose a threshold, export a bundle, decide on an emulated Cortex-M4, compare
    Demo {
        /// Decide on another board, if it has room for the encoder
        #[arg(long, default_value = demo::BOARD.name(), value_parser = Board::parse_emulated())]
        board: Board,
        /// Print the figures as one JSON object on the last line, too
        #[arg(long)]
        json: bool,
    },
    /// Put recordings into an emulated board's flash, and print what it decides about each beside what the host does
    Hear {
        /// The bundle, of `cognate export` with the encoder in it
        bundle: PathBuf,
        /// The same encoder as a file, with its .toml beside it: what the host hears by
        encoder: PathBuf,
        /// WAV files of one channel of 16-bit integers at the encoder's rate
        #[arg(required = true, value_name = "RECORDING")]
        recordings: Vec<PathBuf>,
        /// The board to run on
        #[arg(long, default_value = demo::BOARD.name(), value_parser = Board::parse_emulated())]
        board: Board,
    },
    /// What searches, encoders, features of sound and a start cost in instructions, counted in QEMU, beside what a user would write
    Bench {
        /// Print one JSON object a line instead of tables
        #[arg(long)]
        json: bool,
        /// Only on this board
        #[arg(long, value_parser = Board::parse_emulated())]
        board: Option<Board>,
        /// Only these measurements
        #[arg(long)]
        only: Option<bench::What>,
        /// How many samples each whole encoder is given, every output compared with the host's bit for bit
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=100))]
        samples: u16,
    },
    /// What the core takes of flash and RAM: reference builds without a log, for each board that QEMU emulates
    Size {
        /// Print one JSON object a line instead of a table
        #[arg(long)]
        json: bool,
        /// Only for this board, which may be one that you own
        #[arg(long)]
        board: Option<Board>,
    },
    /// Check that the core compiles with each of its features alone and with all of them, for each target
    Features,
    /// Make the packages that are published; nothing is uploaded
    Package {
        /// Compile them as they are packed, which takes minutes
        #[arg(long)]
        verify: bool,
    },
    /// Licenses, bans and sources of all dependencies, by cargo-deny
    Deny,
    /// Hostile bytes for every public entry that takes some, as libFuzzer makes them
    Fuzz {
        /// The target: a file of fuzz/targets; otherwise all, one after the other
        target: Option<String>,
        /// For so long each
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
        /// So many inputs each in place of a time, from nothing and the same each time, on every core
        #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
        runs: Option<u64>,
        /// Only this input, such as one that made the target fail
        #[arg(long, value_name = "FILE", requires = "target", conflicts_with_all = ["seconds", "runs"])]
        input: Option<PathBuf>,
    },
    /// Cut the power at every point of random histories of a store, and see whether anything is lost or half there
    Powercut {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        /// Histories for each size of a flash's words, of 100 operations each
        #[arg(long, value_name = "N", default_value_t = 2)]
        histories: u64,
    },
    /// The story of trust on the device, step by step: keys, a signed bundle, enrollment over a link, power cuts, a new model
    Story {
        /// Decides when the power goes; otherwise the time does
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Run the device on a link in QEMU until it is interrupted, for `cognate device --port tcp:127.0.0.1:PORT`
    Device {
        /// The public key that its bundles are signed for, of `cognate keygen`
        #[arg(long, value_name = "FILE.pub")]
        bundles: PathBuf,
        /// The link's key, 64 hexadecimal digits
        #[arg(long, value_name = "FILE.key")]
        link: PathBuf,
        /// Where its firmware and its flash are kept
        #[arg(long, default_value = "target/device")]
        folder: PathBuf,
        /// The TCP port that is its UART
        #[arg(long, default_value_t = 4000)]
        port: u16,
    },
    /// Random valid and invalid frames against the device on its link in QEMU, which must still answer
    Frames {
        /// How many
        #[arg(long, default_value_t = device::FRAMES)]
        frames: u32,
        /// What they are made of
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Everything that must pass: format, lints, tests on the host, firmware in QEMU
    Test {
        /// Only what is tested in QEMU, on this board, or what can be tested of one that you own
        #[arg(long)]
        board: Option<Board>,
        /// The trainer too, which takes minutes to compile
        #[arg(long)]
        trainer: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Setup => setup::run(),
        Command::Firmware { board, bin } => firmware::run(board, &bin),
        Command::Capi { board } => capi::run(board),
        Command::Run { board, bin, timeout } => return run::run(board, &bin, Duration::from_secs(timeout)),
        Command::Demo { board, json } => demo::run(board, json, Packages::default()),
        Command::Hear { bundle, encoder, recordings, board } => hear::run(board, &bundle, &encoder, &recordings),
        Command::Bench { json, board, only, samples } => bench::run(json, board, only, samples.into()),
        Command::Size { json, board } => sizes::run(json, board),
        Command::Features => features::run(),
        Command::Package { verify } => release::package(verify),
        Command::Deny => release::deny(),
        Command::Fuzz { target, seconds, runs, input } => {
            let counted = runs.map_or(Inputs::Seconds(seconds), Inputs::Runs);
            fuzz::run(target.as_deref(), input.as_deref().map_or(counted, Inputs::File))
        }
        Command::Powercut { json, histories } => powercut::run(json, histories),
        Command::Story { seed } => device::story(seed, Packages::default()),
        Command::Device { bundles, link, folder, port } => device::run([&bundles, &link], &folder, port),
        Command::Frames { frames, seed } => device::frames(&in_repository("target/frames"), frames, seed),
        Command::Test { board, trainer } => {
            test::run(board, if trainer { Packages::All } else { Packages::WithoutTrainer })
        }
    };
    exit_code(outcome.map(|()| 0))
}

/// The exit code, or 1 and the error with its causes.
fn exit_code(outcome: anyhow::Result<u8>) -> ExitCode {
    outcome.map_or_else(
        |error| {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}

/// A path in the repository.
fn in_repository(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    root.join(path)
}
