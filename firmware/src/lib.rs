//! Recognition on a microcontroller: a sample comes in, a decision goes out on two pins.
//!
//! ```text
//! Recorder ─► Hearing ─┐ where it hears
//!                      ▼
//!                   Capture ─► Encoding ─┐ where it encodes
//!                      ┌─────────────────┘
//!                      ▼
//!               SampleSource ──► App ──► accept / reject pins, Event
//!                                 │
//!                          button │ held: samples are collected, released: a new subject
//!                                 ▼
//!             Recognizer: the bundle's gallery in flash and a small one in RAM, searched as one
//! ```
//!
//! [`App`] is generic over `embedded-hal` pins, a [`SampleSource`] and a [`Meter`], and knows no board: it is tested on
//! the host. The module `board`, compiled only with a board's feature, is everything that knows one, and all of the
//! `unsafe`.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod app;
#[cfg(feature = "board")]
pub mod board;
pub mod device;
#[cfg(feature = "board")]
pub mod encoder_only;
pub mod encoder_workload;
#[cfg(test)]
mod fixture;
pub mod layer_workload;
pub mod parity;
pub mod recognizer;
#[cfg(feature = "board")]
pub mod reference;
pub mod source;
pub mod workload;

pub use app::{App, AppError, Event, Line, Meter, Pins};
pub use recognizer::{EnrollError, RecognizeError, Recognizer, UnusableBundle};
pub use source::{
    Capture, EncodeError, Encoding, Frames, FramesError, HearError, Hearing, Recorded, RecordedError, Recorder,
    Recordings, RecordingsError, Rows, RowsError, SampleSource, UnheardEncoder,
};
