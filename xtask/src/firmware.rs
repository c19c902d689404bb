//! Builds firmware.

use crate::board::Board;
use crate::sizes::Sizes;
use crate::{cargo, in_repository, setup};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The files that are linked into flash beside the program. One that is not there leaves its section empty.
#[derive(Clone, Default)]
pub struct Flash {
    /// A bundle of `cognate export`.
    pub bundle: Option<PathBuf>,
    /// Samples: rows of little-endian `f32`, nothing around them.
    pub probes: Option<PathBuf>,
}

impl Flash {
    /// What the last `cargo xtask demo` left.
    pub fn of_demo() -> Self {
        let existing = |path: &str| Some(in_repository(path)).filter(|path| path.exists());
        Self { bundle: existing(crate::demo::BUNDLE), probes: existing(crate::demo::PROBES) }
    }
}

/// `cargo xtask firmware`.
///
/// # Errors
/// When it cannot be built.
pub fn run(board: Board, bin: &str) -> Result<()> {
    let elf = build_one(board, bin, &Flash::of_demo())?;
    println!("{}", elf.display());
    println!("{}", Sizes::of(&elf)?);
    Ok(())
}

/// Builds one binary, after whatever is needed for it was installed.
///
/// # Errors
/// As [`build`].
pub fn build_one(board: Board, bin: &str, flash: &Flash) -> Result<PathBuf> {
    let mut built = build(board, &[bin], flash)?;
    built.remove(bin).with_context(|| format!("cargo built no {bin}: the names are in firmware/src/bin"))
}

/// Builds binaries and returns where they are. The next build with other files in flash overwrites them.
///
/// # Errors
/// When something is missing, or does not compile or link.
pub fn build(board: Board, bins: &[&str], flash: &Flash) -> Result<BTreeMap<String, PathBuf>> {
    let toolchain = setup::ensure(board)?;
    let mut command = toolchain.build(board);
    command.args(["--manifest-path", "firmware/Cargo.toml", "--features", board.name()]);
    for bin in bins {
        command.args(["--bin", bin]);
    }
    // Decisions are logged at this level, and the default is `error`.
    command.env("DEFMT_LOG", "info");
    for (variable, file) in [("COGNATE_BUNDLE", &flash.bundle), ("COGNATE_PROBES", &flash.probes)] {
        set(&mut command, variable, file.as_deref());
    }
    cargo::build(&mut command)
}

fn set(command: &mut std::process::Command, variable: &str, file: Option<&Path>) {
    match file {
        Some(file) => command.env(variable, file),
        None => command.env_remove(variable),
    };
}
