//! Enrolls on the device, with a button that follows a script: QEMU's buttons cannot be pressed.
//!
//! `cargo xtask test` makes the bundle and the samples, and checks every line. After each step the state of the two LEDs
//! is read back from the board.
#![no_std]
#![no_main]

use cognate::{BundleError, BundleView, Decision};
use cognate_firmware::{App, AppError, Event, Pins, Recognizer, Rows, RowsError, UnusableBundle, board};
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, InputPin, StatefulOutputPin};

const DIMENSION: usize = 64;
const CAPACITY: usize = 8;

/// The button at each step. A release after samples takes a step of its own, and no sample.
const SCRIPT: &[bool] = &[
    false, // a sample of the subject to come: a stranger as yet
    true, false, // one sample: too few
    true, true, true, false, // three, of which two are the same
    true, true, true, true, false, // four good ones: enrolled
    false, // the new subject
    false, // a stranger
    false, // the bundle's subject
    false, // one between the two
    true, true, true, false, // the new subject once more
    true, true, true, true, true, false, // five of a stranger do not fit
];

#[cortex_m_rt::entry]
fn main() -> ! {
    board::finish(run())
}

/// Why the firmware gave up.
#[derive(defmt::Format)]
enum Failure {
    Bundle(BundleError),
    Unusable(UnusableBundle),
    Probes(RowsError),
    App(AppError<RowsError>),
}

fn run() -> Result<(), Failure> {
    let bundle = BundleView::new_checked(board::bundle()).map_err(Failure::Bundle)?;
    let recognizer = Recognizer::<DIMENSION, CAPACITY>::new(&bundle).map_err(Failure::Unusable)?;
    let Pins { accept, reject, .. } = board::pins();
    let pins = Pins { accept, reject, enroll: Script(SCRIPT.iter()) };
    let rows = Rows::<DIMENSION>::new(board::probes()).map_err(Failure::Probes)?;
    let mut app = App::new(recognizer, pins, rows, ()).map_err(Failure::Unusable)?;
    for step in 0.. {
        match app.step().map_err(Failure::App)? {
            Event::Decided(decision) => board::log_decision(step, &decision),
            Event::Ambiguous(evidence) => board::log_decision(step, &Decision::Ambiguous(evidence)),
            Event::NobodyEnrolled => defmt::info!("nobody enrolled {=u32}", step),
            Event::Collected(samples) => defmt::info!("collected {=u32} {=usize}", step, samples),
            Event::Enrolled(subject) => defmt::info!("enrolled {=u32} {=u32}", step, subject.number()),
            Event::EnrollmentRefused(error) => defmt::info!("refused {=u32} {}", step, error),
            Event::End => break,
        }
        log_leds(step);
    }
    Ok(())
}

/// Reads the LEDs through pins of their own.
fn log_leds(step: u32) {
    let Pins { mut accept, mut reject, .. } = board::pins();
    let (Ok(accepts), Ok(rejects)) = (accept.is_set_high(), reject.is_set_high());
    defmt::info!("leds {=u32} accept={=bool} reject={=bool}", step, accepts, rejects);
}

/// A button that does what the script says, and is released after it.
struct Script(core::slice::Iter<'static, bool>);

impl ErrorType for Script {
    type Error = Infallible;
}

impl InputPin for Script {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.0.next().copied().unwrap_or(false))
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}
