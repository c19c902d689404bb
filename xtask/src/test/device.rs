//! What is tested in QEMU: exit code and decoded log of each run, with a time limit.

use super::encoders::Pictures;
use super::fixture::{ANNA, BORIS, Bundle, DIMENSION};
use super::panics;
use super::rig::{Rig, exited, fails_with};
use super::summary::Summary;
use crate::bench;
use crate::board::Board;
use crate::decision::Decision;
use crate::firmware;
use crate::qemu::{self, Ending, Run};
use crate::sizes::Sizes;
use anyhow::{Context, Result, bail, ensure};
use cognate::encoder::{Arena, FilterLayout, operators};
use cognate::kernel::Layout;
use cognate::{BundleView, CodeForm, Embedding, FullScale};
use cognate_firmware::{Encoding, Frames, Recognizer, Rows, SampleSource, parity};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Runs every test on a board, by the firmware that `build` gives; whether there was a firmware to run.
pub fn run(board: Board, build: impl FnOnce() -> Result<Rig>, summary: &mut Summary) -> bool {
    let name = |what: &str| format!("{}: {what}", board.name());
    let Some(rig) = summary.step(&name("build the test firmware"), build) else { return false };
    let tests: [(&str, Test); 20] = [
        ("scores and decisions are the host's, with subnormal numbers flushed too", parity_with_the_host),
        ("every kernel gives what its definition gives, here and on the host", kernels_by_their_definition),
        ("the bundle is searched in flash as on the host", decisions_of_the_bundle),
        ("bundles of every form, layout and kind are decided by as on the host", bundles_of_every_kind),
        ("pictures are encoded as on the host, in every layout", encoded_pictures),
        ("an encoder that the firmware cannot run fails", encoders_that_do_not_run),
        ("the counter counts instructions", counter),
        ("the button enrolls or says why not, then all four outcomes are told apart", enrollment),
        ("an enrollment that no threshold supports is refused", enrollment_beyond_the_thresholds),
        ("a longer bundle flashed in its place is searched", longer_bundle),
        ("a bundle with nobody rejects", bundle_with_nobody),
        ("a bundle with a flipped byte fails", damaged_bundle),
        ("a bundle of another dimension fails", bundle_of_another_dimension),
        ("a bundle for another encoder fails", bundle_for_another_encoder),
        ("a bundle of another format version fails", bundle_of_another_version),
        ("a firmware without a bundle fails", no_bundle),
        ("a demo without probes fails", no_probes),
        ("a panic is logged and fails", panic),
        ("a hard fault is logged and fails", fault),
        ("a firmware that hangs is stopped", hang),
    ];
    let of_kernels: [(&str, Test); 2] = [
        ("a benchmark counts, and finds what the definition finds", benchmark),
        ("no panicking function is in the reference builds, and the look for them finds those of others", no_panics),
    ];
    let of_kernels = of_kernels.into_iter().filter(|_| board.stands_for_its_kernels());
    for (what, test) in tests.into_iter().chain(of_kernels) {
        summary.step(&name(what), || test(&rig));
    }
    if board == crate::device::BOARD {
        summary.step(&name("a task of Embassy's executor decides as on the host"), || {
            expect_decisions(&rig.run_embassy()?, &rig.bundle, &rig.rows)
        });
    }
    true
}

type Test = fn(&Rig) -> Result<()>;

fn parity_with_the_host(rig: &Rig) -> Result<()> {
    let mut expected = Vec::new();
    for flush in [false, true] {
        expected.push(format!("flushes subnormals {}", flush && rig.board.has_fpu()));
        parity::for_each_dimension(ram_bytes(rig.board), |result| expected.push(format!("{result:?}")));
        parity::for_each_form(|result| expected.push(format!("{result:?}")));
    }
    expected.push(format!("{:?}", parity::FrontEnds::compute()));
    expect_sums(rig, "selftest", expected)
}

