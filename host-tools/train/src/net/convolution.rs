//! A convolution as one product of matrices for each place.
//!
//! Activations are `[places, channels, batch]`, places by rows of the sample. With the batch innermost, the values under a filter
//! are whole rows to copy, and what a place becomes is weights `[outputs, taps × channels]` times `[taps × channels, batch]`. burn's own
//! convolution takes the gradient of its weights by another convolution with filters as large as the sample, which is
//! most of a training step.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};

use super::{Layer, Shape, normal, rounding, values};
use crate::rng::Rng;

/// The weights of a convolution without bias.
#[derive(Module, Debug)]
pub(super) struct Convolution {
    /// `[outputs, taps × channels]`; a depthwise one `[taps, channels]`. Taps by rows of the filter.
    weight: Param<Tensor<2>>,
    #[module(skip)]
    geometry: Geometry,
}

/// What of its input a convolution sees.
#[derive(Debug, Clone)]
struct Geometry {
    layer: Layer,
    input: Shape,
    /// Of each output place and tap the input place, or the number of places, where it is outside of the sample.
    /// Empty where output and input places are the same.
    sources: Vec<i64>,
}

impl Convolution {
    /// With random weights (He et al., 2015).
    pub(super) fn new(layer: &Layer, input: Shape, rng: &mut Rng, device: &Device) -> Self {
        let geometry = Geometry::new(*layer, input);
        let taps = geometry.taps();
        let variance = 2.0 / (taps * layer.filter_channels(input)) as f32;
        let shape = match geometry.is_depthwise() {
            true => [taps, input.channels],
            false => [layer.output(input).channels, taps * input.channels],
        };
        Self { weight: Param::from_tensor(normal(shape, variance, rng, device)), geometry }
    }

    /// From `[places, channels, batch]` to the same of the output.
    pub(super) fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        self.with(self.weight.val(), input)
    }

    /// The weights times a factor an output channel, rounded, in their own order.
    pub(super) fn rounded(&self, factors: Tensor<1>) -> Tensor<2> {
        // Along one axis lie the weights of one output channel.
        let along = usize::from(!self.geometry.is_depthwise());
        rounding::weights(self.weight.val() * factors.unsqueeze_dim::<2>(along), along)
    }

    /// The same with other weights in their own order.
    pub(super) fn with(&self, weight: Tensor<2>, input: Tensor<3>) -> Tensor<3> {
        let [_, channels, batch] = input.dims();
        let seen = self.geometry.seen(input);
        let taps = self.geometry.taps();
        if self.geometry.is_depthwise() {
            let products =
                seen.reshape([-1, taps as i32, channels as i32, batch as i32]) * weight.reshape([1, taps, channels, 1]);
            return products.sum_dim(1).squeeze_dim(1);
        }
        let columns = seen.reshape([-1, (taps * channels) as i32, batch as i32]);
        weight.unsqueeze::<3>().matmul(columns)
    }

    /// Output channels, input channels of a filter, height, width.
    pub(super) fn shape(&self) -> [usize; 4] {
        let Geometry { layer, input, .. } = &self.geometry;
        let [height, width] = layer.kernel;
        [layer.output(*input).channels, layer.filter_channels(*input), height, width]
    }

    /// The weights, in the order of [`Convolution::shape`].
    pub(super) fn weights(&self) -> Vec<f32> {
        self.by_shape(self.weight.val())
    }

    /// Weights of their own order, in that of [`Convolution::shape`].
    pub(super) fn by_shape(&self, weight: Tensor<2>) -> Vec<f32> {
        let [outputs, inputs, height, width] = self.shape();
        let taps = height * width;
        let own = values(weight);
        let place = |index: usize| {
            let (output, input, tap) = (index / (inputs * taps), index / taps % inputs, index % taps);
            match self.geometry.is_depthwise() {
                true => tap * outputs + output,
                false => (output * taps + tap) * inputs + input,
            }
        };
        (0..outputs * inputs * taps).map(|index| own[place(index)]).collect()
    }

    /// Down and across.
    pub(super) fn stride(&self) -> [usize; 2] {
        self.geometry.layer.stride
    }

    /// Sets of channels that do not see each other.
    pub(super) fn groups(&self) -> usize {
        let Geometry { layer, input, .. } = &self.geometry;
        input.channels / layer.filter_channels(*input)
    }
}

impl Geometry {
    fn new(layer: Layer, input: Shape) -> Self {
        if layer.kernel == [1; 2] && layer.stride == [1; 2] {
            return Self { layer, input, sources: Vec::new() };
        }
        let (output, outside) = (layer.output(input), input.height * input.width);
        // Along an axis: of a place, what is so many steps from the middle of a filter there.
        let source = |axis: usize, place: usize, tap: usize, places: usize| {
            let (stride, middle) = (layer.stride[axis], layer.kernel[axis] / 2);
            (place * stride + tap).checked_sub(middle).filter(|source| *source < places)
        };
        let each =
            |[rows, columns]: [usize; 2]| (0..rows * columns).map(move |index| (index / columns, index % columns));
        let sources = each([output.height, output.width]).flat_map(|(row, column)| {
            each(layer.kernel).map(move |(down, across)| {
                let place = source(0, row, down, input.height).zip(source(1, column, across, input.width));
                place.map_or(outside, |(row, column)| row * input.width + column) as i64
            })
        });
        Self { layer, input, sources: sources.collect() }
    }

    fn taps(&self) -> usize {
        self.layer.kernel.iter().product()
    }

    fn is_depthwise(&self) -> bool {
        self.layer.filters == super::Filters::Depthwise
    }

    /// `[places × taps, channels × batch]` of the output's places; zeros outside of the sample.
    fn seen(&self, input: Tensor<3>) -> Tensor<2> {
        let [places, channels, batch] = input.dims();
        let rows = input.reshape([places, channels * batch]);
        if self.sources.is_empty() {
            return rows;
        }
        let device = rows.device();
        let outside = Tensor::zeros([1, channels * batch], &device);
        let sources = Tensor::<1, Int>::from_ints(&self.sources[..], &device);
        Tensor::cat(vec![rows, outside], 0).select(0, sources)
    }
}
