//! The convolutions of the core that this runs on against their definition: every layout, windows of all kinds, every remainder
//! of windows, channels and elements, random data and the extremes.

use super::{Checksum, GREATEST_NEEDS, Random};
use cognate::kernel::layers::{
    self, Constants, Extent, Filter, FilterLayout, Layer, Output, PackError, Rescale, Shape, Size, Sizes, pack,
    portable,
};

/// What the layers of a family came to. Its `Debug` and its `defmt::Format` are the same text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layers {
    /// What they have in common.
    pub family: &'static str,
    /// Layers, each in every layout.
    pub layers: u32,
    /// What was not as the definition has it.
    pub wrong: u32,
    /// Over the outputs.
    pub sum: Checksum,
}

/// Reports every family, of layers that the board's RAM has room for.
pub fn for_each_layer(ram_bytes: usize, report: impl FnMut(Layers)) {
    if ram_bytes >= GREATEST_NEEDS {
        Workspace::<4096, 2048>::run(report);
    } else {
        Workspace::<768, 256>::run(report);
    }
}

/// At an address from which words can be loaded, as a bundle's sections and an arena are.
#[repr(align(16))]
struct Aligned<T>(T);

/// The most output channels.
const CHANNELS: usize = 48;

/// Room for `N` elements of input and weights, and `M` of output.
struct Workspace<const N: usize, const M: usize> {
    input: [i8; N],
    weights: [i8; N],
    biases: [i32; CHANNELS],
    multipliers: [i32; CHANNELS],
    packed: Aligned<[[u8; N]; 3]>,
    scratch: Aligned<[[u8; N]; 2]>,
    expected: [i32; M],
    found: [i32; M],
    found_int8: [i8; M],
    random: Random,
}

/// Both of something.
const fn size(height: usize, width: usize) -> Size {
    Size { height, width }
}

/// Sizes with an output that has all windows which the padded input has room for.
const fn sizes(input: [usize; 3], outputs: usize, kernel: Size, stride: Size, padding: Size, groups: usize) -> Sizes {
    let [height, width, channels] = input;
    let output = Extent {
        height: (height + 2 * padding.height - kernel.height) / stride.height + 1,
        width: (width + 2 * padding.width - kernel.width) / stride.width + 1,
        channels: outputs,
    };
    Sizes {
        input: Extent { height, width, channels },
        output,
        kernel,
        stride,
        dilation: Size::square(1),
        padding,
        groups,
    }
}

/// Dense layers: elements around the steps of the kernels, and outputs around their blocks.
const DENSE: [[usize; 2]; 24] = [
    [1, 1],
    [3, 2],
    [4, 3],
    [5, 4],
    [8, 5],
    [12, 7],
    [15, 8],
    [16, 9],
    [17, 11],
    [20, 12],
    [31, 13],
    [32, 15],
    [33, 16],
    [48, 17],
    [63, 8],
    [64, 31],
    [80, 33],
    [96, 24],
    [128, 32],
    [144, 6],
    [160, 20],
    [200, 10],
    [272, 8],
    [400, 8],
];

const WINDOWS: [Sizes; 24] = {
    let one = Size::square(1);
    let two = Size::square(2);
    let three = Size::square(3);
    let none = Size::square(0);
    [
        // One pixel a window.
        sizes([3, 3, 16], 8, one, one, none, 1),
        sizes([2, 5, 7], 5, one, one, none, 1),
        sizes([1, 4, 24], 12, one, one, none, 1),
        sizes([4, 4, 32], 9, one, one, none, 1),
        sizes([5, 1, 3], 4, one, one, none, 1),
        sizes([5, 6, 18], 6, one, two, none, 1),
        sizes([3, 3, 5], 4, one, one, one, 1),
        sizes([4, 3, 12], 12, one, one, none, 3),
        // More.
        sizes([5, 5, 1], 6, three, one, one, 1),
        sizes([7, 8, 3], 8, three, two, one, 1),
        sizes([4, 4, 16], 12, three, one, one, 1),
        sizes([5, 3, 32], 8, three, one, one, 1),
        sizes([3, 9, 24], 10, size(1, 3), one, size(0, 1), 1),
        sizes([9, 3, 12], 8, size(3, 1), one, none, 1),
        sizes([6, 6, 5], 7, Size::square(5), one, two, 1),
        sizes([4, 5, 6], 4, two, one, none, 1),
        sizes([5, 5, 4], 4, two, two, three, 1),
        sizes([6, 7, 8], 6, three, one, one, 2),
        sizes([4, 4, 6], 9, three, size(2, 1), one, 3),
        sizes([7, 7, 2], 5, three, three, none, 1),
        Sizes { dilation: two, ..sizes([6, 6, 4], 5, three, one, two, 1) },
        Sizes { dilation: size(2, 1), ..sizes([6, 6, 4], 5, three, one, two, 1) },
        Sizes { dilation: size(1, 3), ..sizes([5, 8, 9], 5, size(1, 2), one, none, 1) },
        // Windows that see nothing but padding.
        sizes([2, 2, 4], 4, three, one, Size::square(4), 1),
    ]
};

