//! Lays out a board's memory and finds the two files that are linked into flash.

use std::path::{Path, PathBuf};
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: build with cargo")?);
    flash_file("COGNATE_BUNDLE", "BUNDLE_PATH", &out.join("erased"), &[0xff; 16])?;
    flash_file("COGNATE_PROBES", "PROBES_PATH", &out.join("empty"), &[])?;
    println!("cargo::rerun-if-changed=boards");
    let for_device = env::var("CARGO_CFG_TARGET_OS")? == "none";
    if for_device || env::var_os("CARGO_FEATURE_BOARD").is_some() {
        let board = board()?;
        // On the host there is a library to test and a lint to run, but nothing to lay out.
        if for_device {
            link(&board, &out)?;
        }
    }
    Ok(())
}

/// Tells the source which file to include: the one that the variable names, else one as of erased flash for the bundle, where
/// something is linked so that a bundle can be flashed in its place, and an empty one for the probes.
///
/// A firmware that needs the file and was built without it says so when it runs: what is no bundle is a typed error.
fn flash_file(variable: &str, path: &str, without: &Path, content: &[u8]) -> Result<()> {
    println!("cargo::rerun-if-env-changed={variable}");
    let file = match env::var_os(variable) {
        Some(named) => {
            let file = fs::canonicalize(&named).map_err(|error| format!("{variable}={}: {error}", named.display()))?;
            println!("cargo::rerun-if-changed={}", file.display());
            file
        }
        // Not one to watch: it is written now, and cargo would take that for a change.
        None => {
            fs::write(without, content)?;
            without.to_owned()
        }
    };
    println!("cargo::rustc-env={path}={}", file.display());
    Ok(())
}

fn link(board: &str, out: &Path) -> Result<()> {
    let folder = if env::var_os("CARGO_FEATURE_DEVICE").is_some() { "boards/device" } else { "boards" };
    let path = format!("{folder}/{board}.x");
    let mut layout = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    layout.push_str(&fs::read_to_string("boards/sections.x")?);
    fs::write(out.join("memory.x"), layout)?;
    println!("cargo::rustc-link-search={}", out.display());
    // --nmagic: without it the linker pads sections to the pages of a host.
    let logs = env::var_os("CARGO_FEATURE_LOG").is_some();
    for argument in ["--nmagic", "-Tlink.x"].iter().chain(logs.then_some(&"-Tdefmt.x")) {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    Ok(())
}

/// The one board that the features choose: each has a memory layout of its name.
fn board() -> Result<String> {
    let mut chosen = Vec::new();
    for entry in fs::read_dir("boards")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Some(board) = name.strip_suffix(".x").filter(|&board| board != "sections") else { continue };
        let feature = format!("CARGO_FEATURE_{}", board.to_uppercase().replace('-', "_"));
        if env::var_os(feature).is_some() {
            chosen.push(board.to_owned());
        }
    }
    match chosen.as_slice() {
        [board] => Ok(board.clone()),
        others => {
            Err(format!("choose one board with --features, not {}: the names are in boards/", others.len()).into())
        }
    }
}
