//! Recorded rows of a firmware: every one is an embedding or a typed error, and they come to an end.
#![no_main]

use cognate_firmware::{Rows, SampleSource};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(mut rows) = Rows::<3>::new(data) else {
        assert!(data.len() < 16);
        return;
    };
    let mut calls = 0;
    while !matches!(rows.next_sample(), Ok(None)) {
        calls += 1;
        assert!(calls <= (data.len() - 16).div_ceil(12), "more rows than bytes");
    }
});
