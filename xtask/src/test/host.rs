//! What is checked and tested on the host.

use super::summary::Summary;
use crate::board::Board;
use crate::cargo::{self, Packages};
use crate::fuzz::{self, Inputs};
use crate::{features, release};
use anyhow::{Context, Result};

/// Each ends with an error when something in it is not as it says.
const EXAMPLES: [&str; 5] = ["door", "keyword", "sizes", "verify", "vibration"];
const CAPI: [&str; 2] = ["--manifest-path", "capi/Cargo.toml"];
const FIRMWARE: [&str; 2] = ["--manifest-path", "firmware/Cargo.toml"];

/// Everything of the core that is not there by itself, but for the log.
const CORE: [&str; 4] = ["-p", "cognate", "--features", "protection,protocol,signature,storage"];

/// Format, lints, and the tests of each part.
pub fn run(summary: &mut Summary, packages: Packages) {
    let packages = packages.arguments();
    summary.step("format", format);
    summary.step("lints of core, host tool and xtask", || lint(&[&["clippy", "--all-targets"], packages].concat()));
    summary.step("lints of the core with each feature alone, and with all of them", || {
        features::choices()?.iter().try_for_each(|features| lint(&["clippy", "-p", "cognate", "--features", features]))
    });
    summary.step("packages to publish", || release::package(false));
    summary
        .step("lints of the firmware's library", || lint(&[&["clippy", "--lib", "--tests"], &FIRMWARE[..]].concat()));
    summary.step("lints of the C interface", || lint(&[&["clippy", "--all-targets"], &CAPI[..]].concat()));
    summary.step("lints of the fuzz targets", || lint(&["clippy", "--manifest-path", "fuzz/Cargo.toml"]));
    for board in Board::OWNED {
        summary.step(&format!("lints of the firmware for {}", board.name()), || {
            let features = format!("{},log", board.name());
            lint(&[&["clippy", "--lib", "--bins", "--features", &features], &FIRMWARE[..]].concat())
        });
    }
    for board in Board::EMULATED {
        summary.step(&format!("lints of the firmware for {}", board.name()), || {
            let with_log = format!("{},log", board.name());
            [board.name(), &with_log].iter().try_for_each(|features| {
                lint(&[&["clippy", "--lib", "--bins", "--features", features], &FIRMWARE[..]].concat())
            })
        });
    }
    summary.step("lints of the device on a link", || {
        lint(&[&["clippy", "--lib", "--bins", "--features", "mps2-an386,device"], &FIRMWARE[..]].concat())
    });
    summary.step("documentation of core and firmware", || document(&CORE).and_then(|()| document(&FIRMWARE)));
    summary.step("core, host tool and xtask: unit, property and command tests", || {
        cargo(&[&["test", "--no-fail-fast", "--tests"], packages].concat())
    });
    summary.step("core, host tool and xtask: documentation tests", || cargo(&[&["test", "--doc"], packages].concat()));
    summary.step("store: the power cut at every point of short histories", || crate::powercut::run(false, 1));
    for example in EXAMPLES {
        summary.step(&format!("example {example}"), || cargo(&["run", "--quiet", "--example", example]));
    }
    summary.step("C interface: its header is of its source", || cargo(&[&["test"], &CAPI[..]].concat()));
    summary.step("fuzzing: the same hostile bytes for each target", || {
        fuzz::run(None, Inputs::Runs(fuzz::RUNS_OF_A_TEST))
    });
    summary.step("firmware: tests on mock pins", || cargo(&[&["test", "--lib"], &FIRMWARE[..]].concat()));
}

fn format() -> Result<()> {
    let what_to_do = "if rustfmt is not there: rustup component add rustfmt clippy. To format: cargo fmt --all";
    cargo(&["fmt", "--all", "--check"]).context(what_to_do)?;
    for workspace in ["capi/Cargo.toml", "firmware/Cargo.toml", "firmware/embassy/Cargo.toml", "fuzz/Cargo.toml"] {
        cargo(&["fmt", "--manifest-path", workspace, "--check"]).context(what_to_do)?;
    }
    Ok(())
}

fn lint(arguments: &[&str]) -> Result<()> {
    cargo(&[arguments, &["--", "--deny", "warnings"]].concat())
        .context("if clippy is not there: rustup component add rustfmt clippy")
}

/// Links that lead nowhere are errors.
fn document(arguments: &[&str]) -> Result<()> {
    let mut command = cargo::host();
    command.args(["doc", "--no-deps", "--lib"]).args(arguments).env("RUSTDOCFLAGS", "--deny warnings");
    cargo::run(&mut command)
}

fn cargo(arguments: &[&str]) -> Result<()> {
    cargo::run(cargo::host().args(arguments))
}
