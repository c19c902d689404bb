//! What values the tensors of a network take on calibration samples, and the ranges that int8 gives them.

use super::network::{Network, NodeId, Operator};
use rayon::prelude::*;

/// Parts that a tensor's range is counted in.
const BINS: usize = 2048;

/// How a range is chosen from what was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// From the least to the greatest.
    MinMax,
    /// Without a ten-thousandth at the ends, which is cut.
    Percentile,
    /// That with the least squared error of rounding and cutting together.
    LeastError,
}

impl Choice {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MinMax, Self::Percentile, Self::LeastError];
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::MinMax => "least to greatest",
            Self::Percentile => "percentile",
            Self::LeastError => "least squared error",
        })
    }
}

/// The values of one tensor over all calibration samples.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The least.
    pub least: f32,
    /// The greatest.
    pub greatest: f32,
    /// The mean of each channel.
    pub means: Vec<f32>,
    /// The greatest magnitude of each channel.
    pub greatest_of_channel: Vec<f32>,
    counts: Vec<u64>,
}

/// Runs the samples and looks at each tensor.
#[must_use]
pub fn observe(network: &Network, samples: &[Vec<f32>]) -> Vec<Observed> {
    let widest = |(a, b): (f32, f32), (c, d): (f32, f32)| (a.min(c), b.max(d));
    let none = || vec![(f32::INFINITY, f32::NEG_INFINITY); network.nodes.len()];
    let join = |a: Vec<(f32, f32)>, b: Vec<(f32, f32)>| a.into_iter().zip(b).map(|(a, b)| widest(a, b)).collect();
    let ends: Vec<(f32, f32)> = samples
        .par_iter()
        .map(|sample| network.run(sample, |_, _| ()).iter().map(|tensor| ends(tensor)).collect::<Vec<_>>())
        .reduce(none, join);
    let empty = || {
        let of_node = |(node, &(least, greatest)): (&super::network::Node, &(f32, f32))| Observed {
            least,
            greatest,
            means: vec![0.0; node.shape[2]],
            greatest_of_channel: vec![0.0; node.shape[2]],
            counts: vec![0; BINS],
        };
        network.nodes.iter().zip(&ends).map(of_node).collect::<Vec<_>>()
    };
    let of_samples: Vec<Vec<Observed>> = samples
        .par_iter()
        .map(|sample| {
            let (mut observed, tensors) = (empty(), network.run(sample, |_, _| ()));
            observed.iter_mut().zip(&tensors).for_each(|(observed, tensor)| observed.count(tensor));
            observed
        })
        .collect();
    // In the order of the samples: sums of floats depend on it, and the same samples have to give the same encoder.
    let mut observed = empty();
    for of_sample in &of_samples {
        observed.iter_mut().zip(of_sample).for_each(|(all, one)| all.join(one));
    }
    for (observed, node) in observed.iter_mut().zip(&network.nodes) {
        let places = (node.shape[0] * node.shape[1] * samples.len().max(1)) as f32;
        observed.means.iter_mut().for_each(|sum| *sum /= places);
    }
    observed
}

fn ends(values: &[f32]) -> (f32, f32) {
    values
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(least, greatest), &value| (least.min(value), greatest.max(value)))
}

impl Observed {
    fn bin(&self, value: f32) -> usize {
        let width = (self.greatest - self.least).max(f32::MIN_POSITIVE);
        (((value - self.least) / width * BINS as f32) as usize).min(BINS - 1)
    }

    fn count(&mut self, values: &[f32]) {
        let channels = self.means.len();
        for place in values.chunks(channels) {
            self.means.iter_mut().zip(place).for_each(|(sum, value)| *sum += value);
            let greatest = self.greatest_of_channel.iter_mut().zip(place);
            greatest.for_each(|(greatest, value)| *greatest = greatest.max(value.abs()));
        }
        for &value in values {
            let bin = self.bin(value);
            self.counts[bin] += 1;
        }
    }

    fn join(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        self.means.iter_mut().zip(&other.means).for_each(|(a, b)| *a += b);
        self.greatest_of_channel.iter_mut().zip(&other.greatest_of_channel).for_each(|(a, b)| *a = a.max(*b));
    }

    /// The middle of a part.
    fn middle(&self, bin: usize) -> f64 {
        let (least, greatest) = (f64::from(self.least), f64::from(self.greatest));
        least + (greatest - least) * (bin as f64 + 0.5) / BINS as f64
    }

    /// How much of what was seen lies outside of a range.
    #[must_use]
    pub fn outside(&self, low: f64, high: f64) -> f64 {
        let all: u64 = self.counts.iter().sum();
        let half = (f64::from(self.greatest) - f64::from(self.least)) / BINS as f64 / 2.0;
        let is_out = |bin: &usize| self.middle(*bin) < low - half || self.middle(*bin) > high + half;
        let out: u64 = (0..BINS).filter(is_out).map(|bin| self.counts[bin]).sum();
        out as f64 / all.max(1) as f64
    }

