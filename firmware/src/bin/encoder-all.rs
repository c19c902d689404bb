//! The encoder alone with every operator, to see how large it is: samples in flash become embeddings. No log; `cargo xtask
//! size` measures it.
#![no_std]
#![no_main]

use cognate::encoder::operators;

#[cortex_m_rt::entry]
fn main() -> ! {
    cognate_firmware::encoder_only::run::<{ operators::ALL }>()
}
