//! Whether bytes are an encoder: every byte is taken for hostile.

use super::error::{EncoderError, StepError};
use super::format::{
    CRC_BEGIN, DIGEST, Entry, HEADER_BYTES, MAGIC, MOST, MOST_ARENA, NOTHING, VERSION, entry_of, sound_of, tensor_of,
};
use super::plan::{Operator, Plan, Step, Window, operators};
use super::sample::InputForm;
use super::tensor::{ALIGNMENT, Element, Tensor};
use super::{average_pool, convolution};
use crate::bundle::{checksum, read_u16, read_u32};
use crate::kernel::layers::{Extent, FilterLayout};
use crate::{MAX_DIMENSION, ModelDigest};

/// The most rows, columns or channels of a tensor.
const MOST_EXTENT: usize = 1 << 20;
/// The greatest factor of an addition.
const MOST_FACTOR: u32 = 1 << 21;
/// The greatest shift.
const MOST_SHIFT: u8 = 31;

/// A tensor that is none.
pub(super) const EMPTY: Tensor =
    Tensor { extent: Extent { height: 0, width: 0, channels: 0 }, element: Element::Int8, zero: 0, offset: 0 };

impl<'a> Plan<'a> {
    /// Checks a file and finds its parts.
    pub(super) fn new_checked(bytes: &'a [u8]) -> Result<Self, EncoderError> {
        check_header(bytes)?;
        let header = EncoderError::Header;
        let half = |at| read_u16(bytes, at).ok_or(header);
        let digest = bytes.get(DIGEST..).and_then(<[u8]>::first_chunk).ok_or(header)?;
        let counts = [half(36)?, half(38)?].map(usize::from);
        let &[form, exponent, 0, 0] = bytes.get(44..).and_then(<[u8]>::first_chunk).ok_or(header)? else {
            return Err(header);
        };
        let counted = counts.iter().all(|count| (1..=MOST).contains(count));
        if !counted {
            return Err(header);
        }
        let rest = bytes.get(HEADER_BYTES..).ok_or(header)?;
        let (tensors, rest) = split_entries(rest, counts[0]).ok_or(header)?;
        let (steps, rest) = split_entries(rest, counts[1]).ok_or(header)?;
        let tensor_bytes = check_tensors(tensors)?;
        let tensor = |at| tensors.get(usize::from(half(at)?)).and_then(|entry| tensor_of(entry)).ok_or(header);
        let (input, output) = (tensor(40)?, tensor(42)?);

        let mut behind = bytes.len() - rest.len();
        let mut constants = |at| {
            let place = [read_u32(bytes, at)?, read_u32(bytes, at + 4)?];
            next_constants(bytes, place, &mut behind)
        };
        let of_input = constants(48).ok_or(EncoderError::Input)?;
        let input_form = InputForm::new(form, of_input, &input).ok_or(EncoderError::Input)?;
        let sound = constants(56).ok_or(EncoderError::Input)?;
        let takes_features = matches!(input_form, InputForm::Int16 { .. });
        let is_of_features = || takes_features && sound_of(sound, input.extent.elements()).is_some();
        if !sound.is_empty() && !is_of_features() {
            return Err(EncoderError::Input);
        }
        let mut plan = Self {
            bytes,
            tensors,
            steps,
            input_form,
            sound,
            input,
            output,
            digest: ModelDigest::new(*digest),
            exponent: exponent.cast_signed(),
            tensor_bytes,
            scratch_bytes: 0,
        };
        for index in 0..steps.len() {
            let scratch = plan.check_step(index, &mut behind).map_err(|error| EncoderError::Step { index, error })?;
            plan.scratch_bytes = plan.scratch_bytes.max(scratch);
        }
        if behind != bytes.len() {
            return Err(EncoderError::LeftOver);
        }
        plan.check_output(half(42)?)?;
        Ok(plan)
    }

