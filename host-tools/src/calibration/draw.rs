//! One way to pick the samples that are enrolled, and the scores that come of it.

use super::{CalibrationError, Coded, least_threshold};
use cognate::Score;
use cognate::policy::Rate;

/// The scores of all probes against all subjects, for one pick of the enrolled samples.
#[derive(Clone, PartialEq, Debug)]
pub struct Draw {
    /// The subjects that are compared.
    subjects: Vec<usize>,
    /// The subject of each probe.
    probes: Vec<usize>,
    /// One a probe and subject, the subject running fastest.
    scores: Vec<Score>,
}

impl Draw {
    /// Enrolls `enroll` samples of each subject, picked by chance, and scores the others. `subjects` has the number of each
    /// subject and its rows, more than `enroll` of each.
    ///
    /// # Errors
    /// [`CalibrationError`] when a pick makes no gallery.
    pub fn new(
        coded: &Coded,
        subjects: &[(usize, &[usize])],
        enroll: usize,
        seed: u64,
    ) -> Result<Self, CalibrationError> {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut shuffled = Vec::new();
        for (_, rows) in subjects {
            let mut rows = rows.to_vec();
            chance.shuffle(&mut rows);
            shuffled.push(rows);
        }
        let enrolled: Vec<&[usize]> = shuffled.iter().map(|rows| &rows[..enroll]).collect();
        let rest = || {
            subjects
                .iter()
                .zip(&shuffled)
                .flat_map(|((subject, _), rows)| rows[enroll..].iter().map(move |&row| (*subject, row)))
        };
        let rows: Vec<usize> = rest().map(|(_, row)| row).collect();
        let mut all = Vec::with_capacity(rows.len() * subjects.len());
        coded.compare(&enrolled, &rows, |_, scores| all.extend_from_slice(scores))?;
        Ok(Self {
            subjects: subjects.iter().map(|(subject, _)| *subject).collect(),
            probes: rest().map(|(subject, _)| subject).collect(),
            scores: all,
        })
    }

    /// The subject of the probe, the subject that it is compared with, and the score, for each comparison.
    pub fn comparisons(&self) -> impl Iterator<Item = (usize, usize, Score)> {
        let rows = self.scores.chunks_exact(self.subjects.len());
        self.probes
            .iter()
            .zip(rows)
            .flat_map(|(&own, row)| self.subjects.iter().zip(row).map(move |(&subject, &score)| (own, subject, score)))
    }
}

/// Genuine and impostor scores, put together from several draws.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Comparisons {
    /// Scores of probes with their own subject.
    pub genuine: Vec<Score>,
    /// Scores of probes with other subjects.
    pub impostor: Vec<Score>,
}

impl Comparisons {
    /// The comparisons among the subjects that `wanted` picks: both the probe's and the one it is compared with.
    pub fn of<'a>(draws: impl IntoIterator<Item = &'a Draw>, wanted: impl Fn(usize) -> bool) -> Self {
        let mut found = Self::default();
        for (own, subject, score) in draws.into_iter().flat_map(Draw::comparisons) {
            match (wanted(own) && wanted(subject), own == subject) {
                (true, true) => found.genuine.push(score),
                (true, false) => found.impostor.push(score),
                (false, _) => {}
            }
        }
        found
    }

    /// The least threshold, from `least` to `greatest`, with a false match rate of at most `rate` here.
    #[must_use]
    pub fn threshold(&self, rate: Rate, least: Score, greatest: Score) -> Option<Score> {
        // In integers: a rate of 1 % of 300 comparisons allows 3, whatever 0.01 is in binary.
        let allowed = self.impostor.len() as u128 * u128::from(rate.parts_per_billion()) / u128::from(Rate::WHOLE);
        least_threshold(&mut self.impostor.clone(), allowed as usize, least, greatest)
    }

    /// Impostor comparisons that are accepted.
    #[must_use]
    pub fn false_matches(&self, threshold: Score) -> usize {
        self.impostor.iter().filter(|&&score| score >= threshold).count()
    }

    /// The part of the impostor comparisons that are accepted.
    #[must_use]
    pub fn false_match_rate(&self, threshold: Score) -> f64 {
        self.false_matches(threshold) as f64 / self.impostor.len() as f64
    }

    /// The part of the genuine comparisons that are refused.
    #[must_use]
    pub fn false_non_match_rate(&self, threshold: Score) -> f64 {
        let refused = self.genuine.iter().filter(|&&score| score < threshold).count();
        refused as f64 / self.genuine.len() as f64
    }
}
