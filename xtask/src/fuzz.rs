//! Hostile bytes for every public entry that takes some: libFuzzer over the targets in `fuzz/`.

use crate::{cargo, in_repository, setup};
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Inputs of each target in `cargo xtask test`: a few seconds.
pub const RUNS_OF_A_TEST: u64 = 100_000;

/// The longest input of counted runs, and otherwise.
const LONGEST_COUNTED: u32 = 1024;
const LONGEST: u32 = 4096;

/// What makes the compiler count which branches an input takes, as libFuzzer reads it. No sanitizer: the core has no `unsafe`
/// on a host. Comparisons are not traced: it takes most of the time, and the targets make magic numbers and checksums themselves.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "--cfg=fuzzing",
];

/// What targets are given.
#[derive(Clone, Copy)]
pub enum Inputs<'a> {
    /// As many as can be tried in so many seconds, going on from what earlier runs found.
    Seconds(u64),
    /// So many from nothing: the same each time.
    Runs(u64),
    /// This file.
    File(&'a Path),
}

/// `cargo xtask fuzz`: one target or all of them. Counted runs are on every core, a target each, and each says at its end which
/// branches it reached (`cov`).
///
/// # Errors
/// When there is no such target, or an input makes one fail; libFuzzer has then said which, and where it is kept.
pub fn run(target: Option<&str>, inputs: Inputs<'_>) -> Result<()> {
    let mut targets = build()?;
    if let Some(target) = target
        && !targets.contains_key(target)
    {
        bail!("there is no target {target}: choose one of {}", Vec::from_iter(targets.into_keys()).join(", "));
    }
    targets.retain(|name, _| target.is_none_or(|target| target == name));
    let workers = match inputs {
        Inputs::Runs(_) => thread::available_parallelism().map_or(1, usize::from),
        Inputs::Seconds(_) | Inputs::File(_) => 1,
    };
    let targets = Vec::from_iter(targets);
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((name, program)) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            fuzz(name, program, inputs)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a target was not run"))?)
    })
}

fn fuzz(name: &str, program: &Path, inputs: Inputs<'_>) -> Result<()> {
    let artifacts = in_repository("target/fuzz/artifacts");
    fs::create_dir_all(&artifacts).with_context(|| format!("cannot create {}", artifacts.display()))?;
    println!("fuzzing {name}");
    let mut command = Command::new(program);
    command.arg(format!("-artifact_prefix={}/{name}-", artifacts.display()));
    let outcome = match inputs {
        Inputs::Seconds(seconds) => {
            let corpus = in_repository(&format!("target/fuzz/corpus/{name}"));
            fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
            command.args([format!("-max_total_time={seconds}"), format!("-max_len={LONGEST}")]).arg(corpus);
            cargo::run(&mut command)
        }
        Inputs::Runs(runs) => {
            command.args([format!("-runs={runs}"), "-seed=1".to_owned(), format!("-max_len={LONGEST_COUNTED}")]);
            run_and_sum_up(name, &mut command)
        }
        Inputs::File(file) => cargo::run(command.arg(file)),
    };
    outcome.with_context(|| {
        format!("to see it again: cargo xtask fuzz {name} --input FILE, with the file that is named above")
    })
}

/// Runs a target and prints what libFuzzer says, but not of every input that reached something new.
fn run_and_sum_up(name: &str, command: &mut Command) -> Result<()> {
    let mut child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
    for line in BufReader::new(child.stderr.take().context("a target has no output")?).split(b'\n') {
        let line = line.context("what a target says cannot be read")?;
        let line = String::from_utf8_lossy(&line);
        if line.contains(" DONE ") || !line.starts_with('#') && !line.starts_with("INFO: ") {
            println!("{name}: {line}");
        }
    }
    let status = child.wait().with_context(|| format!("{name} was lost"))?;
    if status.success() { Ok(()) } else { bail!("{name} failed ({status})") }
}

/// The programs of all targets.
fn build() -> Result<BTreeMap<String, PathBuf>> {
    setup::ensure_cpp()?;
    let mut command = cargo::host();
    // With a target given, what runs while it is built is compiled without counters.
    command
        .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--bins", "--target"])
        .arg(host_target()?);
    command.env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"));
    command.env("CARGO_TARGET_DIR", in_repository("target/fuzz"));
    cargo::build(&mut command)
}

/// The target of this machine's own compiler.
fn host_target() -> Result<String> {
    let output =
        Command::new("rustc").arg("-vV").current_dir(in_repository("")).output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say for which target it compiles")
}
