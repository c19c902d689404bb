//! Whether a threshold holds for subjects that it was not chosen on.

use super::Coded;
use super::draw::{Comparisons, Draw};
use cognate::policy::Rate;
use serde::{Deserialize, Serialize};

/// How often the subjects are split in two.
const SPLITS: u64 = 20;

/// Fewer subjects cannot be split in two halves with impostors in each.
const LEAST_SUBJECTS: usize = 4;

/// The rates on one half of the subjects at the threshold that the other half gave, over splits by chance.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// Splits of the subjects.
    pub splits: u64,
    /// The false match rate, averaged over the splits.
    pub mean_fmr: f64,
    /// The false match rate of the worst split.
    pub worst_fmr: f64,
    /// The false non-match rate, averaged over the splits.
    pub mean_fnmr: f64,
}

impl HeldOut {
    /// Chooses the threshold for `rate` on one half of the subjects and applies it to the other half, again and again.
    /// `None` with fewer than four subjects, or when a half has no impostors or gives no threshold.
    #[must_use]
    pub fn check(rate: Rate, coded: &Coded, draws: &[Draw], subjects: usize, seed: u64) -> Option<Self> {
        if subjects < LEAST_SUBJECTS {
            return None;
        }
        let (least, greatest) = (coded.least_score(), coded.greatest_score());
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut rates = Vec::new();
        for _ in 0..SPLITS {
            let chosen_on = half(subjects, &mut chance);
            let chosen = Comparisons::of(draws, |subject| chosen_on[subject]);
            let others = Comparisons::of(draws, |subject| !chosen_on[subject]);
            if chosen.impostor.is_empty() || others.impostor.is_empty() {
                return None;
            }
            let threshold = chosen.threshold(rate, least, greatest)?;
            rates.push((others.false_match_rate(threshold), others.false_non_match_rate(threshold)));
        }
        let mean = |sum: f64| sum / rates.len() as f64;
        Some(Self {
            splits: SPLITS,
            mean_fmr: mean(rates.iter().map(|(fmr, _)| fmr).sum()),
            worst_fmr: rates.iter().map(|(fmr, _)| *fmr).fold(0.0, f64::max),
            mean_fnmr: mean(rates.iter().map(|(_, fnmr)| fnmr).sum()),
        })
    }
}

/// Which subjects are in the half that a threshold is chosen on; with an odd number it is the smaller.
fn half(subjects: usize, chance: &mut fastrand::Rng) -> Vec<bool> {
    let mut chosen: Vec<bool> = (0..subjects).map(|subject| subject < subjects / 2).collect();
    chance.shuffle(&mut chosen);
    chosen
}
