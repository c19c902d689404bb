//! Counts of scores, one for each score that there is: nothing is rounded, so whatever is computed from them is exact.
//!
//! Scores are integers, 2²⁴ of them for a cosine. A table of so many counters does not fit a cache, and a pass over billions of
//! pairs would wait for memory at each. So a [`Writer`] collects the scores of each segment of 2¹⁶ in a buffer, and counts a
//! full buffer at once, when its segment is in the cache. Memory depends on the range of the scores alone: a counter of 32
//! bits each, with a note of each time that one went around.

use std::sync::{Mutex, PoisonError};

/// Scores of a segment.
const SEGMENT: usize = 1 << 16;
/// Scores that are collected before they are counted.
const BUFFER: usize = 4096;

/// How often each score was seen.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    least: i32,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, Default)]
struct Segment {
    /// Empty until a score falls here.
    counters: Vec<u32>,
    /// The counters that went around, once for each time.
    around: Vec<u16>,
}

impl Segment {
    fn count(&mut self, scores: &[u16]) {
        self.counters.resize(SEGMENT, 0);
        // An array: an index of 16 bits is always inside.
        let counters: &mut [u32; SEGMENT] = self.counters.as_mut_slice().try_into().expect("as long as a segment");
        for &score in scores {
            let counter = &mut counters[usize::from(score)];
            *counter = counter.wrapping_add(1);
            if *counter == 0 {
                self.around.push(score);
            }
        }
    }

    fn counts(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let around = |place: usize| self.around.iter().filter(|&&score| usize::from(score) == place).count() as u64;
        self.counters.iter().enumerate().filter_map(move |(place, &counter)| {
            let extra = if self.around.is_empty() { 0 } else { around(place) << 32 };
            let count = u64::from(counter) + extra;
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
        Writer { shared: self, buffers: vec![Vec::new(); self.segments.len()] }
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
    buffers: Vec<Vec<u16>>,
}

impl Writer<'_> {
    /// Counts scores.
    ///
    /// # Panics
    /// When one of them is outside the histogram's range.
    pub fn add(&mut self, scores: &[i32]) {
        for &score in scores {
            let place = score.wrapping_sub(self.shared.least).cast_unsigned();
            let segment = (place >> 16) as usize;
            let buffer = &mut self.buffers[segment];
            buffer.push(place as u16);
            if buffer.len() >= BUFFER {
                self.shared.count(segment, buffer);
                buffer.clear();
            }
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        for (segment, buffer) in self.buffers.iter().enumerate().filter(|(_, buffer)| !buffer.is_empty()) {
            self.shared.count(segment, buffer);
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
        let mut segment = Segment { counters: vec![u32::MAX; SEGMENT], around: Vec::new() };
        segment.count(&[5, 6, 5]);
        let counts: Vec<(usize, u64)> = segment.counts().take(7).skip(5).collect();
        assert_eq!(counts, [(5, (1 << 32) + 1), (6, 1 << 32)]);
    }
}
