//! One way to pick the samples that are enrolled, and the scores that come of it.

use super::least_threshold;
use crate::templates::best_score;
use cognate::bundle::Rate;
use cognate::{Score, TemplateRef};

/// The scores of all probes against all subjects, for one pick of the enrolled samples.
#[derive(Clone, PartialEq, Debug)]
pub struct Draw {
    /// The subject of each probe.
    probes: Vec<usize>,
    /// One a probe and subject, the subject running fastest.
    scores: Vec<Score>,
    subjects: usize,
}

impl Draw {
    /// Enrolls `enroll` samples of each subject, picked by chance, and scores the others. `subjects` has the rows of
    /// each subject among the templates, more than `enroll` of each.
    #[must_use]
    pub fn new(templates: &[TemplateRef<'_>], subjects: &[Vec<usize>], enroll: usize, seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut enrolled: Vec<Vec<TemplateRef<'_>>> = Vec::new();
        let mut probes = Vec::new();
        for (subject, rows) in subjects.iter().enumerate() {
            let mut rows = rows.clone();
            chance.shuffle(&mut rows);
            let (first, rest) = rows.split_at(enroll);
            enrolled.push(first.iter().map(|&row| templates[row]).collect());
            probes.extend(rest.iter().map(|&row| (subject, templates[row])));
        }
        let score = |probe: &TemplateRef<'_>, subject: &Vec<TemplateRef<'_>>| {
            best_score(probe, subject).expect("at least one sample is enrolled")
        };
        let scores = probes.iter().flat_map(|(_, probe)| enrolled.iter().map(move |subject| score(probe, subject)));
        Self {
            scores: scores.collect(),
            subjects: subjects.len(),
            probes: probes.into_iter().map(|(subject, _)| subject).collect(),
        }
    }

    /// The subject of the probe, the subject that it is compared with, and the score, for each comparison.
    pub fn comparisons(&self) -> impl Iterator<Item = (usize, usize, Score)> {
        let rows = self.scores.chunks_exact(self.subjects);
        self.probes
            .iter()
            .zip(rows)
            .flat_map(|(&own, row)| row.iter().enumerate().map(move |(subject, &score)| (own, subject, score)))
    }
}

/// Genuine and impostor scores, put together from several draws.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Comparisons {
    genuine: Vec<Score>,
    impostor: Vec<Score>,
}

impl Comparisons {
    /// The comparisons among the subjects that `wanted` picks: both the probe's and the one it is compared with.
    pub fn of(draws: &[Draw], wanted: impl Fn(usize) -> bool) -> Self {
        let mut found = Self::default();
        for (own, subject, score) in draws.iter().flat_map(Draw::comparisons) {
            match (wanted(own) && wanted(subject), own == subject) {
                (true, true) => found.genuine.push(score),
                (true, false) => found.impostor.push(score),
                (false, _) => {}
            }
        }
        found
    }

    /// The least threshold with a false match rate of at most `rate` here.
    #[must_use]
    pub fn threshold(&self, rate: Rate) -> Option<Score> {
        // In integers: a rate of 1 % of 300 comparisons allows 3, whatever 0.01 is in binary.
        let allowed = self.impostor.len() as u128 * u128::from(rate.parts_per_billion()) / u128::from(Rate::WHOLE);
        least_threshold(&mut self.impostor.clone(), allowed as usize)
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
