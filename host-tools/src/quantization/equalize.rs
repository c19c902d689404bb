//! Cross-layer equalization (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction").
//!
//! All channels of a tensor share one step of int8, so that a channel of small values has few levels. Where one convolution
//! reads what another gives, and what lies between them passes factors on, a channel can be divided by a factor in the one and
//! multiplied by it in the other, and the network computes what it did. Weights have a step for each output channel: what the
//! first does costs nothing, and nothing at all is lost where the second sees each channel alone.

use super::function::{Function, Unary};
use super::network::{Convolution, Network, NodeId, Operator};
use super::ranges::Observed;
use std::collections::BTreeMap;

/// For nodes the factor that each of their channels was multiplied by.
pub type Equalized = BTreeMap<NodeId, Vec<f32>>;

/// No channel is multiplied by more: what it holds on other samples than those seen has to fit, too.
const GREATEST: f32 = 64.0;

/// The same network with channels brought to ranges that are alike, wherever they can be.
#[must_use]
pub fn equalize(network: &Network, observed: &[Observed]) -> (Network, Equalized) {
    let (mut network, mut equalized) = (network.clone(), Equalized::new());
    for (giver, seen) in observed.iter().enumerate().skip(1) {
        let Some((between, reader)) = pair(&network, giver) else { continue };
        let Operator::Convolution(after) = &network.nodes[reader].operator else { continue };
        let factors = factors(&seen.greatest_of_channel, after);
        if let Operator::Convolution(before) = &mut network.nodes[giver].operator {
            let row = before.row();
            for (channel, factor) in factors.iter().enumerate() {
                before.bias[channel] *= factor;
                before.weights[channel * row..][..row].iter_mut().for_each(|weight| *weight *= factor);
            }
        }
        if let Operator::Convolution(after) = &mut network.nodes[reader].operator {
            for index in 0..after.weights.len() {
                let channel = input_channel(after, index);
                after.weights[index] /= factors[channel];
            }
        }
        equalized.extend([Some(giver), between].into_iter().flatten().map(|id| (id, factors.clone())));
    }
    (network, equalized)
}

/// What lies between a convolution and the one that alone reads it, if factors pass through.
fn pair(network: &Network, giver: NodeId) -> Option<(Option<NodeId>, NodeId)> {
    let Operator::Convolution(before) = &network.nodes[giver].operator else { return None };
    let passes = matches!(before.clip.low, 0.0 | f32::NEG_INFINITY) && before.clip.high == f32::INFINITY;
    let reader = passes.then(|| only_reader(network, giver)).flatten()?;
    let (between, reader) = match &network.nodes[reader].operator {
        Operator::Slope(_) => (Some(reader), only_reader(network, reader)?),
        Operator::Function(Function::Unary(Unary::LeakyRelu(_), of)) if **of == Function::Element => {
            (Some(reader), only_reader(network, reader)?)
        }
        _ => (None, reader),
    };
    let Operator::Convolution(after) = &network.nodes[reader].operator else { return None };
    (after.window.input[2] == before.window.output[2]).then_some((between, reader))
}

fn only_reader(network: &Network, id: NodeId) -> Option<NodeId> {
    let mut readers = network.readers(id);
    readers.next().filter(|_| id != network.output && readers.next().is_none())
}

/// The channel of the input that a weight belongs to.
fn input_channel(convolution: &Convolution, index: usize) -> usize {
    let output = index / convolution.row();
    output / convolution.group_outputs() * convolution.group_inputs() + index % convolution.group_inputs()
}

