//! Sensor front ends: what is between a sensor and an encoder, in integers, the same on the host and on every core.
//!
//! ```text
//! 16-bit PCM ─► LogMel ────────► rows of features, i16 ─┐
//! camera lines ─► Shrink ─► pixels, u8 ─► standardize ──┼─► Sample ─► Encoder
//! accelerometer ─► SlidingWindow ─► a series, i16 ──────┘
//! ```
//!
//! All of them stream: what comes is taken in pieces of any length, and nothing is kept but what the next row needs. Tables are made
//! when the program compiles. `docs/fixed-point.md` defines what they compute.

mod fft;
mod image;
mod log_mel;
mod series;
mod sound;
mod tables;

pub use image::{Crop, Shrink, standardize};
pub use log_mel::{LogMel, LogMelTables, SILENCE};
pub use series::SlidingWindow;
pub use sound::{Fit, Fitted, SoundForm};
