//! Builds firmware.

use crate::board::Board;
use crate::region::PROBES_BEGIN;
use crate::sizes::Sizes;
use crate::{cargo, in_repository, setup};
use anyhow::{Context, Result, ensure};
use cognate::ModelDigest;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files that are linked into flash beside the program. One that is not there leaves its section empty.
#[derive(Clone, Default)]
pub struct Flash {
    /// A bundle of `cognate export`.
    pub bundle: Option<PathBuf>,
    /// Samples: the model's digest, then rows of little-endian `f32`.
    pub probes: Option<PathBuf>,
}

impl Flash {
    /// What the last `cargo xtask demo` left, with as many of its probes as a board has room for.
    ///
    /// # Errors
    /// When the files are there and cannot be read.
    pub fn of_demo(board: Board) -> Result<Self> {
        let existing = |path: &str| Some(in_repository(path)).filter(|path| path.exists());
        let probes = existing(crate::demo::PROBES).map(|probes| that_fit(probes, board)).transpose()?;
        Ok(Self { bundle: existing(crate::demo::BUNDLE), probes })
    }
}

/// The file, or a shorter one beside it with the first of its pictures.
fn that_fit(probes: PathBuf, board: Board) -> Result<PathBuf> {
    let path = format!("firmware/boards/{}.x", board.name());
    let layout = fs::read_to_string(in_repository(&path)).with_context(|| format!("cannot read {path}"))?;
    let region = region_length(&layout, "PROBES").with_context(|| format!("{path} has no region PROBES"))?;
    let room = region.saturating_sub(PROBES_BEGIN);
    let pixels = fs::read(&probes).with_context(|| format!("cannot read {}", probes.display()))?;
    if pixels.len() <= room {
        return Ok(probes);
    }
    let shorter = probes.with_extension(board.name());
    let fit = room - room % crate::demo::pictures::BYTES;
    fs::write(&shorter, &pixels[..fit]).with_context(|| format!("cannot write {}", shorter.display()))?;
    Ok(shorter)
}

/// The bytes of a region in a linker script, which says them in units of K or M.
fn region_length(layout: &str, region: &str) -> Option<usize> {
    let line = layout.lines().find(|line| line.split_whitespace().next() == Some(region))?;
    let (_, length) = line.split_once("LENGTH = ")?;
    let (number, unit) = length.trim().split_at_checked(length.trim().len().checked_sub(1)?)?;
    let shift = if unit == "K" { 10 } else { 20 };
    Some(number.parse::<usize>().ok()? << shift)
}

/// Embeddings as [`cognate_firmware::Rows`] reads them.
pub fn probe_rows(model: ModelDigest, values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    model.as_bytes().iter().copied().chain(values.into_iter().flat_map(f32::to_le_bytes)).collect()
}

/// `cargo xtask firmware`.
///
/// # Errors
/// When it cannot be built.
pub fn run(board: Board, bin: &str) -> Result<()> {
    let elf = build_one(board, bin, &Flash::of_demo(board)?)?;
    println!("{}", elf.display());
    println!("{}", Sizes::of(&elf)?);
    Ok(())
}

/// Builds one binary, after whatever is needed for it was installed.
///
/// # Errors
/// As [`build`].
pub fn build_one(board: Board, bin: &str, flash: &Flash) -> Result<PathBuf> {
    let names = names()?;
    ensure!(names.iter().any(|name| name == bin), "there is no firmware {bin:?}: choose of {}", names.join(", "));
    let mut built = build(board, &[bin], flash)?;
    built.remove(bin).with_context(|| format!("cargo built no {bin}: firmware/Cargo.toml must name it"))
}

