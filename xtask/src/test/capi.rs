//! The door lock in C, compiled, linked and run in QEMU: it decides as the library in Rust does.

use super::encoders::{Pictures, picture};
use super::fixture::{self, Bundle, DIMENSION};
use super::panics;
use super::rig::{SAMPLES, TIMEOUT};
use super::summary::Summary;
use crate::board::Board;
use crate::capi;
use crate::decision::Decision;
use crate::qemu::{self, Ending};
use anyhow::{Context, Result, ensure};
use cognate::encoder::FilterLayout;
use cognate::quality::Refusal;
use cognate::{BundleView, CodeForm, Embedding};
use cognate_firmware::{EnrollError, Recognizer};
use std::path::Path;

/// Samples that the door lock learns somebody by: as many as in `door_lock.c`, of `SAMPLES` the first.
const LEARNED: usize = 4;

/// What is shown to it.
type Samples = Vec<[f32; DIMENSION]>;

/// On those of the boards that it is laid out for.
pub fn run(boards: &[Board], summary: &mut Summary) {
    for board in boards.iter().copied().filter(|board| capi::BOARDS.contains(board)) {
        let name = |what: &str| format!("{}: {what}", board.name());
        let Some(library) = summary.step(&name("build the C interface"), || capi::library(board)) else { continue };
        summary.step(&name("the door lock in C decides as Rust does"), || door_lock(board, &library));
        // It has no room for a store or an encoder in the memory of a micro:bit.
        if board != Board::Microbit {
            summary.step(&name("the door lock in C encodes as Rust does"), || encoding_door_lock(board, &library));
        }
    }
}

/// By a norm-limited bundle, which every core takes.
fn door_lock(board: Board, library: &Path) -> Result<()> {
    let bundle = Bundle { form: CodeForm::NormLimited, ..Bundle::ANNA }.encode()?;
    let samples: Samples = SAMPLES.map(|(who, time)| fixture::sample(who, time)).to_vec();
    let rows = fixture::rows(samples.iter().copied());
    let elf = capi::door_lock(board, library, [&bundle, &rows], "")?;
    panics::expect_only(&elf, &[])?;
    expect(board, &elf, &bundle, &samples)
}

fn encoding_door_lock(board: Board, library: &Path) -> Result<()> {
    let pictures = Pictures::laid_out(FilterLayout::Pairs);
    let bundle = Bundle { pictures: Some(pictures), ..Bundle::ANNA_AND_BORIS }.encode()?;
    let bytes = SAMPLES.map(|(who, time)| picture(who, time)).concat();
    let elf = capi::door_lock(board, library, [&bundle, &bytes], "-DCOGNATE_EXAMPLE_ENCODES")?;
    panics::expect_only(&elf, &[])?;
    let samples = SAMPLES.iter().map(|(who, time)| pictures.embedding(*who, *time)).collect::<Result<_>>()?;
    expect(board, &elf, &bundle, &samples)
}

fn expect(board: Board, elf: &Path, bundle: &[u8], samples: &Samples) -> Result<()> {
    let (ending, text) = qemu::run_text(board, elf, TIMEOUT)?;
    print!("{text}");
    ensure!(ending == Ending::Exited(0), "expected exit code 0, got {ending:?}");
    let expected = expected(bundle, samples)?;
    ensure!(text == expected, "Rust says\n{expected}");
    Ok(())
}

/// What it has to print.
fn expected(bundle: &[u8], samples: &Samples) -> Result<String> {
    let mut recognizer = Recognizer::<DIMENSION, 16>::new(&BundleView::new_checked(bundle)?)?;
    let samples: Vec<_> = samples.iter().map(|values| Embedding::new(*values)).collect::<Result<_, _>>()?;
    let decide = |recognizer: &Recognizer<'_, DIMENSION, 16>| -> Result<Vec<Decision>> {
        samples.iter().map(|sample| Ok(recognizer.decide(sample)?.into())).collect()
    };
    let before = decide(&recognizer)?;
    let learned = samples.get(..LEARNED).context("there are too few samples")?;
    let templates: Vec<_> = learned.iter().map(|sample| recognizer.template(sample)).collect::<Result<_, _>>()?;
    let subject = match recognizer.enroll(&templates) {
        Err(EnrollError::Quality(Refusal::TooClose { .. })) => return Ok(format!("{}refused\n", lines(&before))),
        enrolled => enrolled?,
    };
    let after = decide(&recognizer)?;
    ensure!(after != before, "whom it learned is never seen");
    let best = after.first().and_then(|decision| decision.best).context("nobody is alike")?;
    ensure!(best.subject == subject.number(), "whom it learned is not known");
    recognizer.remove(subject)?;
    ensure!(decide(&recognizer)? == before, "whom it forgot is still seen");
    let [before, after] = [lines(&before), lines(&after)];
    let (subject, score) = (subject.number(), best.score);
    Ok(format!("{before}enrolled {subject}\n{after}verified 1 {score}\n{before}templates left 0\n"))
}

/// As `door_lock.c` prints decisions.
fn lines(decisions: &[Decision]) -> String {
    decisions.iter().enumerate().map(|(probe, decision)| format!("{}\n", decision.line(probe))).collect()
}
