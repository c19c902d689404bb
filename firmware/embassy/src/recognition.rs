//! What a product takes over: the application, waited for. It knows neither a board nor an executor.

use cognate_firmware::Event;
use embedded_hal_async::digital::Wait;

/// Why it stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, defmt::Format)]
pub enum Stopped<Step> {
    /// The line of the sensor could not be waited for.
    Line,
    /// A step of the application failed.
    Step(Step),
}

/// Each time that the sensor raises its line, does a step of the application and hands over what came of it. Ends with the
/// samples, after [`Event::End`] was handed over.
///
/// `ready` is any pin of a HAL for async, `step` is [`App::step`](cognate_firmware::App::step), and while nothing is to be done the
/// executor may let the core sleep.
///
/// # Errors
/// [`Stopped`], when the line or a step failed. Another call goes on with the next sample.
pub async fn recognize<Failure>(
    ready: &mut impl Wait,
    mut step: impl FnMut() -> Result<Event, Failure>,
    mut report: impl AsyncFnMut(Event),
) -> Result<(), Stopped<Failure>> {
    loop {
        ready.wait_for_rising_edge().await.map_err(|_| Stopped::Line)?;
        let event = step().map_err(Stopped::Step)?;
        report(event).await;
        if event == Event::End {
            return Ok(());
        }
    }
}
