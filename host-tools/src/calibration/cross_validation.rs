//! What a threshold is worth on subjects that it was not chosen on: every comparison is judged once, by a threshold that was
//! chosen without either of its two subjects.

use super::Draw;
use cognate::Score;
use cognate::policy::Rate;
use serde::{Deserialize, Serialize};

/// Groups that subjects are parted into; with fewer subjects each is a group of its own.
const GROUPS: usize = 10;

/// Fewer subjects leave no two to choose on when the two of a comparison are left out.
const LEAST_SUBJECTS: usize = 4;

/// The rates of a threshold that is chosen anew for each two groups of subjects, without them, and judged on them.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossValidated {
    /// Groups of subjects.
    pub groups: usize,
    /// The false match rate.
    pub fmr: f64,
    /// The false non-match rate.
    pub fnmr: f64,
    /// Impostor comparisons that were accepted, of one draw, rounded up.
    pub false_matches: u64,
    /// Genuine comparisons that were refused, of one draw, rounded up.
    pub false_non_matches: u64,
}

/// The comparisons of all draws, by the groups of their subjects.
pub struct CrossValidation {
    groups: usize,
    /// From the greatest score to the least.
    impostor: Vec<(Score, [u8; 2])>,
    genuine: Vec<(Score, u8)>,
    draws: u64,
}

impl CrossValidation {
    /// Parts so many subjects by chance. `None` with fewer than four.
    #[must_use]
    pub fn new(draws: &[Draw], number_of_draws: u32, subjects: usize, seed: u64) -> Option<Self> {
        if subjects < LEAST_SUBJECTS {
            return None;
        }
        let groups = subjects.min(GROUPS);
        let mut group_of: Vec<u8> = (0..subjects).map(|subject| (subject % groups) as u8).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut group_of);
        let (mut impostor, mut genuine) = (Vec::new(), Vec::new());
        for (own, subject, score) in draws.iter().flat_map(Draw::comparisons) {
            let (a, b) = (group_of[own], group_of[subject]);
            if own == subject {
                genuine.push((score, a));
            } else {
                impostor.push((score, [a.min(b), a.max(b)]));
            }
        }
        impostor.sort_unstable_by(|a, b| b.cmp(a));
        Some(Self { groups, impostor, genuine, draws: number_of_draws.into() })
    }

    /// Judges a rate; thresholds are from `least` to `greatest`. `None` when the others of two groups give no threshold for it.
    #[must_use]
    pub fn judge(&self, rate: Rate, least: Score, greatest: Score) -> Option<CrossValidated> {
        let (mut false_matches, mut false_non_matches) = (0u64, 0u64);
        for a in 0..self.groups as u8 {
            for b in a..self.groups as u8 {
                let judged = self.impostor.iter().filter(|(_, groups)| *groups == [a, b]);
                if a != b && judged.clone().next().is_none() {
                    continue;
                }
                let threshold = self.threshold_without([a, b], rate, least, greatest)?;
                false_matches += judged.take_while(|(score, _)| *score >= threshold).count() as u64;
                if a == b {
                    let own = self.genuine.iter().filter(|(_, group)| *group == a);
                    false_non_matches += own.filter(|(score, _)| *score < threshold).count() as u64;
                }
            }
        }
        Some(CrossValidated {
            groups: self.groups,
            fmr: false_matches as f64 / self.impostor.len() as f64,
            fnmr: false_non_matches as f64 / self.genuine.len() as f64,
            false_matches: false_matches.div_ceil(self.draws),
            false_non_matches: false_non_matches.div_ceil(self.draws),
        })
    }

    /// The least threshold with no more than this false match rate among the comparisons of other groups.
    fn threshold_without(&self, left_out: [u8; 2], rate: Rate, least: Score, greatest: Score) -> Option<Score> {
        let is_other = |groups: &[u8; 2]| !groups.iter().any(|group| left_out.contains(group));
        let others = || self.impostor.iter().filter(|(_, groups)| is_other(groups));
        let count = others().count();
        let allowed = count as u128 * u128::from(rate.parts_per_billion()) / u128::from(Rate::WHOLE);
        match others().nth(allowed as usize) {
            _ if count == 0 => None,
            Some((first_to_refuse, _)) if *first_to_refuse < greatest => {
                Some(Score::from_raw(first_to_refuse.raw() + 1))
            }
            Some(_) => None,
            None => Some(least),
        }
    }
}
