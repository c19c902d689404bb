//! Whole networks of every operator, in int8 with convolutions of every layout and in int16: written, checked and run on the
//! device itself.

use super::{Checksum, MODEL, Random};
use cognate::encoder::{
    Arena, Constants, Element, Encoder, EncoderContents, Extent, Filter, FilterLayout, InputForm, Operator, Sample,
    Shape, Size, Sizes, Step, Tensor, Window, operators, pack,
};

/// What the runs of a network came to. Its `Debug` and its `defmt::Format` are the same text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Encoders {
    /// The elements of its tensors, and how its convolutions lie.
    pub network: &'static str,
    /// Samples that it was run with.
    pub samples: u32,
    /// Networks that were not written, and samples that were not encoded.
    pub wrong: u32,
    /// Over every tensor of every run.
    pub sum: Checksum,
}

/// Reports every network; those of int8 must come to the same.
pub fn for_each_encoder(mut report: impl FnMut(Encoders)) {
    for (network, element, layout) in [
        ("int8 plain", Element::Int8, FilterLayout::Plain),
        ("int8 pairs", Element::Int8, FilterLayout::Pairs),
        ("int8 singles", Element::Int8, FilterLayout::Singles),
        ("int8 lanes", Element::Int8, FilterLayout::Lanes),
        ("int16", Element::Int16, FilterLayout::Plain),
    ] {
        let mut result = Encoders { network, samples: 0, wrong: 0, sum: Checksum::default() };
        let mut random = Random(0x3c6e_f372);
        for _ in 0..NETWORKS {
            if run(element, layout, &mut random, &mut result).is_none() {
                result.wrong += 1;
            }
        }
        report(result);
    }
}

const NETWORKS: u32 = 4;
const SAMPLES: u32 = 4;

/// Elements of a sample.
const INPUT: Extent = extent(5, 4, 4);
/// Of what the layers have between them.
const INNER: Extent = extent(5, 4, 8);
/// After pooling.
const HALF: Extent = extent(2, 2, 8);
const PIXEL: Extent = extent(1, 1, 8);
const BOTH: Extent = extent(2, 2, 16);
const PADDED: Extent = extent(4, 4, 16);
const OUTPUT: Extent = extent(1, 1, 3);

const EXTENTS: [Extent; 12] = [INPUT, INNER, INNER, INNER, INNER, PIXEL, INNER, HALF, HALF, BOTH, PADDED, OUTPUT];

const fn extent(height: usize, width: usize, channels: usize) -> Extent {
    Extent { height, width, channels }
}

/// Constants of a convolution, at an address that words can be loaded from.
#[repr(align(16))]
struct Packed<const N: usize>([u8; N]);

/// Writes a network with other constants each time, and runs it.
#[inline(never)]
fn run(element: Element, layout: FilterLayout, random: &mut Random, result: &mut Encoders) -> Option<()> {
    let three = Window { kernel: Size::square(3), padding: Size::square(1), ..Window::POINT };
    let two = Window { kernel: Size::square(2), stride: Size::square(2), ..Window::POINT };
    let tensors = tensors(element, random);
    let (mut first, mut second, mut third) = (Packed([0; 640]), Packed([0; 512]), Packed([0; 2112]));
    let first = filter(&tensors[0], &tensors[1], three, 1, layout, random, &mut first.0)?;
    // There are no singles by the channel.
    let by_channel = if layout == FilterLayout::Singles { FilterLayout::Pairs } else { layout };
    let second = filter(&tensors[2], &tensors[3], three, 8, by_channel, random, &mut second.0)?;
    let third = filter(&tensors[10], &tensors[11], Window::WHOLE, 1, layout, random, &mut third.0)?;
    let positive: [[u8; 4]; 8] = core::array::from_fn(|_| multiplier(random));
    let negative: [[u8; 4]; 8] = core::array::from_fn(|_| multiplier(random));
    let table: [u8; 256] = core::array::from_fn(|_| random.next() as u8);
    let means: [[u8; 4]; 4] = core::array::from_fn(|_| multiplier(random));
    let drop = if element == Element::Int16 { 3 } else { 0 };
    let convolve = |window, groups, constants| {
        let layout = if groups > 1 { by_channel } else { layout };
        Operator::Convolution { window, groups, layout, shift: 1, drop, constants }
    };
    let mean =
        |window, multipliers| Operator::AveragePool { window, counts_padding: false, shift: 2, drop, multipliers };
    let pointwise = match element {
        Element::Int8 => Operator::Table { table: &table },
        _ => Operator::Scale { positive: &positive[..1], negative: &[], shift: 2 },
    };
    let step = |operator, a, b, output| Step { operator, inputs: [a, b], output };
    let none = Step::NO_INPUT;
    let steps = [
        step(convolve(three, 1, first), 0, none, 1),
        step(Operator::Scale { positive: &positive, negative: &negative, shift: 2 }, 1, none, 4),
        step(pointwise, 4, none, 2),
        step(convolve(three, 8, second), 2, none, 3),
        step(Operator::Add { factors: [90_000, -70_001], shift: 17 }, 2, 3, 4),
        step(mean(Window::WHOLE, &means[..1]), 4, none, 5),
        step(Operator::Multiply { multiplier: 0x5a82_799a, shift: 1 }, 4, 5, 6),
        step(Operator::MaxPool { window: two }, 6, none, 7),
        step(mean(Window { padding: Size { height: 0, width: 1 }, ..two }, &means), 6, none, 8),
        step(Operator::Concatenate, 7, 8, 9),
        step(Operator::Pad { top: 1, left: 1 }, 9, none, 10),
        step(convolve(Window::WHOLE, 1, third), 10, none, 11),
    ];
    let offsets = [[7, 0, 0, 0]];
    let input_form = match element {
        Element::Int8 => InputForm::Int8,
        _ => InputForm::Int16 { offsets: &offsets, multipliers: &positive[..1] },
    };
    let contents = EncoderContents {
        digest: MODEL,
        input_form,
        sound: None,
        input: 0,
        output: 11,
        exponent: -9,
        tensors: &tensors,
        steps: &steps,
    };
    let mut bytes = Packed([0; 4224]);
    let length = contents.encode(&mut bytes.0).ok()?;
    let encoder = Encoder::<{ operators::ALL }>::new_checked(bytes.0.get(..length)?).ok()?;
    for _ in 0..SAMPLES {
        encode(&encoder, random, result)?;
    }
    Some(())
}

