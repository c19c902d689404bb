//! The losses that encoders are trained with, as measures of a labeled set; and alignment and uniformity.
//!
//! All are of embeddings at unit length, in `f64`. A training loss sees a batch, and its value depends on the batch; these take
//! the whole set as one, so two encoders are compared on the same samples, and never with a value out of a paper. The temperature
//! and the margins are the papers' usual ones and stand beside each.

use super::rows::Rows;
use rayon::prelude::*;
use serde::Serialize;

/// More samples than this are thinned out, by leaving out subjects: triplets are as many as the samples' third power.
pub const MOST_SAMPLES: usize = 1000;

/// The temperature of the softmax losses.
pub const TEMPERATURE: f64 = 0.1;
/// The margin of the contrastive loss, a distance.
pub const CONTRASTIVE_MARGIN: f64 = 1.0;
/// The margin of the triplet loss, a difference of squared distances.
pub const TRIPLET_MARGIN: f64 = 0.2;

/// The measures. Less is better in all of them.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Losses {
    /// Samples that were looked at.
    pub samples: usize,
    /// The mean over all pairs of d² for a genuine one and max(0, 1 − d)² for an impostor one (Hadsell, Chopra and LeCun, 2006).
    pub contrastive: f64,
    /// The mean over all triplets of max(0, d(a, p)² − d(a, n)² + 0.2) (Schroff, Kalenichenko and Philbin, 2015).
    pub triplet: f64,
    /// The mean over all genuine pairs, each way round, of log(1 + Σ exp(a·n − a·p)) over the first sample of each other subject
    /// (Sohn, 2016).
    pub n_pair: f64,
    /// The mean over the same of −log(exp(a·p/τ) / (exp(a·p/τ) + Σ exp(a·n/τ))) over all samples of other subjects, τ = 0.1 (Chen,
    /// Kornblith, Norouzi and Hinton, 2020).
    pub nt_xent: f64,
    /// The same as if no label were known: all other samples are negatives, and what they hold of the anchor's own subject, one
    /// part in the number of subjects, is taken off again (Chuang, Robinson, Lin, Torralba and Jegelka, 2020).
    pub debiased: f64,
    /// The mean squared distance of genuine pairs (Wang and Isola, 2020).
    pub alignment: f64,
    /// The logarithm of the mean of exp(−2 d²) over all pairs (Wang and Isola, 2020).
    pub uniformity: f64,
}

impl Losses {
    /// The measures of rows of unit length. `None` without genuine or without impostor pairs.
    #[must_use]
    pub fn of(rows: &Rows) -> Option<Self> {
        let ranges: Vec<_> = rows.by_subject().into_iter().filter(|range| !range.is_empty()).collect();
        let step = rows.len().div_ceil(MOST_SAMPLES).max(1);
        let rows = rows.select(&ranges.into_iter().step_by(step).flatten().collect::<Vec<_>>());
        let subjects: Vec<_> = rows.by_subject().into_iter().filter(|range| !range.is_empty()).collect();
        let cosines = Cosines::of(&rows);
        let parts: Vec<Part> = subjects
            .par_iter()
            .flat_map(|own| own.clone().into_par_iter().map(|anchor| (anchor, own.clone())))
            .map(|(anchor, own)| Part::of(&cosines, anchor, &own, &subjects))
            .collect();
        let sum = |of: fn(&Part) -> f64| parts.iter().map(of).sum::<f64>();
        let (positives, negatives) = (sum(|part| part.positives), sum(|part| part.negatives));
        let triplets = sum(|part| part.positives * part.negatives);
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        Some(Self {
            samples: rows.len(),
            contrastive: sum(|part| part.contrastive) / (positives + negatives),
            triplet: sum(|part| part.triplet) / triplets,
            n_pair: sum(|part| part.n_pair) / positives,
            nt_xent: sum(|part| part.nt_xent) / positives,
            debiased: sum(|part| part.debiased) / positives,
            alignment: sum(|part| part.alignment) / positives,
            uniformity: (sum(|part| part.potential) / (positives + negatives)).ln(),
        })
    }
}

/// The cosine of every two rows.
struct Cosines {
    rows: usize,
    values: Vec<f64>,
}

impl Cosines {
    fn of(rows: &Rows) -> Self {
        let unit = |row: &[f32]| {
            let length = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            row.iter().map(|&value| f64::from(value) / length).collect::<Vec<f64>>()
        };
        let units: Vec<Vec<f64>> = rows.values(0..rows.len()).chunks_exact(rows.dimension().max(1)).map(unit).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let values = units.par_iter().flat_map_iter(|a| units.iter().map(move |b| dot(a, b))).collect();
        Self { rows: rows.len(), values }
    }

    fn of_row(&self, row: usize) -> &[f64] {
        &self.values[row * self.rows..][..self.rows]
    }
}

/// An anchor's part of the sums.
#[derive(Default)]
struct Part {
    positives: f64,
    negatives: f64,
    contrastive: f64,
    triplet: f64,
    n_pair: f64,
    nt_xent: f64,
    debiased: f64,
    alignment: f64,
    potential: f64,
}

impl Part {
    fn of(cosines: &Cosines, anchor: usize, own: &std::ops::Range<usize>, subjects: &[std::ops::Range<usize>]) -> Self {
        let row = cosines.of_row(anchor);
        let squared_distance = |cosine: f64| (2.0 - 2.0 * cosine).max(0.0);
        let others = || (0..row.len()).filter(|other| !own.contains(other)).map(|other| row[other]);
        let positives = || own.clone().filter(|other| *other != anchor).map(|other| row[other]);
        let exponential = |cosine: f64| (cosine / TEMPERATURE).exp();
        let negative_sum: f64 = others().map(exponential).sum();
        let firsts = || subjects.iter().filter(|range| *range != own).map(|range| row[range.start]);
        // The share of the anchor's own subject, were all equally frequent.
        let prior = 1.0 / subjects.len() as f64;
        let unlabeled = (row.len() - 1) as f64;
        let mean_of_all = (negative_sum + positives().map(exponential).sum::<f64>()) / unlabeled;
        let mut part = Self { negatives: others().count() as f64, ..Self::default() };
        for cosine in others() {
            let distance = squared_distance(cosine);
            part.contrastive += (CONTRASTIVE_MARGIN - distance.sqrt()).max(0.0).powi(2);
            part.potential += (-2.0 * distance).exp();
        }
        for positive in positives() {
            let distance = squared_distance(positive);
            part.positives += 1.0;
            part.contrastive += distance;
            part.alignment += distance;
            part.potential += (-2.0 * distance).exp();
            let triplets = others().map(|negative| (distance - squared_distance(negative) + TRIPLET_MARGIN).max(0.0));
            part.triplet += triplets.sum::<f64>();
            part.n_pair += firsts().map(|negative| (negative - positive).exp()).sum::<f64>().ln_1p();
            let own_term = exponential(positive);
            part.nt_xent += (negative_sum / own_term).ln_1p();
            let corrected = (mean_of_all - prior * own_term) / (1.0 - prior);
            part.debiased += (unlabeled * corrected.max((-1.0 / TEMPERATURE).exp()) / own_term).ln_1p();
        }
        part
    }
}