    /// The output is one row that the last step writes.
    fn check_output(&self, index: u16) -> Result<(), EncoderError> {
        let Extent { height, width, channels } = self.output.extent;
        let is_row = height == 1 && width == 1 && (1..=MAX_DIMENSION).contains(&channels);
        let last = self.steps.len().checked_sub(1).and_then(|last| self.step(last));
        let is_last = last.is_some_and(|step| step.output == index);
        let in_range = (-64..=64).contains(&self.exponent);
        if is_row && is_last && in_range && self.output.element == Element::Int32 {
            Ok(())
        } else {
            Err(EncoderError::Output)
        }
    }

    /// Checks a step by itself and against those before it; how much scratch it needs.
    fn check_step(&self, index: usize, behind: &mut usize) -> Result<usize, StepError> {
        let entry = self.steps.get(index).and_then(|entry| entry_of(entry)).ok_or(StepError::Number)?;
        if entry.operator >= OPERATORS {
            return Err(StepError::Operator { found: entry.operator });
        }
        let constants = next_constants(self.bytes, entry.constants, behind).ok_or(StepError::Constants)?;
        let step = entry.step(constants).ok_or_else(|| unreadable(&entry))?;
        let operands = self.operands(&step)?;
        for (name, tensor) in step.inputs.iter().zip([Some(operands.a), operands.b]) {
            if let Some(tensor) = tensor
                && *name != NOTHING
            {
                self.check_written(index, &tensor)?;
                let in_place = matches!(step.operator, Operator::Table { .. }) && tensor.is_in_place_of(&operands.out);
                if tensor.overlaps(&operands.out) && !in_place {
                    return Err(StepError::Overlap);
                }
            }
        }
        if operands.b.is_some_and(|b| b.overlaps(&operands.a)) {
            return Err(StepError::Overlap);
        }
        check_operator(&step.operator, &operands)
    }

    fn operands(&self, step: &Step<'_>) -> Result<Operands, StepError> {
        let tensor = |index| self.tensor(index).ok_or(StepError::Operand);
        let b = match (step.operator.takes_two(), step.inputs[1]) {
            (true, index) => Some(tensor(index)?),
            (false, NOTHING) => None,
            (false, _) => return Err(StepError::Operand),
        };
        Ok(Operands { a: tensor(step.inputs[0])?, b, out: tensor(step.output)? })
    }

    /// What a step reads is what the latest step before it that wrote there wrote, whole; or the sample.
    fn check_written(&self, index: usize, tensor: &Tensor) -> Result<(), StepError> {
        let before = self.steps.iter().take(index).rev().filter_map(|entry| self.tensor(entry_of(entry)?.output));
        let latest = before.chain([self.input]).find(|written| written.overlaps(tensor));
        let whole = latest.is_some_and(|written| written.is_in_place_of(tensor));
        if whole { Ok(()) } else { Err(StepError::Order) }
    }
}

/// How many operators there are.
const OPERATORS: u8 = 9;

/// Whether all that the plan uses is linked.
pub(super) fn require_linked(plan: &Plan<'_>, linked: u32) -> Result<(), EncoderError> {
    for index in 0..plan.steps.len() {
        let Some(step) = plan.step(index) else { continue };
        let operator = step.operator.number();
        let names = [step.inputs[0], step.inputs[1], step.output];
        let is_wide = names.iter().filter_map(|name| plan.tensor(*name)).any(|t| t.element == Element::Int16);
        if linked >> operator & 1 == 0 {
            return Err(EncoderError::Step { index, error: StepError::NotLinked { operator } });
        }
        if is_wide && linked & operators::INT16 == 0 {
            let operator = operators::INT16.trailing_zeros() as u8;
            return Err(EncoderError::Step { index, error: StepError::NotLinked { operator } });
        }
    }
    Ok(())
}

/// The tensors of a step.
struct Operands {
    a: Tensor,
    b: Option<Tensor>,
    out: Tensor,
}

