//! The stream of rows against its definition, for the kernel of the core that this runs on.

use crate::support::{FULL, NORM_LIMITED, code, euclidean};
use cognate::kernel::coarse::{self, Bar, Coarse, CoarseGroup};
use cognate::kernel::{Codes, Finish, Lane, Layout, Probe, Rows, Seek, portable};
use cognate::{CodeForm, MAX_DIMENSION};
use proptest::prelude::*;

fn finishes(form: CodeForm) -> Vec<Finish> {
    match form {
        CodeForm::Full => vec![Finish::Dot, Finish::Cosine { shift: 7 }],
        CodeForm::NormLimited => vec![Finish::Dot, Finish::NORM_LIMITED],
        CodeForm::Euclidean(_) => vec![Finish::Distance { norm: 12_345 }],
    }
}

fn forms() -> impl Strategy<Value = CodeForm> {
    prop_oneof![Just(FULL.form), Just(NORM_LIMITED.form), Just(euclidean(1.0).form)]
}

/// Codes, a probe, and a factor a row.
fn rows() -> impl Strategy<Value = (CodeForm, Vec<Vec<i8>>, Vec<i8>, Vec<u32>)> {
    let dimension = prop_oneof![3 => (1usize..=8).prop_map(|steps| 16 * steps), 1 => 1..=MAX_DIMENSION];
    (forms(), dimension, 0usize..20).prop_flat_map(|(form, dimension, count)| {
        let rows = prop::collection::vec(code(dimension, form), count);
        let factors = prop::collection::vec(45_991u32..=65_535, count);
        (Just(form), rows, code(dimension, form), factors.prop_map(|factors| factors.iter().map(|f| f << 15).collect()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_of_interest_come_in_order_with_their_keys((form, rows, probe, factors) in rows(), floor in any::<i32>()) {
        let slices: Vec<&[i8]> = rows.iter().map(Vec::as_slice).collect();
        let factors: Vec<[u8; 4]> = factors.iter().map(|factor| factor.to_le_bytes()).collect();
        for layout in Layout::ALL {
            let Some(bytes) = Codes::bytes_of(layout, probe.len(), rows.len()) else { continue };
            let mut bytes = vec![0; bytes];
            Codes::write(layout, probe.len(), &slices, &mut bytes);
            let codes = Codes::new(layout, probe.len(), rows.len(), &bytes).unwrap();
            let stream = Rows::new(codes, &factors).unwrap();
            for finish in finishes(form) {
                let key = |row: usize| portable::key(portable::dot(&rows[row], &probe), stream.factor(row), finish);
                let mut lanes = vec![Lane::default(); probe.len()];
                for kernel_probe in [Probe::new(&probe, finish), Probe::spread(&probe, &mut lanes, finish)] {
                    // A floor that about half of the rows reach, one that all do, and any.
                    let middle = (0..rows.len()).map(key).nth(rows.len() / 2).unwrap_or_default();
                    for floor in [middle, i32::MIN, floor] {
                        let mut seek = Seek::new(&stream, &kernel_probe, 0..rows.len() + 2);
                        let mut found = Vec::new();
                        while let Some(group) = seek.next(floor) {
                            prop_assert!(group.end() <= rows.len());
                            prop_assert_eq!(group.keys().last().map(|(row, _)| row + 1), Some(group.end()));
                            found.extend(group.keys().filter(|(_, key)| *key >= floor));
                        }
                        let expected: Vec<_> = (0..rows.len()).map(|row| (row, key(row))).collect();
                        let expected: Vec<_> = expected.into_iter().filter(|(_, key)| *key >= floor).collect();
                        prop_assert_eq!(&found, &expected, "{:?} {:?}", layout, finish);
                    }
                }
            }
        }
    }
}

#[test]
fn dot_counts_what_both_have() {
    let long: Vec<i8> = (0..40).collect();
    for length in 0..40 {
        let expected: i32 = long[..length].iter().map(|&x| i32::from(x) * i32::from(x)).sum();
        assert_eq!(
            (portable::dot(&long, &long[..length]), portable::dot(&long[..length], &long)),
            (expected, expected)
        );
    }
}

proptest! {
    #[test]
    fn coarse_blocks_of_interest_come_in_order(
        rows in prop::collection::vec(prop::collection::vec(-coarse::MOST..=coarse::MOST, 32), 1..40),
        probe in prop::collection::vec(-9i16..=9, 32),
        slacks in prop::collection::vec(any::<u8>(), 5),
        bar in (-(1i32 << 19)..1 << 19, 0i32..1 << 11).prop_map(|(level, slope)| Bar { level, slope }),
        from in 0usize..6,
    ) {
        let blocks = rows.len().div_ceil(coarse::BLOCK);
        let mut bytes = vec![0; blocks * coarse::BLOCK * 32];
        for (row, code) in rows.iter().enumerate() {
            let block = bytes.chunks_exact_mut(coarse::BLOCK * 32).nth(row / coarse::BLOCK).unwrap();
            coarse::put(block, row % coarse::BLOCK, code.iter().copied());
        }
        let plane = Coarse::new(&bytes, &slacks[..blocks]);
        let sum = |row: usize| -> i32 {
            rows.get(row).map_or(0, |code| code.iter().zip(&probe).map(|(c, p)| i32::from(*c) * i32::from(*p)).sum())
        };
        let sums = |block: usize| std::array::from_fn(|lane| sum(block * coarse::BLOCK + lane));
        let expected = (from..blocks).map(|block| CoarseGroup { block, sums: sums(block) });
        let least = |block: usize| bar.least(slacks[block]);
        let expected = expected.into_iter().find(|group| group.sums.iter().any(|sum| *sum >= least(group.block)));
        prop_assert_eq!(coarse::seek(&plane, &probe, bar, from..blocks), expected);
        // A range that has no blocks, and a block without a slack, are never found.
        prop_assert_eq!(coarse::seek(&plane, &probe, bar, blocks..blocks + 1), None);
        prop_assert_eq!(coarse::seek(&plane, &[], bar, 0..blocks), None);
        prop_assert_eq!(coarse::seek_portable(&Coarse::new(&bytes, &[]), &probe, bar), None);
        prop_assert_eq!(coarse::seek_portable(&plane, &[], bar), None);
    }
}
