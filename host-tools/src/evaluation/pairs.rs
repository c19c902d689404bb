//! Every pair of rows, scored once: in tiles that stay in the cache, by a matrix product, on all cores.

use super::histogram::{Histogram, SharedHistogram, Writer};
use super::rows::Rows;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};
use rayon::prelude::*;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Rows of a tile.
const TILE: usize = 256;

/// What is done with scores. Each thread has one of its own.
pub trait Visitor: Send {
    /// The scores of the row `probe` with the rows from `first` on: first those of its own subject, then the others.
    fn visit(&mut self, probe: usize, first: usize, genuine: &[i32], impostor: &[i32]);
}

/// Hands every pair to visitors, the row that comes first being the probe. `progress` is called with pairs done since the
/// last call.
pub fn visit_pairs<V: Visitor>(rows: &Rows, visitor: impl Fn() -> V + Sync + Send, progress: &(dyn Fn(u64) + Sync)) {
    let strips = rows.len().div_ceil(TILE);
    // The longest strips first: what is left at the end is short.
    (0..strips).into_par_iter().rev().with_max_len(1).for_each_init(
        || (visitor(), Tile::default()),
        |(visitor, tile), strip| {
            let templates = strip * TILE..rows.len().min((strip + 1) * TILE);
            let panel = tile.panel(rows, templates.clone());
            for probes in (0..=strip).map(|block| block * TILE..rows.len().min((block + 1) * TILE)) {
                tile.score(rows, &panel, templates.clone(), probes, |probe, first, scores| {
                    let same = rows.subjects()[first..templates.end]
                        .partition_point(|subject| *subject == rows.subjects()[probe]);
                    let (genuine, impostor) = scores.split_at(same);
                    visitor.visit(probe, first, genuine, impostor);
                });
            }
            let (begin, end) = (templates.start as u64, templates.end as u64);
            progress(end * (end - 1) / 2 - begin * begin.saturating_sub(1) / 2);
        },
    );
}

/// Room for the dot products of a tile.
#[derive(Default)]
struct Tile {
    dots: Vec<f32>,
    scores: Vec<i32>,
}

impl Tile {
    /// Rows as the left side of a product.
    fn panel(&self, rows: &Rows, range: Range<usize>) -> DMatrix<f32> {
        columns(rows, range).transpose()
    }

    /// The scores of each probe with the templates that come after it.
    fn score(
        &mut self,
        rows: &Rows,
        panel: &DMatrix<f32>,
        templates: Range<usize>,
        probes: Range<usize>,
        mut visit: impl FnMut(usize, usize, &[i32]),
    ) {
        let height = templates.len();
        self.dots.resize(TILE * TILE, 0.0);
        self.scores.resize(TILE, 0);
        let mut dots = DMatrixViewMut::from_slice(&mut self.dots, height, probes.len());
        dots.gemm(1.0, panel, &columns(rows, probes.clone()), 0.0);
        for (column, probe) in probes.enumerate() {
            // Itself and what comes before it is not compared.
            let before = (probe + 1).saturating_sub(templates.start);
            let Some(dots) = self.dots[column * height..][..height].get(before..) else { continue };
            let scores = &mut self.scores[..dots.len()];
            rows.finish(probe, rows, templates.start + before, dots, scores);
            visit(probe, templates.start + before, scores);
        }
    }
}

/// Rows as the columns of a matrix.
fn columns(rows: &Rows, range: Range<usize>) -> DMatrixView<'_, f32> {
    let dimension = rows.dimension();
    DMatrixView::from_slice(&rows.values()[range.start * dimension..range.end * dimension], dimension, range.len())
}

/// The scores of some probes with some rows of a gallery: each probe's in the order of the gallery, one probe after the other.
pub(super) fn score_rows(rows: &Rows, probes: &[usize], gallery: &Rows, range: Range<usize>, scores: &mut Vec<i32>) {
    let panel = columns(gallery, range.clone()).transpose();
    let dimension = rows.dimension();
    let gathered: Vec<f32> =
        probes.iter().flat_map(|&row| &rows.values()[row * dimension..][..dimension]).copied().collect();
    let dots = panel * DMatrixView::from_slice(&gathered, dimension, probes.len());
    scores.resize(range.len() * probes.len(), 0);
    let columns = dots.as_slice().chunks_exact(range.len()).zip(scores.chunks_exact_mut(range.len()));
    for (&probe, (dots, scores)) in probes.iter().zip(columns) {
        rows.finish(probe, gallery, range.start, dots, scores);
    }
}

/// The scores of every pair, counted.
#[derive(Clone, Debug)]
pub struct PairScores {
    /// Of pairs of one subject.
    pub genuine: Histogram,
    /// Of pairs of two.
    pub impostor: Histogram,
    /// How long it took.
    pub took: Duration,
}

impl PairScores {
    /// Scores every pair of rows. `progress` is called with pairs done since the last call.
    #[must_use]
    pub fn of(rows: &Rows, progress: &(dyn Fn(u64) + Sync)) -> Self {
        let begin = Instant::now();
        let (least, greatest) = rows.range();
        let genuine = SharedHistogram::new(least, greatest);
        let impostor = SharedHistogram::new(least, greatest);
        visit_pairs(rows, || Counter { genuine: genuine.writer(), impostor: impostor.writer() }, progress);
        Self { genuine: genuine.finish(), impostor: impostor.finish(), took: begin.elapsed() }
    }

    /// These scores.
    #[must_use]
    pub fn of_scores(genuine: &[i32], impostor: &[i32]) -> Self {
        Self { genuine: Histogram::of(genuine), impostor: Histogram::of(impostor), took: Duration::ZERO }
    }

    /// Each score that there is, with the genuine and the impostor pairs that have it, ascending.
    pub fn steps(&self) -> impl Iterator<Item = (i32, u64, u64)> + '_ {
        let (mut genuine, mut impostor) = (self.genuine.counts().peekable(), self.impostor.counts().peekable());
        std::iter::from_fn(move || {
            let score = match (genuine.peek(), impostor.peek()) {
                (Some((a, _)), Some((b, _))) => *a.min(b),
                (Some((score, _)), None) | (None, Some((score, _))) => *score,
                (None, None) => return None,
            };
            let genuine = genuine.next_if(|(found, _)| *found == score).map_or(0, |(_, count)| count);
            let impostor = impostor.next_if(|(found, _)| *found == score).map_or(0, |(_, count)| count);
            Some((score, genuine, impostor))
        })
    }
}

struct Counter<'a> {
    genuine: Writer<'a>,
    impostor: Writer<'a>,
}

impl Visitor for Counter<'_> {
    fn visit(&mut self, _: usize, _: usize, genuine: &[i32], impostor: &[i32]) {
        self.genuine.add(genuine);
        self.impostor.add(impostor);
    }
}

/// Pairs, and the score of each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ScoredPair {
    /// The score, raw.
    pub score: i32,
    /// The row that comes first.
    pub probe: u32,
    /// The other row.
    pub template: u32,
}
