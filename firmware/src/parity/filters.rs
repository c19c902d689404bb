//! The filter plane: its coarse search against the definition, and filtered decisions against those that look at every
//! template.

use super::{Checksum, GREATEST_NEEDS, MODEL, Random};
use cognate::kernel::coarse::{self, BLOCK, Bar, Coarse, CoarseGroup};
use cognate::{
    Decision, Embedding, Evidence, FilteredGallery, Gallery, MatchError, Policy, Scan, Score, Search, Space, SubjectId,
    Template,
};

/// Blocks of coarse rows.
const BLOCKS: usize = 5;
/// Rounds of one dimension.
const ROUNDS: u32 = 24;

/// What one dimension came to. Its `Debug` and its `defmt::Format` are the same text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Filters {
    /// Elements of a row.
    pub dimension: usize,
    /// Blocks that a bar let pass.
    pub groups: u32,
    /// Decisions with somebody near enough to be looked at.
    pub decisions: u32,
    /// What was not as it is without a kernel, or without a filter.
    pub wrong: u32,
    /// Over the sums of blocks, and the decisions.
    pub sum: Checksum,
}

/// Reports every dimension that the board's RAM has room for.
pub fn for_each_filter(ram_bytes: usize, mut report: impl FnMut(Filters)) {
    report(run::<16, 16, { 16 * BLOCK * BLOCKS }>());
    report(run::<80, 16, { 80 * BLOCK * BLOCKS }>());
    if ram_bytes >= GREATEST_NEEDS {
        report(run::<128, 24, { 128 * BLOCK * BLOCKS }>());
        report(run::<256, 24, { 256 * BLOCK * BLOCKS }>());
    }
}

/// A function of its own in the binary, as the others here that fill much of the stack.
#[inline(never)]
fn run<const D: usize, const N: usize, const BYTES: usize>() -> Filters {
    let mut result = Filters { dimension: D, groups: 0, decisions: 0, wrong: 0, sum: Checksum::default() };
    result.seek_in(&mut Aligned([0; BYTES]).0, &mut Aligned([0; D]).0);
    for space in [Space::full(MODEL), Space::norm_limited(MODEL)] {
        result.decide::<D, N>(space);
    }
    result
}

/// At an address from which words can be loaded.
#[repr(align(4))]
struct Aligned<T>(T);

impl Filters {
    fn check(&mut self, right: bool) {
        self.wrong += u32::from(!right);
    }

    /// Fills blocks of coarse rows and a probe, and searches them.
    #[inline(never)]
    fn seek_in(&mut self, bytes: &mut [i8], probe: &mut [i16]) {
        let mut random = Random(0x7f4a_7c15);
        let block_bytes = BLOCK * probe.len();
        // The greatest elements of a probe with which no sum reaches 2048.
        let most = (2047 / (usize::from(coarse::MOST.unsigned_abs()) * probe.len())) as i32;
        for round in 0..ROUNDS {
            // Every third round has the greatest sums that there can be, of either sign.
            let extreme = round % 3 == 2;
            let mut any = |most: i32| if extreme { most } else { random.below(2 * most as usize + 1) as i32 - most };
            probe.iter_mut().for_each(|element| *element = any(most) as i16);
            for (index, block) in bytes.chunks_exact_mut(block_bytes).enumerate() {
                for lane in 0..BLOCK {
                    let sign = if extreme && (index + lane) % 5 < 2 { -1 } else { 1 };
                    let elements = probe.iter().map(|_| (sign * any(i32::from(coarse::MOST))) as i8);
                    coarse::put(block, lane, elements);
                }
            }
            let slacks: [u8; BLOCKS] = core::array::from_fn(|_| random.next() as u8);
            let slope = random.below(2048) as i32;
            let middle = coarse::sums(&bytes[..block_bytes], probe)[3] << 8;
            let plane = Coarse::new(bytes, &slacks);
            for level in [i32::from(i16::MIN) << 8, 0, middle, middle + 128 * slope, 2047 << 8, i32::MAX / 2] {
                self.seek_from_each(&plane, probe, Bar { level, slope });
            }
        }
    }

