//! Counts of scores, one for each score that there is: nothing is rounded, so whatever is computed from them is exact.
//!
//! Scores are integers, 2²⁴ of them for a cosine. A table of so many counters does not fit a cache, and a pass over billions of
//! pairs would wait for memory at each. So a [`Writer`] collects the scores of each segment of 2¹⁶ in a buffer, and counts a
//! full buffer at once, when its segment is in the cache. What a segment takes there is what the pass waits for: the lowest
//! eight bits of its counters are apart, and the upper ones are touched once in 256 times. Memory depends on the range of the
//! scores alone: a counter of 24 bits each, with a note of each time that one went around.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Scores of a segment.
const SEGMENT: usize = 1 << 16;
/// Scores that are collected before they are counted. The buffers of the segments that most scores fall into stay in the
/// cache of a core, and a segment is read often enough for each time that it has to come from farther away.
const BUFFER: usize = 8192;

/// How often each score was seen.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    least: i32,
    segments: Vec<Segment>,
}

/// The tables are empty until a score falls here.
#[derive(Clone, Debug, Default)]
struct Segment {
    /// Eight bits of each counter.
    low: Vec<u8>,
    /// The sixteen above.
    high: Vec<u16>,
    /// How often a counter went around.
    around: BTreeMap<u16, u64>,
}

impl Segment {
    fn count(&mut self, scores: &[u16]) {
        self.low.resize(SEGMENT, 0);
        self.high.resize(SEGMENT, 0);
        // An array: an index of 16 bits is always inside.
        let low: &mut [u8; SEGMENT] = self.low.as_mut_slice().try_into().expect("as long as a segment");
        for &score in scores {
            let counter = &mut low[usize::from(score)];
            *counter = counter.wrapping_add(1);
            if *counter == 0 {
                let above = &mut self.high[usize::from(score)];
                *above = above.wrapping_add(1);
                if *above == 0 {
                    *self.around.entry(score).or_default() += 1;
                }
            }
        }
    }

    fn counts(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let counters = self.low.iter().zip(&self.high).enumerate();
        counters.filter_map(|(place, (&low, &high))| {
            let mut count = u64::from(high) << 8 | u64::from(low);
            if !self.around.is_empty() {
                count += self.around.get(&(place as u16)).map_or(0, |times| times << 24);
            }
            (count > 0).then_some((place, count))
        })
    }
}

impl Histogram {
    /// The histogram of these scores.
    #[must_use]
    pub fn of(scores: &[i32]) -> Self {
        let least = scores.iter().copied().min().unwrap_or(0);
        let greatest = scores.iter().copied().max().unwrap_or(0);
        let shared = SharedHistogram::new(least, greatest);
        shared.writer().add(scores);
        shared.finish()
    }

    /// Each score that was seen and how often, ascending.
    pub fn counts(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        self.segments.iter().enumerate().flat_map(move |(segment, counts)| {
            let first = i64::from(self.least) + (segment * SEGMENT) as i64;
            counts.counts().map(move |(place, count)| ((first + place as i64) as i32, count))
        })
    }

    /// How many scores were seen.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts().map(|(_, count)| count).sum()
    }
}

/// A histogram that several threads write.
#[derive(Debug)]
pub struct SharedHistogram {
    least: i32,
    segments: Vec<Mutex<Segment>>,
}

impl SharedHistogram {
    /// For scores from `least` to `greatest`.
    #[must_use]
    pub fn new(least: i32, greatest: i32) -> Self {
        let segments = (greatest.abs_diff(least) as usize) / SEGMENT + 1;
        Self { least, segments: (0..segments).map(|_| Mutex::default()).collect() }
    }

