//! The integers of a network: how each tensor and each convolution is rounded.

use super::network::{Convolution, Network, NodeId, Operator};
use super::ranges::{Choice, Observed, bend, sharing};
use cognate::encoder::Element;

/// What the numbers of a tensor stand for: element q for `step` · (q − `zero`).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scale {
    /// The value of one step.
    pub step: f64,
    /// What stands for 0.
    pub zero: i32,
    /// The type of the elements.
    pub element: Element,
}

impl Scale {
    /// int8 over a range, which is widened to hold 0: padding has to be exact.
    #[must_use]
    pub fn over(low: f64, high: f64) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let step = ((high - low) / 255.0).max(f64::from(f32::MIN_POSITIVE));
        let zero = (-128.0 - low / step).round().clamp(-128.0, 127.0);
        Self { step, zero: zero as i32, element: Element::Int8 }
    }

    /// int16 over as much on both sides of 0.
    #[must_use]
    pub fn wide(low: f64, high: f64) -> Self {
        let greatest = low.abs().max(high.abs()).max(f64::from(f32::MIN_POSITIVE));
        Self { step: greatest / 32767.0, zero: 0, element: Element::Int16 }
    }

    /// The scale of the same numbers as elements of another type.
    #[must_use]
    pub fn as_element(&self, element: Element) -> Self {
        let (low, high) = self.ends();
        if element == Element::Int8 { Self::over(low, high) } else { Self::wide(low, high) }
    }

    /// The least and the greatest value that it can hold.
    #[must_use]
    pub fn ends(&self) -> (f64, f64) {
        let (low, high) = self.limits();
        (self.value(low), self.value(high))
    }

    /// The least and the greatest element.
    #[must_use]
    pub const fn limits(&self) -> (i32, i32) {
        match self.element {
            Element::Int8 => (-128, 127),
            Element::Int16 => (-32768, 32767),
            Element::Int32 => (i32::MIN, i32::MAX),
        }
    }

    /// What the elements of a tensor's bytes stand for.
    pub fn values<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = f64> + 'a {
        bytes.chunks_exact(self.element.bytes()).map(|bytes| match *bytes {
            [low, high] => self.value(i16::from_le_bytes([low, high]).into()),
            _ => self.value(i32::from(bytes[0].cast_signed())),
        })
    }

    /// What an element stands for.
    #[must_use]
    pub fn value(&self, element: i32) -> f64 {
        self.step * (f64::from(element) - f64::from(self.zero))
    }

    /// The element for a value.
    #[must_use]
    pub fn element(&self, value: f64) -> i32 {
        let (low, high) = self.limits();
        ((value / self.step).round() + f64::from(self.zero)).clamp(low.into(), high.into()) as i32
    }
}

/// The integers of a convolution.
#[derive(Clone, PartialEq, Debug)]
pub struct Weights {
    /// As those of the [`Convolution`].
    pub weights: Vec<i8>,
    /// One an output channel, with the zero point of the input folded in.
    pub biases: Vec<i32>,
    /// What a sum's one stands for, an output channel.
    pub steps: Vec<f64>,
}

/// A network and how it is rounded.
#[derive(Clone, Debug)]
pub struct Scheme {
    /// The network.
    pub network: Network,
    /// One a node.
    pub scales: Vec<Scale>,
    /// One a node; those of convolutions are there.
    pub weights: Vec<Option<Weights>>,
}

/// What is chosen for a whole network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings<'a> {
    /// How ranges are chosen.
    pub choice: Choice,
    /// Whether biases make up for what rounding the weights changes on average.
    pub corrects_bias: bool,
    /// The nodes that have int16.
    pub wide: &'a [NodeId],
}

impl Scheme {
    /// Rounds a network. `input` is the scale of the samples where it is fixed.
    #[must_use]
    pub fn new(network: &Network, observed: &[Observed], input: Option<Scale>, settings: Settings<'_>) -> Self {
        let scales = scales(network, observed, input, settings);
        let weights = network.nodes.iter().map(|node| {
            let Operator::Convolution(convolution) = &node.operator else { return None };
            let of = node.inputs[0];
            let means = settings.corrects_bias.then_some(observed[of].means.as_slice());
            Some(Weights::new(convolution, &scales[of], means))
        });
        let weights = weights.collect();
        Self { network: network.clone(), scales, weights }
    }
}