    #[inline(never)]
    fn seek_from_each(&mut self, plane: &Coarse<'_>, probe: &[i16], bar: Bar) {
        let sums = |block: usize| coarse::sums(&plane.bytes()[block * BLOCK * probe.len()..], probe);
        let group = |block| CoarseGroup { block, sums: sums(block) };
        let passes = |group: &CoarseGroup| group.sums.iter().any(|sum| *sum >= bar.least(plane.slacks()[group.block]));
        for from in 0..=BLOCKS {
            let expected = (from..BLOCKS).map(group).find(passes);
            let found = coarse::seek(plane, probe, bar, from..BLOCKS);
            self.check(found == expected);
            if let Some(group) = found {
                self.groups += 1;
                self.sum.add(group.block as u32);
                group.sums.iter().for_each(|sum| self.sum.add_signed(*sum));
            }
        }
    }

    #[inline(never)]
    fn decide<const D: usize, const N: usize>(&mut self, space: Space) {
        let mut random = Random(0x3c6e_f372);
        let mut exact = Gallery::<D, N>::new(space, SubjectId::FIRST);
        let mut filtered = FilteredGallery::<D, N>::filtered(space, SubjectId::FIRST);
        // Four clusters, as people are, and a free place in between.
        for row in 0..N {
            let Some(template) = around::<D>(row % 4, &mut random, space) else { return self.check(false) };
            self.check(exact.enroll(&[template]) == filtered.enroll(&[template]));
        }
        let removed = SubjectId::new(5);
        self.check(exact.remove(removed) == filtered.remove(removed));
        let (exact, filtered): ([&dyn Scan; 1], [&dyn Scan; 1]) = ([&exact], [&filtered]);
        for round in 0..ROUNDS {
            let Some(probe) = around::<D>(round as usize % 5, &mut random, space) else { return self.check(false) };
            for (quarters, margin) in [(1, 0), (2, 0), (2, 1 << 20), (3, 1 << 18), (3, 1 << 24)] {
                let policy = Policy::new(Score::from_ratio(quarters, 4)).with_margin(margin);
                let (expected, found) = (identify(&exact, &probe, &policy), identify(&filtered, &probe, &policy));
                self.check(found == expected.map(left_of));
                self.add(found);
            }
        }
    }

    #[inline(never)]
    fn add(&mut self, decision: Result<Decision, MatchError>) {
        let evidence = decision.ok().and_then(|decision| decision.evidence().copied());
        self.sum.add(u32::from(evidence.is_some()));
        let Some(evidence) = evidence else { return };
        self.decisions += 1;
        for candidate in core::iter::once(evidence.best).chain(evidence.runner_up) {
            self.sum.add(candidate.subject.number());
            self.sum.add_signed(candidate.score.raw());
        }
    }
}

#[inline(never)]
fn identify<const D: usize>(
    galleries: &[&dyn Scan],
    probe: &Template<D>,
    policy: &Policy<'_>,
) -> Result<Decision, MatchError> {
    Search::new(galleries).identify(probe, policy)
}

/// A template near one of several centers; of the last, which nobody is enrolled near, far from all.
fn around<const D: usize>(center: usize, random: &mut Random, space: Space) -> Option<Template<D>> {
    let mut values = [0.0; D];
    fill_around(center, random, &mut values);
    Embedding::new(values).ok().map(|embedding| Template::new(&embedding, space))
}

#[inline(never)]
fn fill_around(center: usize, random: &mut Random, values: &mut [f32]) {
    let mut centers = Random(0x1000_0001 + center as u32);
    let noise = 700 << (random.next() % 3);
    for value in values {
        let own = centers.next().cast_signed() % 1000;
        *value = (own + random.next().cast_signed() % noise) as f32;
    }
}

/// What a search with a filter says of an exact decision: nothing of who is below the threshold, and of the runner-up only
/// within the margin.
fn left_of(exact: Decision) -> Decision {
    match exact {
        Decision::Unknown(_) => Decision::Unknown(None),
        // It is known because no other is within the margin.
        Decision::Known(evidence) => Decision::Known(Evidence { runner_up: None, ..evidence }),
        Decision::Ambiguous(evidence) => Decision::Ambiguous(evidence),
    }
}
