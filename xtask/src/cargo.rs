//! Calls cargo, and the programs that it builds.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The cargo that runs this program, in the root of the repository.
pub fn host() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::in_repository(""));
    command
}

/// The packages of the host's workspace that are built and tested.
///
/// Every call takes one choice of packages and features whole, also where it wants a single program: with other packages, what
/// they depend on has other features, and tract is compiled once more, for minutes.
#[derive(Clone, Copy, Default)]
pub enum Packages {
    /// All but the trainer, which takes minutes to compile, and which nothing else needs.
    #[default]
    WithoutTrainer,
    /// The trainer too.
    All,
}

impl Packages {
    /// What tells cargo so.
    pub const fn arguments(self) -> &'static [&'static str] {
        const WITHOUT: [&str; 11] = [
            "-p",
            "cognate",
            "-p",
            "cognate-host",
            "-p",
            "cognate-link",
            "-p",
            "xtask",
            "--no-default-features",
            "--features",
            "cognate-host/parquet",
        ];
        match self {
            Self::WithoutTrainer => &WITHOUT,
            Self::All => &["--workspace"],
        }
    }
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started, or fails; what is wrong it has then printed itself.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// A command as a person would type it.
pub fn shown(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_stem().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// A message of `cargo build --message-format=json`.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Runs `cargo build` and returns where each program is. Cargo is asked, because `CARGO_TARGET_DIR` and the like can
/// put them anywhere.
///
/// # Errors
/// When the build fails; cargo has then printed why.
pub fn build(command: &mut Command) -> Result<BTreeMap<String, PathBuf>> {
    let mut executables = BTreeMap::new();
    read_messages(command, |message| {
        if let (Some(target), Some(executable)) = (message.target, message.executable) {
            executables.insert(target.name, executable);
        }
    })?;
    Ok(executables)
}

/// The same for a static library.
///
/// # Errors
/// When the build fails, or makes no such library.
pub fn build_library(command: &mut Command, name: &str) -> Result<PathBuf> {
    let mut library = None;
    read_messages(command, |message| {
        if message.target.is_some_and(|target| target.name == name) {
            library = message.filenames.into_iter().find(|file| file.extension().is_some_and(|end| end == "a"));
        }
    })?;
    library.with_context(|| format!("cargo built no library {name}"))
}

fn read_messages(command: &mut Command, mut read: impl FnMut(Message)) -> Result<()> {
    let what = shown(command);
    let mut child = command
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{what}`"))?;
    for line in BufReader::new(child.stdout.take().context("cargo's output was not kept")?).lines() {
        read(serde_json::from_str(&line?).context("cargo's messages are not what is expected")?);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{what}` failed ({status})");
    }
    Ok(())
}
