//! Builds the C interface, and firmware in C with it.

use crate::board::Board;
use crate::{cargo, in_repository, setup};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The boards that the example is laid out for: `capi/examples/BOARD.ld`.
pub const BOARDS: [Board; 2] = [Board::Microbit, Board::Mps2An386];

/// `cargo xtask capi`.
///
/// # Errors
/// As [`library`].
pub fn run(board: Board) -> Result<()> {
    println!("{}", library(board)?.display());
    Ok(())
}

/// Builds the static library for a board.
///
/// # Errors
/// When something is missing, or does not compile.
pub fn library(board: Board) -> Result<PathBuf> {
    let toolchain = setup::ensure(board)?;
    let mut command = toolchain.build(board, "release");
    command.args(["--manifest-path", "capi/Cargo.toml", "--lib"]);
    cargo::build_library(&mut command, "cognate_c")
}

/// Compiles the door lock and links it with the library, a bundle and samples. `extra` goes to the compiler.
///
/// # Errors
/// When something is missing, or does not compile or link.
pub fn door_lock(board: Board, library: &Path, [bundle, samples]: [&[u8]; 2], extra: &str) -> Result<PathBuf> {
    setup::ensure_c()?;
    let folder = in_repository("target/qemu-tests").join(board.name()).join("c");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let [bundle_path, samples_path, elf] = ["bundle", "samples", "door_lock.elf"].map(|name| folder.join(name));
    fs::write(&bundle_path, bundle)?;
    fs::write(&samples_path, samples)?;
    let mut make = Command::new("make");
    make.args(["--always-make", "--file", "capi/examples/Makefile"]).current_dir(in_repository(""));
    make.arg(format!("BOARD={}", board.name())).arg(format!("EXTRA={extra}"));
    let files = [("LIBRARY", library), ("BUNDLE", &bundle_path), ("SAMPLES", &samples_path), ("OUT", &elf)];
    for (variable, file) in files {
        make.arg(format!("{variable}={}", file.display()));
    }
    cargo::run(&mut make)?;
    Ok(elf)
}
