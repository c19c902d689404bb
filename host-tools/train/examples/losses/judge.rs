//! How well an encoder tells classes apart that training never showed: verification, and one-shot classification.

use cognate_train::{Encoder, Labeled, equal_error_rate};

/// Trials of one-shot classification.
const EPISODES: usize = 400;
/// Classes of a trial; the alphabet that has the fewest has 22.
const WAYS: [usize; 2] = [5, 20];

/// What an encoder reaches on one set, as fractions.
pub struct Figures {
    eer: f64,
    /// Errors of one-shot classification among so many classes as [`WAYS`] says; none where the set has too few.
    one_shot: [Option<f64>; 2],
}

/// Judges on the set: the EER of all pairs, and one-shot classification (Lake et al., 2015): of each class one sample by
/// one writer, and a probe of each class by another writer. A sample's writer is its place in its class.
pub fn judge(encoder: &Encoder, set: &Labeled, seed: u64) -> Figures {
    let all = encoder.embed(set.samples());
    let dimensions = all.len() / set.samples().count();
    let unit: Vec<Vec<f32>> = all.chunks(dimensions).map(unit).collect();
    let mut by_class: Vec<Vec<&[f32]>> = Vec::new();
    for (embedding, class) in unit.iter().zip(set.classes()) {
        by_class.resize(by_class.len().max(class + 1), Vec::new());
        by_class[*class].push(embedding);
    }
    let eer = equal_error_rate(&all, set.classes()).unwrap_or(f64::NAN);
    Figures { eer, one_shot: WAYS.map(|ways| one_shot(&by_class, ways, seed)) }
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let length = dot(vector, vector).sqrt();
    vector.iter().map(|value| value / length).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn one_shot(by_class: &[Vec<&[f32]>], ways: usize, seed: u64) -> Option<f64> {
    if by_class.len() < ways {
        return None;
    }
    let mut random = Random(seed);
    let mut errors = 0;
    for _ in 0..EPISODES {
        let classes = random.choose(ways, by_class.len());
        let writers = classes.iter().map(|class| by_class[*class].len()).min().unwrap_or_default();
        let [known, unknown] = random.choose(2, writers)[..] else { return None };
        for own in &classes {
            let probe = by_class[*own][unknown];
            let score = |class: &usize| dot(probe, by_class[*class][known]);
            let best = classes.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
            errors += usize::from(best != Some(own));
        }
    }
    Some(errors as f64 / (EPISODES * ways) as f64)
}

/// The trials are the same for every encoder: a generator that depends on its seed alone (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(word ^ (word >> 31)) * count as u128) >> 64) as usize
    }

    fn choose(&mut self, count: usize, from: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..from).collect();
        for place in 0..count.min(from) {
            let other = place + self.below(from - place);
            all.swap(place, other);
        }
        all.truncate(count);
        all
    }
}

impl Figures {
    /// One object of one line; rates are fractions.
    pub fn json(&self, row: &str, judged: &str, seed: u64, steps: usize) -> String {
        let [five, twenty] = self.one_shot;
        serde_json::json!({
            "row": row, "judged": judged, "seed": seed, "steps": steps,
            "eer": self.eer, "error_5_way": five, "error_20_way": twenty,
        })
        .to_string()
    }

    /// Mean and standard deviation of each figure, percent.
    pub fn line(all: &[Self]) -> String {
        let column = |value: &dyn Fn(&Self) -> Option<f64>| {
            let values: Vec<f64> = all.iter().filter_map(value).collect();
            if values.is_empty() {
                return "      –      ".to_owned();
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let spread = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
            format!("{:6.2} ±{:5.2}", 100.0 * mean, 100.0 * spread.sqrt())
        };
        [column(&|f| Some(f.eer)), column(&|f| f.one_shot[0]), column(&|f| f.one_shot[1])].join("   ")
    }
}
