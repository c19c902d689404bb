//! Joins the operators of a network: what a convolution can do beside, it does.
//!
//! Nothing here changes what the network computes, but for the order of roundings in f32.

use super::function::Function;
use super::network::{Clip, Convolution, Network, Node, NodeId, Operator, Padding, Pooling, Window};

/// Scalings by channel and batch normalizations go into the convolution before or behind them, frames of zeros into the
/// window, ranges into what gives the values. The last operator is a convolution, since only those give 32-bit sums.
#[must_use]
pub fn simplify(mut network: Network) -> Network {
    lines_to_convolutions(&mut network);
    while step(&mut network) {
        remove_unread(&mut network);
    }
    end_with_convolution(&mut network);
    remove_unread(&mut network);
    network
}

/// Functions that are a factor and a summand, as the convolution that they are.
fn lines_to_convolutions(network: &mut Network) {
    for node in &mut network.nodes {
        let Operator::Function(function) = &node.operator else { continue };
        if function.as_clip().is_none()
            && let Some((factor, summand)) = function.line()
        {
            let [rows, columns, channels] = node.shape;
            let all = |value: f64| vec![value as f32; channels];
            node.operator = Operator::Convolution(Convolution::by_channel(rows * columns, all(factor), all(summand)));
        }
    }
}

/// Joins one pair, if there is one.
fn step(network: &mut Network) -> bool {
    (1..network.nodes.len()).any(|id| {
        drop_nothing(network, id)
            || join_into_giver(network, id)
            || join_into_reader(network, id)
            || join_frame(network, id)
    })
}

/// A node that changes nothing.
fn drop_nothing(network: &mut Network, id: NodeId) -> bool {
    let nothing = match &network.nodes[id].operator {
        Operator::Function(function) => function.as_clip() == Some(Clip::NONE),
        Operator::Convolution(convolution) => {
            convolution.is_by_channel()
                && convolution.clip == Clip::NONE
                && convolution.weights.iter().all(|&weight| weight == 1.0)
                && convolution.bias.iter().all(|&bias| bias == 0.0)
        }
        _ => false,
    };
    let giver = network.nodes[id].inputs.first().copied();
    match giver.filter(|_| nothing) {
        Some(giver) if id != network.output || giver != 0 => {
            replace(network, id, giver);
            true
        }
        _ => false,
    }
}

/// What one node does to what another gives to it alone, done by the other.
fn join_into_giver(network: &mut Network, id: NodeId) -> bool {
    let &[giver] = network.nodes[id].inputs.as_slice() else { return false };
    if giver == 0 || giver == network.output || network.readers(giver).count() != 1 {
        return false;
    }
    let joined = match (&network.nodes[giver].operator, &network.nodes[id].operator) {
        (before, Operator::Function(function)) => function.as_clip().and_then(|clip| clipped(before, clip)),
        (Operator::Convolution(before), Operator::Convolution(after))
            if after.is_by_channel()
                && before.clip == Clip::NONE
                && after.window.input[2] == before.window.output[2] =>
        {
            Some(Operator::Convolution(scaled(before, after)))
        }
        _ => None,
    };
    let Some(operator) = joined else { return false };
    // The giver has from now on the values of this node.
    let Node { name, places, shape, .. } = network.nodes[id].clone();
    let inputs = network.nodes[giver].inputs.clone();
    network.nodes[giver] = Node { name, places, operator, inputs, shape };
    replace(network, id, giver);
    true
}

/// The same operator, its results cut; `None` where it cannot.
fn clipped(operator: &Operator, next: Clip) -> Option<Operator> {
    Some(match operator {
        Operator::Convolution(convolution) => {
            Operator::Convolution(Convolution { clip: convolution.clip.then(next), ..convolution.clone() })
        }
        Operator::Add(clip) => Operator::Add(clip.then(next)),
        Operator::Scale(clip) => Operator::Scale(clip.then(next)),
        Operator::Function(function) => {
            Operator::Function(Function::clip(next.low.into(), next.high.into()).of(function))
        }
        _ => return None,
    })
}

/// A convolution, and each channel of what it gives scaled.
fn scaled(before: &Convolution, after: &Convolution) -> Convolution {
    let row = before.row();
    let mut joined = Convolution { clip: after.clip, ..before.clone() };
    for (channel, &factor) in after.weights.iter().enumerate() {
        for weight in &mut joined.weights[channel * row..][..row] {
            *weight *= factor;
        }
        joined.bias[channel] = before.bias[channel] * factor + after.bias[channel];
    }
    joined
}

