//! What a release has to pass: packages that `cargo publish` would take, and what their dependencies are allowed to be.

use crate::cargo;
use anyhow::{Context, Result};

/// The packages that are published, each after what it depends on.
const PUBLISHED: [&str; 4] = ["cognate", "cognate-link", "cognate-train", "cognate-host"];

/// The workspaces, whose dependencies are looked at.
const WORKSPACES: [&str; 5] =
    ["Cargo.toml", "capi/Cargo.toml", "firmware/Cargo.toml", "firmware/embassy/Cargo.toml", "fuzz/Cargo.toml"];

/// `cargo xtask package`: makes the packages, and with `verify` compiles them as they are packed. Nothing is uploaded.
///
/// # Errors
/// When one cannot be made, or does not compile.
pub fn package(verify: bool) -> Result<()> {
    let mut command = cargo::host();
    command.args(["package", "--allow-dirty"]);
    for name in PUBLISHED {
        command.args(["--package", name]);
    }
    if !verify {
        command.arg("--no-verify");
    }
    cargo::run(&mut command)
}

/// `cargo xtask deny`: licenses, bans and sources of every dependency, by deny.toml.
///
/// # Errors
/// When cargo-deny is not there, or finds something.
pub fn deny() -> Result<()> {
    for workspace in WORKSPACES {
        let mut command = cargo::host();
        command.args(["deny", "--all-features", "--manifest-path", workspace]);
        // It reads `deny.toml` where it is called, and the versions differ in where they take another name.
        command.args(["check", "licenses", "bans", "sources"]);
        cargo::run(&mut command).context("if cargo-deny is not there: cargo install --locked cargo-deny")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The value of a manifest's key, where it is said for the package itself.
    fn value(manifest: &str, key: &str) -> Option<String> {
        let text = fs::read_to_string(crate::in_repository(manifest)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix("= \""))?;
        Some(line.trim_end_matches('"').to_owned())
    }

    #[test]
    fn every_workspace_says_the_same_oldest_rust() {
        for workspace in WORKSPACES {
            let rust = value(workspace, "rust-version");
            assert_eq!(rust.as_deref(), Some(env!("CARGO_PKG_RUST_VERSION")), "{workspace}");
        }
        let readme = fs::read_to_string(crate::in_repository("README.md")).unwrap();
        assert!(readme.contains(&format!("Rust {} or later", env!("CARGO_PKG_RUST_VERSION"))));
    }

    #[test]
    fn only_what_is_published_may_be() {
        for (manifest, name) in [
            ("Cargo.toml", "cognate"),
            ("host-tools/Cargo.toml", "cognate-host"),
            ("host-tools/link/Cargo.toml", "cognate-link"),
            ("host-tools/train/Cargo.toml", "cognate-train"),
            ("capi/Cargo.toml", "cognate-capi"),
            ("firmware/Cargo.toml", "cognate-firmware"),
            ("firmware/embassy/Cargo.toml", "cognate-embassy"),
            ("fuzz/Cargo.toml", "cognate-fuzz"),
            ("xtask/Cargo.toml", "xtask"),
        ] {
            assert_eq!(value(manifest, "name").as_deref(), Some(name));
            let text = fs::read_to_string(crate::in_repository(manifest)).unwrap();
            assert_eq!(!text.contains("publish = false"), PUBLISHED.contains(&name), "{name}");
        }
    }
}
