//! How the elements of an ONNX tensor lie in memory.
//!
//! Exporters write NCHW, or NHWC with transpositions around each convolution; in memory channels are innermost all the time.
//! A [`View`] follows each axis of the ONNX tensor to its place there, so that a Transpose, Reshape, Flatten, Squeeze or
//! Unsqueeze changes the view and moves nothing.

use crate::quantization::network::Shape;

/// Part of an axis: this many elements, this far apart in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Run {
    length: usize,
    stride: usize,
}

/// Where each element of a tensor lies, axis by axis. An axis is made of several runs where a reshape joined axes that are
/// not neighbors in memory; runs of one element are left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct View {
    axes: Vec<Vec<Run>>,
}

impl View {
    /// Elements in the order of the tensor's axes.
    pub(super) fn in_order(shape: &[usize]) -> Self {
        Self::permuted(shape, &(0..shape.len()).collect::<Vec<_>>())
    }

    /// Elements in memory in the order of these axes, the last one innermost.
    pub(super) fn permuted(shape: &[usize], memory: &[usize]) -> Self {
        let mut axes = vec![Vec::new(); shape.len()];
        let mut stride = 1;
        for &axis in memory.iter().rev() {
            axes[axis].extend((shape[axis] > 1).then_some(Run { length: shape[axis], stride }));
            stride *= shape[axis];
        }
        Self { axes }
    }

    /// An image in memory, as NCHW, NCL or NC.
    pub(super) fn of_image([rows, columns, channels]: Shape, rank: usize) -> Self {
        match rank {
            4 => Self::permuted(&[1, channels, rows, columns], &[0, 2, 3, 1]),
            3 => Self::permuted(&[1, channels, columns], &[0, 2, 1]),
            _ => Self::in_order(&[1, channels]),
        }
    }

    /// The tensor's shape.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| length(axis)).collect()
    }

    /// Axes of the tensor.
    pub(super) fn rank(&self) -> usize {
        self.axes.len()
    }

    /// Elements of the tensor.
    pub(super) fn elements(&self) -> usize {
        self.axes.iter().map(|axis| length(axis)).product()
    }

    /// The axes in another order.
    pub(super) fn transposed(&self, order: &[usize]) -> Self {
        Self { axes: order.iter().map(|&axis| self.axes[axis].clone()).collect() }
    }

    /// The same elements in the same order, as another shape; `None` where the axes cannot be cut that way.
    pub(super) fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        if shape.iter().product::<usize>() != self.elements() {
            return None;
        }
        let mut runs = self.axes.iter().flatten().copied();
        let mut rest: Option<Run> = None;
        let mut axes = Vec::with_capacity(shape.len());
        for &wanted in shape {
            let (mut axis, mut missing) = (Vec::new(), wanted);
            while missing > 1 {
                let run = rest.take().or_else(|| runs.next())?;
                if missing.is_multiple_of(run.length) {
                    missing /= run.length;
                    axis.push(run);
                } else if run.length.is_multiple_of(missing) {
                    let inner = run.length / missing;
                    axis.push(Run { length: missing, stride: run.stride * inner });
                    rest = Some(Run { length: inner, stride: run.stride });
                    missing = 1;
                } else {
                    return None;
                }
            }
            axes.push(axis);
        }
        Some(Self { axes })
    }

    /// Where each element lies, in the tensor's order.
    pub(super) fn places(&self) -> Vec<usize> {
        let mut places = vec![0];
        for run in self.axes.iter().flatten() {
            places = places.iter().flat_map(|&at| (0..run.length).map(move |step| at + step * run.stride)).collect();
        }
        places
    }

    /// Rows, columns and channels of an NCHW, NCL or NC tensor of one sample that lies in memory as an image does.
    pub(super) fn image(&self) -> Option<Shape> {
        let shape = self.shape();
        let (order, image) = match *shape {
            [1, channels, rows, columns] => (vec![0, 2, 3, 1], [rows, columns, channels]),
            [1, channels, columns] => (vec![0, 2, 1], [1, columns, channels]),
            [1, channels] => (vec![0, 1], [1, 1, channels]),
            _ => return None,
        };
        self.transposed(&order).is_in_order().then_some(image)
    }

    /// Whether the elements lie in memory in the tensor's order.
    pub(super) fn is_in_order(&self) -> bool {
        let mut stride = 1;
        self.axes.iter().flatten().rev().all(|run| {
            let fits = run.stride == stride;
            stride *= run.length;
            fits
        })
    }

    /// Whether an axis is the innermost in memory.
    pub(super) fn is_innermost(&self, axis: usize) -> bool {
        View { axes: vec![self.axes[axis].clone()] }.is_in_order()
    }

    /// The same, with an axis that is innermost in memory of another length.
    pub(super) fn with_innermost(&self, axis: usize, new: usize) -> Self {
        let old = length(&self.axes[axis]);
        let scaled = |run: &Run| Run { length: run.length, stride: run.stride / old * new };
        let mut axes: Vec<Vec<Run>> = self.axes.iter().map(|axis| axis.iter().map(scaled).collect()).collect();
        axes[axis] = if new > 1 { vec![Run { length: new, stride: 1 }] } else { Vec::new() };
        Self { axes }
    }

    /// The numbers of a constant that is spread over this tensor, in the tensor's place in memory (ONNX's broadcasting);
    /// `None` where it is not of fewer or equal elements along each axis.
    pub(super) fn spread(&self, shape: &[usize], values: &[f64]) -> Option<Vec<f64>> {
        let own = self.shape();
        // Axes of one element in front, which a constant may have more of.
        let surplus = shape.len().saturating_sub(own.len());
        if shape[..surplus].iter().any(|&axis| axis != 1) {
            return None;
        }
        let shape = &shape[surplus..];
        let mut sources = vec![0];
        for (axis, &length) in own.iter().enumerate() {
            let of_constant = (axis + shape.len()).checked_sub(own.len()).map_or(1, |axis| shape[axis]);
            if of_constant != 1 && of_constant != length {
                return None;
            }
            let step = |place: usize| if of_constant == 1 { 0 } else { place };
            sources =
                sources.iter().flat_map(|&at| (0..length).map(move |place| at * of_constant + step(place))).collect();
        }
        let mut spread = vec![0.0; sources.len()];
        for (&place, &source) in self.places().iter().zip(&sources) {
            spread[place] = *values.get(source)?;
        }
        Some(spread)
    }
}

