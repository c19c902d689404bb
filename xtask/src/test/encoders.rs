//! The int8 encoders that the test firmware gets in its bundle, of pictures and of sound, and the pictures that it encodes.

use super::fixture::{DIMENSION, Who};
use anyhow::{Context, Result};
use cognate::ModelDigest;
use cognate::encoder::{
    Arena, Constants, Element, Encoder, EncoderContents, Extent, Filter, FilterLayout, InputForm, Operator, Sample,
    Shape, Size, Sizes, Step, Tensor, Window, operators, pack,
};
use cognate::frontend::{Fit, SoundForm};
use sha2::{Digest, Sha256};

/// Pixels of a picture's side.
const SIDE: usize = 8;
/// Channels between the layers.
const CHANNELS: usize = 12;

/// Bytes of a picture.
pub const PICTURE: usize = SIDE * SIDE;

/// A picture of somebody, a little different each of five times.
pub fn picture(who: Who, time: usize) -> [u8; PICTURE] {
    std::array::from_fn(|index| {
        let (row, column) = (index / SIDE, index % SIDE);
        let own = match who {
            Who::Anna => row % 3 == 0,
            Who::Boris => column % 3 == 0,
            Who::Stranger => (row + column) % 4 < 2,
            Who::Between => row % 3 == 0 || column % 3 == 0,
        };
        let noise = (index * 7 + time * 13) % 5;
        if own { 200 + 8 * noise as u8 } else { 4 * noise as u8 }
    })
}

/// An encoder of pictures: three convolutions, one by the channel.
#[derive(Clone, Copy, Debug)]
pub struct Pictures {
    /// How the constants lie.
    pub layout: FilterLayout,
    /// Whether there is a step that the demo does not link.
    pub has_table: bool,
    /// What the arena has too much.
    pub more_memory: usize,
}

impl Pictures {
    /// One that the demo runs.
    pub const fn laid_out(layout: FilterLayout) -> Self {
        Self { layout, has_table: false, more_memory: 0 }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// When the core's writer refuses it.
    pub fn encode(&self, digest: ModelDigest) -> Result<Vec<u8>> {
        let half = SIDE / 2;
        let tensor = |height, width, channels, element, offset| Tensor {
            extent: Extent { height, width, channels },
            element,
            zero: if element == Element::Int8 { -128 } else { 0 },
            offset,
        };
        let tensors = [
            tensor(SIDE, SIDE, 1, Element::Int8, 0),
            tensor(half, half, CHANNELS, Element::Int8, 256),
            tensor(half, half, CHANNELS, Element::Int8, 512),
            tensor(1, 1, DIMENSION, Element::Int32, 768 + self.more_memory),
        ];
        let three = Window { kernel: Size::square(3), padding: Size::square(1), ..Window::POINT };
        let layers = [(Window { stride: Size::square(2), ..three }, 1), (three, CHANNELS), (Window::WHOLE, 1)];
        let constants: Vec<Vec<u8>> = (layers.iter().zip(tensors.windows(2)))
            .map(|((window, groups), between)| self.constants(window, *groups, between))
            .collect::<Result<_>>()?;
        let table = std::array::from_fn(|byte| byte as u8);
        let mut steps: Vec<_> = (0..3)
            .map(|index| {
                let (window, groups) = layers[index];
                let layout = self.layout_of(groups);
                let operator =
                    Operator::Convolution { window, groups, layout, shift: 0, drop: 0, constants: &constants[index] };
                Step { operator, inputs: [index as u16, Step::NO_INPUT], output: index as u16 + 1 }
            })
            .collect();
        if self.has_table {
            let operator = Operator::Table { table: &table };
            steps.insert(1, Step { operator, inputs: [1, Step::NO_INPUT], output: 1 });
        }
        let contents = EncoderContents {
            digest,
            input_form: InputForm::Uint8 { tables: &[std::array::from_fn(|pixel| pixel as u8 ^ 0x80)] },
            sound: None,
            input: 0,
            output: 3,
            exponent: -8,
            tensors: &tensors,
            steps: &steps,
        };
        let mut bytes = vec![0; contents.encoded_len()];
        contents.encode(&mut bytes)?;
        Ok(bytes)
    }

    /// There are no singles by the channel.
    fn layout_of(&self, groups: usize) -> FilterLayout {
        if groups > 1 && self.layout == FilterLayout::Singles { FilterLayout::Pairs } else { self.layout }
    }

    fn constants(&self, window: &Window, groups: usize, between: &[Tensor]) -> Result<Vec<u8>> {
        let (input, output) = (between[0].extent, between[1].extent);
        let is_last = between[1].element == Element::Int32;
        let kernel = if is_last { Size::square(SIDE / 2) } else { window.kernel };
        let Window { stride, dilation, padding, .. } = *window;
        let shape =
            Shape::new(Sizes { input, output, kernel, stride, dilation, padding, groups }).context("its sizes")?;
        // A pixel of 255 with a typical sum of weights becomes some 200 steps.
        let multiplier = if is_last { 1 << 28 } else { (1 << 31) / (shape.depth() as i32 * 4) };
        made_up(shape, self.layout_of(groups), between[0].zero, multiplier)
    }

    /// What it makes of a picture.
    ///
    /// # Errors
    /// When it does not run.
    pub fn embedding(&self, who: Who, time: usize) -> Result<[f32; DIMENSION]> {
        let bytes = self.encode(ModelDigest::new([0; ModelDigest::BYTES]))?;
        let mut arena = Box::new(Arena::<{ 1 << 17 }>::new());
        let encoder = Encoder::<{ operators::ALL }>::new_checked(&bytes)?;
        let mut values = [0.0; DIMENSION];
        encoder.run(Sample::Uint8(&picture(who, time)), arena.bytes())?.copy_to(&mut values)?;
        Ok(values)
    }
}

/// Weights that have no pattern, and no bias but for the zero point.
fn made_up(shape: Shape, layout: FilterLayout, zero: i8, multiplier: i32) -> Result<Vec<u8>> {
    let outputs = shape.sizes().output.channels;
    let mut state = 12_345u32;
    let weights: Vec<i8> = (0..outputs * shape.depth())
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8 as i8 / 2
        })
        .collect();
    let sums = weights.chunks(shape.depth()).map(|row| row.iter().map(|weight| i32::from(*weight)).sum::<i32>());
    let biases: Vec<i32> = sums.map(|sum| i32::from(zero) * -sum).collect();
    let multipliers = vec![multiplier; outputs];
    let mut bytes = vec![0; Filter::bytes_of(&shape, layout).context("its layout")?];
    let constants = Constants { weights: &weights, biases: &biases, multipliers: &multipliers };
    pack(shape, layout, &constants, &mut bytes)?;
    Ok(bytes)
}

