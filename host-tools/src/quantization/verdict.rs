//! What quantization costs: how alike the embeddings are, and what becomes of error rates and decisions.

use crate::coder::Coder;
use crate::eer::equal_error_rate;
use crate::embeddings::{Embeddings, EmbeddingsProblem};
use cognate::{ModelDigest, Space, similarity};
use rayon::prelude::*;
use serde::Serialize;

/// The most samples of which all pairs are compared; of more, so many are taken evenly.
const MOST_COMPARED: usize = 1500;

/// The false match rate at which decisions are compared.
const FMR: f64 = 1e-3;

/// The int8 embeddings of some samples beside their f32 embeddings.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Verdict {
    /// Samples.
    pub samples: usize,
    /// Subjects.
    pub subjects: usize,
    /// The mean cosine of an int8 and its f32 embedding.
    pub mean_cosine: f64,
    /// The least one.
    pub least_cosine: f64,
    /// Error rates, where there are genuine and impostor pairs.
    pub rates: Option<Rates>,
}

/// Error rates over all pairs of samples.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Rates {
    /// Pairs of one subject.
    pub genuine: usize,
    /// Pairs of two.
    pub impostor: usize,
    /// The equal error rate of f32 embeddings.
    pub f32_eer: f64,
    /// The equal error rate of templates of int8 embeddings.
    pub int8_eer: f64,
    /// The false non-match rate at a false match rate of 0.1 %, f32.
    pub f32_fnmr: f64,
    /// The same of int8.
    pub int8_fnmr: f64,
    /// Pairs that one accepts and the other refuses there.
    pub flipped: usize,
}

impl Rates {
    /// By how much the equal error rate is up.
    #[must_use]
    pub fn eer_loss(&self) -> f64 {
        self.int8_eer - self.f32_eer
    }
}

impl Verdict {
    /// Compares the embeddings of these rows.
    ///
    /// # Errors
    /// [`EmbeddingsProblem`] when one of them makes no template.
    pub fn new(exact: &Embeddings, int8: &Embeddings, rows: &[usize]) -> Result<Self, EmbeddingsProblem> {
        let cosines: Vec<f64> = rows.iter().map(|&row| cosine(exact.row(row), int8.row(row))).collect();
        Ok(Self {
            samples: rows.len(),
            subjects: exact.select(rows).labels().by_subject().len(),
            mean_cosine: cosines.iter().sum::<f64>() / rows.len().max(1) as f64,
            least_cosine: cosines.iter().copied().fold(1.0, f64::min),
            rates: Compared::new(exact, int8, rows)?.rates(),
        })
    }
}

/// The cosine of two vectors.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The scores of two samples.
struct Pair {
    rows: [usize; 2],
    is_genuine: bool,
    f32: i64,
    int8: i64,
}

/// One of the two scores.
type Which = fn(&Pair) -> i64;

const F32: Which = |pair| pair.f32;
const INT8: Which = |pair| pair.int8;

/// A cosine of 1 among the scores of f32: finer than any two cosines that differ.
const ONE: f64 = (1u64 << 50) as f64;

/// All pairs of some samples.
struct Compared(Vec<Pair>);

impl Compared {
    fn new(exact: &Embeddings, int8: &Embeddings, rows: &[usize]) -> Result<Self, EmbeddingsProblem> {
        let stride = rows.len().div_ceil(MOST_COMPARED).max(1);
        let rows: Vec<usize> = rows.iter().copied().step_by(stride).collect();
        let (exact, int8) = (exact.select(&rows), int8.select(&rows));
        let coder = Coder::new(Space::full(ModelDigest::new([0; ModelDigest::BYTES])), None);
        let codes = coder.codes(&int8)?;
        let templates: Vec<_> = codes.iter().map(|code| coder.template(code)).collect();
        let labels = &exact.labels().rows;
        let known = |row: &usize| !labels[*row].subject.is_empty();
        let pairs = (0..labels.len())
            .into_par_iter()
            .filter(known)
            .flat_map_iter(|b| (0..b).filter(known).map(move |a| (a, b)))
            .map(|(a, b)| Pair {
                rows: [rows[a], rows[b]],
                is_genuine: labels[a].subject == labels[b].subject,
                f32: (cosine(exact.row(a), exact.row(b)) * ONE) as i64,
                int8: similarity::cosine(&templates[a], &templates[b]).map_or(0, |score| score.raw().into()),
            })
            .collect();
        Ok(Self(pairs))
    }

    fn sorted(&self, wanted: bool, which: Which) -> Vec<i64> {
        let mut scores: Vec<i64> = self.0.iter().filter(|pair| pair.is_genuine == wanted).map(which).collect();
        scores.sort_unstable();
        scores
    }

    /// The least score that is accepted. There has to be an impostor pair.
    fn threshold(&self, which: Which) -> i64 {
        let impostor = self.sorted(false, which);
        let accepted = (impostor.len() as f64 * FMR) as usize;
        impostor[impostor.len() - 1 - accepted] + 1
    }

    fn flipped(&self) -> impl Iterator<Item = &Pair> {
        let (at_f32, at_int8) = (self.threshold(F32), self.threshold(INT8));
        self.0.iter().filter(move |pair| (pair.f32 >= at_f32) != (pair.int8 >= at_int8))
    }

    fn rates(&self) -> Option<Rates> {
        let eer = |which| equal_error_rate(&self.sorted(true, which), &self.sorted(false, which));
        let (f32_eer, int8_eer) = (eer(F32)?, eer(INT8)?);
        let genuine = self.sorted(true, F32).len();
        let fnmr = |which| {
            let threshold = self.threshold(which);
            self.sorted(true, which).partition_point(|&score| score < threshold) as f64 / genuine as f64
        };
        Some(Rates {
            genuine,
            impostor: self.0.len() - genuine,
            f32_eer,
            int8_eer,
            f32_fnmr: fnmr(F32),
            int8_fnmr: fnmr(INT8),
            flipped: self.flipped().count(),
        })
    }
}

/// The decisions that int8 changes.
#[derive(Clone, PartialEq, Debug)]
pub struct Flips {
    /// The least cosine that f32 accepts.
    pub threshold: f64,
    /// The rows of each pair.
    pub pairs: Vec<[usize; 2]>,
}

impl Flips {
    /// Of the decisions about all pairs of these rows; none where rates cannot be compared.
    ///
    /// # Errors
    /// [`EmbeddingsProblem`] when one of them makes no template.
    pub fn new(exact: &Embeddings, int8: &Embeddings, rows: &[usize]) -> Result<Self, EmbeddingsProblem> {
        let compared = Compared::new(exact, int8, rows)?;
        if compared.rates().is_none() {
            return Ok(Self { threshold: 1.0, pairs: Vec::new() });
        }
        let pairs = compared.flipped().map(|pair| pair.rows).collect();
        Ok(Self { threshold: compared.threshold(F32) as f64 / ONE, pairs })
    }
}
