//! Debian's packages.

use crate::cargo;
use anyhow::{Context, Result, bail};
use std::io;
use std::path::Path;
use std::process::Command;

/// Whether this is a Debian system.
pub fn is_here() -> bool {
    Path::new("/etc/debian_version").exists() && super::on_path("apt-get")
}

/// Installs packages. The lists are read anew before, because old ones name versions that are gone. `instead` is the
/// command that makes Debian's Rust needless, where it is needed.
///
/// # Errors
/// When there is no right to install, or apt-get fails.
pub fn install(packages: &[&str], instead: Option<&str>) -> Result<()> {
    let wanted = packages.join(" ");
    eprintln!("set-up: installing {wanted} with apt-get; this takes about a minute");
    if let Some(instead) = instead.filter(|_| packages.contains(&"rustc-web")) {
        keep_compilers(instead)?;
    }
    let instead = instead.map_or(String::new(), |command| {
        format!(". Instead of Debian's Rust, targets of your toolchain will do ({command})")
    });
    let options = ["install", "--yes", "--quiet", "--no-install-recommends"];
    apt_get(&["update", "--quiet"])
        .and_then(|()| apt_get(&[&options, packages].concat()))
        .with_context(|| format!("cannot install {wanted}: apt-get says why above{instead}"))
}

/// Stops rather than replace a compiler that somebody chose: apt-get would, for `rustc-web` conflicts with both.
fn keep_compilers(instead: &str) -> Result<()> {
    let state_of = |package: &str| {
        super::output_of(Command::new("dpkg-query").args(["--show", "--showformat", "${db:Status-Status}", package]))
    };
    for package in ["rustc", "rustup"] {
        if state_of(package).is_some_and(|state| state == "installed") {
            bail!(
                "Debian's package {package} is installed, and rustc-web would replace it. Type one of these:\
                \n    {instead}\
                \n    sudo apt-get install rustc-web cargo-web rust-web-src"
            );
        }
    }
    Ok(())
}

/// Runs apt-get with the right to install, asking nothing and waiting for another one to end.
fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(if is_root() { "env" } else { "sudo" });
    if !is_root() {
        if !super::on_path("sudo") {
            bail!("not root, and there is no sudo. Type as root: apt-get {}", arguments.join(" "));
        }
        command.arg("env");
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    // Standard output is for results.
    cargo::run(command.stdout(io::stderr()))
}

fn is_root() -> bool {
    super::output_of(Command::new("id").arg("-u")).is_some_and(|user| user.trim() == "0")
}
