//! What is tested in QEMU: exit code and decoded log of each run, with a time limit.

use super::bench::{Bench, exited, fails_with};
use super::fixture::{ANNA, BORIS, Bundle, DIMENSION};
use super::summary::Summary;
use crate::board::Board;
use crate::decision::{Candidate, Decision};
use crate::qemu::{self, Ending, Run};
use anyhow::{Context, Result, bail, ensure};
use cognate::{BundleView, Embedding};
use cognate_firmware::{Recognizer, Rows, SampleSource, parity};
use std::time::{Duration, Instant};

/// Builds the test firmware for a board and runs every test on it; whether there was a firmware to run.
pub fn run(board: Board, summary: &mut Summary) -> bool {
    let name = |what: &str| format!("{}: {what}", board.name());
    let Some(bench) = summary.step(&name("build the test firmware"), || Bench::build(board)) else { return false };
    let tests: [(&str, Test); 15] = [
        ("templates, scores and decisions are the host's, with subnormal numbers flushed too", parity_with_the_host),
        ("the bundle is searched in flash as on the host", decisions_of_the_bundle),
        ("the counter counts instructions", counter),
        ("the button enrolls, then known and stranger are told apart", enrollment),
        ("a longer bundle flashed in its place is searched", longer_bundle),
        ("a bundle with nobody rejects", bundle_with_nobody),
        ("a bundle with a flipped byte fails", damaged_bundle),
        ("a bundle of another dimension fails", bundle_of_another_dimension),
        ("a bundle of another model fails", bundle_of_another_model),
        ("a bundle of another format version fails", bundle_of_another_version),
        ("a firmware without a bundle fails", no_bundle),
        ("a demo without probes fails", no_probes),
        ("a panic is logged and fails", panic),
        ("a hard fault is logged and fails", fault),
        ("a firmware that hangs is stopped", hang),
    ];
    for (what, test) in tests {
        summary.step(&name(what), || test(&bench));
    }
    true
}

type Test = fn(&Bench) -> Result<()>;

fn parity_with_the_host(bench: &Bench) -> Result<()> {
    let run = bench.run("selftest")?;
    exited(&run, 0)?;
    // Every board has room for all dimensions, but for one that leaves out the greatest.
    let ram = if bench.board == Board::Microbit { 16 * 1024 } else { usize::MAX };
    let mut expected = Vec::new();
    for flush in [false, true] {
        expected.push(format!("flushes subnormals {}", flush && bench.board.has_fpu()));
        parity::for_each_dimension(ram, |parity| expected.push(format!("{parity:?}")));
    }
    let found: Vec<_> = run.lines.into_iter().map(|line| line.message).collect();
    ensure!(found == expected, "the host computes\n{}", expected.join("\n"));
    Ok(())
}

fn decisions_of_the_bundle(bench: &Bench) -> Result<()> {
    expect_decisions(&bench.run("demo")?, &bench.bundle, &bench.rows)
}

fn longer_bundle(bench: &Bench) -> Result<()> {
    let bundle = Bundle::ANNA_AND_BORIS.encode()?;
    ensure!(bundle.len() > bench.bundle.len(), "it is not longer than the one that it replaces");
    let run = bench.run_with_bundle(&bundle)?;
    expect_decisions(&run, &bundle, &bench.rows)?;
    ensure!(run.lines.iter().any(|line| line.message.contains(" known 5 ")), "the subject at its end is never known");
    Ok(())
}

fn bundle_with_nobody(bench: &Bench) -> Result<()> {
    let run = bench.run_with_bundle(&Bundle::NOBODY.encode()?)?;
    exited(&run, 0)?;
    let rejected = run.lines.iter().filter(|line| line.message.starts_with("nobody enrolled ")).count();
    ensure!(rejected == samples(&bench.rows)?.len(), "{rejected} samples were rejected");
    Ok(())
}

fn expect_decisions(run: &Run, bundle: &[u8], rows: &[u8]) -> Result<()> {
    exited(run, 0)?;
    let found: Vec<_> =
        run.lines.iter().filter_map(|line| Decision::parse(&line.message).transpose()).collect::<Result<_>>()?;
    let expected = decisions_on_the_host(bundle, rows)?;
    ensure!(found == expected, "the host decides {expected:?}, the device {found:?}");
    Ok(())
}

fn decisions_on_the_host(bundle: &[u8], rows: &[u8]) -> Result<Vec<(usize, Decision)>> {
    let recognizer = Recognizer::<DIMENSION, 1>::new(&BundleView::new_checked(bundle)?)?;
    let candidate = |m: cognate::Match| Candidate { subject: m.subject.number(), score: m.score.raw() };
    let mut decisions = Vec::new();
    for sample in samples(rows)? {
        let decision = recognizer.decide(&sample)?;
        let ranking = decision.ranking();
        let (best, runner_up) = (candidate(ranking.best), ranking.runner_up.map(candidate));
        decisions.push((decisions.len(), Decision { known: decision.subject().is_some(), best, runner_up }));
    }
    Ok(decisions)
}

fn samples(rows: &[u8]) -> Result<Vec<Embedding<DIMENSION>>> {
    let mut rows = Rows::<DIMENSION>::new(rows)?;
    let mut samples = Vec::new();
    while let Some(sample) = rows.next_sample()? {
        samples.push(sample);
    }
    Ok(samples)
}

