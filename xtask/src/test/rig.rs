//! The test firmware of a board, and how it is run.

use super::encoders::picture;
use super::fixture::{self, Bundle, Who};
use crate::bench;
use crate::board::Board;
use crate::firmware::{self, Flash};
use crate::in_repository;
use crate::qemu::{self, Ending, Line, Run};
use crate::region::Region;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// No test takes a tenth of it, but the machine may be busy.
pub const TIMEOUT: Duration = Duration::from_secs(120);

const BINS: [&str; 7] = ["demo", "enroll", "selftest", "kerneltest", "panic", "fault", "hang"];

/// The samples of `firmware/src/bin/enroll.rs`, which has the script of the button, and the time of each: a sample of the
/// same time is the same sample.
pub const SAMPLES: [(Who, usize); 21] = {
    use Who::{Anna, Between, Boris, Stranger};
    [
        (Boris, 0),
        // Too few.
        (Boris, 1),
        // Two are the same.
        (Boris, 2),
        (Boris, 3),
        (Boris, 2),
        // Enrolled.
        (Boris, 0),
        (Boris, 1),
        (Boris, 2),
        (Boris, 3),
        // Decided about.
        (Boris, 4),
        (Stranger, 0),
        (Anna, 4),
        (Between, 0),
        // BORIS again.
        (Boris, 0),
        (Boris, 1),
        (Boris, 4),
        // One too many.
        (Stranger, 0),
        (Stranger, 1),
        (Stranger, 2),
        (Stranger, 3),
        (Stranger, 4),
    ]
};

/// A board and the firmware for it.
pub struct Rig {
    /// The board.
    pub board: Board,
    elfs: BTreeMap<String, PathBuf>,
    /// The reference builds, where it is the first board with its kernels.
    pub references: BTreeMap<String, PathBuf>,
    folder: PathBuf,
    /// The bundle that the firmware has in flash.
    pub bundle: Vec<u8>,
    /// The samples that it is shown.
    pub rows: Vec<u8>,
    /// The same as pictures, for a bundle with an encoder.
    pub pictures: Vec<u8>,
}

impl Rig {
    /// Builds every binary, with the fixture's bundle and samples in flash.
    pub fn build(board: Board) -> Result<Self> {
        let folder = in_repository("target/qemu-tests").join(board.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let bundle = Bundle::ANNA.encode()?;
        let rows = fixture::rows(SAMPLES.map(|(who, time)| fixture::sample(who, time)));
        let pictures = SAMPLES.map(|(who, time)| picture(who, time)).concat();
        // All at once, so that the library is compiled once, and with nothing in flash that would compile it again.
        let others = if board.stands_for_its_kernels() { &bench::BINS[..] } else { &[] };
        let bins = [&BINS[..], &["hear"], others].concat();
        let mut elfs = firmware::build(board, &bins, &Flash::default())?;
        for (bin, path) in elfs.iter_mut().filter(|(bin, _)| BINS.contains(&bin.as_str())) {
            let elf = flashed(fs::read(&path)?, &bundle, &rows)?;
            *path = folder.join(bin);
            fs::write(&path, elf).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let stands = board.stands_for_its_kernels();
        let references = if stands { firmware::build_references(board)? } else { BTreeMap::new() };
        Ok(Self { board, elfs, references, folder, bundle, rows, pictures })
    }

    /// Where a binary is.
    pub fn elf(&self, bin: &str) -> Result<&PathBuf> {
        self.elfs.get(bin).with_context(|| format!("{bin} was not built"))
    }

    /// Runs a binary and shows its log.
    pub fn run(&self, bin: &str) -> Result<Run> {
        qemu::run(self.board, self.elf(bin)?, TIMEOUT, |line| println!("{line}"))
    }

    /// Builds the application as a task of Embassy's executor and runs it with the same bundle and samples.
    pub fn run_embassy(&self) -> Result<Run> {
        let elf = fs::read(firmware::build_embassy(self.board, &Flash::default())?)?;
        self.run_flashed(&flashed(elf, &self.bundle, &self.rows)?, |line| println!("{line}"))
    }

    /// The bundle's region of flash with these bytes at its beginning; those behind them are 0xff, as when erased.
    pub fn region_with(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let length = Region::of_bundle(&fs::read(self.elf("demo")?)?)?.length;
        ensure!(bytes.len() <= length, "{} bytes do not fit into a region of {length}", bytes.len());
        let mut region = bytes.to_vec();
        region.resize(length, 0xff);
        Ok(region)
    }

    /// Runs `demo` with other bytes flashed over the whole region of its bundle.
    pub fn run_with_bundle(&self, bytes: &[u8]) -> Result<Run> {
        self.run_bin_with_bundle("demo", bytes, |_| ())
    }

    /// The same with pictures to encode.
    pub fn run_with_encoder(&self, bytes: &[u8]) -> Result<Run> {
        let elf = self.with_bundle("demo", bytes)?;
        self.run_flashed(&Region::flash_probes(elf, &self.pictures)?, |line| println!("{line}"))
    }

    /// Runs `demo` with no samples in flash.
    pub fn run_without_probes(&self) -> Result<Run> {
        self.run_flashed(&Region::flash_probes(fs::read(self.elf("demo")?)?, &[])?, |line| println!("{line}"))
    }

    /// Runs any binary with other bytes flashed over the whole region of its bundle; `on_line` sees its log.
    pub fn run_bin_with_bundle(&self, bin: &str, bytes: &[u8], on_line: impl FnMut(&Line)) -> Result<Run> {
        self.run_flashed(&self.with_bundle(bin, bytes)?, on_line)
    }

    fn with_bundle(&self, bin: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        let elf = fs::read(self.elf(bin)?)?;
        Region::of_bundle(&elf)?.flash(elf, &self.region_with(bytes)?)
    }

    fn run_flashed(&self, elf: &[u8], on_line: impl FnMut(&Line)) -> Result<Run> {
        let path = self.folder.join("flashed");
        fs::write(&path, elf)?;
        qemu::run(self.board, &path, TIMEOUT, on_line)
    }
}

/// A firmware with this bundle and these samples in its flash.
fn flashed(elf: Vec<u8>, bundle: &[u8], probes: &[u8]) -> Result<Vec<u8>> {
    Region::flash_probes(Region::of_bundle(&elf)?.flash(elf, bundle)?, probes)
}

/// Fails unless it ended by itself with this exit code.
pub fn exited(run: &Run, code: i32) -> Result<()> {
    ensure!(run.ending == Ending::Exited(code), "expected exit code {code}, got {:?}", run.ending);
    Ok(())
}

/// Fails unless it ended with exit code 1 and, as its last line, an error that contains these words.
pub fn fails_with(run: &Run, words: &str) -> Result<()> {
    exited(run, 1)?;
    let last = run.lines.last().context("it logged nothing")?;
    ensure!(last.level == "error" && last.message.contains(words), "expected an error with {words:?}, got: {last}");
    Ok(())
}
