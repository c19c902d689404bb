//! Never ends: `cargo xtask test` expects the runner to stop it and to say so.
#![no_std]
#![no_main]

use cognate_firmware as _;

#[cortex_m_rt::entry]
fn main() -> ! {
    defmt::info!("hanging");
    loop {
        cortex_m::asm::nop();
    }
}
