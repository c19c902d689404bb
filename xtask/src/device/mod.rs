//! The device on a link, in QEMU: how it is made, started, stopped and spoken to.

mod boot;
mod frames;
mod story;

pub use boot::{measure as boot, table as boot_table};
pub use frames::{FRAMES, run as frames};
pub use story::run as story;

use crate::board::Board;
use crate::cargo::Packages;
use crate::firmware::{self, Flash};
use crate::in_repository;
use crate::qemu::Running;
use crate::region::Region;
use crate::test::summary::Summary;
use anyhow::{Context, Result, bail, ensure};
use cognate_link::{Link, LinkError, Port, PortName};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The board that it is for.
pub const BOARD: Board = Board::Mps2An386;

/// An instruction takes a nanosecond, which the counter of instructions takes for granted.
pub const COUNTING: &str = "0";

/// An instruction takes a microsecond: delays of seconds pass in a moment.
pub const FAST: &str = "10";

/// Frames of a session in the tests.
const FRAMES_OF_A_TEST: u32 = 1000;

/// Instructions that the device may take until it is ready.
const MOST_TO_READY: u64 = 5_000_000;
/// The same where it compares each template with a cohort before.
const MOST_WITH_COHORT: u64 = 6_000_000;

/// QEMU opens its port before the firmware begins.
const OPENS_WITHIN: Duration = Duration::from_secs(20);

/// A device: firmware with keys, a flash in a file, a port.
pub struct Maker {
    elf: PathBuf,
    flash: PathBuf,
}

impl Maker {
    /// Builds the firmware and gives it both keys: the one that bundles are signed for, and the link's.
    ///
    /// # Errors
    /// When it does not build.
    pub fn build(folder: &Path, bundles: &[u8; 32], link: &[u8; 32]) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let built = fs::read(firmware::build_one(BOARD, "device", &Flash::default())?)?;
        let elf = folder.join("device.elf");
        fs::write(&elf, Region::of_keys(&built)?.flash(built, &[*bundles, *link].concat())?)?;
        Ok(Self { elf, flash: folder.join("device.flash") })
    }

    /// Erases its flash.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn erase(&self) -> Result<()> {
        if self.flash.exists() {
            fs::remove_file(&self.flash).with_context(|| format!("cannot remove {}", self.flash.display()))?;
        }
        Ok(())
    }

    /// The file that is its flash.
    pub fn flash(&self) -> &Path {
        &self.flash
    }

    /// Starts it, on a port of this machine that is free.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, shift: &str) -> Result<Device> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        self.start_at(port, shift)
    }

    /// The same on this port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_at(&self, port: u16, shift: &str) -> Result<Device> {
        let running = Running::start(BOARD, &self.elf, &self.flash, port, shift)?;
        let mut device = Device { running, port };
        // It is there when its port is; the link waits for the firmware itself.
        let began = Instant::now();
        while let Err(error) = device.open() {
            if began.elapsed() > OPENS_WITHIN {
                return Err(error.into());
            }
            device.require_running()?;
            thread::sleep(Duration::from_millis(20));
        }
        Ok(device)
    }
}

/// A device that runs. Dropped, its power is cut.
pub struct Device {
    /// The emulator.
    running: Running,
    port: u16,
}

impl Device {
    /// The name of its port, as `cognate device` takes it.
    pub fn port(&self) -> String {
        format!("tcp:127.0.0.1:{}", self.port)
    }

    fn open(&self) -> Result<Port, LinkError> {
        Port::open(&PortName::Tcp(format!("127.0.0.1:{}", self.port)))
    }

    /// Begins a session.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn connect(&self, key: &[u8; 32]) -> Result<Link<Port>> {
        Ok(Link::connect(self.open()?, cognate::protocol::Key::new(*key))?)
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// Shows its log.
    pub fn require_running(&mut self) -> Result<()> {
        if let Some(code) = self.running.ended()? {
            for line in self.running.lines()? {
                eprintln!("{line}");
            }
            bail!("the firmware ended with exit code {code}: its log is above");
        }
        Ok(())
    }
}

/// What is tested of it.
pub fn test(summary: &mut Summary, packages: Packages) {
    let folder = in_repository("target/qemu-tests/device");
    summary.step("device: random frames over its link, and it still answers", || frames(&folder, FRAMES_OF_A_TEST, 1));
    summary.step("device: ready soon, with as many templates as it can hold", || ready_soon(&folder));
    summary.step("device: the story of trust, with the power cut in an enrollment", || story(Some(1), packages));
}

fn ready_soon(folder: &Path) -> Result<()> {
    let figures = boot(folder)?;
    println!("{}", boot_table(&figures));
    for boot::Figure { cohort, instructions, .. } in figures {
        let most = if cohort { MOST_WITH_COHORT } else { MOST_TO_READY };
        ensure!(instructions <= most, "{instructions} instructions are more than {most}");
    }
    Ok(())
}

/// `cargo xtask device`: the device with these keys and this flash, until it is interrupted.
///
/// # Errors
/// When it does not start, or ends.
pub fn run(keys: [&Path; 2], folder: &Path, port: u16) -> Result<()> {
    let [bundles, link] = keys.map(read_key);
    let maker = Maker::build(folder, &bundles?, &link?)?;
    // By the clock of this machine, so that delays are what they say.
    let mut device = maker.start_at(port, "auto")?;
    println!("the device is at {}, its flash is {}: Ctrl-C cuts its power", device.port(), maker.flash().display());
    let mut shown = 0;
    loop {
        let lines = device.running.lines()?;
        lines.iter().skip(shown).for_each(|line| println!("{line}"));
        shown = lines.len();
        device.require_running()?;
        thread::sleep(Duration::from_millis(200));
    }
}

/// Reads a key of 64 hexadecimal digits.
///
/// # Errors
/// When it is none.
pub fn read_key(path: &Path) -> Result<[u8; 32]> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let digits = text.trim().as_bytes();
    let byte = |pair: &[u8; 2]| str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = digits.as_chunks::<2>().0.iter().map(byte).collect();
    let key = bytes.filter(|_| digits.len() == 64).and_then(|bytes| bytes.try_into().ok());
    key.with_context(|| format!("{} is no key of 64 hexadecimal digits", path.display()))
}
