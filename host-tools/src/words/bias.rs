//! A probe of bias: the Word Embedding Association Test (Caliskan, Bryson and Narayanan, 2017).
//!
//! Two lists of target words X and Y, two of attribute words A and B. A word's association is the mean of its cosines with A
//! less that with B; the effect is the difference of the means of X and of Y, in standard deviations (n − 1) of all of them.
//! The p-value is the part of all ways to part X and Y into lists of these sizes in which the sum over the first is at least as
//! great as it is: one-sided, and never 0, since the lists as they are count too.

use super::Vectors;
use super::device::{DeviceProblem, DeviceWords};
use rayon::prelude::*;
use serde::Serialize;

/// Partitions up to this number are all looked at; of more, as many are drawn.
pub const MOST_EXACT: u64 = 200_000;

/// What draws partitions begin from, so that the same lists give the same p-value.
const SEED: u64 = 2017;

/// Sums within this of each other count as equal: it is far above the rounding of a sum, and far below any difference that means something.
const TOLERANCE: f64 = 1e-12;

/// Two lists of targets and two of attributes, by the places of their words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lists {
    targets: [Vec<usize>; 2],
    attributes: [Vec<usize>; 2],
}

/// How strongly the first targets go with the first attributes, and the second with the second.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Effect {
    /// In standard deviations, −2 to 2.
    pub size: f64,
    /// How likely lists of these words, parted by chance, go together as strongly.
    pub p_value: f64,
}

/// The effect in both arithmetics.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Bias {
    /// With the `f32` vectors.
    pub f32: Effect,
    /// By the device's scores.
    pub device: Effect,
    /// Partitions that the p-values are of.
    pub partitions: u64,
    /// Whether these are all that there are.
    pub exact: bool,
}

impl Lists {
    /// Lists of words; each needs two at least, and none may be in both targets.
    ///
    /// # Errors
    /// [`ListsProblem`] when a word has no vector, or the lists cannot be compared.
    pub fn new(targets: [&[String]; 2], attributes: [&[String]; 2], vectors: &Vectors) -> Result<Self, ListsProblem> {
        let places = |words: &[String]| {
            let place = |word: &String| vectors.place(word).ok_or_else(|| ListsProblem::Unknown { word: word.clone() });
            let places: Vec<usize> = words.iter().map(place).collect::<Result<_, _>>()?;
            if places.len() < 2 { Err(ListsProblem::Short { found: places.len() }) } else { Ok(places) }
        };
        let [x, y] = [places(targets[0])?, places(targets[1])?];
        if let Some(&shared) = x.iter().find(|place| y.contains(place)) {
            return Err(ListsProblem::Shared { word: vectors.words()[shared].clone() });
        }
        Ok(Self { targets: [x, y], attributes: [places(attributes[0])?, places(attributes[1])?] })
    }

    /// The effect of the lists.
    ///
    /// # Errors
    /// [`DeviceProblem`] of the device's cosines.
    pub fn probe(&self, vectors: &Vectors, device: &DeviceWords) -> Result<Bias, DeviceProblem> {
        let exact_cosine = |a: usize, b: usize| {
            let products = vectors.unit(a).iter().zip(vectors.unit(b)).map(|(x, y)| f64::from(*x) * f64::from(*y));
            Ok(products.sum())
        };
        let by_f32 = self.associations(&exact_cosine)?;
        let by_device = self.associations(&|a, b| Ok(f64::from(device.cosine(a, b)?.to_f32())))?;
        let first = self.targets[0].len();
        let all = combinations(by_f32.len() as u64, first as u64);
        let exact = all.is_some_and(|all| all <= MOST_EXACT);
        let effect = |associations: &[f64]| Effect {
            size: effect_size(associations, first),
            p_value: if exact { exact_p_value(associations, first) } else { drawn_p_value(associations, first) },
        };
        let partitions = if exact { all.unwrap_or_default() } else { MOST_EXACT };
        Ok(Bias { f32: effect(&by_f32), device: effect(&by_device), partitions, exact })
    }

    /// The association of each target, the first list before the second.
    fn associations(
        &self,
        cosine: &dyn Fn(usize, usize) -> Result<f64, DeviceProblem>,
    ) -> Result<Vec<f64>, DeviceProblem> {
        let mean = |word: usize, attributes: &[usize]| {
            let cosines = attributes.iter().map(|&attribute| cosine(word, attribute));
            Ok::<_, DeviceProblem>(cosines.sum::<Result<f64, _>>()? / attributes.len() as f64)
        };
        let [a, b] = &self.attributes;
        self.targets.iter().flatten().map(|&word| Ok(mean(word, a)? - mean(word, b)?)).collect()
    }
}

fn effect_size(associations: &[f64], first: usize) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (x, y) = associations.split_at(first);
    let center = mean(associations);
    let squares: f64 = associations.iter().map(|value| (value - center).powi(2)).sum();
    let deviation = (squares / (associations.len() - 1) as f64).sqrt();
    if deviation > 0.0 { (mean(x) - mean(y)) / deviation } else { 0.0 }
}

