//! The `cognate` command.

mod commands;

use clap::Parser;
use commands::output;
use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(unix)]
    if let Err(error) = leave_nothing_half_written() {
        output::warn(&format!("an interruption may leave temporary files behind: {error}"));
    }
    match commands::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::report(&error),
    }
}

/// Lets an output that is being written come to its end before Ctrl-C, or being asked to terminate, ends the process.
#[cfg(unix)]
fn leave_nothing_half_written() -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::{iterator::Signals, low_level::emulate_default_handler};

    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        for signal in &mut signals {
            let _nothing_begins = cognate_host::file::wait_for_writes();
            // As if it had never been caught: a shell that waits sees what ended the command.
            if emulate_default_handler(signal).is_err() {
                std::process::exit(128 + signal);
            }
        }
    });
    Ok(())
}
