//! Computes the checksums of [`cognate_firmware::parity`] on the device; `cargo xtask test` compares them with the
//! host's.
#![no_std]
#![no_main]

use cognate_firmware::{board, parity};

#[cortex_m_rt::entry]
fn main() -> ! {
    parity::for_each_dimension(|parity| defmt::info!("{}", parity));
    board::succeed()
}