/// What there is to build: a file each.
fn names() -> Result<Vec<String>> {
    let folder = in_repository("firmware/src/bin");
    let files = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for file in files {
        let path = file?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Builds binaries and returns where they are. The next build with other files in flash overwrites them.
///
/// # Errors
/// When something is missing, or does not compile or link.
pub fn build(board: Board, bins: &[&str], flash: &Flash) -> Result<BTreeMap<String, PathBuf>> {
    let features = if bins == ["device"] {
        // It has a memory layout of its own.
        ",device"
    } else if bins.iter().all(|bin| REFERENCES.contains(bin)) {
        ""
    } else {
        ",log"
    };
    build_with(board, bins, flash, features, "release")
}

/// The firmware whose size counts: it links no log, and is built to be small.
pub const REFERENCES: [&str; 8] =
    ["match-only", "kept", "full", "checked", "signed", "linked", "encoder-all", "encoder-demo"];

/// How one of those is optimized: `z`, as small as it gets, which the core is written for. Dependencies are not: with `z` they
/// would panic by a function more, so that what links them is built with `s`, and what it is compared with.
pub fn opt_level(reference: &str) -> &'static str {
    if ["checked", "signed", "linked"].contains(&reference) { "s" } else { "z" }
}

/// Builds those.
///
/// # Errors
/// As [`build`].
pub fn build_references(board: Board) -> Result<BTreeMap<String, PathBuf>> {
    let (smallest, others): (Vec<_>, Vec<_>) = REFERENCES.into_iter().partition(|name| opt_level(name) == "z");
    let mut built = build_with(board, &smallest, &Flash::default(), "", "smallest")?;
    built.extend(build_with(board, &others, &Flash::default(), "", "size")?);
    Ok(built)
}

fn build_with(
    board: Board,
    bins: &[&str],
    flash: &Flash,
    more_features: &str,
    profile: &str,
) -> Result<BTreeMap<String, PathBuf>> {
    let toolchain = setup::ensure(board)?;
    let mut command = toolchain.build(board, profile);
    let features = format!("{}{more_features}", board.name());
    command.args(["--manifest-path", "firmware/Cargo.toml", "--features", &features]);
    for bin in bins {
        command.args(["--bin", bin]);
    }
    build_over(&mut command, flash)
}

/// Builds the application as a task of Embassy's executor, which is laid out for this board alone.
///
/// # Errors
/// As [`build`].
pub fn build_embassy(board: Board, flash: &Flash) -> Result<PathBuf> {
    let mut command = setup::ensure(board)?.build(board, "release");
    // Beside the firmware's, so that `core` and most dependencies are there.
    command.args(["--manifest-path", "firmware/embassy/Cargo.toml", "--target-dir", "firmware/target"]);
    build_over(&mut command, flash)?.remove("embassy").context("cargo built no embassy")
}

fn build_over(command: &mut std::process::Command, flash: &Flash) -> Result<BTreeMap<String, PathBuf>> {
    // Decisions are logged at this level, and the default is `error`.
    command.env("DEFMT_LOG", "info");
    for (variable, file) in [("COGNATE_BUNDLE", &flash.bundle), ("COGNATE_PROBES", &flash.probes)] {
        set(command, variable, file.as_deref());
    }
    cargo::build(command)
}

fn set(command: &mut std::process::Command, variable: &str, file: Option<&Path>) {
    match file {
        Some(file) => command.env(variable, file),
        None => command.env_remove(variable),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_board_has_room_for_probes() {
        for board in Board::value_variants() {
            let layout = fs::read_to_string(in_repository(&format!("firmware/boards/{}.x", board.name()))).unwrap();
            let room = region_length(&layout, "PROBES").unwrap();
            assert!((32 << 10..=2 << 20).contains(&room) && room.is_power_of_two(), "{}: {room}", board.name());
        }
        assert_eq!(
            region_length("  RAM : ORIGIN = 0, LENGTH = 1M\n  PROBES : ORIGIN = 0, LENGTH = 96K\n", "PROBES"),
            Some(96 << 10)
        );
        assert_eq!(region_length("PROBES", "RAM"), None);
    }

    #[test]
    fn a_name_that_does_not_exist_gets_the_list() {
        let error = build_one(Board::Mps2An386, "nothere", &Flash::default()).unwrap_err();
        let expected = "there is no firmware \"nothere\": choose of bench, bench-encoder, bench-layers, bench-sound, \
                        checked, demo, device, encoder-all, encoder-demo, enroll, fault, full, hang, hear, kept, kerneltest, linked, match-only, \
                        panic, selftest, signed";
        assert_eq!(error.to_string(), expected);
    }
}
