//! Makes sure that there are compilers for Cortex-M and QEMU.
//!
//! 1. The toolchain in use has the board's target: nothing else is needed to compile for it.
//! 2. A Debian system: its packages have a compiler with the source of `core`, which cargo then builds for the board.
//! 3. Anything else: stops, with the commands to type.
//!
//! Nothing is ever fetched through rustup, and no test is left out for want of a tool.

mod apt;
mod toolchain;

pub use toolchain::Toolchain;

use crate::board::Board;
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::Command;

/// The oldest Rust that compiles the project.
const RUST_VERSION: &str = env!("CARGO_PKG_RUST_VERSION");

/// `cargo xtask setup`.
///
/// # Errors
/// When something is missing that cannot be installed; says what to type.
pub fn run() -> Result<()> {
    ensure_all(&Board::EMULATED)?;
    ensure_c()?;
    for board in Board::EMULATED {
        eprintln!("set-up: {}: {}, and QEMU: nothing is missing", board.name(), toolchain(board));
    }
    Ok(())
}

/// Installs what is missing for a board and returns how to compile for it. Quick when nothing is.
///
/// # Errors
/// When something is missing that cannot be installed; says what to type.
pub fn ensure(board: Board) -> Result<Toolchain> {
    ensure_all(&[board])?;
    Ok(toolchain(board))
}

/// For all of them at once, so that nobody is told about one target after the other.
fn ensure_all(boards: &[Board]) -> Result<()> {
    let needs_debian = boards.iter().any(|board| toolchain(*board) == Toolchain::Debian);
    if needs_debian && !apt::is_here() {
        bail!(advice(boards));
    }
    let mut missing = missing(needs_debian);
    if !missing.is_empty() && apt::is_here() {
        apt::install(&missing, add_targets(boards).as_deref())?;
        missing = self::missing(needs_debian);
    }
    if !missing.is_empty() {
        bail!(advice(boards));
    }
    Ok(())
}

/// Makes sure that there is a compiler for C++, which libFuzzer is written in.
///
/// # Errors
/// When there is none, and it cannot be installed; says what to type.
pub fn ensure_cpp() -> Result<()> {
    if !(CPP.is_met)() && apt::is_here() {
        apt::install(&[CPP.package], None)?;
    }
    if !(CPP.is_met)() {
        bail!("there is no C++ compiler, which libFuzzer needs: install g++ or clang, so that `c++` is on PATH");
    }
    Ok(())
}

/// Makes sure that there is a compiler of C for Cortex-M, and make.
///
/// # Errors
/// When one is missing that cannot be installed; says what to type.
pub fn ensure_c() -> Result<()> {
    let missing = || C.iter().filter(|need| !(need.is_met)()).map(|need| need.package).collect::<Vec<_>>();
    if !missing().is_empty() && apt::is_here() {
        apt::install(&missing(), None)?;
    }
    if !missing().is_empty() {
        bail!("the firmware in C needs arm-none-eabi-gcc and make on PATH: install {}", missing().join(" and "));
    }
    Ok(())
}

fn toolchain(board: Board) -> Toolchain {
    if target_is_installed(board) { Toolchain::Installed } else { Toolchain::Debian }
}

/// What a package brings, and how to see that it is there.
struct Need {
    package: &'static str,
    is_met: fn() -> bool,
}

const QEMU: Need = Need { package: "qemu-system-arm", is_met: || on_path("qemu-system-arm") };

const CPP: Need = Need { package: "g++", is_met: || on_path("c++") };

const C: [Need; 2] = [
    Need { package: "gcc-arm-none-eabi", is_met: || on_path("arm-none-eabi-gcc") },
    Need { package: "make", is_met: || on_path("make") },
];

const DEBIAN_RUST: [Need; 4] = [
    Need { package: "rustc-web", is_met: debian_rustc_is_new_enough },
    Need { package: "cargo-web", is_met: || Path::new("/usr/bin/cargo").exists() },
    Need { package: "rust-web-src", is_met: || Path::new("/usr/lib/rustlib/src/rust/library/core").exists() },
    Need { package: "binutils-arm-none-eabi", is_met: || Path::new("/usr/bin/arm-none-eabi-ld").exists() },
];

/// The packages that are not there.
fn missing(needs_debian: bool) -> Vec<&'static str> {
    let rust = if needs_debian { &DEBIAN_RUST[..] } else { &[] };
    rust.iter().chain([&QEMU]).filter(|need| !(need.is_met)()).map(|need| need.package).collect()
}

/// Whether the toolchain in use has `core` for the board.
fn target_is_installed(board: Board) -> bool {
    let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]).current_dir(crate::in_repository("")));
    sysroot.is_some_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib").join(board.target()).exists())
}

fn debian_rustc_is_new_enough() -> bool {
    let version = output_of(Command::new(toolchain::DEBIAN_RUSTC).arg("--version"));
    // "rustc 1.96.0 (…)"
    let version = version.as_deref().and_then(|line| line.split(' ').nth(1)).and_then(minor_version);
    version.is_some_and(|version| Some(version) >= minor_version(RUST_VERSION))
}

/// The two numbers that tell Rust versions apart.
fn minor_version(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn output_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// What to type so that the toolchain in use can compile for these boards; `None` when it can.
fn add_targets(boards: &[Board]) -> Option<String> {
    let missing = boards.iter().filter(|board| !target_is_installed(**board));
    let targets: BTreeSet<_> = missing.map(|board| board.target()).collect();
    (!targets.is_empty()).then(|| format!("rustup target add {}", Vec::from_iter(targets).join(" ")))
}

/// What to type where nothing can be installed from here.
fn advice(boards: &[Board]) -> String {
    let mut advice = String::from("something is missing that cannot be installed from here. Type:");
    if let Some(command) = add_targets(boards) {
        advice += &format!("\n    {command}");
    }
    if !(QEMU.is_met)() {
        advice += "\nand the one of these that your system has:\
            \n    sudo apt-get install qemu-system-arm\
            \n    sudo dnf install qemu-system-arm\
            \n    brew install qemu";
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(minor_version("1.96.0"), Some((1, 96)));
        assert_eq!(minor_version("1.96"), Some((1, 96)));
        assert!(minor_version("1.100.0-nightly") > minor_version("1.95"));
        assert_eq!(minor_version("one"), None);
    }

    #[test]
    fn the_advice_names_every_target_that_is_missing_once() {
        let advice = advice(&Board::EMULATED);
        for board in Board::EMULATED {
            let times = usize::from(!target_is_installed(board));
            let found = advice.split_whitespace().filter(|word| *word == board.target()).count();
            assert_eq!(found, times, "{}: {advice}", board.target());
        }
    }
}