    /// The range to be kept, of values inside of `limits` alone.
    #[must_use]
    pub fn range(&self, choice: Choice, limits: (f64, f64)) -> (f64, f64) {
        let whole = (f64::from(self.least).max(limits.0), f64::from(self.greatest).min(limits.1));
        match choice {
            Choice::MinMax => whole,
            Choice::Percentile => {
                let all: u64 = self.counts.iter().sum();
                let spare = all / 10_000;
                let (mut seen_below, mut seen_above) = (0, 0);
                let low = (0..BINS).find(|&bin| {
                    seen_below += self.counts[bin];
                    seen_below > spare
                });
                let high = (0..BINS).rev().find(|&bin| {
                    seen_above += self.counts[bin];
                    seen_above > spare
                });
                let (low, high) = (low.unwrap_or(0), high.unwrap_or(BINS - 1));
                (self.middle(low).max(whole.0), self.middle(high).min(whole.1))
            }
            Choice::LeastError => self.least_error(whole),
        }
    }

    /// Cuts the range by ever more and keeps what gives the least squared error, rounding's included.
    fn least_error(&self, (low, high): (f64, f64)) -> (f64, f64) {
        let error = |low: f64, high: f64| {
            let step = (high.max(0.0) - low.min(0.0)) / 255.0;
            let of_bin = |bin: usize| {
                let value = self.middle(bin).clamp(f64::min(low, high), f64::max(low, high));
                let cut = self.middle(bin) - value;
                self.counts[bin] as f64 * (cut * cut + step * step / 12.0)
            };
            (0..BINS).filter(|&bin| self.counts[bin] > 0).map(of_bin).sum::<f64>()
        };
        let shares = (0..=40).map(|part| 1.0 - 0.02 * f64::from(part));
        let candidates: Vec<(f64, f64)> = shares
            .clone()
            .map(|share| (low * share, high * share))
            .chain(shares.clone().map(|share| (low, high * share)))
            .chain(shares.map(|share| (low * share, high)))
            .collect();
        let errors = candidates.iter().map(|&(low, high)| error(low, high));
        let best = candidates.iter().zip(errors).min_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or((low, high), |(range, _)| *range)
    }
}

/// The nodes whose elements are the same numbers as those of another, and so need one range: pooling by the greatest, frames,
/// and what lies side by side. For each node the first of those that it goes with.
#[must_use]
pub fn sharing(network: &Network) -> Vec<NodeId> {
    let mut first: Vec<NodeId> = (0..network.nodes.len()).collect();
    for (id, node) in network.nodes.iter().enumerate() {
        let shares = match node.operator {
            Operator::Pool(_, pooling) => pooling == super::network::Pooling::Maximum,
            Operator::Pad(_) | Operator::Concatenate => true,
            _ => false,
        };
        if !shares {
            continue;
        }
        for &input in &node.inputs {
            let (a, b) = (first[input], first[id]);
            let (kept, gone) = (a.min(b), a.max(b));
            first.iter_mut().filter(|place| **place == gone).for_each(|place| *place = kept);
        }
    }
    first
}

/// The range outside of which the function that alone reads a node is constant: a bound that loses nothing.
#[must_use]
pub fn bend(network: &Network, id: NodeId, observed: &Observed) -> (f64, f64) {
    let (low, high) = (f64::from(observed.least), f64::from(observed.greatest));
    let readers: Vec<NodeId> = network.readers(id).collect();
    let functions = readers.iter().map(|&reader| match &network.nodes[reader].operator {
        Operator::Function(function) => Some(function),
        _ => None,
    });
    let Some(functions) = functions.collect::<Option<Vec<_>>>().filter(|functions| !functions.is_empty()) else {
        return (low, high);
    };
    let tolerance = |function: &super::function::Function| {
        let values = (0..=64).map(|step| function.apply(low + (high - low) * f64::from(step) / 64.0));
        let (least, greatest) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        (greatest - least) / 2048.0
    };
    // A hundred steps are finer than any range needs to be.
    let place = |step: u32| low + (high - low) * f64::from(step) / 100.0;
    let constant = |from: u32, to: u32| {
        functions.iter().all(|function| {
            let (end, tolerance) = (function.apply(place(if from == 0 { 0 } else { 100 })), tolerance(function));
            (from..=to).all(|step| (function.apply(place(step)) - end).abs() <= tolerance)
        })
    };
    let lower = (0..100).take_while(|&step| constant(0, step)).last().unwrap_or(0);
    let upper = (0..100).take_while(|&step| constant(100 - step, 100)).last().unwrap_or(0);
    if lower + upper >= 100 { (low, high) } else { (place(lower), place(100 - upper)) }
}