/// The firmware measures how many instructions a tick is. An instruction takes a nanosecond, and SysTick has a clock of
/// its own on each board.
fn counter(bench: &Bench) -> Result<()> {
    let run = bench.run("demo")?;
    let first = run.lines.first().map_or("", |line| &line.message);
    let measured = first.strip_prefix(&format!("board {}, ", bench.board.name()));
    let measured = measured.and_then(|rest| rest.strip_suffix(" instructions a tick")).and_then(|k| k.parse().ok());
    let (measured, expected): (f64, _) = (measured.context("it does not say so")?, bench.board.instructions_per_tick());
    ensure!((measured / expected - 1.0).abs() < 1e-3, "expected {expected} instructions a tick, measured {measured}");
    Ok(())
}

/// Follows the script in `firmware/src/bin/enroll.rs` step by step.
fn enrollment(bench: &Bench) -> Result<()> {
    let run = bench.run("enroll")?;
    exited(&run, 0)?;
    let (anna, boris) = (ANNA.number(), BORIS.number());
    let (neither, accepted, rejected) = ((false, false), (true, false), (false, true));
    let expected = [
        (format!("decision 0 unknown {anna} "), rejected),
        ("collected 1 1".into(), neither),
        ("refused 2 TooFewSamples { found: 1 }".into(), neither),
        ("collected 3 1".into(), neither),
        ("collected 4 2".into(), neither),
        ("collected 5 3".into(), neither),
        ("collected 6 4".into(), neither),
        (format!("enrolled 7 {boris}"), neither),
        (format!("decision 8 known {boris} "), accepted),
        ("decision 9 unknown ".into(), rejected),
        (format!("decision 10 known {anna} "), accepted),
        ("collected 11 1".into(), neither),
        ("collected 12 2".into(), neither),
        ("collected 13 3".into(), neither),
        ("collected 14 4".into(), neither),
        ("collected 15 5".into(), neither),
        ("refused 16 Gallery(Full { capacity: 8, needed: 9 })".into(), neither),
    ];
    ensure!(run.lines.len() == 2 * expected.len(), "{} lines for {} steps", run.lines.len(), expected.len());
    for (step, (lines, (event, (accept, reject)))) in run.lines.chunks(2).zip(&expected).enumerate() {
        let leds = format!("leds {step} accept={accept} reject={reject}");
        let [found_event, found_leds] = lines else { bail!("step {step} has no LEDs") };
        ensure!(found_event.message.starts_with(event), "step {step}: expected {event:?}, got: {found_event}");
        ensure!(found_leds.message == leds, "step {step}: expected {leds:?}, got: {found_leds}");
    }
    Ok(())
}

/// Flips a bit at places all over the bundle. The core's own tests flip every byte; here it is the firmware that refuses.
fn damaged_bundle(bench: &Bench) -> Result<()> {
    for place in (0..bench.bundle.len()).step_by(bench.bundle.len() / 12) {
        let mut damaged = bench.bundle.clone();
        damaged[place] ^= 1 << (place % 8);
        let region = bench.region_with(&damaged)?;
        let error = BundleView::new_checked(&region).err().with_context(|| format!("byte {place} is not checked"))?;
        // The variant's name, as the firmware's log begins with it.
        let variant: String = format!("{error:?}").chars().take_while(|letter| letter.is_alphanumeric()).collect();
        fails_with(&bench.run_with_bundle(&damaged)?, &format!("Bundle({variant}"))
            .with_context(|| format!("byte {place}"))?;
        println!("byte {place:4} of {}: {error}", bench.bundle.len());
    }
    Ok(())
}

fn bundle_of_another_dimension(bench: &Bench) -> Result<()> {
    let run = bench.run_with_bundle(&Bundle::OTHER_DIMENSION.encode()?)?;
    fails_with(&run, "Mismatch(Dimension { expected: 64, found: 60 })")
}

fn bundle_of_another_model(bench: &Bench) -> Result<()> {
    fails_with(&bench.run_with_bundle(&Bundle::OTHER_MODEL.encode()?)?, "Mismatch(Model { expected: ModelDigest(")
}

fn bundle_of_another_version(bench: &Bench) -> Result<()> {
    let mut bundle = bench.bundle.clone();
    // docs/bundle-format.md: a `u16` that comes before everything that a version could change.
    bundle[8..10].copy_from_slice(&2u16.to_le_bytes());
    fails_with(&bench.run_with_bundle(&bundle)?, "Bundle(FormatVersion { found: 2 })")
}

/// A region that nothing was linked into, which QEMU fills with zeros, and one of erased flash.
fn no_bundle(bench: &Bench) -> Result<()> {
    fails_with(&bench.run_bare()?, "Bundle(NotABundle)")?;
    fails_with(&bench.run_with_bundle(&[])?, "Bundle(NotABundle)")
}

fn no_probes(bench: &Bench) -> Result<()> {
    fails_with(&bench.run_without_probes()?, "NoProbes")
}

fn panic(bench: &Bench) -> Result<()> {
    fails_with(&bench.run("panic")?, "meant to happen")
}

fn fault(bench: &Bench) -> Result<()> {
    fails_with(&bench.run("fault")?, "hard fault at 0x")
}

fn hang(bench: &Bench) -> Result<()> {
    let (began, limit) = (Instant::now(), Duration::from_secs(2));
    let run = qemu::run(bench.board, bench.elf("hang")?, limit, |line| println!("{line}"))?;
    ensure!(run.ending == Ending::TimedOut, "expected it to be stopped, got {:?}", run.ending);
    ensure!(began.elapsed() < 10 * limit, "stopped only after {:?}", began.elapsed());
    ensure!(run.lines.len() == 1, "what it logged before is lost");
    Ok(())
}