fn kernels_by_their_definition(rig: &Rig) -> Result<()> {
    let (mut expected, mut wrong) = (Vec::new(), 0);
    parity::for_each_kernel(ram_bytes(rig.board), |result| {
        wrong += result.wrong;
        expected.push(format!("{result:?}"));
    });
    parity::for_each_filter(ram_bytes(rig.board), |result| {
        wrong += result.wrong;
        expected.push(format!("{result:?}"));
    });
    parity::for_each_layer(ram_bytes(rig.board), |result| {
        wrong += result.wrong;
        expected.push(format!("{result:?}"));
    });
    // Encoders of every operator do not fit beside the rest into the micro:bit's flash.
    if rig.board != Board::Microbit {
        parity::for_each_encoder(|result| {
            wrong += result.wrong;
            expected.push(format!("{result:?}"));
        });
    }
    ensure!(wrong == 0, "on the host {wrong} results are not what the definition gives");
    expect_sums(rig, "kerneltest", expected)
}

/// Every board has room for all dimensions, but for one that leaves out the greatest.
fn ram_bytes(board: Board) -> usize {
    if board == Board::Microbit { 16 * 1024 } else { usize::MAX }
}

/// The board's log has to be these lines, after one that names its kernels.
fn expect_sums(rig: &Rig, bin: &str, mut expected: Vec<String>) -> Result<()> {
    let run = rig.run(bin)?;
    exited(&run, 0)?;
    expected.insert(0, format!("board {}, kernels {}", rig.board.name(), rig.board.kernels()));
    let found: Vec<_> = run.lines.into_iter().map(|line| line.message).collect();
    ensure!(found == expected, "the host computes\n{}", expected.join("\n"));
    Ok(())
}

fn decisions_of_the_bundle(rig: &Rig) -> Result<()> {
    expect_decisions(&rig.run("demo")?, &rig.bundle, &rig.rows)
}

fn longer_bundle(rig: &Rig) -> Result<()> {
    let bundle = Bundle::ANNA_AND_BORIS.encode()?;
    ensure!(bundle.len() > rig.bundle.len(), "it is not longer than the one that it replaces");
    let run = rig.run_with_bundle(&bundle)?;
    expect_decisions(&run, &bundle, &rig.rows)?;
    ensure!(run.lines.iter().any(|line| line.message.contains(" known 5 ")), "the subject at its end is never known");
    Ok(())
}

fn bundle_with_nobody(rig: &Rig) -> Result<()> {
    let run = rig.run_with_bundle(&Bundle::NOBODY.encode()?)?;
    exited(&run, 0)?;
    let rejected = run.lines.iter().filter(|line| line.message.starts_with("nobody enrolled ")).count();
    ensure!(rejected == samples(&rig.rows)?.len(), "{rejected} samples were rejected");
    Ok(())
}

fn expect_decisions(run: &Run, bundle: &[u8], rows: &[u8]) -> Result<()> {
    exited(run, 0)?;
    let found = decisions_of(run)?;
    let expected = decisions_on_the_host(bundle, rows)?;
    ensure!(found == expected, "the host decides {expected:?}, the device {found:?}");
    Ok(())
}

fn decisions_of(run: &Run) -> Result<Vec<(usize, Decision)>> {
    run.lines.iter().filter_map(|line| Decision::parse(&line.message).transpose()).collect()
}

fn decisions_on_the_host(bundle: &[u8], rows: &[u8]) -> Result<Vec<(usize, Decision)>> {
    let recognizer = Recognizer::<DIMENSION, 1>::new(&BundleView::new_checked(bundle)?)?;
    let samples = samples(rows)?;
    samples.iter().enumerate().map(|(probe, sample)| Ok((probe, recognizer.decide(sample)?.into()))).collect()
}

