//! What an encoder costs a device, before anything is trained.

use core::fmt;
use core::ops::AddAssign;

use super::{Layer, Shape};

/// Bytes and multiply-accumulates of one embedding, with int8 weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Bytes of flash: a byte a weight, four a bias.
    pub weights: usize,
    /// Bytes of the activations that are needed at once, at the most.
    pub ram: usize,
    /// Multiply-accumulates.
    pub macs: usize,
}

/// The most that an encoder may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of flash for weights.
    pub weights: usize,
    /// Bytes of RAM for activations.
    pub ram: usize,
    /// Multiply-accumulates of an embedding.
    pub macs: usize,
}

impl Budget {
    /// No limit.
    pub const NONE: Self = Self { weights: usize::MAX, ram: usize::MAX, macs: usize::MAX };

    /// Whether an encoder of this cost keeps within all of it.
    #[must_use]
    pub const fn holds(&self, cost: &Cost) -> bool {
        cost.weights <= self.weights && cost.ram <= self.ram && cost.macs <= self.macs
    }
}

impl Cost {
    /// Adds a convolution, during which so many other bytes are held.
    pub(super) fn add(&mut self, layer: &Layer, input: Shape, held: usize) {
        let output = layer.output(input);
        let filter = layer.kernel.iter().product::<usize>() * layer.filter_channels(input);
        *self += Self {
            weights: output.channels * (filter + 4),
            ram: input.len() + output.len() + held,
            macs: output.len() * filter,
        };
    }

    /// Adds the dense layer.
    pub(super) fn add_dense(&mut self, features: usize, dimensions: usize) {
        let weights = dimensions * (features + 4);
        *self += Self { weights, ram: features + dimensions, macs: dimensions * features };
    }
}

impl AddAssign for Cost {
    /// One after the other: weights and multiply-accumulates add up, RAM is used again.
    fn add_assign(&mut self, other: Self) {
        self.weights += other.weights;
        self.ram = self.ram.max(other.ram);
        self.macs += other.macs;
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millions = self.macs as f64 / 1e6;
        write!(f, "{} bytes of weights, {} bytes of RAM, {millions:.2} million MACs", self.weights, self.ram)
    }
}
