//! Judges an encoder on digits that it never saw in training.
//!
//! The digits 5–8 are enrolled with five samples each; their other samples are genuine probes. Every sample of 9 (never
//! seen) and of 0–4 (seen in training, without labels, as other images) is a stranger.
//!
//! - Rank-1: genuine probes whose own digit scores highest.
//! - EER: verification, every probe against each enrolled digit by itself; all but a genuine probe's own are impostors.
//! - EER against strangers, and FNMR where a share of them passes: identification, a stranger scoring its highest over
//!   the gallery.

use std::error::Error;
use std::path::Path;

use cognate_train::{Samples, Shape};
use tract_onnx::prelude::*;

use crate::sheets;

/// Digits in the gallery.
const ENROLLED: [&str; 4] = ["5", "6", "7", "8"];
/// Digits that are not, and must be refused.
const STRANGERS: [&str; 6] = ["9", "0", "1", "2", "3", "4"];
/// Samples that make a subject.
const SAMPLES: usize = 5;
/// Disjoint choices of the enrolled samples; the first one takes the first samples of each digit.
const DRAWS: usize = 20;

/// What one way of comparing reaches, percent.
#[derive(Default)]
struct Figures {
    rank_1: f64,
    /// Equal error rate of verification.
    verification: f64,
    /// Equal error rate of genuine probes against strangers.
    strangers: f64,
    /// Genuine probes missed where 1 % of the strangers pass, and where 5 % do.
    missed: [f64; 2],
}

/// How a probe is compared with the five samples of a subject.
#[derive(Clone, Copy)]
enum Compare {
    /// The highest of five cosines.
    Max,
    /// The cosine to the sum of five unit embeddings.
    Centroid,
}

/// Unit embeddings with their subjects.
struct Embedded {
    subjects: Vec<String>,
    embeddings: Vec<Vec<f32>>,
}

/// Prints the figures of the first choice of enrolled samples and the mean over all choices.
pub fn judge(folder: &Path, model: &Path) -> Result<(), Box<dyn Error>> {
    let samples = sheets::read(folder)?;
    let subjects = samples.subjects.clone();
    let embeddings = embed(model, &samples.images()?)?;
    let embedded = Embedded { subjects, embeddings };
    println!("percent                                    rank-1 EER, 1:1 EER, strangers FNMR at 1 % FNMR at 5 %");
    for (name, compare) in [("maximum of five", Compare::Max), ("centroid", Compare::Centroid)] {
        let draws: Vec<Figures> = (0..DRAWS).map(|draw| Scores::new(&embedded, draw, compare).figures()).collect();
        print(&format!("{name}, the first five samples"), &draws[0]);
        print(&format!("{name}, mean of {DRAWS} choices"), &mean(&draws));
    }
    Ok(())
}