fn length(axis: &[Run]) -> usize {
    axis.iter().map(|run| run.length).product()
}

#[cfg(test)]
mod tests {
    use super::View;

    #[test]
    fn a_transposition_of_an_image_moves_nothing() {
        let image = View::of_image([4, 5, 3], 4);
        assert_eq!(image.shape(), [1, 3, 4, 5]);
        assert_eq!(image.image(), Some([4, 5, 3]));
        let last = image.transposed(&[0, 2, 3, 1]);
        assert!(last.is_in_order() && last.image().is_none());
        assert_eq!(last.places(), (0..60).collect::<Vec<_>>());
    }

    #[test]
    fn flattening_keeps_the_order_of_the_tensor_not_of_the_memory() {
        let flat = View::of_image([2, 2, 3], 4).reshaped(&[1, 12]).unwrap();
        assert_eq!(flat.places(), [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
        assert!(flat.image().is_none());
        let back = flat.reshaped(&[1, 3, 2, 2]).unwrap();
        assert_eq!(back.image(), Some([2, 2, 3]));
    }

    #[test]
    fn axes_are_cut_and_joined_where_they_can_be() {
        let view = View::in_order(&[1, 12]);
        assert_eq!(view.reshaped(&[3, 4]).unwrap().transposed(&[1, 0]).places()[..4], [0, 4, 8, 1]);
        assert_eq!(view.reshaped(&[5, 2]), None);
        // 4×3 as 3×4 of a transposed tensor would cut a run where it does not end.
        assert_eq!(View::in_order(&[4, 3]).transposed(&[1, 0]).reshaped(&[2, 6]), None);
    }

    #[test]
    fn constants_are_spread_to_where_they_act() {
        let image = View::of_image([1, 2, 3], 4);
        let by_channel = image.spread(&[3, 1, 1], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(by_channel, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(image.spread(&[1, 1, 1, 1], &[5.0]).unwrap(), [5.0; 6]);
        assert_eq!(image.spread(&[2], &[1.0, 2.0]).unwrap(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(image.spread(&[3], &[1.0, 2.0, 3.0]), None);
    }
}