/// Each form in each layout, and each further section of a bundle with and without the others.
fn bundles_of_every_kind(rig: &Rig) -> Result<()> {
    let full_scale = FullScale::new(1.5).context("it is a scale")?;
    let forms = [CodeForm::Full, CodeForm::NormLimited, CodeForm::Euclidean(full_scale)];
    let mut bundles = Vec::new();
    for form in forms {
        bundles.extend(Layout::ALL.map(|layout| Bundle { form, layout, ..Bundle::ANNA_AND_BORIS }));
    }
    for [back_end, cohort, filter] in [[true, false, false], [false, true, false], [false, false, true], [true; 3]] {
        bundles.push(Bundle { back_end, cohort, filter, layout: Layout::Pairs, ..Bundle::ANNA_AND_BORIS });
    }
    let mut verdicts = BTreeMap::new();
    for bundle in bundles {
        let bytes = bundle.encode()?;
        let run = rig.run_with_bundle(&bytes)?;
        expect_decisions(&run, &bytes, &rig.rows).with_context(|| format!("{bundle:?}"))?;
        for (_, decision) in decisions_of(&run)? {
            *verdicts.entry(format!("{:?}", decision.verdict)).or_insert(0) += 1;
        }
    }
    println!("{verdicts:?}");
    ensure!(verdicts.len() == 3, "not every verdict occurs: {verdicts:?}");
    Ok(())
}

fn encoded_pictures(rig: &Rig) -> Result<()> {
    for layout in FilterLayout::ALL {
        let pictures = Some(Pictures::laid_out(layout));
        let bytes = Bundle { pictures, layout: Layout::Pairs, ..Bundle::ANNA_AND_BORIS }.encode()?;
        let run = rig.run_with_encoder(&bytes)?;
        exited(&run, 0)?;
        let (found, expected) = (decisions_of(&run)?, decisions_about_pictures(&bytes, &rig.pictures)?);
        ensure!(found == expected, "{layout:?}: the host decides {expected:?}, the device {found:?}");
        let known: BTreeSet<_> = found.iter().filter_map(|(_, decision)| decision.subject()).collect();
        ensure!(known.len() == 2 && found.iter().any(|(_, d)| d.subject().is_none()), "all are decided about alike");
    }
    Ok(())
}

fn decisions_about_pictures(bundle: &[u8], pictures: &[u8]) -> Result<Vec<(usize, Decision)>> {
    let bundle = BundleView::new_checked(bundle)?;
    let recognizer = Recognizer::<DIMENSION, 1>::new(&bundle)?;
    let encoder = bundle.int8_encoder::<{ operators::CONVOLUTION }>()?.context("it has no encoder")?;
    let mut arena = Arena::<4096>::new();
    let mut source = Encoding::new(encoder, arena.bytes(), Frames::new(&encoder, pictures), ())?;
    let mut decisions = Vec::new();
    while let Some(sample) = source.next_sample()? {
        decisions.push((decisions.len(), recognizer.decide(&sample)?.into()));
    }
    Ok(decisions)
}

