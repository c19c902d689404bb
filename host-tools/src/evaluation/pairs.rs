//! Every pair of rows, scored once: in tiles that stay in the cache, by a matrix product, on all cores.

use super::dots::Panel;
use super::histogram::{Histogram, SharedHistogram, Writer};
use super::rows::Rows;
use rayon::prelude::*;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Templates of a tile at most: a probe is prepared once for all of them, and they stay in the cache for all probes.
const MOST_TEMPLATES: usize = 1024;
/// At least: more would not be faster.
const LEAST_TEMPLATES: usize = 64;
/// Probes of a tile.
const PROBES: usize = 24;

/// What is done with scores. Each thread has one of its own.
pub trait Visitor: Send {
    /// The scores of the row `probe` with the rows from `first` on: first those of its own subject, then the others.
    fn visit(&mut self, probe: usize, first: usize, genuine: &[i32], impostor: &[i32]);
}

/// Hands every pair to visitors, the row that comes first being the probe. `progress` is called with pairs done since the
/// last call.
pub fn visit_pairs<V: Visitor>(rows: &Rows, visitor: impl Fn() -> V + Sync + Send, progress: &(dyn Fn(u64) + Sync)) {
    // Several strips of templates for each core.
    let height = (rows.len() / 16 / rayon::current_num_threads()).clamp(LEAST_TEMPLATES, MOST_TEMPLATES);
    // The longest strips first: what is left at the end is short.
    (0..rows.len().div_ceil(height)).into_par_iter().rev().with_max_len(1).for_each_init(
        || (visitor(), Tile::default()),
        |(visitor, tile), strip| {
            let templates = strip * height..rows.len().min((strip + 1) * height);
            let panel = panel(rows, templates.clone());
            for first in (0..templates.end).step_by(PROBES) {
                let probes = first..templates.end.min(first + PROBES);
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

/// Rows of a range, to multiply others with.
fn panel(rows: &Rows, range: Range<usize>) -> Panel {
    Panel::new(&rows.values(range), rows.dimension())
}

/// Room for the dot products of a tile.
#[derive(Default)]
struct Tile {
    dots: Vec<f32>,
    scores: Vec<i32>,
}

impl Tile {
    /// The scores of each probe with the templates that come after it.
    fn score(
        &mut self,
        rows: &Rows,
        panel: &Panel,
        templates: Range<usize>,
        probes: Range<usize>,
        mut visit: impl FnMut(usize, usize, &[i32]),
    ) {
        panel.dots(&rows.values(probes.clone()), &mut self.dots);
        self.scores.resize(panel.rows(), 0);
        for (probe, dots) in probes.zip(self.dots.chunks_exact(panel.stride())) {
            // Itself and what comes before it is not compared.
            let before = (probe + 1).saturating_sub(templates.start);
            let Some(dots) = dots[..panel.rows()].get(before..) else { continue };
            let scores = &mut self.scores[..dots.len()];
            rows.finish(probe, rows, templates.start + before, dots, scores);
            visit(probe, templates.start + before, scores);
        }
    }
}

/// The scores of some probes with some rows of a gallery: each probe's in the order of the gallery, one probe after the other.
pub(super) fn score_rows(rows: &Rows, probes: &[usize], gallery: &Rows, range: Range<usize>, scores: &mut Vec<i32>) {
    let panel = panel(gallery, range.clone());
    let gathered: Vec<f32> = probes.iter().flat_map(|&row| rows.values(row..row + 1).into_owned()).collect();
    let mut dots = Vec::new();
    panel.dots(&gathered, &mut dots);
    scores.resize(range.len() * probes.len(), 0);
    let each = dots.chunks_exact(panel.stride()).zip(scores.chunks_exact_mut(range.len()));
    for (&probe, (dots, scores)) in probes.iter().zip(each) {
        rows.finish(probe, gallery, range.start, &dots[..range.len()], scores);
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