const DEPTHWISE: [Sizes; 22] = {
    let one = Size::square(1);
    let two = Size::square(2);
    let three = Size::square(3);
    let none = Size::square(0);
    let five = Size::square(5);
    [
        sizes([4, 4, 4], 4, three, one, one, 4),
        sizes([5, 6, 8], 8, three, one, one, 8),
        sizes([6, 5, 16], 16, three, one, one, 16),
        sizes([1, 1, 24], 24, three, one, one, 24),
        sizes([2, 1, 8], 8, three, one, one, 8),
        sizes([1, 7, 12], 12, three, one, one, 12),
        sizes([7, 7, 3], 3, three, one, one, 3),
        sizes([5, 4, 9], 9, three, one, one, 9),
        sizes([4, 5, 15], 15, three, one, one, 15),
        sizes([6, 6, 8], 8, three, one, none, 8),
        sizes([5, 5, 8], 8, three, one, three, 8),
        sizes([7, 8, 8], 8, three, two, one, 8),
        sizes([8, 7, 12], 12, three, two, one, 12),
        sizes([9, 9, 5], 5, three, three, one, 5),
        sizes([6, 9, 8], 8, three, size(1, 2), one, 8),
        sizes([9, 6, 8], 8, three, size(2, 1), one, 8),
        sizes([7, 7, 10], 10, five, one, two, 10),
        sizes([4, 9, 8], 8, size(1, 3), one, size(0, 1), 8),
        sizes([9, 4, 8], 8, size(3, 1), one, size(1, 0), 8),
        sizes([7, 7, 20], 20, Size::square(7), one, none, 20),
        sizes([5, 5, 9], 9, two, two, none, 9),
        Sizes { dilation: two, ..sizes([7, 7, 8], 8, three, one, two, 8) },
    ]
};

/// Layers of any sizes that fit.
const RANDOM: usize = 60;

impl<const N: usize, const M: usize> Workspace<N, M> {
    /// A function of its own in the binary: two of these must not be on the stack at once.
    #[inline(never)]
    fn run(mut report: impl FnMut(Layers)) {
        let mut workspace = Self {
            input: [0; N],
            weights: [0; N],
            biases: [0; CHANNELS],
            multipliers: [0; CHANNELS],
            packed: Aligned([[0; N]; 3]),
            scratch: Aligned([[0xa5; N]; 2]),
            expected: [0; M],
            found: [0; M],
            found_int8: [0; M],
            random: Random(0x6a09_e667),
        };
        report(
            workspace.family("dense", DENSE.into_iter().filter_map(|[inputs, outputs]| Shape::dense(inputs, outputs))),
        );
        report(workspace.family("windows", WINDOWS.into_iter().filter_map(Shape::new)));
        report(workspace.family("depthwise", DEPTHWISE.into_iter().filter_map(Shape::new)));
        let mut random = Random(0xbb67_ae85);
        report(workspace.family("random", (0..RANDOM).filter_map(|index| any_shape(&mut random, index))));
    }

    fn family(&mut self, family: &'static str, shapes: impl Iterator<Item = Shape>) -> Layers {
        let mut result = Layers { family, layers: 0, wrong: 0, sum: Checksum::default() };
        for (index, shape) in shapes.enumerate() {
            if self.has_room(&shape) {
                result.layers += 1;
                // Random data, then the extremes.
                for kind in 0..3 {
                    self.compare(&mut result, shape, kind, index);
                }
            }
        }
        result
    }

    fn has_room(&self, shape: &Shape) -> bool {
        let Sizes { input, output, .. } = shape.sizes();
        let filter = |layout| Filter::bytes_of(shape, layout).unwrap_or(0) <= 3 * N;
        input.elements() <= N
            && output.elements() <= M
            && output.channels <= CHANNELS
            && output.channels * shape.depth() <= N
            && FilterLayout::ALL.into_iter().all(filter)
    }

