//! Decides about every recorded sample with the bundle in flash, and ends with what a decision costs.
//!
//! Exit code 0 says that the bundle was good and that every sample got a decision. README.md describes the log lines.
#![no_std]
#![no_main]

use cognate::{BundleError, BundleView, Decision, kernel};
use cognate_firmware::board::{self, Counter};
use cognate_firmware::{App, AppError, Event, Recognizer, Rows, RowsError, UnusableBundle};
use cortex_m::Peripherals;

/// Elements of an embedding: what the model makes.
const DIMENSION: usize = 64;
/// Templates that can be enrolled on the device, beside the bundle's.
const CAPACITY: usize = 16;

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
    Probes(RowsError),
    NoProbes,
    App(AppError<RowsError>),
}

fn run() -> Result<(), Failure> {
    let peripherals = Peripherals::take().ok_or(Failure::Peripherals)?;
    let counter = Counter::start(peripherals.SYST);
    let ticks = counter.instructions_per_tick();
    defmt::info!("board {=str}, kernels {=str}, {} instructions a tick", board::NAME, kernel::NAME, ticks);
    let recognizer = load(board::bundle())?;
    let mut app = App::new(recognizer, board::pins(), probes()?, counter).map_err(Failure::Unusable)?;
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
    report(app.meter());
    Ok(())
}

/// What the firmware was built with in place of a sensor and an encoder.
fn probes() -> Result<Rows<'static, DIMENSION>, Failure> {
    match board::probes() {
        [] => Err(Failure::NoProbes),
        bytes => Rows::new(bytes).map_err(Failure::Probes),
    }
}

fn load(bundle: &[u8]) -> Result<Recognizer<'_, DIMENSION, CAPACITY>, Failure> {
    let bundle = BundleView::new_checked(bundle).map_err(Failure::Bundle)?;
    let recognizer = Recognizer::new(&bundle).map_err(Failure::Unusable)?;
    defmt::info!(
        "bundle {=usize} bytes, {=usize} templates, threshold {=i32} for verification, {=i32} for identification",
        bundle.len(),
        bundle.gallery().len(),
        bundle.operating_point().threshold.raw(),
        recognizer.policy().threshold().raw()
    );
    Ok(recognizer)
}

fn report(counter: &Counter) {
    defmt::info!("decisions {=u32}", counter.decisions());
    defmt::info!("instructions_per_decision {=u32}", counter.instructions_per_decision());
    defmt::info!("peak_stack {=u32}", board::peak_stack());
}
