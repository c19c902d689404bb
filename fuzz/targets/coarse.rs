//! Coarse rows of any bytes: blocks of interest come as the definition has it, and nothing is read beyond them.
#![no_main]

use cognate::kernel::coarse::{self, BLOCK, Bar, Coarse};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    bytes: Vec<i8>,
    slacks: Vec<u8>,
    probe: Vec<i16>,
    level: i32,
    slope: i32,
    from: u8,
    to: u8,
    row: u8,
    elements: Vec<i8>,
}

fuzz_target!(|input: Input| {
    let Input { mut bytes, slacks, probe, level, slope, from, to, row, elements } = input;
    let bar = Bar { level, slope };
    let elements = elements.into_iter().map(|element| element.clamp(-coarse::MOST, coarse::MOST));
    coarse::put(&mut bytes, usize::from(row), elements);
    let plane = Coarse::new(&bytes, &slacks);
    let blocks = usize::from(from)..usize::from(to);
    let blocks_end = blocks.end;
    let found = coarse::seek(&plane, &probe, bar, blocks.clone());
    let whole = if probe.is_empty() { 0 } else { (bytes.len() / (BLOCK * probe.len())).min(slacks.len()) };
    let expected = blocks.filter(|_| blocks_end <= whole).find_map(|block| {
        let sums = coarse::sums(&bytes[block * BLOCK * probe.len()..][..BLOCK * probe.len()], &probe);
        sums.iter().any(|sum| *sum >= bar.least(slacks[block])).then_some((block, sums))
    });
    assert_eq!(found.map(|group| (group.block, group.sums)), expected);
});
