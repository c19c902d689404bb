//! Encoders to begin from.

use cognate::ModelDigest;
use cognate::encoder::{
    Constants, Element, EncoderContents, Extent, Filter, FilterLayout, InputForm, Operator, Shape, Size, Sizes, Step,
    Tensor, Window, pack,
};
use std::sync::OnceLock;

const SIDE: usize = 3;
const CHANNELS: usize = 8;

/// Encoders that between them have every operator, element type, input form and layout of a filter.
#[must_use]
pub fn encoders() -> &'static [Vec<u8>; 4] {
    static ENCODERS: OnceLock<[Vec<u8>; 4]> = OnceLock::new();
    ENCODERS.get_or_init(|| {
        [
            network(FilterLayout::Plain, Element::Int8),
            network(FilterLayout::Pairs, Element::Int8),
            network(FilterLayout::Lanes, Element::Int8),
            network(FilterLayout::Plain, Element::Int16),
        ]
    })
}

/// Puts magic, version, length and checksum right, so that a check goes on to what is behind them.
pub fn seal(bytes: &mut [u8]) {
    const HEADER: usize = 64;
    if bytes.len() < HEADER {
        return;
    }
    bytes[..12].copy_from_slice(&encoders()[0][..12]);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[12..16].copy_from_slice(&length.to_le_bytes());
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&bytes[20..]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
}

fn network(layout: FilterLayout, element: Element) -> Vec<u8> {
    let plane = Extent { height: SIDE, width: SIDE, channels: CHANNELS };
    let pixel = Extent { height: 1, width: 1, channels: CHANNELS };
    let mut tensors: Vec<Tensor> = Vec::new();
    let mut add = |extent, element| {
        let offset = tensors.last().map_or(0, Tensor::end).next_multiple_of(16);
        tensors.push(Tensor { extent, element, zero: 0, offset });
        tensors.len() as u16 - 1
    };
    let input = add(Extent { channels: 1, ..plane }, element);
    let [first, second, pooled, product] = [(); 4].map(|()| add(plane, element));
    let (mean, both) = (add(pixel, element), add(Extent { channels: 2 * CHANNELS, ..plane }, element));
    let padded = add(Extent { height: SIDE + 1, width: SIDE + 1, channels: 2 * CHANNELS }, element);
    let output = add(Extent { height: 1, width: 1, channels: 4 }, Element::Int32);

    let near = Window { kernel: Size::square(3), padding: Size::square(1), ..Window::POINT };
    let convolution = |from: u16, to: u16, window: Window, groups: usize| {
        let [from, to] = [from, to].map(|index: u16| tensors[usize::from(index)]);
        let kernel = if window == Window::WHOLE { Size::square(SIDE + 1) } else { window.kernel };
        let Window { stride, dilation, padding, .. } = window;
        let sizes = Sizes { input: from.extent, output: to.extent, kernel, stride, dilation, padding, groups };
        let shape = Shape::new(sizes).expect("these sizes fit together");
        let layout = if from.element == Element::Int8 { layout } else { FilterLayout::Plain };
        let outputs = to.extent.channels;
        let weights: Vec<i8> = (0..outputs * shape.depth()).map(|index| (index * 37 % 255) as u8 as i8 / 2).collect();
        let constants =
            Constants { weights: &weights, biases: &vec![100; outputs], multipliers: &vec![1 << 24; outputs] };
        let mut bytes = vec![0; Filter::bytes_of(&shape, layout).expect("the layout has such a filter")];
        pack(shape, layout, &constants, &mut bytes).expect("these constants fit");
        let constants: &'static [u8] = bytes.leak();
        Operator::Convolution { window, groups, layout, shift: 1, drop: 0, constants }
    };
    let slopes: &'static [[u8; 4]] = vec![(1i32 << 29).to_le_bytes(); CHANNELS].leak();
    let table: &'static [u8; 256] = Box::leak(Box::new(core::array::from_fn(|x| x as u8 / 2)));
    let average = Operator::AveragePool {
        window: Window::WHOLE,
        counts_padding: true,
        shift: 3,
        drop: 0,
        multipliers: &slopes[..1],
    };
    let scale = Operator::Scale { positive: slopes, negative: slopes, shift: 3 };
    let change = if element == Element::Int8 { Operator::Table { table } } else { scale };
    let to = if element == Element::Int8 { first } else { second };
    let step = |operator, a, b, output| Step { operator, inputs: [a, b], output };
    let none = Step::NO_INPUT;
    let steps = [
        step(convolution(input, first, near, 1), input, none, first),
        step(change, first, none, to),
        step(convolution(to, pooled, near, CHANNELS), to, none, pooled),
        step(Operator::MaxPool { window: near }, pooled, none, product),
        step(average, product, none, mean),
        step(Operator::Multiply { multiplier: 1 << 30, shift: 1 }, product, mean, pooled),
        step(Operator::Add { factors: [7, -5], shift: 3 }, pooled, product, if to == first { second } else { first }),
        step(Operator::Concatenate, pooled, product, both),
        step(Operator::Pad { top: 1, left: 1 }, both, none, padded),
        step(convolution(padded, output, Window::WHOLE, 1), padded, none, output),
    ];
    let input_form = match element {
        Element::Int8 => InputForm::Uint8 { tables: core::slice::from_ref(table) },
        _ => InputForm::Int16 { offsets: &slopes[..1], multipliers: &slopes[..1] },
    };
    let zero = [0; 4];
    let offsets = core::slice::from_ref(&zero);
    let input_form = match input_form {
        InputForm::Int16 { multipliers, .. } => InputForm::Int16 { offsets, multipliers },
        other => other,
    };
    let contents = EncoderContents {
        digest: ModelDigest::new([9; 16]),
        input_form,
        sound: None,
        input,
        output,
        exponent: -3,
        tensors: &tensors,
        steps: &steps,
    };
    let mut bytes = vec![0; contents.encoded_len()];
    contents.encode(&mut bytes).expect("these contents are valid");
    bytes
}
