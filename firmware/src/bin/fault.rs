//! Reads where there is no memory: `cargo xtask test` expects a hard fault and a failing exit code.
#![no_std]
#![no_main]
#![allow(unsafe_code)]

use cognate_firmware::board;

#[cortex_m_rt::entry]
fn main() -> ! {
    // SAFETY: no board has anything here, behind the registers of the core: the read faults before it yields a value.
    let value = unsafe { (0xe010_0000 as *const u32).read_volatile() };
    defmt::error!("read {=u32:#x} instead of a fault", value);
    board::succeed()
}
