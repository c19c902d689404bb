//! The numbers that the check and the writer share (`docs/bundle-format.md`).

use super::plan::{Operator, Step, Window};
use super::tensor::{Element, Tensor};
use crate::bundle::{read_u16, read_u32};
use crate::frontend::{Fit, SoundForm};
use crate::kernel::layers::{Extent, FilterLayout, Size};

/// The version of the format that this crate reads and writes.
pub const VERSION: u16 = 1;

/// `COGNENC` and a byte that a text transfer would have changed.
pub(super) const MAGIC: [u8; 8] = *b"COGNENC\x1a";

pub(super) const HEADER_BYTES: usize = 64;
pub(super) const TENSOR_BYTES: usize = 20;
pub(super) const STEP_BYTES: usize = 32;
pub(super) const SOUND_BYTES: usize = 24;

/// The CRC covers the file from here on.
pub(super) const CRC_BEGIN: usize = 20;
/// Where the model's digest is.
pub(super) const DIGEST: usize = 20;

/// The most tensors, and the most steps.
pub(super) const MOST: usize = 1024;
/// The most bytes of an arena.
pub(super) const MOST_ARENA: usize = 1 << 30;

/// The kind of features of a sound; there is no other.
const LOG_MEL: u8 = 1;

/// The operand that is not there.
pub(super) const NOTHING: u16 = u16::MAX;

/// A tensor's entry.
pub(super) fn tensor_of(entry: &[u8]) -> Option<Tensor> {
    let size = |at| Some(read_u32(entry, at)? as usize);
    let extent = Extent { height: size(4)?, width: size(8)?, channels: size(12)? };
    let &[element, zero, 0, 0] = entry.get(16..)?.first_chunk()? else { return None };
    let element = match element {
        0 => Element::Int8,
        1 => Element::Int16,
        2 => Element::Int32,
        _ => return None,
    };
    Some(Tensor { extent, element, zero: zero.cast_signed(), offset: size(0)? })
}

pub(super) fn tensor_entry(tensor: &Tensor) -> Option<[u8; TENSOR_BYTES]> {
    let Extent { height, width, channels } = tensor.extent;
    let mut entry = [0; TENSOR_BYTES];
    for (place, value) in entry.as_chunks_mut::<4>().0.iter_mut().zip([tensor.offset, height, width, channels]) {
        *place = u32::try_from(value).ok()?.to_le_bytes();
    }
    let element = match tensor.element {
        Element::Int8 => 0,
        Element::Int16 => 1,
        Element::Int32 => 2,
    };
    *entry.last_chunk_mut::<4>()? = [element, tensor.zero.cast_unsigned(), 0, 0];
    Some(entry)
}

/// The sound that samples of so many elements are features of.
pub(super) fn sound_of(bytes: &[u8], elements: usize) -> Option<SoundForm> {
    let half = |at| read_u16(bytes, at).map(usize::from);
    let &[LOG_MEL, fit, relative @ (0 | 1), 0] = bytes.first_chunk()? else { return None };
    let form = SoundForm {
        rate: read_u32(bytes, 12)?,
        window: half(4)?,
        hop: half(6)?,
        transform: half(8)?,
        bands: half(10)?,
        low: read_u32(bytes, 16)?,
        high: read_u32(bytes, 20)?,
        relative: relative == 1,
        fit: match fit {
            0 => Fit::Exact,
            1 => Fit::Start,
            2 => Fit::Center,
            _ => return None,
        },
    };
    let is_transform = form.window >= 2 && form.window <= form.transform && form.transform.is_power_of_two();
    let is_hop = (1..=form.window).contains(&form.hop);
    let are_rows = (1..=256).contains(&form.bands) && elements.checked_rem(form.bands) == Some(0);
    let is_range = form.low < form.high && form.high <= form.rate / 2;
    (bytes.len() == SOUND_BYTES && is_transform && is_hop && are_rows && is_range).then_some(form)
}

pub(super) fn sound_entry(form: &SoundForm) -> Option<[u8; SOUND_BYTES]> {
    let fit = match form.fit {
        Fit::Exact => 0,
        Fit::Start => 1,
        Fit::Center => 2,
    };
    let mut entry = [0; SOUND_BYTES];
    let (kind, rest) = entry.split_first_chunk_mut::<4>()?;
    *kind = [LOG_MEL, fit, u8::from(form.relative), 0];
    let (sizes, words) = rest.split_first_chunk_mut::<8>()?;
    for (place, size) in sizes.as_chunks_mut().0.iter_mut().zip([form.window, form.hop, form.transform, form.bands]) {
        *place = u16::try_from(size).ok()?.to_le_bytes();
    }
    for (place, word) in words.as_chunks_mut().0.iter_mut().zip([form.rate, form.low, form.high]) {
        *place = word.to_le_bytes();
    }
    Some(entry)
}

/// What an entry says of a step before its constants are looked at.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) operator: u8,
    pub(super) mode: u8,
    pub(super) inputs: [u16; 2],
    pub(super) output: u16,
    pub(super) window: Window,
    pub(super) groups: u32,
    pub(super) constants: [u32; 2],
    pub(super) shift: u8,
    pub(super) drop: u8,
}

pub(super) fn entry_of(bytes: &[u8]) -> Option<Entry> {
    let window = bytes.get(8..16)?;
    let size = |at: usize| {
        let &[height, width] = window.get(at..)?.first_chunk()?;
        Some(Size { height: usize::from(height), width: usize::from(width) })
    };
    let &[operator, mode] = bytes.first_chunk()?;
    let &[shift, drop, 0, 0] = bytes.get(28..)?.first_chunk()? else { return None };
    Some(Entry {
        operator,
        mode,
        inputs: [read_u16(bytes, 2)?, read_u16(bytes, 4)?],
        output: read_u16(bytes, 6)?,
        window: Window { kernel: size(0)?, stride: size(2)?, dilation: size(4)?, padding: size(6)? },
        groups: read_u32(bytes, 16)?,
        constants: [read_u32(bytes, 20)?, read_u32(bytes, 24)?],
        shift,
        drop,
    })
}