/// Over every partition.
fn exact_p_value(associations: &[f64], first: usize) -> f64 {
    let observed = observed(associations, first);
    let (mut count, mut all) = (0u64, 0u64);
    let mut chosen: Vec<usize> = (0..first).collect();
    loop {
        all += 1;
        count += u64::from(chosen.iter().map(|&place| associations[place]).sum::<f64>() >= observed);
        // The next in lexical order: the last place that can move on does, and those behind it follow closely.
        let room = |place: &usize| chosen[*place] < associations.len() - first + place;
        let Some(moving) = (0..first).rev().find(room) else { break };
        let from = chosen[moving] + 1;
        for (step, place) in chosen[moving..].iter_mut().enumerate() {
            *place = from + step;
        }
    }
    count as f64 / all as f64
}

/// Over partitions that are drawn; the lists as they are count as one more (Phipson and Smyth, 2010).
fn drawn_p_value(associations: &[f64], first: usize) -> f64 {
    let observed = observed(associations, first);
    let is_as_great = |draw: u64| {
        let mut chance = fastrand::Rng::with_seed(SEED.wrapping_add(draw));
        let sum: f64 = chance.choose_multiple(associations, first).into_iter().sum();
        sum >= observed
    };
    let count = (0..MOST_EXACT).into_par_iter().filter(|&draw| is_as_great(draw)).count();
    (count + 1) as f64 / (MOST_EXACT + 1) as f64
}

fn observed(associations: &[f64], first: usize) -> f64 {
    associations[..first].iter().sum::<f64>() - TOLERANCE
}

/// How many ways there are to choose `k` of `n`; `None` beyond what 64 bits hold.
fn combinations(n: u64, k: u64) -> Option<u64> {
    (0..k).try_fold(1u64, |product, step| Some(product.checked_mul(n - step)? / (step + 1)))
}

/// Why lists of words cannot be compared.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ListsProblem {
    /// A word without a vector.
    #[error("`{word}` has no vector: leave it out, or use vectors that have it")]
    Unknown {
        /// The word.
        word: String,
    },
    /// A list of one word or none.
    #[error("a list has {found} words, and each needs two at least")]
    Short {
        /// Its words.
        found: usize,
    },
    /// A word on both sides.
    #[error("`{word}` is among both targets: a word goes into one of them")]
    Shared {
        /// The word.
        word: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> Vectors {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "x1 1 0\nx2 0.8 0.6\ny1 0 1\ny2 0.6 0.8\na1 1 0.0\na2 2 0\nb1 0 1\nb2 0 5\n";
        std::fs::write(file.path(), text).unwrap();
        Vectors::read(file.path()).unwrap()
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    /// By hand: associations 1, 0.2, −1 and −0.2, means 0.6 and −0.6, deviation √(2.08 / 3); of six partitions one has a sum of
    /// 1.2 or more.
    #[test]
    fn the_effect_is_the_one_worked_out_by_hand() {
        let vectors = vectors();
        let device = DeviceWords::new(&vectors).unwrap();
        let (x, y, a, b) = (words("x1 x2"), words("y1 y2"), words("a1 a2"), words("b1 b2"));
        let bias = Lists::new([&x, &y], [&a, &b], &vectors).unwrap().probe(&vectors, &device).unwrap();
        let expected = 1.2 / (2.08f64 / 3.0).sqrt();
        assert!((bias.f32.size - expected).abs() < 1e-6, "{bias:?}");
        assert!((bias.device.size - expected).abs() < 0.01, "{bias:?}");
        assert_eq!((bias.f32.p_value, bias.device.p_value), (1.0 / 6.0, 1.0 / 6.0));
        assert_eq!((bias.partitions, bias.exact), (6, true));
        let turned = Lists::new([&y, &x], [&a, &b], &vectors).unwrap().probe(&vectors, &device).unwrap();
        assert!((turned.f32.size + expected).abs() < 1e-6);
        assert_eq!(turned.f32.p_value, 1.0);
    }

    #[test]
    fn drawn_partitions_come_close_to_all_of_them() {
        let mut chance = fastrand::Rng::with_seed(5);
        let associations: Vec<f64> = (0..12).map(|place| chance.f64() + if place < 5 { 0.3 } else { 0.0 }).collect();
        let (exact, drawn) = (exact_p_value(&associations, 5), drawn_p_value(&associations, 5));
        assert!((exact - drawn).abs() < 0.005, "{exact} and {drawn}");
        // By another way: each of the 2^12 subsets with five members.
        let subsets = (0u32..1 << 12).filter(|subset| subset.count_ones() == 5);
        let sum = |subset: u32| {
            (0..12).filter(|place| subset >> place & 1 == 1).map(|place| associations[place]).sum::<f64>()
        };
        let observed = sum(0b11111) - TOLERANCE;
        let (count, all) =
            subsets.fold((0u32, 0u32), |(count, all), subset| (count + u32::from(sum(subset) >= observed), all + 1));
        assert_eq!((exact, combinations(12, 5)), (f64::from(count) / f64::from(all), Some(u64::from(all))));
        assert_eq!(combinations(200, 100), None);
    }

    #[test]
    fn lists_that_cannot_be_compared() {
        let vectors = vectors();
        let check = |lists: [&str; 4]| {
            let [x, y, a, b] = lists.map(words);
            Lists::new([&x, &y], [&a, &b], &vectors).unwrap_err().to_string()
        };
        assert!(check(["x1 nobody", "y1 y2", "a1 a2", "b1 b2"]).contains("`nobody` has no vector"));
        assert!(check(["x1", "y1 y2", "a1 a2", "b1 b2"]).contains("a list has 1 words"));
        assert!(check(["x1 x2", "y1 x2", "a1 a2", "b1 b2"]).contains("`x2` is among both targets"));
    }
}