/// A scaling of what a convolution alone reads, done by its weights.
fn join_into_reader(network: &mut Network, id: NodeId) -> bool {
    let Operator::Convolution(after) = &network.nodes[id].operator else { return false };
    let giver = network.nodes[id].inputs[0];
    let Operator::Convolution(before) = &network.nodes[giver].operator else { return false };
    let offset = before.bias.iter().any(|&bias| bias != 0.0);
    let fits = before.is_by_channel()
        && before.clip == Clip::NONE
        && before.window.input[2] == after.window.input[2]
        // A frame of zeros is not scaled, and has no summand.
        && !(offset && after.window.is_padded());
    if !fits || giver == network.output || network.readers(giver).count() != 1 {
        return false;
    }
    let mut joined = after.clone();
    let (row, inputs) = (after.row(), after.group_inputs());
    for (output, weights) in joined.weights.chunks_mut(row).enumerate() {
        let first = output / after.group_outputs() * inputs;
        for (at, weight) in weights.iter_mut().enumerate() {
            let channel = first + at % inputs;
            joined.bias[output] += *weight * before.bias[channel];
            *weight *= before.weights[channel];
        }
    }
    network.nodes[id].operator = Operator::Convolution(joined);
    network.nodes[id].inputs[0] = network.nodes[giver].inputs[0];
    true
}

/// A frame of zeros around what is read by windows alone, as a part of the windows.
fn join_frame(network: &mut Network, id: NodeId) -> bool {
    let Operator::Pad(frame) = network.nodes[id].operator else { return false };
    let readers: Vec<NodeId> = network.readers(id).collect();
    let windows = readers.iter().map(|&reader| with_frame(&network.nodes[reader].operator, frame));
    let Some(operators) = windows.collect::<Option<Vec<_>>>() else { return false };
    if id == network.output {
        return false;
    }
    for (&reader, operator) in readers.iter().zip(operators) {
        network.nodes[reader].operator = operator;
    }
    let giver = network.nodes[id].inputs[0];
    replace(network, id, giver);
    true
}

/// An operator that sees a frame of zeros without being given it.
fn with_frame(operator: &Operator, frame: Padding) -> Option<Operator> {
    let widened = |window: Window| {
        let [top, left] = frame.before;
        (frame.value == 0.0 && window.input == frame.output()).then_some(Window {
            input: frame.input,
            before: [window.before[0] + top, window.before[1] + left],
            ..window
        })
    };
    match operator {
        Operator::Convolution(convolution) => {
            let window = widened(convolution.window)?;
            Some(Operator::Convolution(Convolution { window, ..convolution.clone() }))
        }
        Operator::Pool(window, Pooling::Mean) if !window.is_padded() => {
            Some(Operator::Pool(widened(*window)?, Pooling::MeanWithZeros))
        }
        _ => None,
    }
}

/// Adds a convolution that changes nothing where the last operator is none, or cuts its results.
fn end_with_convolution(network: &mut Network) {
    let last = &network.nodes[network.output];
    let sums = matches!(&last.operator, Operator::Convolution(convolution) if convolution.clip == Clip::NONE);
    if sums {
        return;
    }
    let elements = last.elements();
    let copy = Convolution::by_channel(1, vec![1.0; elements], vec![0.0; elements]);
    let node = Node { operator: Operator::Convolution(copy), inputs: vec![network.output], ..last.clone() };
    network.nodes.push(node);
    network.output = network.nodes.len() - 1;
}

/// Lets all that read one node read another.
fn replace(network: &mut Network, old: NodeId, new: NodeId) {
    for node in &mut network.nodes {
        for input in &mut node.inputs {
            if *input == old {
                *input = new;
            }
        }
    }
    if network.output == old {
        network.output = new;
    }
}

/// Drops the nodes that the output does not need.
fn remove_unread(network: &mut Network) {
    let mut needed = vec![false; network.nodes.len()];
    needed[0] = true;
    needed[network.output] = true;
    for id in (0..network.nodes.len()).rev() {
        if needed[id] {
            for &input in &network.nodes[id].inputs {
                needed[input] = true;
            }
        }
    }
    let mut places = Vec::with_capacity(needed.len());
    let mut next = 0;
    for &kept in &needed {
        places.push(next);
        next += usize::from(kept);
    }
    let mut kept = needed.iter();
    network.nodes.retain(|_| kept.next() == Some(&true));
    for node in &mut network.nodes {
        for input in &mut node.inputs {
            *input = places[*input];
        }
    }
    network.output = places[network.output];
}
