//! Codes of any bytes in any layout, streamed: as the definition has it, and nothing is read beyond them.
#![no_main]

use cognate::kernel::{Codes, Finish, Lane, Layout, Probe, Rows, Seek, portable};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    layout: u8,
    dimension: u16,
    rows: u8,
    finish: u8,
    floor: i32,
    from: u8,
    to: u8,
    factors: Vec<[u8; 4]>,
    codes: Vec<i8>,
}

fuzz_target!(|input: Input| {
    let Input { layout, dimension, rows, finish, floor, from, to, factors, mut codes } = input;
    let layout = Layout::ALL[usize::from(layout) % Layout::ALL.len()];
    let (dimension, rows) = (usize::from(dimension % 1026), usize::from(rows % 24));
    // Bytes of any number are refused unless they fit.
    if let Some(stream) = Codes::new(layout, dimension, rows, &codes) {
        let _ = Rows::new(stream, &factors);
    }
    let Some(bytes) = Codes::bytes_of(layout, dimension, rows) else { return };
    let mut probe = codes.split_off(codes.len().min(bytes));
    codes.resize(bytes, 3);
    probe.resize(dimension, -5);
    let factors: Vec<[u8; 4]> =
        (0..rows).map(|row| factors.get(row).copied().unwrap_or([0, 0, row as u8, 99])).collect();
    let stream = Codes::new(layout, dimension, rows, &codes).and_then(|codes| Rows::new(codes, &factors));
    let stream = stream.expect("the sizes fit");
    let finish = match finish % 4 {
        0 => Finish::Dot,
        1 => Finish::Cosine { shift: u32::from(finish >> 3) % 17 },
        2 => Finish::NORM_LIMITED,
        _ => Finish::Distance { norm: u32::from(finish) << 10 },
    };
    let row = |row: usize| stream.codes().row(row).collect::<Vec<i8>>();
    let key = |place: usize| portable::key(portable::dot(&row(place), &probe), stream.factor(place), finish);
    let mut lanes = vec![Lane::default(); dimension];
    let range = usize::from(from)..usize::from(to);
    let wanted = range.start.min(rows)..range.end.min(rows);
    for kernel_probe in [Probe::new(&probe, finish), Probe::spread(&probe, &mut lanes, finish)] {
        let mut seek = Seek::new(&stream, &kernel_probe, range.clone());
        let mut found = Vec::new();
        while let Some(group) = seek.next(floor) {
            found.extend(group.keys().filter(|(_, key)| *key >= floor));
        }
        let expected = wanted.clone().map(|row| (row, key(row)));
        assert_eq!(found, expected.filter(|(_, key)| *key >= floor).collect::<Vec<_>>());
    }
});
