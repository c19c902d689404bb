//! Recognizes on the device what [`cognate_firmware::parity`] has recognized on the host, twice: with the FPU as after a
//! reset, and with one that takes subnormal numbers for zero. `cargo xtask test` compares the checksums.
#![no_std]
#![no_main]

use cognate::kernel;
use cognate_firmware::{board, parity};

#[cortex_m_rt::entry]
fn main() -> ! {
    defmt::info!("board {=str}, kernels {=str}", board::NAME, kernel::NAME);
    for flush in [false, true] {
        board::flush_subnormals(flush);
        defmt::info!("flushes subnormals {=bool}", board::flushes_subnormals());
        parity::for_each_dimension(board::ram_bytes(), |result| defmt::info!("{}", result));
        parity::for_each_form(|result| defmt::info!("{}", result));
    }
    defmt::info!("{}", parity::FrontEnds::compute());
    board::succeed()
}