impl Entry {
    /// The step, with its constants; `None` for an operator that is not known, or constants or numbers that it does not have.
    pub(super) fn step<'a>(&self, constants: &'a [u8]) -> Option<Step<'a>> {
        let window = self.window;
        let operator = match self.operator {
            0 => Operator::Convolution {
                window,
                groups: self.groups as usize,
                layout: layout_of(self.mode)?,
                shift: self.shift,
                drop: self.drop,
                constants,
            },
            1 => {
                let (words, []) = constants.as_chunks::<4>() else { return None };
                let &[a, b] = words else { return None };
                Operator::Add { factors: [i32::from_le_bytes(a), i32::from_le_bytes(b)], shift: self.shift }
            }
            2 => {
                let &[multiplier] = constants.as_chunks::<4>().0 else { return None };
                Operator::Multiply { multiplier: i32::from_le_bytes(multiplier), shift: self.shift }
            }
            3 => Operator::MaxPool { window },
            4 => Operator::AveragePool {
                window,
                counts_padding: self.mode == 1,
                shift: self.shift,
                drop: self.drop,
                multipliers: words_of(constants)?,
            },
            5 => Operator::Pad { top: window.padding.height, left: window.padding.width },
            6 => Operator::Concatenate,
            7 => Operator::Table { table: constants.try_into().ok()? },
            8 => {
                let words = words_of(constants)?;
                let (positive, negative) =
                    if self.mode == 1 { words.split_at_checked(words.len() / 2)? } else { (words, &[][..]) };
                Operator::Scale { positive, negative, shift: self.shift }
            }
            _ => return None,
        };
        let step = Step { operator, inputs: self.inputs, output: self.output };
        // Numbers that the operator does not have are zero.
        let same = step.entry(self.constants)?.iter().eq(self.bytes()?.iter());
        same.then_some(step)
    }

    pub(super) fn bytes(&self) -> Option<[u8; STEP_BYTES]> {
        let mut bytes = [0; STEP_BYTES];
        let (place, rest) = bytes.split_first_chunk_mut::<2>()?;
        *place = [self.operator, self.mode];
        let (operands, rest) = rest.split_first_chunk_mut::<6>()?;
        let names = [self.inputs[0], self.inputs[1], self.output];
        operands.as_chunks_mut::<2>().0.iter_mut().zip(names).for_each(|(place, name)| *place = name.to_le_bytes());
        let (window, rest) = rest.split_first_chunk_mut::<8>()?;
        let Window { kernel, stride, dilation, padding } = self.window;
        for (place, size) in window.as_chunks_mut::<2>().0.iter_mut().zip([kernel, stride, dilation, padding]) {
            *place = [u8::try_from(size.height).ok()?, u8::try_from(size.width).ok()?];
        }
        let (numbers, rest) = rest.split_first_chunk_mut::<12>()?;
        let words = [self.groups, self.constants[0], self.constants[1]];
        numbers.as_chunks_mut::<4>().0.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_le_bytes());
        *rest.first_chunk_mut::<2>()? = [self.shift, self.drop];
        Some(bytes)
    }
}

impl Step<'_> {
    /// Its entry, with where its constants are and how long they are; `None` for what an entry cannot say.
    pub(super) fn entry(&self, constants: [u32; 2]) -> Option<[u8; STEP_BYTES]> {
        let blank = Entry {
            operator: self.operator.number(),
            mode: 0,
            inputs: self.inputs,
            output: self.output,
            window: Window::NONE,
            groups: 0,
            constants,
            shift: 0,
            drop: 0,
        };
        let entry = match self.operator {
            Operator::Convolution { window, groups, layout, shift, drop, .. } => {
                let groups = u32::try_from(groups).ok()?;
                Entry { mode: number_of_layout(layout), window, groups, shift, drop, ..blank }
            }
            Operator::Add { shift, .. } | Operator::Multiply { shift, .. } => Entry { shift, ..blank },
            Operator::MaxPool { window } => Entry { window, ..blank },
            Operator::AveragePool { window, counts_padding, shift, drop, .. } => {
                Entry { mode: u8::from(counts_padding), window, shift, drop, ..blank }
            }
            Operator::Pad { top, left } => {
                Entry { window: Window { padding: Size { height: top, width: left }, ..Window::NONE }, ..blank }
            }
            Operator::Concatenate | Operator::Table { .. } => blank,
            Operator::Scale { negative, shift, .. } => Entry { mode: u8::from(!negative.is_empty()), shift, ..blank },
        };
        entry.bytes()
    }
}

fn words_of(bytes: &[u8]) -> Option<&[[u8; 4]]> {
    let (words, rest) = bytes.as_chunks();
    rest.is_empty().then_some(words)
}

const fn layout_of(number: u8) -> Option<FilterLayout> {
    match number {
        0 => Some(FilterLayout::Plain),
        1 => Some(FilterLayout::Pairs),
        2 => Some(FilterLayout::Singles),
        3 => Some(FilterLayout::Lanes),
        _ => None,
    }
}

const fn number_of_layout(layout: FilterLayout) -> u8 {
    match layout {
        FilterLayout::Plain => 0,
        FilterLayout::Pairs => 1,
        FilterLayout::Singles => 2,
        FilterLayout::Lanes => 3,
    }
}
