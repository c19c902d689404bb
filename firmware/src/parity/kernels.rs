//! The kernels of the core that this runs on against their definition: every layout, dimensions around the steps of the
//! kernels, every remainder of their blocks, random codes and the extremes.

use super::{Checksum, GREATEST_NEEDS, Random};
use cognate::MAX_DIMENSION;
use cognate::kernel::{self, Codes, Finish, Lane, Layout, Probe, Rows, Seek, portable};
use cognate::space::NORM_LIMIT;

/// Dimensions: the least, both sides of a step of 16 and of a word, odd and even numbers of steps, the longest sums of each
/// kernel and what is beyond them.
const DIMENSIONS: [usize; 24] =
    [1, 3, 15, 16, 17, 31, 32, 48, 63, 64, 80, 96, 100, 128, 160, 192, 255, 256, 511, 512, 513, 528, 1023, 1024];

/// Every remainder of a block of two, five and eight rows, with up to two blocks of the greatest before it.
const MOST_ROWS: usize = 17;

/// Bytes of 17 rows of the greatest dimension where an element takes two: of 15 rows.
const BYTES: usize = MAX_DIMENSION * (2 * 15 + 2);
/// What a board with little RAM has room for.
const FEW_BYTES: usize = 512 * 11;

/// What the kernels made of one dimension. Its `Debug` and its `defmt::Format` are the same text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Kernels {
    /// Elements of a row.
    pub dimension: usize,
    /// Keys of interest, each of them looked for.
    pub keys: u32,
    /// What was not as the definition has it.
    pub wrong: u32,
    /// Over the keys of interest; how many others come with them depends on the core.
    pub sum: Checksum,
}

/// Reports every dimension that the board's RAM has room for.
pub fn for_each_kernel(ram_bytes: usize, report: impl FnMut(Kernels)) {
    if ram_bytes >= GREATEST_NEEDS {
        Workspace::<BYTES, MAX_DIMENSION>::run(report);
    } else {
        Workspace::<FEW_BYTES, 512>::run(report);
    }
}

/// At an address from which words can be loaded.
#[repr(align(4))]
struct Aligned<T>(T);

/// Room for codes and for one probe of at most `D` elements.
struct Workspace<const N: usize, const D: usize> {
    codes: Aligned<[i8; N]>,
    row: Aligned<[i8; D]>,
    probe: Aligned<[i8; D]>,
    lanes: Aligned<[Lane; D]>,
    random: Random,
}

/// What rows and probe look like.
#[derive(Clone, Copy)]
enum Kind {
    Random,
    /// All 127 and all −127.
    Extreme,
    /// 127 and −127 in turn, every other row the other way round.
    Alternating,
    /// Zeros, and one row again and again.
    Duplicates,
    /// Norm-limited.
    Limited,
    /// As long as a norm-limited code can be, in few elements.
    LongestLimited,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Random, Self::Extreme, Self::Alternating, Self::Duplicates, Self::Limited, Self::LongestLimited];

    const fn is_limited(self) -> bool {
        matches!(self, Self::Limited | Self::LongestLimited)
    }

    /// Fills a row; the probe is one more.
    fn fill(self, row: usize, random: &mut Random, code: &mut [i8]) {
        const LONGEST: [i8; 6] = [127, 127, 22, 4, 1, 1];
        const { assert!(2 * 127 * 127 + 22 * 22 + 4 * 4 + 2 == NORM_LIMIT) };
        let sign = |negative| if negative { -127 } else { 127 };
        let mut same = Random(0x2545_f491);
        let mut left = NORM_LIMIT;
        for (index, element) in code.iter_mut().enumerate() {
            *element = match self {
                Self::Random => any(random),
                Self::Extreme => sign(row % 2 == 1),
                Self::Alternating => sign((index + row) % 2 == 1),
                Self::Duplicates if row.is_multiple_of(3) => 0,
                Self::Duplicates => any(&mut same),
                Self::Limited => Some(any(random)).filter(|element| square(*element) <= left).unwrap_or(0),
                // A row is the probe, or the probe one element further, or the negative of one of the two.
                Self::LongestLimited => {
                    let longest = LONGEST.get((index + row % 2) % 16).copied().unwrap_or(0);
                    let longest = if row % 4 < 2 { longest } else { -longest };
                    Some(longest).filter(|element| square(*element) <= left).unwrap_or(0)
                }
            };
            left = left.saturating_sub(square(*element));
        }
    }

    /// What goes with a row: only of norm-limited codes has it the lower bits clear.
    fn factor(self, random: &mut Random) -> u32 {
        if self.is_limited() { (45_991 + random.next() % (65_536 - 45_991)) << 15 } else { random.next() >> 1 }
    }
}

fn square(element: i8) -> u32 {
    u32::from(element.unsigned_abs()).pow(2)
}

/// −127 to 127.
fn any(random: &mut Random) -> i8 {
    (random.below(255) as i32 - 127) as i8
}

