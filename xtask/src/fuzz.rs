//! Hostile bytes for every public entry that takes some: libFuzzer over the targets in `fuzz/`.

use crate::{cargo, in_repository, setup};
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Inputs of each target in `cargo xtask test`: the same in every run, and a few seconds.
const RUNS_OF_A_TEST: u32 = 100_000;

/// The longest input of a test, and otherwise.
const LONGEST_OF_A_TEST: u32 = 1024;
const LONGEST: u32 = 4096;

/// What makes the compiler count which branches an input takes, as libFuzzer reads it. No sanitizer: the core has no `unsafe`
/// on a host.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// `cargo xtask fuzz`: one target or all, for so many seconds each, going on from what earlier runs found; or one input alone.
///
/// # Errors
/// When there is no such target, or an input makes one fail; libFuzzer has then said which, and where it is kept.
pub fn run(target: Option<&str>, seconds: u64, input: Option<&Path>) -> Result<()> {
    let targets = build()?;
    if let Some(target) = target
        && !targets.contains_key(target)
    {
        bail!("there is no target {target}: choose one of {}", Vec::from_iter(targets.keys().cloned()).join(", "));
    }
    for (name, program) in targets.iter().filter(|(name, _)| target.is_none_or(|target| *name == target)) {
        let mut command = Command::new(program);
        match input {
            Some(input) => command.arg(input),
            None => {
                let corpus = in_repository(&format!("target/fuzz/corpus/{name}"));
                fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
                command.arg(format!("-max_total_time={seconds}")).arg(corpus)
            }
        };
        fuzz(name, &mut command, LONGEST)?;
    }
    Ok(())
}

/// A short run of every target, the same each time.
///
/// # Errors
/// When a target cannot be built, or an input makes one fail.
pub fn test() -> Result<()> {
    let targets: Vec<_> = build()?.into_iter().collect();
    let next = AtomicUsize::new(0);
    // Each target is one thread.
    let work = || {
        while let Some((name, program)) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            let runs = format!("-runs={RUNS_OF_A_TEST}");
            fuzz(name, Command::new(program).args([&runs, "-seed=1", "-verbosity=0"]), LONGEST_OF_A_TEST)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a target was not run"))?)
    })
}

fn fuzz(name: &str, command: &mut Command, longest: u32) -> Result<()> {
    let artifacts = in_repository("target/fuzz/artifacts");
    fs::create_dir_all(&artifacts).with_context(|| format!("cannot create {}", artifacts.display()))?;
    println!("fuzzing {name}");
    command.arg(format!("-artifact_prefix={}/{name}-", artifacts.display())).arg(format!("-max_len={longest}"));
    cargo::run(command).with_context(|| {
        format!("to see it again: cargo xtask fuzz {name} --input FILE, with the file that is named above")
    })
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
