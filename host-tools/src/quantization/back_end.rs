//! The embedding back end as a part of the last layer.

use super::network::{Clip, Convolution, Network, Node, Operator, Window};
use crate::back_end::Fit;

/// Lets a network subtract a mean from its embedding and apply a map. Its last layer does it, where that has one place; otherwise
/// one more layer does.
///
/// # Panics
/// When the fit is of another dimension, or the network's last operator is no convolution, with which [`simplify`] ends.
///
/// [`simplify`]: super::simplify::simplify
#[must_use]
pub fn fold(mut network: Network, fit: &Fit) -> Network {
    let last = network.nodes[network.output].clone();
    let Operator::Convolution(convolution) = &last.operator else { panic!("the last operator is no convolution") };
    let (inputs, mean) = (last.elements(), &fit.mean);
    assert_eq!(inputs, mean.len(), "the mean is of another dimension");
    // The elements of the embedding, in the order of memory.
    let mut element_at = vec![0; inputs];
    last.places.iter().enumerate().for_each(|(element, &place)| element_at[place] = element);
    let outputs = fit.map.as_ref().map_or(inputs, |map| map.nrows());
    let weight = |output: usize, place: usize| match &fit.map {
        Some(map) => map[(output, element_at[place])],
        None => f64::from(u8::from(output == element_at[place])),
    };
    let map: Vec<Vec<f64>> = (0..outputs).map(|out| (0..inputs).map(|place| weight(out, place)).collect()).collect();
    let is_joined = convolution.window.output[..2] == [1, 1] && convolution.groups == 1;
    let (window, rows, biases) = if is_joined {
        let rows: Vec<&[f32]> = convolution.weights.chunks(convolution.row()).collect();
        let [height, width, _] = convolution.window.output;
        (Window { output: [height, width, outputs], ..convolution.window }, Some(rows), convolution.bias.clone())
    } else {
        (Window::point([1, 1, inputs], outputs), None, vec![0.0; inputs])
    };
    let (mut weights, mut bias) = (Vec::new(), Vec::new());
    for row in &map {
        match &rows {
            Some(rows) => weights.extend((0..convolution.row()).map(|at| {
                row.iter().zip(rows).map(|(factor, weights)| factor * f64::from(weights[at])).sum::<f64>() as f32
            })),
            None => weights.extend(row.iter().map(|&factor| factor as f32)),
        }
        let centered =
            |(place, (factor, &bias)): (usize, (&f64, &f32))| factor * (f64::from(bias) - mean[element_at[place]]);
        bias.push(row.iter().zip(&biases).enumerate().map(centered).sum::<f64>() as f32);
    }
    let inputs = if is_joined { last.inputs.clone() } else { vec![network.output] };
    let operator = Operator::Convolution(Convolution { window, groups: 1, weights, bias, clip: Clip::NONE });
    let node = Node { name: last.name, places: (0..outputs).collect(), operator, inputs, shape: [1, 1, outputs] };
    if is_joined {
        network.nodes[network.output] = node;
    } else {
        network.nodes.push(node);
        network.output = network.nodes.len() - 1;
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, DVector};

    /// Gives six elements, in `places` other than those in memory.
    fn network(window: Window, groups: usize, random: &mut fastrand::Rng) -> Network {
        let input = Node {
            name: String::new(),
            places: Vec::new(),
            operator: Operator::Input,
            inputs: Vec::new(),
            shape: window.input,
        };
        let mut draw = |count: usize| (0..count).map(|_| random.f32() - 0.5).collect::<Vec<_>>();
        let weights = draw(window.output[2] * window.input[2] * window.kernel.iter().product::<usize>() / groups);
        let bias = draw(window.output[2]);
        let operator = Operator::Convolution(Convolution { window, groups, weights, bias, clip: Clip::NONE });
        let last =
            Node { operator, inputs: vec![0], places: vec![3, 0, 5, 1, 4, 2], shape: window.output, ..input.clone() };
        Network { nodes: vec![input, last], output: 1, normalized: false }
    }

    fn expect_same(network: &Network, fit: &Fit, nodes: usize, random: &mut fastrand::Rng) {
        let folded = fold(network.clone(), fit);
        assert_eq!(folded.nodes.len(), nodes);
        let elements = network.nodes[0].elements();
        let sample: Vec<f32> = (0..elements).map(|_| random.f32()).collect();
        let given = network.run(&sample, |_, _| ()).pop().unwrap();
        let embedding = DVector::from_fn(6, |element, _| f64::from(given[network.nodes[1].places[element]]));
        let centered = embedding - &fit.mean;
        let expected = fit.map.as_ref().map_or(centered.clone(), |map| map * &centered);
        let found = folded.run(&sample, |_, _| ()).pop().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn the_last_layer_gives_what_the_back_end_would() {
        let mut random = fastrand::Rng::with_seed(1);
        let whole = Window { kernel: [2, 3], output: [1, 1, 6], ..Window::point([2, 3, 4], 6) };
        let mean = DVector::from_fn(6, |row, _| row as f64 / 3.0 - 1.0);
        let map = DMatrix::from_fn(4, 6, |row, column| f64::from((row * 7 + column * 5) as u8 % 11) / 5.0 - 1.0);
        for map in [None, Some(map)] {
            let fit = Fit { mean: mean.clone(), map };
            expect_same(&network(whole, 1, &mut random), &fit, 2, &mut random);
            // Each channel alone, and several places: a layer more.
            expect_same(&network(Window::point([1, 1, 6], 6), 6, &mut random), &fit, 3, &mut random);
            expect_same(&network(Window::point([3, 1, 4], 2), 1, &mut random), &fit, 3, &mut random);
        }
    }
}
