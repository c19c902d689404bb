//! `cognate device`

mod backup;
mod enroll;
mod identify;
mod list;
mod remove;
mod restore;
mod samples;
mod statistics;
mod status;
mod update;
mod verify;
mod watch;

use super::output::refused;
use clap::Subcommand;
use cognate::protocol::Key;
use cognate_host::signing::read_line;
use cognate_link::{Link, LinkError, Port, PortName};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cognate device --port /dev/ttyACM0 --key link.key status
  cognate device --port tcp:127.0.0.1:4000 --key link.key update door.bundle
  cognate device --port tcp:127.0.0.1:4000 --key link.key enroll --embeddings anna.npy
  cognate device --port tcp:127.0.0.1:4000 --key link.key verify 2147483648 --embeddings probe.npy";

/// Speaks with a device over a serial port, or over TCP with an emulator
///
/// The key is the link's, which the device was given when it was made: a line of 64 hexadecimal digits, as `cognate keygen` writes
/// its secret ones.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// tcp:HOST:PORT, or a serial port as the system names it
    #[arg(long)]
    port: PortName,
    /// The link's key
    #[arg(long, value_name = "FILE.key")]
    key: PathBuf,
    /// Print one JSON object, or one a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(status::Args),
    List(list::Args),
    Enroll(enroll::Args),
    Verify(verify::Args),
    Identify(identify::Args),
    Remove(remove::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Update(update::Args),
    Statistics(statistics::Args),
    Watch(watch::Args),
}

/// Where the device is, and how to begin a session with it.
struct Device<'a> {
    args: &'a Args,
    key: Key,
}

impl Device<'_> {
    fn connect(&self) -> anyhow::Result<Link<Port>> {
        let port = Port::open(&self.args.port).map_err(failed)?;
        Link::connect(port, self.key).map_err(failed)
    }

    const fn json(&self) -> bool {
        self.args.json
    }
}

/// What the device refuses has an exit code of its own.
fn failed(error: LinkError) -> anyhow::Error {
    if matches!(error, LinkError::Refused(_)) { refused(error) } else { error.into() }
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let device = Device { args, key: Key::new(read_line(&args.key)?) };
    match &args.command {
        Command::Status(_) => status::run(&device),
        Command::List(_) => list::run(&device),
        Command::Enroll(args) => enroll::run(&device, args),
        Command::Verify(args) => verify::run(&device, args),
        Command::Identify(args) => identify::run(&device, args),
        Command::Remove(args) => remove::run(&device, args),
        Command::Backup(args) => backup::run(&device, args),
        Command::Restore(args) => restore::run(&device, args),
        Command::Update(args) => update::run(&device, args),
        Command::Statistics(args) => statistics::run(&device, args),
        Command::Watch(args) => watch::run(&device, args),
    }
}

/// A digest as it is printed elsewhere.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