fn check_header(bytes: &[u8]) -> Result<(), EncoderError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(EncoderError::NotAnEncoder);
    }
    let version = read_u16(bytes, 8).ok_or(EncoderError::Length { expected: HEADER_BYTES, found: bytes.len() })?;
    if version != VERSION {
        return Err(EncoderError::Version { found: version });
    }
    let expected = read_u32(bytes, 12).map_or(HEADER_BYTES, |length| length as usize);
    if expected != bytes.len() || expected < HEADER_BYTES {
        return Err(EncoderError::Length { expected: expected.max(HEADER_BYTES), found: bytes.len() });
    }
    if read_u16(bytes, 10) != Some(HEADER_BYTES as u16) {
        return Err(EncoderError::Header);
    }
    let body = bytes.get(CRC_BEGIN..).unwrap_or_default();
    if read_u32(bytes, 16) == Some(checksum(body)) { Ok(()) } else { Err(EncoderError::Checksum) }
}

/// So many entries from the front.
fn split_entries<const N: usize>(bytes: &[u8], count: usize) -> Option<(&[[u8; N]], &[u8])> {
    let (entries, rest) = bytes.split_at_checked(count.checked_mul(N)?)?;
    Some((entries.as_chunks().0, rest))
}

/// The bytes of the arena that tensors take.
fn check_tensors(entries: &[[u8; super::format::TENSOR_BYTES]]) -> Result<usize, EncoderError> {
    let mut bytes = 0usize;
    for (index, entry) in entries.iter().enumerate() {
        let error = EncoderError::Tensor { index };
        let tensor = tensor_of(entry).ok_or(error)?;
        let Extent { height, width, channels } = tensor.extent;
        let sizes = [height, width, channels].iter().all(|size| (1..=MOST_EXTENT).contains(size));
        let zero = tensor.element == Element::Int8 || tensor.zero == 0;
        if !sizes || !zero || !tensor.offset.is_multiple_of(ALIGNMENT) || tensor.end() > MOST_ARENA {
            return Err(error);
        }
        bytes = bytes.max(tensor.end());
    }
    Ok(bytes.next_multiple_of(ALIGNMENT))
}

/// Constants are at the next multiple of 16, with zeros before them; none are at 0.
fn next_constants<'a>(bytes: &'a [u8], [offset, length]: [u32; 2], behind: &mut usize) -> Option<&'a [u8]> {
    let (offset, length) = (offset as usize, length as usize);
    if length == 0 {
        return (offset == 0).then_some(&[]);
    }
    let gap = bytes.get(*behind..offset)?;
    let is_next = offset == behind.next_multiple_of(ALIGNMENT) && gap.iter().all(|byte| *byte == 0);
    let end = offset.checked_add(length)?;
    let constants = bytes.get(offset..end).filter(|_| is_next)?;
    *behind = end;
    Some(constants)
}

/// Why an entry is not a step.
fn unreadable(entry: &Entry) -> StepError {
    let blank = entry.constants[1] == 0;
    let takes_constants = matches!(entry.operator, 0..=2 | 4 | 7 | 8);
    if blank == takes_constants { StepError::Constants } else { StepError::Number }
}

