//! The boards: pins, a counter and the two files in flash. Here is all that touches hardware.
//!
//! A board is one file of this module, chosen by the feature of its name, and `boards/<name>.x` with its memory. It
//! gives `NAME`, its pin types and `pins()`; the rest is common to all Cortex-M. `build.rs` refuses no board, and two.

// The logger: linked by naming it.
#[cfg(all(feature = "log", feature = "probe", target_os = "none"))]
use defmt_rtt as _;
#[cfg(all(feature = "log", not(feature = "probe"), target_os = "none"))]
use defmt_semihosting as _;

mod counter;
#[cfg(feature = "log")]
mod exit;
mod flash;
#[cfg(feature = "fpgaio")]
mod fpgaio;
mod fpu;
#[cfg(feature = "device")]
mod keys;
mod large;
#[cfg(feature = "log")]
mod log;
mod memory;
#[cfg(feature = "device")]
mod nor;
#[cfg(feature = "nrf")]
mod nrf;
mod outside;
#[cfg(feature = "port")]
mod port;
mod ram;
#[cfg(feature = "rp")]
mod rp;
#[cfg(not(feature = "log"))]
mod silent;
#[cfg(feature = "device")]
mod uart;

#[cfg_attr(feature = "microbit", path = "microbit.rs")]
#[cfg_attr(feature = "mps2-an385", path = "mps2_an385.rs")]
#[cfg_attr(feature = "mps2-an386", path = "mps2_an386.rs")]
#[cfg_attr(feature = "mps2-an500", path = "mps2_an500.rs")]
#[cfg_attr(feature = "mps2-an505", path = "mps2_an505.rs")]
#[cfg_attr(feature = "mps3-an547", path = "mps3_an547.rs")]
#[cfg_attr(feature = "nrf52840-dk", path = "nrf52840_dk.rs")]
#[cfg_attr(feature = "pico", path = "pico.rs")]
#[cfg_attr(feature = "pico2", path = "pico2.rs")]
#[cfg_attr(feature = "stm32f411e-disco", path = "stm32f411e_disco.rs")]
mod chosen;

#[cfg(feature = "device")]
pub use chosen::seconds;
pub use chosen::{ARENA_BYTES, Button, Led, NAME, pins};
pub use counter::{Counter, Milli};
#[cfg(feature = "log")]
pub use exit::{finish, succeed};
pub use flash::{bundle, probes};
pub use fpu::{flush_subnormals, flushes_subnormals};
#[cfg(feature = "device")]
pub use keys::keys;
pub use large::{arena, model};
#[cfg(feature = "log")]
pub use log::decision as log_decision;
pub use memory::Port;
#[cfg(feature = "device")]
pub use nor::Nor;
pub use outside::Outside;
pub use ram::{peak_stack, ram_bytes};
#[cfg(feature = "device")]
pub use uart::Uart;