    /// Takes scores for one thread.
    #[must_use]
    pub fn writer(&self) -> Writer<'_> {
        let segments = self.segments.len();
        Writer { shared: self, filled: vec![0; segments], buffers: vec![0; segments * BUFFER] }
    }

    /// The counts, when every writer is gone.
    #[must_use]
    pub fn finish(self) -> Histogram {
        let inner = |segment: Mutex<Segment>| segment.into_inner().unwrap_or_else(PoisonError::into_inner);
        Histogram { least: self.least, segments: self.segments.into_iter().map(inner).collect() }
    }

    fn count(&self, segment: usize, scores: &[u16]) {
        self.segments[segment].lock().unwrap_or_else(PoisonError::into_inner).count(scores);
    }
}

/// Writes scores into a [`SharedHistogram`]; the last of them when it is dropped.
#[derive(Debug)]
pub struct Writer<'a> {
    shared: &'a SharedHistogram,
    /// How many scores each buffer holds, fewer than it can.
    filled: Vec<u16>,
    /// The places of scores in their segment, one buffer after the other. Those that are never written take no memory: as
    /// zeros they come from the system, a page at its first use.
    buffers: Vec<u16>,
}

impl Writer<'_> {
    /// Counts scores.
    ///
    /// # Panics
    /// When one of them is outside the histogram's range.
    pub fn add(&mut self, scores: &[i32]) {
        let least = self.shared.least;
        let filled = self.filled.as_mut_slice();
        let (buffers, _) = self.buffers.as_chunks_mut::<BUFFER>();
        for &score in scores {
            let place = score.wrapping_sub(least).cast_unsigned();
            let segment = (place >> 16) as usize;
            let buffer = &mut buffers[segment];
            // The remainder is what the compiler needs to see that it is inside.
            let at = usize::from(filled[segment]) % BUFFER;
            buffer[at] = place as u16;
            filled[segment] = ((at + 1) % BUFFER) as u16;
            if at + 1 == BUFFER {
                self.shared.count(segment, buffer);
            }
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let (buffers, _) = self.buffers.as_chunks::<BUFFER>();
        for (segment, (buffer, &filled)) in buffers.iter().zip(&self.filled).enumerate() {
            if filled > 0 {
                self.shared.count(segment, &buffer[..usize::from(filled)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn counts_are_those_of_a_map() {
        let mut chance = fastrand::Rng::with_seed(1);
        let scores: Vec<i32> = (0..50_000).map(|_| chance.i32(-100_000..100_000) / 7 * 3).collect();
        let mut expected = BTreeMap::new();
        for &score in &scores {
            *expected.entry(score).or_insert(0u64) += 1;
        }
        let histogram = Histogram::of(&scores);
        assert_eq!(histogram.counts().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
        assert_eq!(histogram.total(), 50_000);
    }

    #[test]
    fn the_whole_range_is_counted_by_several_writers() {
        let (least, greatest) = (-(1 << 23), 1 << 23);
        let shared = SharedHistogram::new(least, greatest);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| shared.writer().add(&[least, 0, greatest]));
            }
        });
        assert_eq!(shared.finish().counts().collect::<Vec<_>>(), [(least, 4), (0, 4), (greatest, 4)]);
    }

    #[test]
    fn a_counter_that_goes_around_is_not_lost() {
        let mut segment = Segment { low: vec![u8::MAX; SEGMENT], high: vec![u16::MAX; SEGMENT], ..Segment::default() };
        segment.count(&[5, 6, 5]);
        let counts: Vec<(usize, u64)> = segment.counts().take(8).skip(4).collect();
        assert_eq!(counts, [(4, (1 << 24) - 1), (5, (1 << 24) + 1), (6, 1 << 24), (7, (1 << 24) - 1)]);
    }

    #[test]
    fn counts_go_on_from_one_part_of_a_counter_to_the_next() {
        let shared = SharedHistogram::new(0, 9);
        let mut writer = shared.writer();
        for _ in 0..20 {
            writer.add(&vec![7; 1 << 20]);
        }
        writer.add(&[7, 3, 7]);
        drop(writer);
        assert_eq!(shared.finish().counts().collect::<Vec<_>>(), [(3, 1), (7, (20 << 20) + 2)]);
    }
}
