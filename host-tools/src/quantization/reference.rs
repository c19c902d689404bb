//! A network in f32: what its integers are compared with.

use super::network::{Clip, Convolution, Network, NodeId, Operator, Padding, Pooling, Window};

impl Network {
    /// Runs a sample and returns what every node gives.
    ///
    /// `change` sees what a node gave before any other reads it.
    #[must_use]
    pub fn run(&self, sample: &[f32], change: impl FnMut(NodeId, &mut [f32])) -> Vec<Vec<f32>> {
        self.run_beside(sample, |_| None, change)
    }

    /// The same where what some nodes give is known and taken as it is.
    #[must_use]
    pub fn run_beside(
        &self,
        sample: &[f32],
        known: impl Fn(NodeId) -> Option<Vec<f32>>,
        mut change: impl FnMut(NodeId, &mut [f32]),
    ) -> Vec<Vec<f32>> {
        let mut tensors: Vec<Vec<f32>> = Vec::with_capacity(self.nodes.len());
        for (id, node) in self.nodes.iter().enumerate() {
            if let Some(tensor) = known(id) {
                tensors.push(tensor);
                continue;
            }
            let input = |index: usize| tensors[node.inputs[index]].as_slice();
            let mut output = match &node.operator {
                Operator::Input => sample.to_vec(),
                Operator::Convolution(convolution) => convolution.run(input(0)),
                Operator::Add(clip) => zip(input(0), input(1), |a, b| clip.apply(a + b)),
                Operator::Scale(clip) => scale(input(0), input(1), *clip),
                Operator::Pool(window, pooling) => pool(window, *pooling, input(0)),
                Operator::Pad(padding) => pad(padding, input(0)),
                Operator::Concatenate => {
                    let parts: Vec<(&[f32], usize)> = node
                        .inputs
                        .iter()
                        .map(|&id| (tensors[id].as_slice(), self.channels_beside(id, node.shape)))
                        .collect();
                    concatenate(&parts, node.shape[0] * node.shape[1])
                }
                Operator::Function(function) => input(0).iter().map(|&x| function.apply(x.into()) as f32).collect(),
                Operator::Slope(slopes) => {
                    let slopes = slopes.iter().cycle();
                    input(0).iter().zip(slopes).map(|(&x, slope)| if x < 0.0 { x * slope } else { x }).collect()
                }
            };
            change(id, &mut output);
            tensors.push(output);
        }
        tensors
    }

    /// Channels that a tensor has where it lies beside others in a shape of these rows and columns.
    pub(super) fn channels_beside(&self, id: NodeId, shape: [usize; 3]) -> usize {
        self.nodes[id].elements() / (shape[0] * shape[1])
    }
}

impl Convolution {
    /// What it gives for an input.
    #[must_use]
    pub fn run(&self, input: &[f32]) -> Vec<f32> {
        let Window { input: [_, columns, channels], output: [rows_out, columns_out, outputs], kernel, .. } =
            self.window;
        let (inputs, group_outputs, row) = (self.group_inputs(), self.group_outputs(), self.row());
        let mut output = Vec::with_capacity(rows_out * columns_out * outputs);
        for y in 0..rows_out {
            for x in 0..columns_out {
                let begin = output.len();
                output.extend_from_slice(&self.bias);
                let sums = &mut output[begin..];
                for tap in 0..kernel[0] * kernel[1] {
                    let (tap_y, tap_x) = (tap / kernel[1], tap % kernel[1]);
                    let (Some(from_y), Some(from_x)) = (self.window.seen(0, y, tap_y), self.window.seen(1, x, tap_x))
                    else {
                        continue;
                    };
                    let place = &input[(from_y * columns + from_x) * channels..][..channels];
                    if self.is_depthwise() {
                        let taps = kernel[0] * kernel[1];
                        let weights = self.weights[tap..].iter().step_by(taps);
                        sums.iter_mut()
                            .zip(place)
                            .zip(weights)
                            .for_each(|((sum, value), weight)| *sum += value * weight);
                        continue;
                    }
                    for (channel, sum) in sums.iter_mut().enumerate() {
                        let seen = &place[channel / group_outputs * inputs..][..inputs];
                        *sum += dot(seen, &self.weights[channel * row + tap * inputs..][..inputs]);
                    }
                }
                sums.iter_mut().for_each(|sum| *sum = self.clip.apply(*sum));
            }
        }
        output
    }
}

/// In eight sums, which the compiler keeps in one register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>()
}

fn zip(a: &[f32], b: &[f32], join: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    a.iter().zip(b).map(|(&a, &b)| join(a, b)).collect()
}

fn scale(input: &[f32], factors: &[f32], clip: Clip) -> Vec<f32> {
    input.iter().zip(factors.iter().cycle()).map(|(value, factor)| clip.apply(value * factor)).collect()
}

fn pool(window: &Window, pooling: Pooling, input: &[f32]) -> Vec<f32> {
    let Window { input: [_, columns, channels], output: [rows_out, columns_out, _], kernel, .. } = *window;
    let mut output = Vec::with_capacity(rows_out * columns_out * channels);
    for place in 0..rows_out * columns_out {
        let (y, x) = (place / columns_out, place % columns_out);
        let rows = (0..kernel[0]).filter_map(|tap| window.seen(0, y, tap));
        let seen: Vec<usize> = rows
            .flat_map(|row| (0..kernel[1]).filter_map(move |tap| Some(row * columns + window.seen(1, x, tap)?)))
            .collect();
        let count = if pooling == Pooling::MeanWithZeros { kernel[0] * kernel[1] } else { seen.len() };
        for channel in 0..channels {
            let values = seen.iter().map(|place| input[place * channels + channel]);
            output.push(match pooling {
                Pooling::Maximum => values.fold(f32::NEG_INFINITY, f32::max),
                Pooling::Mean | Pooling::MeanWithZeros => values.sum::<f32>() / count as f32,
            });
        }
    }
    output
}

fn pad(padding: &Padding, input: &[f32]) -> Vec<f32> {
    let ([rows, columns, channels], [_, wide, _]) = (padding.input, padding.output());
    let mut output = vec![padding.value; padding.output().iter().product()];
    for row in 0..rows {
        let to = ((row + padding.before[0]) * wide + padding.before[1]) * channels;
        output[to..][..columns * channels].copy_from_slice(&input[row * columns * channels..][..columns * channels]);
    }
    output
}

fn concatenate(parts: &[(&[f32], usize)], places: usize) -> Vec<f32> {
    let of_place = |place| parts.iter().flat_map(move |(part, channels)| &part[place * channels..][..*channels]);
    (0..places).flat_map(of_place).copied().collect()
}
