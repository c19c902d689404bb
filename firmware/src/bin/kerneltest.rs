//! Compares the kernels of the core with their definition on the device itself, runs encoders of every operator, and says what
//! they come to, which `cargo xtask test` compares with the host. Not in `selftest`, because not every flash has room for both.
#![no_std]
#![no_main]

use cognate::kernel;
use cognate_firmware::{board, parity};

#[cortex_m_rt::entry]
fn main() -> ! {
    defmt::info!("board {=str}, kernels {=str}", board::NAME, kernel::NAME);
    parity::for_each_kernel(board::ram_bytes(), |result| defmt::info!("{}", result));
    parity::for_each_filter(board::ram_bytes(), |result| defmt::info!("{}", result));
    parity::for_each_layer(board::ram_bytes(), |result| defmt::info!("{}", result));
    // Every operator of 8 and 16 bits, the check of files and their writer do not fit beside the rest.
    #[cfg(not(feature = "microbit"))]
    parity::for_each_encoder(|result| defmt::info!("{}", result));
    board::succeed()
}