/// Runs the model on every image; returns unit embeddings.
fn embed(model: &Path, images: &Samples) -> TractResult<Vec<Vec<f32>>> {
    let Shape { channels, height, width } = images.shape();
    let shape = [1, channels, height, width];
    let model = tract_onnx::onnx()
        .model_for_path(model)?
        .with_input_fact(0, f32::fact(shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let one = |index| {
        let input = Tensor::from_shape(&shape, images.values(index))?;
        let output = model.run(tvec!(input.into()))?;
        let view = output[0].to_plain_array_view::<f32>()?;
        Ok(unit(view.iter().copied().collect()))
    };
    (0..images.count()).map(one).collect()
}

/// Scales to length one.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = dot(&vector, &vector).sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The scores of one choice of enrolled samples.
#[derive(Default)]
struct Scores {
    /// Each genuine probe against its own digit, ascending.
    genuine: Vec<f32>,
    /// Every probe against each digit that it is not, ascending.
    impostors: Vec<f32>,
    /// The highest score of each stranger, ascending.
    strangers: Vec<f32>,
    /// Genuine probes whose own digit scored highest.
    first: usize,
}

impl Scores {
    fn new(embedded: &Embedded, draw: usize, compare: Compare) -> Self {
        let enrolled = draw * SAMPLES..(draw + 1) * SAMPLES;
        let gallery = ENROLLED.map(|subject| embedded.of(subject)[enrolled.clone()].to_vec());
        let against = |probe: &[f32]| gallery.each_ref().map(|templates| score(probe, templates, compare));
        let mut scores = Self::default();
        for (own, subject) in ENROLLED.iter().enumerate() {
            let probes = embedded.of(subject).into_iter().enumerate();
            for (_, probe) in probes.filter(|(index, _)| !enrolled.contains(index)) {
                let all = against(probe);
                scores.first += usize::from(all.iter().all(|other| *other <= all[own]));
                scores.genuine.push(all[own]);
                scores.impostors.extend((0..all.len()).filter(|other| *other != own).map(|other| all[other]));
            }
        }
        for probe in STRANGERS.iter().flat_map(|subject| embedded.of(subject)) {
            let all = against(probe);
            scores.strangers.push(all.into_iter().fold(f32::MIN, f32::max));
            scores.impostors.extend(all);
        }
        for list in [&mut scores.genuine, &mut scores.impostors, &mut scores.strangers] {
            list.sort_by(f32::total_cmp);
        }
        scores
    }

    fn figures(&self) -> Figures {
        Figures {
            rank_1: 100.0 * self.first as f64 / self.genuine.len() as f64,
            verification: 100.0 * equal_error(&self.genuine, &self.impostors),
            strangers: 100.0 * equal_error(&self.genuine, &self.strangers),
            missed: [0.01, 0.05].map(|passing| 100.0 * missed(&self.genuine, &self.strangers, passing)),
        }
    }
}

impl Embedded {
    /// The embeddings of one subject, in order.
    fn of(&self, subject: &str) -> Vec<&[f32]> {
        let all = self.subjects.iter().zip(&self.embeddings);
        let own = all.filter(|(other, _)| *other == subject);
        own.map(|(_, embedding)| embedding.as_slice()).collect()
    }
}

/// Cosine of a unit probe and a subject's unit samples.
fn score(probe: &[f32], templates: &[&[f32]], compare: Compare) -> f32 {
    match compare {
        Compare::Max => templates.iter().map(|t| dot(probe, t)).fold(f32::MIN, f32::max),
        Compare::Centroid => {
            let sum = (0..probe.len()).map(|axis| templates.iter().map(|t| t[axis]).sum());
            dot(probe, &unit(sum.collect()))
        }
    }
}

/// The share of ascending `scores` below a threshold.
fn below(scores: &[f32], threshold: f32) -> f64 {
    scores.partition_point(|score| *score < threshold) as f64 / scores.len() as f64
}

/// The error where misses and false alarms are equal, interpolated between adjacent thresholds.
fn equal_error(genuine: &[f32], impostors: &[f32]) -> f64 {
    let mut thresholds = [genuine, impostors, &[f32::INFINITY]].concat();
    thresholds.sort_by(f32::total_cmp);
    let mut last = [0.0, 1.0];
    for threshold in thresholds {
        let next = [below(genuine, threshold), 1.0 - below(impostors, threshold)];
        if next[0] >= next[1] {
            let gaps = [last[1] - last[0], next[0] - next[1]];
            let share = gaps[0] / (gaps[0] + gaps[1]);
            return last[0] + share * (next[0] - last[0]);
        }
        last = next;
    }
    unreachable!("nothing passes an infinite threshold")
}

/// The share of genuine probes below the lowest threshold that lets at most `passing` of the strangers through.
fn missed(genuine: &[f32], strangers: &[f32], passing: f64) -> f64 {
    let stopped = strangers.len() - (passing * strangers.len() as f64) as usize;
    below(genuine, strangers[stopped - 1].next_up())
}

/// The mean of each figure.
fn mean(draws: &[Figures]) -> Figures {
    let mean = |value: &dyn Fn(&Figures) -> f64| draws.iter().map(value).sum::<f64>() / draws.len() as f64;
    Figures {
        rank_1: mean(&|figures| figures.rank_1),
        verification: mean(&|figures| figures.verification),
        strangers: mean(&|figures| figures.strangers),
        missed: [0, 1].map(|index| mean(&|figures| figures.missed[index])),
    }
}

fn print(name: &str, figures: &Figures) {
    let Figures { rank_1, verification, strangers, missed: [at_1, at_5] } = figures;
    println!("{name:42} {rank_1:6.1} {verification:8.1} {strangers:13.1} {at_1:12.1} {at_5:12.1}");
}
