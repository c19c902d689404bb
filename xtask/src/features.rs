//! The features of the core, each alone and all together, on each of the targets that it is for.

use crate::board::Board;
use crate::{cargo, setup};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A board for each target with other instructions: ARMv6-M, v7-M, v7E-M, v8-M Mainline and v8.1-M with Helium.
const BOARDS: [Board; 5] = [Board::Microbit, Board::Mps2An385, Board::Mps2An386, Board::Mps2An505, Board::Mps3An547];

/// What of `cargo metadata` is read here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    features: BTreeMap<String, Vec<String>>,
}

/// What to compile: no feature, each alone, and all of them, as cargo takes them.
///
/// # Errors
/// When cargo cannot tell what features there are.
pub fn choices() -> Result<Vec<String>> {
    let output = cargo::host().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata failed")?;
    let core = metadata.packages.into_iter().find(|package| package.name == "cognate").context("there is no core")?;
    let features: Vec<_> = core.features.into_keys().collect();
    let all = features.join(",");
    Ok([String::new()].into_iter().chain(features).chain([all]).collect())
}

/// `cargo xtask features`: checks each choice for each target.
///
/// # Errors
/// When one does not compile.
pub fn run() -> Result<()> {
    let choices = choices()?;
    for board in BOARDS {
        let toolchain = setup::ensure(board)?;
        for features in &choices {
            let mut command = toolchain.cargo("check", board);
            command.args(["--quiet", "--package", "cognate", "--lib", "--features", features]);
            // As a firmware is compiled: then nothing of `core` becomes code here, on part of which LLVM gives up for M55.
            command.args(["--release", "--config", "profile.release.lto=\"fat\""]);
            // Not the host's, whose lock every other cargo holds, and whose compiler may be another one.
            command.args(["--target-dir", "target/features"]);
            cargo::run(&mut command).with_context(|| format!("the core for {} with {features:?}", board.core()))?;
        }
        println!("{:<10} {}: {} choices of features", board.core(), board.target(), choices.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_are_none_each_and_all() {
        let choices = super::choices().unwrap();
        let expected = [
            "",
            "defmt",
            "protection",
            "protocol",
            "signature",
            "storage",
            "defmt,protection,protocol,signature,storage",
        ];
        assert_eq!(choices, expected);
    }
}
