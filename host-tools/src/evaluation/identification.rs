//! Who it is, among many: ranks, and error rates by threshold and gallery size (ISO/IEC 19795-1; NIST FRTE 1:N).
//!
//! Every probe is compared with every subject, by the best of the subject's enrolled samples. A rank counts the subjects that
//! score at least as high, so that equal scores do not flatter. The same probes stand for strangers, with their own subject
//! left out of the gallery.
//!
//! Rates for a gallery of N subjects are the expectation over all galleries of N of the subjects that there are: with c of M
//! others at or above a threshold, none of N is drawn with C(M − c, N) / C(M, N). Beyond M they are drawn with replacement.
//! Beside each stands what the false match rate alone would make of it, 1 − (1 − FMR)^N, which takes all subjects to be equally
//! easy to impersonate.

use super::interval::{Interval, clopper_pearson};
use super::pairs::score_rows;
use super::rows::Rows;
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;

/// Ranks that are listed.
pub const RANKS: usize = 20;
/// Rows of the gallery that are scored at once.
const BLOCK: usize = 512;
/// Probes that are scored at once.
const PROBES: usize = 64;

/// What is identified among whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// The samples of each subject that are enrolled, its first; `None` enrolls all but the probe itself.
    pub enroll: Option<usize>,
    /// More probes than this are thinned out evenly.
    pub most_probes: usize,
}

/// What became of the probes.
#[derive(Clone, PartialEq, Debug)]
pub struct Identification {
    /// Probes.
    pub probes: usize,
    /// Subjects that are enrolled.
    pub subjects: usize,
    /// The part of the probes whose own subject is among the first 1, 2, … .
    pub cmc: Vec<f64>,
    /// The exact interval of the first of them, if probes were independent.
    pub rank1_interval: Interval,
    /// By threshold, in the order in which they were given.
    pub by_threshold: Vec<AtThreshold>,
}

/// Open-set error rates at a threshold.
#[derive(Clone, PartialEq, Debug)]
pub struct AtThreshold {
    /// The threshold, raw.
    pub threshold: i32,
    /// The part of the comparisons of a probe with another subject that are accepted.
    pub fmr: f64,
    /// By gallery size, ascending.
    pub by_gallery: Vec<AtGallery>,
}

/// Open-set error rates at a threshold, with a gallery of a size.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AtGallery {
    /// Subjects enrolled.
    pub subjects: usize,
    /// False-positive identification rate: strangers of whom somebody enrolled is found.
    pub fpir: f64,
    /// What the false match rate alone makes of it.
    pub fpir_by_formula: f64,
    /// False-negative identification rate: probes of enrolled subjects that are refused, or not first.
    pub fnir: f64,
    /// Whether so many subjects can be drawn from those that there are, without taking one twice.
    pub is_within_data: bool,
}

/// A probe's comparisons.
struct Probed {
    own: i32,
    /// Other subjects that score at least as high as its own.
    ahead: usize,
    /// Other subjects at or above each threshold.
    accepted: Vec<usize>,
}

impl Identification {
    /// Identifies probes, with these thresholds and gallery sizes. `None` when no subject has a sample to enroll and another to
    /// probe with, or there is only one subject.
    #[must_use]
    pub fn new(rows: &Rows, setting: Setting, thresholds: &[i32], galleries: &[usize]) -> Option<Self> {
        let (gallery, probes) = setting.split(rows);
        let subjects = gallery.by_subject().iter().filter(|range| !range.is_empty()).count();
        if probes.is_empty() || subjects < 2 {
            return None;
        }
        let probed = probe(rows, &gallery, &probes, thresholds);
        let found = |rank: usize| probed.iter().filter(|probe| probe.ahead < rank).count() as u64;
        let cmc = (1..=RANKS.min(subjects)).map(|rank| found(rank) as f64 / probed.len() as f64).collect();
        let others = subjects - 1;
        let at = |(place, &threshold): (usize, &i32)| AtThreshold::new(&probed, place, threshold, others, galleries);
        Some(Self {
            probes: probed.len(),
            subjects,
            cmc,
            rank1_interval: clopper_pearson(found(1), probed.len() as u64),
            by_threshold: thresholds.iter().enumerate().map(at).collect(),
        })
    }
}

impl Setting {
    /// The rows to enroll, and the rows to probe with, each with the row of the gallery that is itself, if that is there.
    fn split(self, rows: &Rows) -> (Cow<'_, Rows>, Vec<(usize, Option<usize>)>) {
        let (mut enrolled, mut probes) = (Vec::new(), Vec::new());
        for range in rows.by_subject() {
            match self.enroll {
                None => {
                    probes.extend(range.clone().filter(|_| range.len() > 1).map(|row| (row, Some(row))));
                    enrolled.extend(range);
                }
                Some(count) => {
                    let first = range.start + count.min(range.len());
                    enrolled.extend(range.start..first);
                    probes.extend((first..range.end).map(|row| (row, None)));
                }
            }
        }
        let kept = probes.len().min(self.most_probes);
        let probes = (0..kept).map(|place| probes[place * probes.len() / kept]).collect();
        let all = enrolled.len() == rows.len();
        (if all { Cow::Borrowed(rows) } else { Cow::Owned(rows.select(&enrolled)) }, probes)
    }
}