/// Runs a sample, and takes every tensor that is written into the sum.
#[inline(never)]
fn encode(encoder: &Encoder<'_>, random: &mut Random, result: &mut Encoders) -> Option<()> {
    let mut arena = Arena::<3328>::new();
    let signed: [i8; 80] = core::array::from_fn(|_| random.next() as i8);
    let series: [i16; 80] = core::array::from_fn(|_| random.next() as i16);
    let sample = match encoder.input_form() {
        InputForm::Int16 { .. } => Sample::Int16(&series),
        _ => Sample::Int8(&signed),
    };
    let sum = &mut result.sum;
    let written = |_: usize, bytes: &[u8]| bytes.iter().for_each(|byte| sum.add(u32::from(*byte)));
    let embedding =
        encoder.run_observed(sample, arena.bytes(), written).ok()?.embedding::<{ OUTPUT.channels }>().ok()?;
    embedding.as_array().iter().for_each(|value| result.sum.add(value.to_bits()));
    result.samples += 1;
    Some(())
}

/// The tensors one behind the other.
fn tensors(element: Element, random: &mut Random) -> [Tensor; 12] {
    let zero = (random.next() % 40) as i8 - 20;
    let mut offset = 0;
    core::array::from_fn(|index| {
        let element = if index == 11 { Element::Int32 } else { element };
        let zero = if element == Element::Int8 { zero } else { 0 };
        let tensor = Tensor { extent: EXTENTS[index], element, zero, offset };
        offset = tensor.end().next_multiple_of(16);
        tensor
    })
}

/// A scale from 1/8 to 1/4.
fn multiplier(random: &mut Random) -> [u8; 4] {
    ((1 << 29) + random.next() / 8).to_le_bytes()
}

/// Packs weights of every size; sums become some dozens of steps.
fn filter<'a>(
    a: &Tensor,
    out: &Tensor,
    window: Window,
    groups: usize,
    layout: FilterLayout,
    random: &mut Random,
    bytes: &'a mut [u8],
) -> Option<&'a [u8]> {
    let Window { stride, dilation, padding, .. } = window;
    let whole = Size { height: a.extent.height, width: a.extent.width };
    let kernel = if window == Window::WHOLE { whole } else { window.kernel };
    let shape = Shape::new(Sizes { input: a.extent, output: out.extent, kernel, stride, dilation, padding, groups })?;
    let mut weights = [0i8; 768];
    let weights = weights.get_mut(..out.extent.channels * shape.depth())?;
    weights.iter_mut().for_each(|weight| *weight = (random.below(255) as i32 - 127) as i8);
    let biases: [i32; 8] = core::array::from_fn(|_| (random.next() as i32) >> 17);
    let multipliers: [i32; 8] = core::array::from_fn(|_| ((1 << 22) + random.below(1 << 21)) as i32);
    let channels = out.extent.channels;
    let constants = Constants { weights, biases: biases.get(..channels)?, multipliers: multipliers.get(..channels)? };
    let bytes = bytes.get_mut(..Filter::bytes_of(&shape, layout)?)?;
    pack(shape, layout, &constants, bytes).ok()?;
    Some(bytes)
}
