//! The application as a task of Embassy's executor: one task is the sensor, one recognizes, and `main` shows what came of it.
//!
//! The library and the application choose no executor: [`recognition`] is all that is async, on a trait of `embedded-hal-async`.
//! Exit code 0 says that the bundle was good and that every sample got a decision, as of `demo`.
#![no_std]
#![no_main]

mod line;
mod recognition;

use cognate::{BundleError, BundleView, Decision};
use cognate_firmware::{App, AppError, Event, Recognizer, Rows, RowsError, UnusableBundle, board};
use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use line::Line;
use recognition::{Stopped, recognize};

/// Elements of an embedding: what the model makes.
const DIMENSION: usize = 64;
/// Templates that can be enrolled on the device, beside the bundle's.
const CAPACITY: usize = 16;

type Application = App<'static, DIMENSION, CAPACITY, board::Led, board::Led, board::Button, Rows<'static, DIMENSION>>;

/// Why there are no more decisions.
#[derive(Clone, Copy, defmt::Format)]
enum Failure {
    Bundle(BundleError),
    Unusable(UnusableBundle),
    Probes(RowsError),
    NoProbes,
    Stopped(Stopped<AppError<RowsError>>),
    Tasks,
}

/// Raised when a sample is there.
static READY: Line = Line::new();
/// Raised when the sensor may take the next one.
static SHOWN: Line = Line::new();
/// What came of each sample.
static EVENTS: Channel<CriticalSectionRawMutex, Result<Event, Failure>, 1> = Channel::new();

#[embassy_executor::main]
async fn main(spawner: Spawner) -> ! {
    board::finish(show(spawner).await)
}

async fn show(spawner: Spawner) -> Result<(), Failure> {
    spawner.spawn(sensor().map_err(|_| Failure::Tasks)?);
    spawner.spawn(recognition().map_err(|_| Failure::Tasks)?);
    let mut probe = 0;
    loop {
        match EVENTS.receive().await? {
            Event::Decided(decision) => board::log_decision(probe, &decision),
            Event::Ambiguous(evidence) => board::log_decision(probe, &Decision::Ambiguous(evidence)),
            Event::End if probe == 0 => return Err(Failure::NoProbes),
            Event::End => return Ok(()),
            event => defmt::info!("{}", event),
        }
        probe += 1;
        SHOWN.raise();
    }
}

/// Stands for a sensor that has a sample whenever it is asked for one.
#[embassy_executor::task]
async fn sensor() {
    use embedded_hal_async::digital::Wait;

    loop {
        READY.raise();
        let Ok(()) = (&SHOWN).wait_for_rising_edge().await;
    }
}

#[embassy_executor::task]
async fn recognition() {
    let ended = match application() {
        Ok(mut app) => recognize(&mut &READY, || app.step(), async |event| EVENTS.send(Ok(event)).await)
            .await
            .map_err(Failure::Stopped),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = ended {
        EVENTS.send(Err(failure)).await;
    }
}

/// The application over the bundle and the samples in flash.
fn application() -> Result<Application, Failure> {
    let bundle = BundleView::new_checked(board::bundle()).map_err(Failure::Bundle)?;
    let recognizer = Recognizer::new(&bundle).map_err(Failure::Unusable)?;
    let samples = Rows::new(board::probes()).map_err(Failure::Probes)?;
    App::new(recognizer, board::pins(), samples, ()).map_err(Failure::Unusable)
}