fn encoders_that_do_not_run(rig: &Rig) -> Result<()> {
    let with = |pictures| Bundle { pictures: Some(pictures), ..Bundle::ANNA }.encode();
    let plain = Pictures::laid_out(FilterLayout::Plain);
    let run = rig.run_with_encoder(&with(Pictures { has_table: true, ..plain })?)?;
    fails_with(&run, "Encoder(Step { index: 1, error: NotLinked { operator: 7 } })")?;
    let run = rig.run_with_encoder(&with(Pictures { more_memory: 1 << 15, ..plain })?)?;
    fails_with(&run, "Arena(ArenaTooSmall { needed: ")?;
    // Embeddings in place of pictures.
    let run = rig.run_with_bundle(&with(plain)?)?;
    fails_with(&run, "Incomplete { frame: ")
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
fn counter(rig: &Rig) -> Result<()> {
    let run = rig.run("demo")?;
    let first = run.lines.first().map_or("", |line| &line.message);
    let (board, kernels) = (rig.board.name(), rig.board.kernels());
    let measured = first.strip_prefix(&format!("board {board}, kernels {kernels}, "));
    let measured = measured.and_then(|rest| rest.strip_suffix(" instructions a tick")).and_then(|k| k.parse().ok());
    let (measured, expected): (f64, _) = (measured.context("it does not say so")?, rig.board.instructions_per_tick());
    let expected = expected.context("it is not emulated")?;
    ensure!((measured / expected - 1.0).abs() < 1e-3, "expected {expected} instructions a tick, measured {measured}");
    Ok(())
}

/// Follows the script in `firmware/src/bin/enroll.rs` step by step.
fn enrollment(rig: &Rig) -> Result<()> {
    let (anna, boris) = (ANNA.number(), BORIS.number());
    let (neither, accepted, rejected) = ((false, false), (true, false), (false, true));
    let mut expected: Vec<(String, _)> = Vec::new();
    let mut expect = |event: String, leds| {
        let step = expected.len();
        expected.push((event.replace('#', &step.to_string()), leds));
    };
    let collected = |expect: &mut dyn FnMut(String, _), count: usize| {
        (1..=count).for_each(|sample| expect(format!("collected # {sample}"), neither));
    };
    expect(format!("decision # unknown {anna} "), rejected);
    collected(&mut expect, 1);
    expect("refused # Quality(TooFewSamples { found: 1, needed: 3 })".into(), neither);
    collected(&mut expect, 3);
    expect("refused # Quality(Duplicate { first: 0, second: 2, ".into(), neither);
    collected(&mut expect, 4);
    expect(format!("enrolled # {boris}"), neither);
    expect(format!("decision # known {boris} "), accepted);
    expect("decision # unknown ".into(), rejected);
    expect(format!("decision # known {anna} "), accepted);
    expect("decision # ambiguous ".into(), rejected);
    collected(&mut expect, 3);
    expect("refused # Quality(TooClose { sample: 0, other: Match { subject: SubjectId(2147483648), ".into(), neither);
    collected(&mut expect, 5);
    expect("refused # Gallery(Full { capacity: 8, needed: 9 })".into(), neither);

    let run = rig.run("enroll")?;
    exited(&run, 0)?;
    ensure!(run.lines.len() == 2 * expected.len(), "{} lines for {} steps", run.lines.len(), expected.len());
    for (step, (lines, (event, (accept, reject)))) in run.lines.chunks(2).zip(&expected).enumerate() {
        let leds = format!("leds {step} accept={accept} reject={reject}");
        let [found_event, found_leds] = lines else { bail!("step {step} has no LEDs") };
        ensure!(found_event.message.starts_with(event), "step {step}: expected {event:?}, got: {found_event}");
        ensure!(found_leds.message == leds, "step {step}: expected {leds:?}, got: {found_leds}");
    }
    Ok(())
}

/// The bundle's three templates are within the rate that it asks for, the four of BORIS are too many: he stays a stranger.
fn enrollment_beyond_the_thresholds(rig: &Rig) -> Result<()> {
    let run = rig.run_bin_with_bundle("enroll", &Bundle::STRICT.encode()?, |line| println!("{line}"))?;
    exited(&run, 0)?;
    for expected in [
        "refused 11 Policy(Fpir { asked: Rate(30000000), population: 7, least: Rate(",
        "decision 12 unknown 4 ",
        "decision 14 known 4 ",
    ] {
        let found = run.lines.iter().any(|line| line.message.starts_with(expected));
        ensure!(found, "no line begins with {expected:?}");
    }
    Ok(())
}

/// Flips a bit at places all over the bundle. The core's own tests flip every byte; here it is the firmware that refuses.
fn damaged_bundle(rig: &Rig) -> Result<()> {
    for place in (0..rig.bundle.len()).step_by(rig.bundle.len() / 12) {
        let mut damaged = rig.bundle.clone();
        damaged[place] ^= 1 << (place % 8);
        let region = rig.region_with(&damaged)?;
        let error = BundleView::new_checked(&region).err().with_context(|| format!("byte {place} is not checked"))?;
        // The variant's name, as the firmware's log begins with it.
        let variant: String = format!("{error:?}").chars().take_while(|letter| letter.is_alphanumeric()).collect();
        fails_with(&rig.run_with_bundle(&damaged)?, &format!("Bundle({variant}"))
            .with_context(|| format!("byte {place}"))?;
        println!("byte {place:4} of {}: {error}", rig.bundle.len());
    }
    Ok(())
}

fn bundle_of_another_dimension(rig: &Rig) -> Result<()> {
    let run = rig.run_with_bundle(&Bundle::OTHER_DIMENSION.encode()?)?;
    fails_with(&run, "Unusable(Dimension(Template { expected: 64, found: 60 }))")
}

fn bundle_for_another_encoder(rig: &Rig) -> Result<()> {
    fails_with(&rig.run_with_bundle(&Bundle::OTHER_ENCODER.encode()?)?, "Unusable(Encoder { expected: ModelDigest(")
}

fn bundle_of_another_version(rig: &Rig) -> Result<()> {
    let mut bundle = rig.bundle.clone();
    // docs/bundle-format.md: a `u16` that comes before everything that a version could change.
    bundle[8..10].copy_from_slice(&9u16.to_le_bytes());
    fails_with(&rig.run_with_bundle(&bundle)?, "Bundle(FormatVersion { found: 9 })")
}

/// A region of zeros, which is what QEMU fills one with that nothing was linked into, and one of erased flash.
fn no_bundle(rig: &Rig) -> Result<()> {
    let zeros = vec![0; rig.region_with(&[])?.len()];
    fails_with(&rig.run_with_bundle(&zeros)?, "Bundle(NotABundle)")?;
    fails_with(&rig.run_with_bundle(&[])?, "Bundle(NotABundle)")
}

fn no_probes(rig: &Rig) -> Result<()> {
    fails_with(&rig.run_without_probes()?, "NoProbes")
}

fn panic(rig: &Rig) -> Result<()> {
    fails_with(&rig.run("panic")?, "meant to happen")
}

/// A few templates only, made up: whether what the benchmark prints is read, and right.
fn benchmark(rig: &Rig) -> Result<()> {
    let figures = bench::Runs::new(rig.board, rig.elf("bench")?, &bench::Data::made_up())?.few()?;
    println!("{}", bench::table(rig.board, &figures));
    let wrong: Vec<_> = figures.iter().filter(|figure| !figure.equal_to_portable).collect();
    ensure!(wrong.is_empty(), "not what the definition gives: {wrong:?}");
    for kernel in bench::KERNELS {
        ensure!(figures.iter().any(|figure| figure.kernel == kernel), "{kernel} was not measured");
    }
    let layers = bench::LayerRuns::new(rig.board, rig.elf("bench-layers")?)?.all()?;
    println!("{}", bench::layer_table(rig.board, &layers));
    let wrong: Vec<_> = layers.iter().filter(|figure| !figure.equal_to_portable).collect();
    ensure!(wrong.is_empty(), "not what the definition gives: {wrong:?}");
    let sound = bench::sound(rig.board, rig.elf("bench-sound")?)?;
    println!("{}", bench::sound_table(rig.board, &sound));
    ensure!(sound.equal_to_portable, "not what the host hears: {sound:?}");
    if let Some(runs) = bench::EncoderRuns::new(rig.board, rig.elf("bench-encoder")?)? {
        let encoders = runs.few()?;
        println!("{}", bench::encoder_table(rig.board, &encoders));
        ensure!(encoders.iter().all(|figure| figure.equal_to_portable), "not what the host gives: {encoders:?}");
    }
    Ok(())
}

fn no_panics(rig: &Rig) -> Result<()> {
    for (bin, elf) in &rig.references {
        let known = panics::KNOWN.iter().find(|(of, _)| of == bin).map_or(&[][..], |(_, known)| known);
        panics::expect_only(elf, known)?;
        println!("{}: {}", elf.display(), Sizes::of(elf)?);
    }
    ensure!(rig.references.len() == firmware::REFERENCES.len(), "not all were built");
    let error =
        panics::expect_only(rig.elf("panic")?, &[]).err().context("nothing is found in a firmware that panics")?;
    ensure!(format!("{error:#}").contains("panic_fmt"), "something else is found in a firmware that panics: {error:#}");
    Ok(())
}

fn fault(rig: &Rig) -> Result<()> {
    fails_with(&rig.run("fault")?, "hard fault at 0x")
}

fn hang(rig: &Rig) -> Result<()> {
    let (began, limit) = (Instant::now(), Duration::from_secs(2));
    let run = qemu::run(rig.board, rig.elf("hang")?, limit, |line| println!("{line}"))?;
    ensure!(run.ending == Ending::TimedOut, "expected it to be stopped, got {:?}", run.ending);
    ensure!(began.elapsed() < 10 * limit, "stopped only after {:?}", began.elapsed());
    ensure!(run.lines.len() == 1, "what it logged before is lost");
    Ok(())
}
