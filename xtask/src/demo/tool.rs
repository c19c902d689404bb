//! The `cognate` command.

use crate::cargo::{self, Packages};
use crate::in_repository;
use anyhow::{Context, Result, bail};
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The built command.
pub struct Tool {
    program: PathBuf,
}

impl Tool {
    /// Builds it.
    ///
    /// # Errors
    /// When it does not build.
    pub fn build(packages: Packages) -> Result<Self> {
        eprintln!("building the host tool; the first time this takes some minutes");
        let mut command = cargo::host();
        // Not `--release`: the tests use its dependencies too, and these are optimized in either.
        let mut built = cargo::build(command.args(["build", "--bin", "cognate"]).args(packages.arguments()))?;
        Ok(Self { program: built.remove("cognate").context("cargo built no `cognate`")? })
    }

    /// Runs it in the root of the repository, showing the command. What it prints goes to standard error.
    ///
    /// # Errors
    /// When it fails; it has then printed why.
    pub fn run(&self, arguments: &[&str]) -> Result<()> {
        cargo::run(self.command(arguments).stdout(io::stderr()))
    }

    /// The same, returning what it prints.
    ///
    /// # Errors
    /// When it fails, or prints something else than text.
    pub fn output(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.command(arguments);
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("`{}` failed ({})", cargo::shown(&command), output.status);
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts it and does not wait for it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = self.command(arguments);
        command.stdout(io::stderr()).spawn().with_context(|| format!("cannot start `{}`", cargo::shown(&command)))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // Nothing outside of the repository is looked into or written.
        command
            .args(arguments)
            .current_dir(in_repository(""))
            .env("COGNATE_CACHE", in_repository("target/cognate-cache"));
        eprintln!("\n$ {}", cargo::shown(&command));
        command
    }
}
