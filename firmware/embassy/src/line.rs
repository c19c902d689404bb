//! A line between two tasks, in place of a pin with an interrupt.

use core::convert::Infallible;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embedded_hal::digital::ErrorType;
use embedded_hal_async::digital::Wait;

/// A line that is low but for an instant: whoever raises it wakes the one task that waits, now or when it comes to wait.
pub struct Line(Signal<CriticalSectionRawMutex, ()>);

impl Line {
    /// A line that was not raised yet.
    pub const fn new() -> Self {
        Self(Signal::new())
    }

    /// Raises it for an instant.
    pub fn raise(&self) {
        self.0.signal(());
    }
}

impl ErrorType for &Line {
    type Error = Infallible;
}

impl Wait for &Line {
    async fn wait_for_high(&mut self) -> Result<(), Infallible> {
        self.0.wait().await;
        Ok(())
    }

    async fn wait_for_low(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn wait_for_rising_edge(&mut self) -> Result<(), Infallible> {
        self.wait_for_high().await
    }

    async fn wait_for_falling_edge(&mut self) -> Result<(), Infallible> {
        self.wait_for_high().await
    }

    async fn wait_for_any_edge(&mut self) -> Result<(), Infallible> {
        self.wait_for_high().await
    }
}
