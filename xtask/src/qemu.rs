//! Runs firmware in QEMU, reads its log, and never waits for ever.

use crate::board::Board;
use anyhow::{Context, Result, bail};
use defmt_decoder::{DecodeError, Frame, Locations, StreamDecoder, Table};
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The firmware ended with this exit code.
    Exited(i32),
    /// It was stopped when its time was up.
    TimedOut,
}

/// A line of the firmware's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// `info`, `error`, …
    pub level: &'static str,
    /// What it says.
    pub message: String,
    /// File and line of the source, where the log statement is.
    pub place: Option<String>,
}

/// What a run left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// How it ended.
    pub ending: Ending,
    /// Its log, in order.
    pub lines: Vec<Line>,
}

/// Runs a firmware until it ends or its time is up. `on_line` sees each line of the log as it comes.
///
/// # Errors
/// When QEMU cannot be started, or the output is not the log of this firmware.
pub fn run(board: Board, elf: &Path, timeout: Duration, on_line: impl FnMut(&Line)) -> Result<Run> {
    run_any(board, elf, None, timeout, on_line)
}

/// Runs a firmware that logs plain text.
///
/// # Errors
/// When QEMU cannot be started, or the output is not text.
pub fn run_text(board: Board, elf: &Path, timeout: Duration) -> Result<(Ending, String)> {
    let deadline = Instant::now() + timeout;
    let process = Process::start(&mut without_link(board, elf, None))?;
    let mut output = Vec::new();
    while let Some(bytes) = process.output_until(deadline) {
        output.extend(bytes);
    }
    Ok((process.end(deadline)?, String::from_utf8(output)?))
}

/// A file that is put into memory before the firmware begins.
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'a> {
    /// The file.
    pub file: &'a Path,
    /// Where its first byte goes.
    pub address: u32,
}

/// The same with a file in memory.
///
/// # Errors
/// As [`run`].
pub fn run_loaded(
    board: Board,
    elf: &Path,
    loaded: Loaded<'_>,
    timeout: Duration,
    on_line: impl FnMut(&Line),
) -> Result<Run> {
    run_any(board, elf, Some(loaded), timeout, on_line)
}

fn run_any(
    board: Board,
    elf: &Path,
    loaded: Option<Loaded<'_>>,
    timeout: Duration,
    mut on_line: impl FnMut(&Line),
) -> Result<Run> {
    let deadline = Instant::now() + timeout;
    let bytes = std::fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let table = Table::parse(&bytes)?.with_context(|| format!("{} has no defmt log", elf.display()))?;
    let mut log = Log::new(&table, &bytes)?;
    let process = Process::start(&mut without_link(board, elf, loaded))?;
    let mut lines = Vec::new();
    while let Some(output) = process.output_until(deadline) {
        for line in log.decode(&output)? {
            on_line(&line);
            lines.push(line);
        }
    }
    Ok(Run { ending: process.end(deadline)?, lines })
}

/// QEMU with a firmware, and whatever is the same in all runs: the log is its output. An instruction takes 2^`shift` nanoseconds of
/// the emulated clock: with 0, SysTick counts instructions.
fn command(board: Board, elf: &Path, shift: &str) -> Command {
    let mut command = Command::new("qemu-system-arm");
    command
        .args(["-machine", board.machine(), "-cpu", board.cpu()])
        .args(["-display", "none", "-monitor", "none"])
        .args(["-icount", &format!("shift={shift}")])
        .arg("-kernel")
        .arg(elf);
    command
}

/// The same for a firmware that says what it has to say in its log.
fn without_link(board: Board, elf: &Path, loaded: Option<Loaded<'_>>) -> Command {
    let mut command = command(board, elf, "0");
    if let Some(Loaded { file, address }) = loaded {
        command.arg("-device").arg(format!("loader,file={},addr={address:#x},force-raw=on", file.display()));
    }
    command.args(["-serial", "none", "-semihosting-config", "enable=on,target=native"]);
    command
}

/// A firmware that runs until it is stopped, with a link and a flash in a file.
pub struct Running {
    process: Process,
    elf: Vec<u8>,
    output: Vec<u8>,
}

