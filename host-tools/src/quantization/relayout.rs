//! An encoder with its convolutions' constants in the order that a core streams.

use cognate::encoder::{
    Constants, Element, Encoder, EncoderContents, EncoderError, Filter, FilterLayout, Operator, PackError, Shape, Size,
    Sizes, Step, Tensor, Window, WriteError, pack,
};
use std::fmt;

/// The same encoder, its constants in a layout; a layer that there is no such layout of takes the next that there is.
///
/// # Errors
/// [`RelayoutError`] when a device would refuse the encoder.
pub fn to_layout(bytes: &[u8], layout: FilterLayout) -> Result<Vec<u8>, RelayoutError> {
    let encoder = <Encoder<'_>>::new_checked(bytes).map_err(RelayoutError::Encoder)?;
    let tensors: Vec<Tensor> = encoder.tensors().collect();
    let steps: Vec<Step<'_>> = encoder.steps().collect();
    let constants: Vec<Option<(FilterLayout, Vec<u8>)>> =
        steps.iter().map(|step| step_in_layout(step, &tensors, layout)).collect::<Result<_, _>>()?;
    let steps: Vec<Step<'_>> =
        steps.iter().zip(&constants).map(|(step, packed)| with_constants(*step, packed.as_ref())).collect();
    let place = |wanted: &Tensor| tensors.iter().position(|tensor| tensor == wanted).unwrap_or_default() as u16;
    let contents = EncoderContents {
        digest: encoder.digest(),
        input_form: encoder.input_form(),
        sound: encoder.sound(),
        input: place(encoder.input()),
        output: steps.last().map_or(0, |step| step.output),
        exponent: encoder.exponent(),
        tensors: &tensors,
        steps: &steps,
    };
    let mut out = vec![0; contents.encoded_len()];
    contents.encode(&mut out).map_err(RelayoutError::Write)?;
    Ok(out)
}

/// The step with other constants, where there are such.
fn with_constants<'a>(step: Step<'a>, packed: Option<&'a (FilterLayout, Vec<u8>)>) -> Step<'a> {
    match (step.operator, packed) {
        (Operator::Convolution { window, groups, shift, drop, .. }, Some((layout, constants))) => {
            Step { operator: Operator::Convolution { window, groups, layout: *layout, shift, drop, constants }, ..step }
        }
        _ => step,
    }
}

/// The constants of a convolution in a layout, or the next that there is; `None` for what is no convolution.
fn step_in_layout(
    step: &Step<'_>,
    tensors: &[Tensor],
    layout: FilterLayout,
) -> Result<Option<(FilterLayout, Vec<u8>)>, RelayoutError> {
    let Operator::Convolution { layout: old, constants, .. } = step.operator else { return Ok(None) };
    let Some(shape) = shape_of(step, tensors) else { return Ok(None) };
    let wanted =
        if tensors[usize::from(step.inputs[0])].element == Element::Int8 { layout } else { FilterLayout::Plain };
    if old == wanted {
        return Ok(Some((old, constants.to_vec())));
    }
    let Some(filter) = Filter::new(shape, old, constants) else { return Ok(None) };
    let Sizes { output, kernel, .. } = *shape.sizes();
    let mut weights = Vec::with_capacity(output.channels * shape.depth());
    for channel in 0..output.channels {
        for (row, column) in (0..kernel.height).flat_map(|row| (0..kernel.width).map(move |column| (row, column))) {
            weights.extend((0..shape.group_inputs()).map(|input| filter.weight(channel, row, column, input)));
        }
    }
    let biases: Vec<i32> = (0..output.channels).map(|channel| filter.bias(channel)).collect();
    let multipliers: Vec<i32> = (0..output.channels).map(|channel| filter.multiplier(channel)).collect();
    let constants = Constants { weights: &weights, biases: &biases, multipliers: &multipliers };
    let mut refused = PackError::Layout;
    for layout in [wanted, FilterLayout::Singles, FilterLayout::Plain] {
        // Two channels a halfword is a matter of proof, one a halfword is not for every core.
        if layout == FilterLayout::Singles && wanted != FilterLayout::Pairs {
            continue;
        }
        match packed(shape, layout, &constants) {
            Ok(bytes) => return Ok(Some((layout, bytes))),
            Err(error) => refused = error,
        }
    }
    Err(RelayoutError::Pack(refused))
}

/// The constants of a convolution in a layout.
///
/// # Errors
/// [`PackError`] when there is no such layout of it, or its sums are too great for it.
pub fn packed(shape: Shape, layout: FilterLayout, constants: &Constants<'_>) -> Result<Vec<u8>, PackError> {
    let mut bytes = vec![0; Filter::bytes_of(&shape, layout).ok_or(PackError::Layout)?];
    pack(shape, layout, constants, &mut bytes)?;
    Ok(bytes)
}

/// What a convolution between its tensors looks like; `None` for what is none.
#[must_use]
pub fn shape_of(step: &Step<'_>, tensors: &[Tensor]) -> Option<Shape> {
    let Operator::Convolution { window, groups, .. } = step.operator else { return None };
    let (input, output) =
        (tensors.get(usize::from(step.inputs[0]))?.extent, tensors.get(usize::from(step.output))?.extent);
    let whole = Size { height: input.height, width: input.width };
    let kernel = if window == Window::WHOLE { whole } else { window.kernel };
    let Window { stride, dilation, padding, .. } = window;
    Shape::new(Sizes { input, output, kernel, stride, dilation, padding, groups })
}

/// Why an encoder cannot be laid out anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayoutError {
    /// It is none.
    Encoder(EncoderError),
    /// A layer whose constants do not fit.
    Pack(PackError),
    /// It cannot be written.
    Write(WriteError),
}

impl fmt::Display for RelayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoder(error) => error.fmt(f),
            Self::Pack(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RelayoutError {}
