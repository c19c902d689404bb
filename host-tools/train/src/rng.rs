//! Random numbers that depend on nothing but their keys.
//!
//! A run must repeat however its work is spread over threads and whatever version a library has, so every
//! batch and every view owns a stream keyed by (seed, step, position), made by a generator that is written out here.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

/// The odd number nearest to 2⁶⁴ divided by the golden ratio: SplitMix64's step.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's output function: every bit of the result depends on every bit of `word`.
fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Rng {
    /// The stream of these keys; the order of the keys counts.
    pub(crate) fn keyed(keys: &[u64]) -> Self {
        let fold = |state: u64, key: &u64| mix(state.wrapping_add(GOLDEN) ^ mix(*key));
        Self(keys.iter().fold(0, fold))
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform in 0..1, in steps of 2⁻²⁴, so that each value is exact.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.word() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in `low..high`.
    pub(crate) fn within(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `-bound..bound`.
    pub(crate) fn around(&mut self, bound: f32) -> f32 {
        self.within(-bound, bound)
    }

    /// Uniform in `0..count`; the bias is below `count` in 2⁶⁴.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.word()) * count as u128) >> 64) as usize
    }

    /// Standard normal (Box and Muller, 1958).
    pub(crate) fn normal(&mut self) -> f32 {
        // 1 − unit is never zero, whose logarithm would be infinite.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }

    /// `count` distinct numbers below `from`, in random order: the head of a Fisher–Yates shuffle.
    pub(crate) fn choose(&mut self, count: usize, from: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..from).collect();
        for place in 0..count {
            let other = place + self.below(from - place);
            all.swap(place, other);
        }
        all.truncate(count);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_key_order() {
        let words = |keys: &[u64]| {
            let mut rng = Rng::keyed(keys);
            [rng.word(), rng.word()]
        };
        assert_eq!(words(&[1, 2]), words(&[1, 2]));
        assert_ne!(words(&[1, 2]), words(&[2, 1]));
    }

    #[test]
    fn known_first_words_of_splitmix64() {
        // From the reference program's seed 0.
        let mut rng = Rng(0);
        assert_eq!(rng.word(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(rng.word(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut rng = Rng::keyed(&[3]);
        let draws: Vec<f32> = (0..100_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let variance = draws.iter().map(|x| x * x).sum::<f32>() / draws.len() as f32;
        assert!(mean.abs() < 0.02, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.02, "variance {variance}");
    }

    #[test]
    fn choose_gives_distinct_numbers_in_range() {
        let mut rng = Rng::keyed(&[4]);
        let mut chosen = rng.choose(20, 20);
        chosen.sort_unstable();
        assert_eq!(chosen, (0..20).collect::<Vec<_>>());
    }
}
