//! Computes the checksums of [`cognate_firmware::parity`] on the device, twice: with the FPU as after a reset, and with
//! one that takes subnormal numbers for zero. `cargo xtask test` compares both with the host's.
#![no_std]
#![no_main]

use cognate_firmware::{board, parity};

#[cortex_m_rt::entry]
fn main() -> ! {
    for flush in [false, true] {
        board::flush_subnormals(flush);
        defmt::info!("flushes subnormals {=bool}", board::flushes_subnormals());
        parity::for_each_dimension(board::ram_bytes(), |result| defmt::info!("{}", result));
        parity::for_each_form(|result| defmt::info!("{}", result));
    }
    board::succeed()
}
