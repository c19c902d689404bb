//! The boards: pins, a counter and the two files in flash. Here is all that touches hardware.
//!
//! A board is one file of this module, chosen by the feature of its name, and `boards/<name>.x` with its memory. It
//! gives `NAME`, its pin types and `pins()`; the rest is common to all Cortex-M.

// The logger: linked by naming it.
#[cfg(target_os = "none")]
use defmt_semihosting as _;

mod counter;
mod exit;
mod flash;
mod fpu;
mod log;
mod stack;

#[cfg(feature = "mps2-an386")]
mod mps2_an386;
#[cfg(feature = "mps2-an386")]
pub use mps2_an386::{Button, Led, NAME, pins};

#[cfg(not(feature = "mps2-an386"))]
compile_error!("choose a board with --features: the names are in firmware/boards");

pub use counter::{Counter, Milli};
pub use exit::{finish, succeed};
pub use flash::{bundle, probes};
pub use fpu::{flush_subnormals, flushes_subnormals};
pub use log::decision as log_decision;
pub use stack::peak_stack;