impl Running {
    /// Starts the firmware with a flash in a file and its UART on a TCP port of this machine.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub fn start(board: Board, elf: &Path, flash: &Path, port: u16, shift: &str) -> Result<Self> {
        let bytes = std::fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
        let mut command = command(board, elf, shift);
        command
            .arg("-serial")
            .arg(format!("tcp:127.0.0.1:{port},server=on,wait=off,nodelay=on"))
            .arg("-semihosting-config")
            .arg(format!("enable=on,target=native,arg={}", flash.display()));
        Ok(Self { process: Process::start(&mut command)?, elf: bytes, output: Vec::new() })
    }

    /// Everything that it has logged so far.
    ///
    /// # Errors
    /// When its output is not the log of this firmware.
    pub fn lines(&mut self) -> Result<Vec<Line>> {
        while let Ok(more) = self.process.output.try_recv() {
            self.output.extend(more);
        }
        let table = Table::parse(&self.elf)?.context("the firmware has no defmt log")?;
        Log::new(&table, &self.elf)?.decode(&self.output)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When it was killed.
    pub fn ended(&mut self) -> Result<Option<i32>> {
        match self.process.child.try_wait()? {
            None => Ok(None),
            Some(status) => match ending(status)? {
                Ending::Exited(code) => Ok(Some(code)),
                Ending::TimedOut => Ok(None),
            },
        }
    }
}

/// A running QEMU. It is stopped when this is dropped.
struct Process {
    child: Child,
    output: Receiver<Vec<u8>>,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start qemu-system-arm: run `cargo xtask setup`")?;
        let mut stdout = child.stdout.take().context("QEMU's output was not kept")?;
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, output })
    }

    /// The next bytes of output; `None` when there are no more, or the time is up.
    fn output_until(&self, deadline: Instant) -> Option<Vec<u8>> {
        let left = deadline.saturating_duration_since(Instant::now());
        // Asked with no time left, a channel would still give what has come: a firmware that never stops logging.
        if left.is_zero() { None } else { self.output.recv_timeout(left).ok() }
    }

    /// Waits for the end, or brings it about.
    fn end(mut self, deadline: Instant) -> Result<Ending> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return ending(status);
            }
            if Instant::now() >= deadline {
                return Ok(Ending::TimedOut);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ending(status: ExitStatus) -> Result<Ending> {
    match status.code() {
        Some(code) => Ok(Ending::Exited(code)),
        None => bail!("QEMU was killed ({status})"),
    }
}

/// Turns output into lines.
struct Log<'a> {
    decoder: Box<dyn StreamDecoder + Send + Sync + 'a>,
    locations: Locations,
}

impl<'a> Log<'a> {
    fn new(table: &'a Table, elf: &[u8]) -> Result<Self> {
        Ok(Self { decoder: table.new_stream_decoder(), locations: table.get_locations(elf)? })
    }

    fn decode(&mut self, output: &[u8]) -> Result<Vec<Line>> {
        self.decoder.received(output);
        let mut lines = Vec::new();
        loop {
            match self.decoder.decode() {
                Ok(frame) => lines.push(line(&frame, &self.locations)),
                Err(DecodeError::UnexpectedEof) => return Ok(lines),
                Err(DecodeError::Malformed) => {
                    bail!("the firmware's output is not its log: something else wrote to it")
                }
            }
        }
    }
}

fn line(frame: &Frame<'_>, locations: &Locations) -> Line {
    let root = crate::in_repository("");
    let place = locations.get(&frame.index()).map(|place| {
        let file = place.file.strip_prefix(&root).unwrap_or(&place.file);
        format!("{}:{}", file.display(), place.line)
    });
    Line {
        level: frame.level().map_or("print", |level| level.as_str()),
        message: frame.display_message().to_string(),
        place,
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:5} {}", self.level, self.message)?;
        match &self.place {
            Some(place) if self.level != "info" => write!(f, " ({place})"),
            _ => Ok(()),
        }
    }
}