    /// Fills everything but the outputs.
    fn fill(&mut self, shape: &Shape, kind: usize) -> [usize; 3] {
        let Sizes { input, output, .. } = shape.sizes();
        let lengths = [input.elements(), output.channels * shape.depth(), output.elements()];
        let sign = |negative: bool| if negative { -127 } else { 127 };
        for (index, element) in self.input[..lengths[0]].iter_mut().enumerate() {
            *element = match kind {
                0 => self.random.next() as i8,
                1 => i8::MIN,
                _ => sign(index % 2 == 0),
            };
        }
        for (index, weight) in self.weights[..lengths[1]].iter_mut().enumerate() {
            *weight = match kind {
                0 => (self.random.below(255) as i32 - 127) as i8,
                1 => sign(index / shape.depth() % 3 == 1),
                _ => sign(index % 3 == 0),
            };
        }
        for (bias, multiplier) in self.biases.iter_mut().zip(&mut self.multipliers).take(output.channels) {
            *bias = (self.random.next() as i32) >> 14;
            // From sums of a few products that nearly all saturate to sums of many of which some do.
            *multiplier = (self.random.next() >> (4 + self.random.below(9))) as i32;
        }
        lengths
    }

    fn compare(&mut self, result: &mut Layers, shape: Shape, kind: usize, index: usize) {
        let [inputs, weights, outputs] = self.fill(&shape, kind);
        let channels = shape.sizes().output.channels;
        let constants = Constants {
            weights: &self.weights[..weights],
            biases: &self.biases[..channels],
            multipliers: &self.multipliers[..channels],
        };
        // A shift is rare, and the kernels leave it to others.
        let rescale = Rescale { shift: if kind == 2 && index % 2 == 1 { 3 } else { 0 }, zero: [-128, 7, 0][kind] };
        let input = &self.input[..inputs];
        for layout in FilterLayout::ALL {
            let Some(bytes) = Filter::bytes_of(&shape, layout) else { continue };
            let packed = &mut self.packed.0.as_flattened_mut()[..bytes];
            let filter = match pack(shape, layout, &constants, packed) {
                Ok(filter) => filter,
                // Long sums of extremes are beyond two channels a halfword.
                Err(PackError::Bound { .. }) if layout == FilterLayout::Pairs && kind > 0 => continue,
                Err(_) => return result.check(false),
            };
            let layer = Layer { filter, input_zero: [3, -128, 127][kind], rescale };
            let expected = &mut self.expected[..outputs];
            if layout == FilterLayout::Plain {
                portable::convolve(&layer, input, &mut Output::Int32(expected), 0..channels);
                expected.iter().for_each(|value| result.sum.add_signed(*value));
            }
            let scratch = self.scratch.0.as_flattened_mut();
            let found = &mut self.found[..outputs];
            found.fill(-1);
            layers::convolve(&layer, input, scratch, &mut Output::Int32(found));
            result.check(found == expected);
            let found = &mut self.found_int8[..outputs];
            found.fill(-1);
            layers::convolve(&layer, input, scratch, &mut Output::Int8(found));
            let saturated = expected.iter().map(|value| (*value).clamp(-128, 127) as i8);
            result.check(saturated.eq(found.iter().copied()));
        }
    }
}

/// Sizes up to a few more than the kernels do at once.
fn any_shape(random: &mut Random, index: usize) -> Option<Shape> {
    let mut up_to = |most: usize| 1 + random.below(most);
    let kernel = size(up_to(4), up_to(4));
    let input = [kernel.height + up_to(4), kernel.width + up_to(7), 0];
    let stride = size(up_to(2), up_to(2));
    let padding = size(up_to(kernel.height) - 1, up_to(kernel.width) - 1);
    let (channels, outputs, groups) = match index % 3 {
        0 => {
            let channels = up_to(20);
            (channels, channels, channels)
        }
        1 => {
            let groups = up_to(3);
            (groups * up_to(9), groups * up_to(9), groups)
        }
        _ => (up_to(33), up_to(20), 1),
    };
    Shape::new(sizes([input[0], input[1], channels], outputs, kernel, stride, padding, groups))
}

impl Layers {
    fn check(&mut self, right: bool) {
        self.wrong += u32::from(!right);
    }
}
