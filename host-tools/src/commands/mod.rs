//! The subcommands, one a file: arguments, and what is printed.

mod analogy;
mod bridge;
mod budget;
mod cache;
mod calibrate;
mod completions;
mod device;
mod drift;
mod encode;
mod enroll;
mod evaluate;
mod export;
mod inspect;
mod keygen;
mod list;
pub mod output;
mod protect;
mod quantize;
mod remove;
mod report;
mod sign;
mod simulate;
mod split;
#[cfg(feature = "train")]
mod train;
mod verify;

use clap::{Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed: a file is not what it should be, or cannot be read or written
  2    the command line makes no sense
  3    refused: the evidence does not support it, or a limit forbids it
  130  interrupted by Ctrl-C; no file is left half written";

/// From an ONNX encoder and labeled samples to the bundle that a microcontroller decides with.
#[derive(Debug, Parser)]
#[command(name = "cognate", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// Show neither progress nor what was written; warnings, errors and results are still shown
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inspect(inspect::Args),
    #[cfg(feature = "train")]
    Train(train::Args),
    Quantize(quantize::Args),
    Budget(budget::Args),
    Encode(encode::Args),
    Split(split::Args),
    Evaluate(evaluate::Args),
    Report(report::Args),
    Calibrate(calibrate::Args),
    Export(export::Args),
    Enroll(enroll::Args),
    Remove(remove::Args),
    List(list::Args),
    Simulate(simulate::Args),
    Keygen(keygen::Args),
    Bridge(bridge::Args),
    Device(device::Args),
    Drift(drift::Args),
    Protect(protect::Args),
    Sign(sign::Args),
    Verify(verify::Args),
    Analogy(analogy::Args),
    Cache(cache::Args),
    Completions(completions::Args),
}

impl Cli {
    /// Does what the arguments ask for; without any, says what to do first.
    pub fn run(self) -> anyhow::Result<()> {
        if self.quiet {
            output::be_quiet();
        }
        let Some(command) = self.command else { return output::print(include_str!("start.txt")) };
        match command {
            Command::Inspect(args) => inspect::run(&args),
            #[cfg(feature = "train")]
            Command::Train(args) => train::run(&args),
            Command::Quantize(args) => quantize::run(&args),
            Command::Budget(args) => budget::run(&args),
            Command::Encode(args) => encode::run(&args),
            Command::Split(args) => split::run(&args),
            Command::Evaluate(args) => evaluate::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Calibrate(args) => calibrate::run(&args),
            Command::Export(args) => export::run(&args),
            Command::Enroll(args) => enroll::run(&args),
            Command::Remove(args) => remove::run(&args),
            Command::List(args) => list::run(&args),
            Command::Simulate(args) => simulate::run(&args),
            Command::Bridge(args) => bridge::run(&args),
            Command::Device(args) => device::run(&args),
            Command::Drift(args) => drift::run(&args),
            Command::Protect(args) => protect::run(&args),
            Command::Keygen(args) => keygen::run(&args),
            Command::Sign(args) => sign::run(&args),
            Command::Verify(args) => verify::run(&args),
            Command::Analogy(args) => analogy::run(&args),
            Command::Cache(args) => cache::run(&args),
            Command::Completions(args) => completions::run(&args),
        }
    }
}

#[cfg(test)]
mod tests;