/// What brings each channel to the range that serves both sides best.
fn factors(ranges: &[f32], after: &Convolution) -> Vec<f32> {
    let mut weights = vec![0f32; ranges.len()];
    for (index, weight) in after.weights.iter().enumerate() {
        let channel = input_channel(after, index);
        weights[channel] = weights[channel].max(weight.abs());
    }
    let widest = |values: &[f32]| values.iter().fold(0f32, |widest, value| widest.max(*value));
    let (range, weight) = (widest(ranges), widest(&weights));
    let of_channel = |(&of_range, &of_weight): (&f32, &f32)| {
        if of_range <= 0.0 || of_weight <= 0.0 {
            return 1.0;
        }
        let whole = range / of_range;
        // One that sees each channel alone has a step for each; others share that of an output channel.
        let factor = if after.is_depthwise() { whole } else { (whole * of_weight / weight).sqrt() };
        factor.clamp(1.0 / GREATEST, GREATEST)
    };
    ranges.iter().zip(&weights).map(of_channel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantization::network::{Clip, Node, Window};
    use crate::quantization::ranges::observe;

    fn convolution(shape: [usize; 3], outputs: usize, groups: usize, clip: Clip, random: &mut fastrand::Rng) -> Node {
        let window = Window::point(shape, outputs);
        let mut draw = |count: usize| (0..count).map(|_| random.f32() - 0.5).collect::<Vec<_>>();
        let (weights, bias) = (draw(outputs * shape[2] / groups), draw(outputs));
        let operator = Operator::Convolution(Convolution { window, groups, weights, bias, clip });
        Node { name: String::new(), places: Vec::new(), operator, inputs: Vec::new(), shape: window.output }
    }

    /// A convolution, PReLU, a depthwise one with ReLU, a convolution with ReLU6, one more.
    fn network(random: &mut fastrand::Rng) -> Network {
        let relu = Clip { low: 0.0, high: f32::INFINITY };
        let shape = [2, 3, 8];
        let mut first = convolution([2, 3, 4], 8, 1, Clip::NONE, random);
        if let Operator::Convolution(first) = &mut first.operator {
            for (channel, weights) in first.weights.chunks_mut(4).enumerate() {
                weights.iter_mut().for_each(|weight| *weight *= 2f32.powi(channel as i32 - 6));
            }
        }
        let slope =
            Node { operator: Operator::Slope((0..8).map(|channel| channel as f32 / 10.0).collect()), ..first.clone() };
        let mut nodes = vec![
            Node { operator: Operator::Input, shape: [2, 3, 4], ..first.clone() },
            first,
            slope,
            convolution(shape, 8, 8, relu, random),
            convolution(shape, 8, 1, Clip { low: 0.0, high: 6.0 }, random),
            convolution(shape, 5, 1, Clip::NONE, random),
        ];
        nodes.iter_mut().enumerate().skip(1).for_each(|(id, node)| node.inputs = vec![id - 1]);
        Network { output: nodes.len() - 1, nodes, normalized: false }
    }

    #[test]
    fn the_network_computes_what_it_did_and_its_channels_are_alike() {
        let mut random = fastrand::Rng::with_seed(1);
        let network = network(&mut random);
        let samples: Vec<Vec<f32>> = (0..20).map(|_| (0..24).map(|_| random.f32() * 2.0 - 1.0).collect()).collect();
        let observed = observe(&network, &samples);
        let (changed, factors) = equalize(&network, &observed);
        // That with ReLU6 cuts at the same place in every channel, and the last gives the embedding.
        assert_eq!(factors.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
        for sample in &samples {
            let (before, after) = (network.run(sample, |_, _| ()), changed.run(sample, |_, _| ()));
            for (id, (before, after)) in before.iter().zip(&after).enumerate() {
                for (place, (a, b)) in before.iter().zip(after).enumerate() {
                    let factor = factors.get(&id).map_or(1.0, |factors| factors[place % factors.len()]);
                    assert!((a * factor - b).abs() < 1e-4 * (1.0 + b.abs()), "node {id}: {a} times {factor}, not {b}");
                }
            }
        }
        let spread = |observed: &[Observed]| {
            let ranges = &observed[1].greatest_of_channel;
            let least = ranges.iter().copied().fold(f32::INFINITY, f32::min);
            ranges.iter().copied().fold(0f32, f32::max) / least
        };
        assert!(spread(&observed) > 20.0, "{}", spread(&observed));
        let after = spread(&observe(&changed, &samples));
        assert!(after < 1.01, "{after}");
    }
}