fn scales(network: &Network, observed: &[Observed], input: Option<Scale>, settings: Settings<'_>) -> Vec<Scale> {
    let ranges: Vec<(f64, f64)> =
        observed.iter().enumerate().map(|(id, seen)| seen.range(settings.choice, bend(network, id, seen))).collect();
    let first = sharing(network);
    (0..network.nodes.len())
        .map(|id| {
            let together = (0..first.len()).filter(|&other| first[other] == first[id]);
            if let (Some(scale), true) = (input, first[id] == 0) {
                return scale;
            }
            let range = together.clone().fold((0.0, 0.0), |(low, high): (f64, f64), other| {
                (low.min(ranges[other].0), high.max(ranges[other].1))
            });
            // Functions are tables of 256 entries.
            let is_table = |other: NodeId| matches!(network.nodes[other].operator, Operator::Function(_));
            let is_wide =
                together.clone().any(|other| settings.wide.contains(&other)) && !together.clone().any(is_table);
            if is_wide { Scale::wide(range.0, range.1) } else { Scale::over(range.0, range.1) }
        })
        .collect()
}

impl Weights {
    /// Rounds each output channel by a step of its own; `means` are those of the input's channels where the biases are to
    /// make up for the rounding.
    fn new(convolution: &Convolution, input: &Scale, means: Option<&[f32]>) -> Self {
        let row = convolution.row();
        let mut rounded = Self {
            weights: Vec::with_capacity(convolution.weights.len()),
            biases: Vec::with_capacity(convolution.bias.len()),
            steps: Vec::with_capacity(convolution.bias.len()),
        };
        for (channel, weights) in convolution.weights.chunks(row).enumerate() {
            let greatest = weights.iter().fold(0f32, |greatest, weight| greatest.max(weight.abs()));
            let bias = f64::from(convolution.bias[channel]);
            // A bias that is far greater than any weight would not fit into the sum.
            let least = bias.abs() / (f64::from(1 << 29) * input.step);
            let step = best_step(weights, f64::from(greatest) / 127.0).max(least).max(1e-30);
            let elements: Vec<i8> = weights.iter().map(|&weight| rounded_weight(weight, step)).collect();
            let total: i64 = elements.iter().map(|&element| i64::from(element)).sum();
            let missing = means.map_or(0.0, |means| {
                let (inputs, first) = (convolution.group_inputs(), channel / convolution.group_outputs());
                let of_weight = |(at, (&weight, &element)): (usize, (&f32, &i8))| {
                    let mean = means[(first * inputs + at % inputs) % means.len()];
                    (f64::from(weight) - step * f64::from(element)) * f64::from(mean)
                };
                weights.iter().zip(&elements).enumerate().map(of_weight).sum::<f64>()
            });
            let sum = ((bias + missing) / (step * input.step)).round() as i64 - i64::from(input.zero) * total;
            rounded.weights.extend(elements);
            rounded.biases.push(sum as i32);
            rounded.steps.push(step * input.step);
        }
        rounded
    }
}

/// A weight in steps; beyond ±127 it is cut.
fn rounded_weight(weight: f32, step: f64) -> i8 {
    (f64::from(weight) / step).round().clamp(-127.0, 127.0) as i8
}

/// The step of a channel with the least squared error of its weights: one that cuts the greatest of them may round all others
/// better.
fn best_step(weights: &[f32], whole: f64) -> f64 {
    let error = |step: f64| {
        let of_weight = |&weight: &f32| f64::from(weight) - step * f64::from(rounded_weight(weight, step));
        weights.iter().map(|weight| of_weight(weight).powi(2)).sum::<f64>()
    };
    let steps = (0..=16).map(|part| whole * (1.0 - 0.02 * f64::from(part))).filter(|step| *step > 0.0);
    steps.map(|step| (step, error(step))).min_by(|a, b| a.1.total_cmp(&b.1)).map_or(whole, |(step, _)| step)
}
