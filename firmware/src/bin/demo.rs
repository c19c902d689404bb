//! Decides about every recorded sample with the bundle in flash, and ends with what a decision costs. With an encoder in the
//! bundle the samples are raw, and an embedding is made here, too.
//!
//! Exit code 0 says that the bundle was good and that every sample got a decision. README.md describes the log lines.
#![no_std]
#![no_main]

use cognate::encoder::{Arena, EncoderError, RunError, operators};
use cognate::{BundleError, BundleView, Decision, kernel};
use cognate_firmware::board::{self, Counter};
use cognate_firmware::{
    App, AppError, Encoding, Event, Frames, Recognizer, Recorded, RecordedError, Rows, RowsError, UnusableBundle,
};
use cortex_m::Peripherals;

/// Elements of an embedding: what the model makes.
const DIMENSION: usize = 64;
/// Templates that can be enrolled on the device, beside the bundle's.
const CAPACITY: usize = 16;
/// What the demo's encoder is made of. One with more is refused, with the name of what is not linked.
const OPERATORS: u32 = operators::CONVOLUTION;

type Samples = Recorded<'static, 'static, DIMENSION, Counter, OPERATORS>;

#[cortex_m_rt::entry]
fn main() -> ! {
    board::finish(run())
}

/// Why the firmware gave up.
#[derive(defmt::Format)]
enum Failure {
    Peripherals,
    Bundle(BundleError),
    Unusable(UnusableBundle),
    Encoder(EncoderError),
    Arena(RunError),
    ArenaTaken,
    Probes(RowsError),
    NoProbes,
    App(AppError<RecordedError>),
}

fn run() -> Result<(), Failure> {
    let peripherals = Peripherals::take().ok_or(Failure::Peripherals)?;
    let counter = Counter::start(peripherals.SYST);
    let ticks = counter.instructions_per_tick();
    defmt::info!("board {=str}, kernels {=str}, {} instructions a tick", board::NAME, kernel::NAME, ticks);
    let bundle = BundleView::new_checked(board::bundle()).map_err(Failure::Bundle)?;
    let recognizer = load(&bundle)?;
    let samples = samples(&bundle, counter.another())?;
    let mut app = App::new(recognizer, board::pins(), samples, counter).map_err(Failure::Unusable)?;
    let mut probe = 0;
    loop {
        match app.step().map_err(Failure::App)? {
            Event::Decided(decision) => board::log_decision(probe, &decision),
            Event::Ambiguous(evidence) => board::log_decision(probe, &Decision::Ambiguous(evidence)),
            Event::NobodyEnrolled => defmt::info!("nobody enrolled {=u32}", probe),
            Event::End => break,
            // QEMU's button is never pressed.
            event => {
                defmt::info!("{}", event);
                continue;
            }
        }
        probe += 1;
    }
    if probe == 0 {
        return Err(Failure::NoProbes);
    }
    report(app.meter(), app.source());
    Ok(())
}

/// What the firmware was built with in place of a sensor; and in place of an encoder, if the bundle has none.
fn samples(bundle: &BundleView<'static>, counter: Counter) -> Result<Samples, Failure> {
    let bytes = board::probes();
    if bytes.is_empty() {
        return Err(Failure::NoProbes);
    }
    let Some(encoder) = bundle.int8_encoder().map_err(Failure::Encoder)? else {
        return Rows::new(bytes).map(Samples::Embeddings).map_err(Failure::Probes);
    };
    let arena = cortex_m::singleton!(: Arena<{ board::ARENA_BYTES }> = Arena::new()).ok_or(Failure::ArenaTaken)?;
    let frames = Frames::new(&encoder, bytes);
    defmt::info!(
        "encoder {=usize} bytes, arena {=usize} bytes, {=usize} of them tensors",
        encoder.bytes().len(),
        encoder.arena_bytes(),
        encoder.tensor_bytes()
    );
    Encoding::new(encoder, arena.bytes(), frames, counter).map(Samples::Raw).map_err(Failure::Arena)
}

fn load<'a>(bundle: &BundleView<'a>) -> Result<Recognizer<'a, DIMENSION, CAPACITY>, Failure> {
    let recognizer = Recognizer::new(bundle).map_err(Failure::Unusable)?;
    defmt::info!(
        "bundle {=usize} bytes, {=usize} templates, threshold {=i32} for verification, {=i32} for identification",
        bundle.len(),
        bundle.gallery().len(),
        bundle.operating_point().threshold.raw(),
        recognizer.policy().threshold().raw()
    );
    Ok(recognizer)
}

fn report(decisions: &Counter, samples: &Samples) {
    if let Samples::Raw(encoding) = samples {
        defmt::info!("instructions_per_embedding {=u32}", encoding.meter().instructions_each());
    }
    defmt::info!("decisions {=u32}", decisions.count());
    defmt::info!("instructions_per_decision {=u32}", decisions.instructions_each());
    defmt::info!("peak_stack {=u32}", board::peak_stack());
}