impl<const N: usize, const D: usize> Workspace<N, D> {
    /// A function of its own in the binary: two of these must not be on the stack at once.
    #[inline(never)]
    fn run(mut report: impl FnMut(Kernels)) {
        let mut workspace = Self {
            codes: Aligned([0; N]),
            row: Aligned([0; D]),
            probe: Aligned([0; D]),
            lanes: Aligned([Lane::default(); D]),
            random: Random(0x9e37_79b9),
        };
        for (index, dimension) in DIMENSIONS.into_iter().enumerate().filter(|(_, dimension)| *dimension <= D) {
            let mut result = Kernels { dimension, keys: 0, wrong: 0, sum: Checksum::default() };
            for (layout_index, layout) in Layout::ALL.into_iter().enumerate() {
                for rows in 1..=MOST_ROWS {
                    // All kinds take turns, two at a time, so that each meets every layout and every remainder.
                    for other in [0, 3] {
                        let kind = Kind::ALL[(index + layout_index + rows + other) % Kind::ALL.len()];
                        workspace.compare(&mut result, layout, rows, kind);
                    }
                }
            }
            report(result);
        }
    }

    /// Compares everything that is done with so many rows; nothing when they do not fit or cannot lie so.
    fn compare(&mut self, result: &mut Kernels, layout: Layout, count: usize, kind: Kind) {
        let dimension = result.dimension;
        // Some bundles lie at an odd address.
        let offset = if count % 7 == 6 { 1 } else { 0 };
        let Some(bytes) = Codes::bytes_of(layout, dimension, count) else { return };
        let Some(codes) = self.codes.0.get_mut(offset..offset + bytes) else { return };
        let (probe, row) = (&mut self.probe.0[..dimension], &mut self.row.0[..dimension]);
        kind.fill(MOST_ROWS, &mut self.random, probe);
        let (mut dots, mut factors) = ([0; MOST_ROWS], [[0; 4]; MOST_ROWS]);
        for index in 0..count {
            kind.fill(index, &mut self.random, row);
            Codes::put(layout, dimension, count, index, row, codes);
            dots[index] = portable::dot(row, probe);
            factors[index] = kind.factor(&mut self.random).to_le_bytes();
            result.check(kernel::dot(row, probe) == dots[index]);
            let (row, probe) = (row.get(1..).unwrap_or_default(), probe.get(1..).unwrap_or_default());
            result.check(kernel::dot(row, probe) == portable::dot(row, probe));
        }
        let factors = Aligned(factors);
        let codes = Codes::new(layout, dimension, count, codes);
        let Some(rows) = codes.and_then(|codes| Rows::new(codes, &factors.0[..count])) else {
            return result.check(false);
        };
        let shift = 7 + (count % 6) as u32;
        let norm = self.random.next() >> 8;
        for finish in [Finish::Dot, Finish::Cosine { shift }, Finish::Distance { norm }, Finish::NORM_LIMITED] {
            if finish == Finish::NORM_LIMITED && !kind.is_limited() {
                continue;
            }
            let keys = core::array::from_fn(|row| portable::key(dots[row], rows.factor(row), finish));
            let expected = Expected { keys, count };
            let probe = &self.probe.0[..dimension];
            let spread = Probe::spread(probe, &mut self.lanes.0[..dimension], finish);
            for probe in [Probe::new(probe, finish), spread] {
                expected.compare(&rows, &probe, result);
            }
        }
    }
}

impl Kernels {
    fn check(&mut self, right: bool) {
        self.wrong += u32::from(!right);
    }
}

/// The keys by the definition.
struct Expected {
    keys: [i32; MOST_ROWS],
    count: usize,
}

impl Expected {
    fn compare(&self, rows: &Rows<'_>, probe: &Probe<'_>, result: &mut Kernels) {
        let count = self.count;
        // Ranges that begin and end inside blocks, too: what comes may begin earlier, with the block.
        for (start, end) in [(0, count), (count / 3, count - count / 4), (2 * count / 3, count)] {
            let keys = &self.keys[start..end];
            let greatest = keys.iter().copied().max().unwrap_or(i32::MAX);
            // All, about half, the greatest alone, none.
            for floor in [i32::MIN, keys[keys.len() / 2], greatest, greatest.saturating_add(1)] {
                self.seek(rows, probe, floor, start, end, result);
            }
        }
    }

    /// Every row of the range with a key at or above the floor has to come once, in order and with its key; what comes with
    /// it may be below the floor, and has its key, too.
    fn seek(&self, rows: &Rows<'_>, probe: &Probe<'_>, floor: i32, start: usize, end: usize, result: &mut Kernels) {
        let mut seek = Seek::new(rows, probe, start..end);
        let mut missing = self.keys[start..end].iter().filter(|key| **key >= floor).count();
        let mut next = 0;
        while let Some(group) = seek.next(floor) {
            let mut any = false;
            for (row, key) in group.keys() {
                result.check(row >= next && row < end && self.keys[row] == key && group.key_of(row) == Some(key));
                any |= key >= floor;
                next = row + 1;
                if key >= floor && row >= start {
                    missing = missing.wrapping_sub(1);
                    result.keys += 1;
                    result.sum.add_signed(key);
                }
            }
            // In a range that ends inside a block, what is of interest may be a row of the block behind it.
            result.check((any || end < self.count) && group.end() == next);
        }
        result.check(missing == 0);
    }
}
