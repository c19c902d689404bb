//! What int8 makes of weights and activations, in floats: training that goes through it learns to live with it.
//!
//! Weights are rounded to 127 steps on both sides of zero, one step an output channel, and the values of each tensor to 256 steps over
//! its range, as a device does (Jacob et al., 2018, *Quantization and training of neural networks for efficient
//! integer-arithmetic-only inference*). A gradient goes through rounding as if it were not there, and not through what
//! a range cuts off (the straight-through estimator of Bengio, Léonard and Courville, 2013).

use std::slice;

use burn::tensor::{Tensor, TensorData};

use super::values;

/// Steps of an int8 range.
const STEPS: f32 = 255.0;
/// The greatest int8 weight.
const GREATEST: f32 = 127.0;

/// The values that a tensor is cut to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    /// At most 0.
    pub(crate) low: f32,
    /// Above `low`, at least 0.
    pub(crate) high: f32,
}

/// What becomes of the tensors of a pass, in the order in which they are made.
pub(crate) enum Rounding<'a> {
    /// Nothing; BatchNorm is by the batch in training.
    None,
    /// Weights are rounded, BatchNorm is folded into them, and the range of each tensor is written down.
    Observe(&'a mut Vec<Range>),
    /// The same, with each tensor rounded over its range.
    Int8(slice::Iter<'a, Range>),
    /// The same, with its values written down, and others in their place where some are given.
    Watch { ranges: slice::Iter<'a, Range>, seen: &'a mut Vec<Vec<f32>>, given: slice::Iter<'a, Vec<f32>> },
}

impl Range {
    /// With a zero among its steps: padding has to be exact.
    fn of(values: &[f32]) -> Self {
        let ends = |(low, high): (f32, f32), value: &f32| (low.min(*value), high.max(*value));
        let (low, high) = values.iter().fold((0.0, f32::MIN_POSITIVE * STEPS), ends);
        let step = (high - low) / STEPS;
        let below = (-low / step).round();
        Self { low: -below * step, high: (STEPS - below) * step }
    }

    /// The values, rounded.
    fn round<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        let step = (self.high - self.low) / STEPS;
        let cut = tensor.clamp(self.low, self.high);
        let rounded = (cut.clone() / step).round() * step;
        straight_through(cut, rounded)
    }
}

impl<'a> Rounding<'a> {
    /// By these ranges, if there are any.
    pub(crate) fn by(ranges: Option<&'a [Range]>) -> Self {
        ranges.map_or(Self::None, |ranges| Self::Int8(ranges.iter()))
    }

    /// Whether weights are rounded.
    pub(super) fn is_on(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// What becomes of the next tensor.
    pub(super) fn tensor<const D: usize>(&mut self, tensor: Tensor<D>) -> Tensor<D> {
        match self {
            Self::None => tensor,
            Self::Observe(ranges) => {
                ranges.push(Range::of(&values(tensor.clone())));
                tensor
            }
            Self::Int8(ranges) => next(ranges).round(tensor),
            Self::Watch { ranges, seen, given } => {
                let rounded = next(ranges).round(tensor);
                seen.push(values(rounded.clone()));
                given.next().map_or(rounded.clone(), |given| {
                    Tensor::from_data(TensorData::new(given.clone(), rounded.dims()), &rounded.device())
                })
            }
        }
    }
}

fn next(ranges: &mut slice::Iter<'_, Range>) -> Range {
    *ranges.next().expect("the pass that was observed made as many tensors")
}

/// Weights rounded by one step a slice along `dim`, which holds the weights of one output channel.
pub(super) fn weights(weights: Tensor<2>, dim: usize) -> Tensor<2> {
    let step = weights.clone().detach().abs().max_dim(dim).clamp_min(f32::MIN_POSITIVE * GREATEST) / GREATEST;
    let rounded = (weights.clone() / step.clone()).round() * step;
    straight_through(weights, rounded)
}

/// One tensor with the gradient of another.
fn straight_through<const D: usize>(gradient: Tensor<D>, value: Tensor<D>) -> Tensor<D> {
    gradient.clone() + (value - gradient).detach()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_range_has_its_zero_on_a_step_and_holds_its_values() {
        for seen in [[0.0, 3.0], [-0.7, 1.9], [-2.0, -1.0], [0.0, 0.0]] {
            let Range { low, high } = Range::of(&seen);
            let step = (high - low) / STEPS;
            let zero = -low / step;
            assert!((zero - zero.round()).abs() < 1e-3, "{seen:?}: zero is step {zero}");
            assert!(seen.iter().all(|value| (low - step..=high + step).contains(value)), "{seen:?}: {low} to {high}");
        }
    }

    #[test]
    fn values_become_the_nearest_step_and_gradients_pass_inside_of_the_range() {
        let device = Device::flex().autodiff();
        let range = Range::of(&[0.0, 2.55]);
        let values = Tensor::<1>::from_data([-1.0, 0.0, 0.014, 0.016, 2.0, 9.0], &device).require_grad();
        let rounded = range.round(values.clone());
        let gradients = rounded.clone().sum().backward();
        let expected = [0.0, 0.0, 0.01, 0.02, 2.0, 2.55];
        for (value, expected) in super::values(rounded).iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{value} for {expected}");
        }
        let gradient = super::values(values.grad(&gradients).unwrap());
        assert_eq!((gradient[0], gradient[5]), (0.0, 0.0));
        assert_eq!(gradient[2..5], [1.0; 3]);
    }

    #[test]
    fn weights_have_a_step_a_channel_and_rounding_them_again_changes_nothing() {
        let device = Device::flex();
        let rows = Tensor::<2>::from_data([[1.27, -0.004, 0.016], [0.0, 0.0, 0.0], [-12.7, 0.04, 0.16]], &device);
        let rounded = weights(rows.clone(), 1);
        let expected = [1.27, 0.0, 0.02, 0.0, 0.0, 0.0, -12.7, 0.0, 0.2];
        for (value, expected) in values(rounded.clone()).iter().zip(expected) {
            assert!((value - expected).abs() < 1e-5, "{value} for {expected}");
        }
        let again = values(weights(rounded.clone(), 1));
        assert!(again.iter().zip(values(rounded.clone())).all(|(a, b)| (a - b).abs() <= a.abs() * 1e-6));
        let by_column = weights(rows.transpose(), 0);
        assert_eq!(values(by_column.transpose()), values(rounded));
    }
}