/// Compares probes with all subjects.
fn probe(rows: &Rows, gallery: &Rows, probes: &[(usize, Option<usize>)], thresholds: &[i32]) -> Vec<Probed> {
    let subjects = gallery.by_subject();
    let chunks = probes.par_chunks(PROBES).map(|chunk| {
        let wanted: Vec<usize> = chunk.iter().map(|(row, _)| *row).collect();
        let scorer = Scorer { rows, gallery, probes: &wanted };
        let own_subject: Vec<usize> = wanted.iter().map(|&row| rows.subjects()[row] as usize).collect();
        let mut found: Vec<Probed> = chunk
            .iter()
            .zip(&own_subject)
            .enumerate()
            .map(|(place, ((_, itself), &own))| {
                let scores = scorer.one(place, subjects[own].clone());
                let others = scores.iter().zip(subjects[own].clone()).filter(|(_, row)| Some(*row) != *itself);
                let own = others.map(|(score, _)| *score).max().unwrap_or(i32::MIN);
                Probed { own, ahead: 0, accepted: vec![0; thresholds.len()] }
            })
            .collect();
        // A subject's rows lie together, and can lie in two blocks.
        let mut best = vec![i32::MIN; chunk.len()];
        let mut scores = Vec::new();
        for begin in (0..gallery.len()).step_by(BLOCK) {
            let end = gallery.len().min(begin + BLOCK);
            scorer.block(begin..end, &mut scores);
            for (place, scores) in scores.chunks_exact(end - begin).enumerate() {
                let rows = scores.iter().zip(&gallery.subjects()[begin..end]).zip(begin..);
                for ((&score, &subject), row) in rows {
                    let (subject, best) = (subject as usize, &mut best[place]);
                    *best = score.max(*best);
                    if row + 1 == subjects[subject].end {
                        if subject != own_subject[place] {
                            found[place].note(*best, thresholds);
                        }
                        *best = i32::MIN;
                    }
                }
            }
        }
        found
    });
    chunks.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// Scores some probes with rows of a gallery.
struct Scorer<'a> {
    rows: &'a Rows,
    gallery: &'a Rows,
    probes: &'a [usize],
}

impl Scorer<'_> {
    fn one(&self, place: usize, range: Range<usize>) -> Vec<i32> {
        let mut scores = Vec::new();
        score_rows(self.rows, &self.probes[place..=place], self.gallery, range, &mut scores);
        scores
    }

    fn block(&self, range: Range<usize>, scores: &mut Vec<i32>) {
        score_rows(self.rows, self.probes, self.gallery, range, scores);
    }
}

impl Probed {
    fn note(&mut self, score: i32, thresholds: &[i32]) {
        self.ahead += usize::from(score >= self.own);
        for (accepted, threshold) in self.accepted.iter_mut().zip(thresholds) {
            *accepted += usize::from(score >= *threshold);
        }
    }
}

impl AtThreshold {
    fn new(probed: &[Probed], place: usize, threshold: i32, others: usize, galleries: &[usize]) -> Self {
        let mean = |of: &dyn Fn(&Probed) -> f64| probed.iter().map(of).sum::<f64>() / probed.len() as f64;
        let fmr = mean(&|probe| probe.accepted[place] as f64 / others as f64);
        let at = |&subjects: &usize| AtGallery {
            subjects,
            fpir: mean(&|probe| 1.0 - none_drawn(probe.accepted[place], others, subjects)),
            fpir_by_formula: -(subjects as f64 * (-fmr).ln_1p()).exp_m1(),
            fnir: mean(&|probe| {
                if probe.own < threshold { 1.0 } else { 1.0 - none_drawn(probe.ahead, others, subjects - 1) }
            }),
            is_within_data: subjects <= others,
        };
        Self { threshold, fmr, by_gallery: galleries.iter().filter(|subjects| **subjects > 0).map(at).collect() }
    }
}

/// How likely it is that none of `marked` among `all` is among so many that are drawn; with replacement where there are not
/// enough.
fn none_drawn(marked: usize, all: usize, drawn: usize) -> f64 {
    if drawn > all {
        return (1.0 - marked as f64 / all as f64).powf(drawn as f64);
    }
    if marked + drawn > all {
        return 0.0;
    }
    // C(all − marked, drawn) / C(all, drawn) = ∏ (all − drawn − i) / (all − i) over the marked, or the same the other way round.
    let (few, many) = (marked.min(drawn), marked.max(drawn));
    (0..few).map(|i| (all - many - i) as f64 / (all - i) as f64).product()
}

#[cfg(test)]
mod tests {
    use super::none_drawn;

    #[test]
    fn drawing_none_is_hypergeometric() {
        // C(7, 2) / C(10, 2) = 21 / 45, whichever of the two is the number marked.
        assert!((none_drawn(3, 10, 2) - 21.0 / 45.0).abs() < 1e-15);
        assert!((none_drawn(2, 10, 3) - 21.0 / 45.0).abs() < 1e-15);
        assert_eq!((none_drawn(0, 10, 10), none_drawn(1, 10, 10), none_drawn(4, 10, 7)), (1.0, 0.0, 0.0));
        assert!((none_drawn(1, 10, 20) - 0.9f64.powi(20)).abs() < 1e-15);
    }
}