/// An encoder of sound, of 48 rows of 32 features, as a file of the host: squares of eight by eight, and one layer over all of them.
///
/// # Errors
/// When the core's writer refuses it.
pub fn sound() -> Result<Vec<u8>> {
    let [features, squares] =
        [Extent { height: 48, width: 32, channels: 1 }, Extent { height: 6, width: 4, channels: 12 }];
    let row = Extent { height: 1, width: 1, channels: DIMENSION };
    let whole = Size { height: squares.height, width: squares.width };
    let tensors = [
        Tensor { extent: features, element: Element::Int8, zero: 0, offset: 0 },
        Tensor { extent: squares, element: Element::Int8, zero: -128, offset: features.elements() },
        // In place of the features.
        Tensor { extent: row, element: Element::Int32, zero: 0, offset: 0 },
    ];
    let eight = Size::square(8);
    let point = Sizes {
        input: features,
        output: squares,
        kernel: eight,
        stride: eight,
        dilation: Size::square(1),
        padding: Size::square(0),
        groups: 1,
    };
    let layers = [
        (point, Window { kernel: eight, stride: eight, ..Window::POINT }, 1 << 24),
        (
            Sizes { input: squares, output: row, kernel: whole, stride: Size::square(1), ..point },
            Window::WHOLE,
            1 << 28,
        ),
    ];
    let layout = FilterLayout::Plain;
    let constants: Vec<Vec<u8>> = (layers.iter().zip(&tensors))
        .map(|((sizes, _, multiplier), input)| {
            made_up(Shape::new(*sizes).context("its sizes")?, layout, input.zero, *multiplier)
        })
        .collect::<Result<_>>()?;
    let steps: Vec<Step<'_>> = (layers.iter().zip(&constants).zip(0..))
        .map(|(((_, window, _), constants), index)| {
            let operator = Operator::Convolution { window: *window, groups: 1, layout, shift: 0, drop: 0, constants };
            Step { operator, inputs: [index, Step::NO_INPUT], output: index + 1 }
        })
        .collect();
    let contents = EncoderContents {
        digest: ModelDigest::new([0; ModelDigest::BYTES]),
        // From 12 octaves below a row's mean to 12 above to −128 to 127: 2¹⁴ · 10,923 · 2⁻³² is 1/24.
        input_form: InputForm::Int16 { offsets: &[0i32.to_le_bytes()], multipliers: &[10_923_i32.to_le_bytes()] },
        sound: Some(SoundForm {
            rate: 8000,
            window: 256,
            hop: 128,
            transform: 256,
            bands: 32,
            low: 60,
            high: 3900,
            relative: true,
            fit: Fit::Center,
        }),
        input: 0,
        output: 2,
        exponent: -8,
        tensors: &tensors,
        steps: &steps,
    };
    let mut bytes = vec![0; contents.encoded_len()];
    contents.encode(&mut bytes)?;
    // As the host has them: docs/bundle-format.md.
    let digest = *Sha256::digest(&bytes[36..]).first_chunk().context("it is longer")?;
    EncoderContents { digest: ModelDigest::new(digest), ..contents }.encode(&mut bytes)?;
    Ok(bytes)
}
