//! The test firmware of a board, and how it is run.

use super::fixture::{self, DIMENSION, Who};
use crate::board::Board;
use crate::firmware::{self, Flash};
use crate::in_repository;
use crate::qemu::{self, Ending, Run};
use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// No test takes a tenth of it, but the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(120);

const BINS: [&str; 6] = ["demo", "enroll", "selftest", "panic", "fault", "hang"];

/// The samples of `firmware/src/bin/enroll.rs`, which has the script of the button.
const SAMPLES: [Who; 14] = {
    use Who::{Anna, Boris, Stranger};
    [Boris, Boris, Boris, Boris, Boris, Boris, Boris, Stranger, Anna, Boris, Boris, Boris, Boris, Boris]
};

/// A board and the firmware for it.
pub struct Bench {
    /// The board.
    pub board: Board,
    elfs: BTreeMap<String, PathBuf>,
    folder: PathBuf,
    /// The bundle that the firmware has in flash.
    pub bundle: Vec<u8>,
    /// The samples that it is shown.
    pub rows: Vec<u8>,
}

impl Bench {
    /// Builds every binary, with the fixture's bundle and samples in flash.
    pub fn build(board: Board) -> Result<Self> {
        let folder = in_repository("target/qemu-tests").join(board.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let bundle = fixture::bundle(DIMENSION)?;
        let rows = fixture::rows(SAMPLES.iter().enumerate().map(|(time, who)| fixture::sample(*who, time)));
        let flash = Flash { bundle: Some(folder.join("bundle")), probes: Some(folder.join("probes")) };
        for (path, bytes) in [(&flash.bundle, &bundle), (&flash.probes, &rows)] {
            fs::write(path.as_ref().context("both have a path")?, bytes)?;
        }
        let elfs = firmware::build(board, &BINS, &flash)?;
        Ok(Self { board, elfs, folder, bundle, rows })
    }

    /// Where a binary is.
    pub fn elf(&self, bin: &str) -> Result<&PathBuf> {
        self.elfs.get(bin).with_context(|| format!("{bin} was not built"))
    }

    /// Runs a binary and shows its log.
    pub fn run(&self, bin: &str) -> Result<Run> {
        qemu::run(self.board, self.elf(bin)?, TIMEOUT, |line| println!("{line}"))
    }

    /// Runs `demo` with other bytes in place of its bundle; those behind them are 0xff, as in erased flash.
    pub fn run_with_bundle(&self, bytes: &[u8]) -> Result<Run> {
        let mut elf = fs::read(self.elf("demo")?)?;
        let (offset, size) = object::File::parse(&*elf)?
            .section_by_name(".bundle")
            .and_then(|section| section.file_range())
            .context("the firmware has no .bundle section")?;
        let section =
            elf.get_mut(offset as usize..(offset + size) as usize).context("the section is not in the file")?;
        section.fill(0xff);
        section.get_mut(..bytes.len()).context("the bundle is larger than the one it replaces")?.copy_from_slice(bytes);
        let path = self.folder.join("demo-other-bundle");
        fs::write(&path, elf)?;
        qemu::run(self.board, &path, TIMEOUT, |_| ())
    }
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
