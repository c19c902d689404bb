//! What checks a bundle in flash, and nothing else: what `signed` is compared with, to see what a signature costs. No log.
#![no_std]
#![no_main]

use cognate::BundleView;
use cognate_firmware::board::{self, Port};

/// What came of it.
static RESULT: Port<u32> = Port::new(0);

#[cortex_m_rt::entry]
fn main() -> ! {
    loop {
        let subjects = BundleView::new_checked(board::bundle()).map(|bundle| bundle.subjects().count() as u32);
        RESULT.write(subjects.unwrap_or(u32::MAX));
    }
}