/// Checks what the operator needs of its tensors; how much scratch it takes.
fn check_operator(operator: &Operator<'_>, operands: &Operands) -> Result<usize, StepError> {
    let Operands { a, out, .. } = operands;
    let b = operands.b.as_ref();
    let require = |holds: bool, error| if holds { Ok(()) } else { Err(error) };
    let same_numbers = || {
        let others = b.is_none_or(|b| b.element == a.element);
        require(a.element != Element::Int32 && out.element == a.element && others, StepError::Element)
    };
    let same_scale = || require(out.zero == a.zero && b.is_none_or(|b| b.zero == a.zero), StepError::Number);
    match *operator {
        Operator::Convolution { layout, shift, drop, .. } => {
            require(a.element != Element::Int32, StepError::Element)?;
            let is_wide = a.element == Element::Int16;
            require(!is_wide || layout == FilterLayout::Plain, StepError::Constants)?;
            require(shift <= MOST_SHIFT && drop <= MOST_SHIFT && (is_wide || drop == 0), StepError::Number)?;
            let shape = convolution::shape(operator, a, out).ok_or(StepError::Extent)?;
            convolution::filter(operator, shape).ok_or(StepError::Constants)?;
            return Ok(if is_wide { 0 } else { crate::kernel::layers::scratch_bytes(&shape, layout) });
        }
        Operator::Add { factors, shift } => {
            same_numbers()?;
            let small = factors.iter().all(|factor| factor.unsigned_abs() <= MOST_FACTOR);
            require(small && shift <= MOST_SHIFT, StepError::Number)?;
            require(is_elementwise(a, b, out), StepError::Extent)?;
        }
        Operator::Multiply { shift, .. } => {
            same_numbers()?;
            require(shift <= MOST_SHIFT, StepError::Number)?;
            require(is_elementwise(a, b, out), StepError::Extent)?;
        }
        Operator::MaxPool { window } => {
            same_numbers()?;
            same_scale()?;
            require(pools(&window, a, out), StepError::Extent)?;
        }
        Operator::AveragePool { window, counts_padding, shift, drop, multipliers } => {
            same_numbers()?;
            let wide = a.element == Element::Int16;
            require(shift <= MOST_SHIFT && drop <= MOST_SHIFT && (wide || drop == 0), StepError::Number)?;
            require(pools(&window, a, out), StepError::Extent)?;
            let most = average_pool::most_elements(&window, a);
            let enough = multipliers.len() == 1 || (!counts_padding && multipliers.len() == most);
            require(enough, StepError::Constants)?;
        }
        Operator::Pad { top, left } => {
            same_numbers()?;
            same_scale()?;
            let (from, to) = (a.extent, out.extent);
            let fits = from.height + top <= to.height && from.width + left <= to.width && from.channels == to.channels;
            require(fits, StepError::Extent)?;
        }
        Operator::Concatenate => {
            same_numbers()?;
            same_scale()?;
            let second = b.map_or(a.extent, |b| b.extent);
            let planes = [second, out.extent].iter().all(|e| e.height == a.extent.height && e.width == a.extent.width);
            let channels = a.extent.channels + second.channels == out.extent.channels;
            require(planes && channels, StepError::Extent)?;
        }
        Operator::Table { .. } => {
            require(a.element == Element::Int8 && out.element == Element::Int8, StepError::Element)?;
            require(a.extent == out.extent, StepError::Extent)?;
        }
        Operator::Scale { positive, negative, shift } => {
            require(a.element != Element::Int32, StepError::Element)?;
            require(shift <= MOST_SHIFT, StepError::Number)?;
            require(a.extent == out.extent, StepError::Extent)?;
            let one_each = positive.len() == 1 || positive.len() == a.extent.channels;
            require(one_each && (negative.is_empty() || negative.len() == positive.len()), StepError::Constants)?;
        }
    }
    Ok(0)
}

/// The output is as large as a, and b as large, or one element, or one a channel.
fn is_elementwise(a: &Tensor, b: Option<&Tensor>, out: &Tensor) -> bool {
    let broadcasts = |b: &Tensor| {
        let Extent { height, width, channels } = b.extent;
        b.extent == a.extent || (height == 1 && width == 1 && (channels == 1 || channels == a.extent.channels))
    };
    a.extent == out.extent && b.is_some_and(broadcasts)
}

/// Whether pooling goes from one to the other.
fn pools(window: &Window, a: &Tensor, out: &Tensor) -> bool {
    let pixel = out.extent.height == 1 && out.extent.width == 1;
    let is_whole = *window == Window::WHOLE;
    let sized = [window.kernel, window.stride].iter().all(|size| size.height > 0 && size.width > 0);
    let undilated = window.dilation.height == 1 && window.dilation.width == 1;
    a.extent.channels == out.extent.channels && ((is_whole && pixel) || (!is_whole && sized && undilated))
}
