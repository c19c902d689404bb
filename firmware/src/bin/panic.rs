//! Panics: `cargo xtask test` expects the message and a failing exit code.
#![no_std]
#![no_main]

use cognate_firmware as _;

#[cortex_m_rt::entry]
fn main() -> ! {
    panic!("meant to happen")
}
