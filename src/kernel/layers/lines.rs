//! Brings what windows see into runs of elements, which the kernels of a core take as dense layers.
//!
//! A line is what a row of windows sees: column by column, and of a column row by row. A window is then one run of it, the
//! next window begins a stride further on, and an element of the input is copied once for each row of a window instead of
//! once for each of its elements. Windows of one pixel without padding are runs of the input itself.

use super::super::active;
use super::{Blocks, Layer, Output, SLACK, Shape, Sizes, copy, every};

/// A row of windows: the first begins with the first of the elements, the next a step further on.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Line<'a> {
    /// As many as the last window needs with the zeros behind its weights, at least.
    pub elements: &'a [i8],
    /// Elements from a window to the next.
    pub step: usize,
    /// How many.
    pub windows: usize,
    /// Where the first output of the first window goes; those of the next window are a pixel further on.
    pub output: usize,
}

/// The constants of one group, and what goes with them.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Stream<'a> {
    /// Of the whole layer.
    pub layer: &'a Layer<'a>,
    /// How the blocks lie.
    pub blocks: Blocks,
    /// The blocks of the group.
    pub bytes: &'a [u8],
    /// The first output channel of the group.
    pub first: usize,
}

impl Line<'_> {
    /// The elements of a window, with what is multiplied with zeros behind them.
    pub(in super::super) fn window(&self, window: usize, depth: usize) -> Option<&[i8]> {
        self.elements.get(window * self.step..)?.get(..depth)
    }
}

/// Does a layer; `false` if the layout is no stream or the scratch too small.
pub(in super::super) fn convolve(layer: &Layer<'_>, input: &[i8], scratch: &mut [u8], output: &mut Output<'_>) -> bool {
    let shape = layer.filter.shape();
    let Some(blocks) = Blocks::of(shape, layer.filter.layout()) else { return false };
    if scratch.len() < super::scratch_bytes(shape, layer.filter.layout()) {
        return false;
    }
    let window = blocks.depth.next_multiple_of(16);
    let (_, words, _) = bytemuck::pod_align_to_mut::<u8, u32>(scratch);
    let Some((lanes, rest)) = words.split_at_mut_checked(window) else { return false };
    let Some((patches, line)) = bytemuck::must_cast_slice_mut::<u32, i8>(rest).split_at_mut_checked(2 * window) else {
        return false;
    };
    let mut room = Room { lanes, patches, line };
    let bytes = blocks.bytes * blocks.of_group;
    for group in 0..shape.sizes().groups {
        let Some(bytes) = layer.filter.bytes().get(group * bytes..(group + 1) * bytes) else { return false };
        let stream = Stream { layer, blocks, bytes, first: group * shape.group_outputs() };
        let group = Group { shape, stream, inputs: group * shape.group_inputs(), input };
        if group.is_direct() {
            group.direct(&mut room, output);
        } else if shape.dilates() {
            group.patches(&mut room, output, 0..shape.sizes().output.height * shape.sizes().output.width);
        } else {
            group.lines(&mut room, output);
        }
    }
    true
}

/// Scratch, divided.
struct Room<'a> {
    /// Two windows as a kernel may want them.
    lanes: &'a mut [u32],
    /// Two windows as they are.
    patches: &'a mut [i8],
    /// A line.
    line: &'a mut [i8],
}

struct Group<'a> {
    shape: &'a Shape,
    stream: Stream<'a>,
    /// The first input channel that it sees.
    inputs: usize,
    input: &'a [i8],
}

impl Group<'_> {
    /// Whether every window is a run of the input.
    const fn is_direct(&self) -> bool {
        let Sizes { input, output, kernel, stride, padding, .. } = *self.shape.sizes();
        kernel.height == 1
            && kernel.width == 1
            && padding.height == 0
            && padding.width == 0
            && (output.height - 1) * stride.height < input.height
            && (output.width - 1) * stride.width < input.width
    }

    fn direct(&self, room: &mut Room<'_>, output: &mut Output<'_>) {
        let Sizes { input, output: out, stride, .. } = *self.shape.sizes();
        let whole = stride.height == 1 && stride.width == 1 && input.width == out.width;
        let (rows, windows) = if whole { (1, out.height * out.width) } else { (out.height, out.width) };
        let (step, depth) = (stride.width * input.channels, self.stream.blocks.depth);
        for row in 0..rows {
            let start = row * stride.height * input.width * input.channels + self.inputs;
            let elements = self.input.get(start..).unwrap_or_default();
            // The last windows may be too near to the end for what is loaded beyond them.
            let room_for = elements.len().checked_sub(depth).map_or(0, |rest| rest.checked_div(step).unwrap_or(0) + 1);
            let (first, safe) = (row * windows, windows.min(room_for));
            let line = Line { elements, step, windows: safe, output: self.place(first) };
            active::convolve_line(&self.stream, &line, room.lanes, output);
            self.patches(room, output, first + safe..first + windows);
        }
    }

    fn lines(&self, room: &mut Room<'_>, output: &mut Output<'_>) {
        let Sizes { output: out, stride, kernel, .. } = *self.shape.sizes();
        let step = stride.width * kernel.height * self.shape.group_inputs();
        for row in 0..out.height {
            self.fill(row, room.line);
            let line = Line { elements: room.line, step, windows: out.width, output: self.place(row * out.width) };
            active::convolve_line(&self.stream, &line, room.lanes, output);
        }
    }

    /// Windows by themselves, two at a time.
    fn patches(&self, room: &mut Room<'_>, output: &mut Output<'_>, pixels: core::ops::Range<usize>) {
        let step = room.patches.len() / 2;
        for first in every(pixels.clone(), 2) {
            let windows = (pixels.end - first).min(2);
            // Not in chunks: when it optimizes for speed, the compiler keeps the panic of a length of 0.
            let (one, other) = room.patches.split_at_mut_checked(step).unwrap_or_default();
            let other = other.get_mut(..step).unwrap_or_default();
            for (pixel, patch) in (first..first + windows).zip([one, other]) {
                self.gather(pixel, patch);
            }
            let line = Line { elements: room.patches, step, windows, output: self.place(first) };
            active::convolve_line(&self.stream, &line, room.lanes, output);
        }
    }

    /// Where the group's first output of a pixel goes.
    const fn place(&self, pixel: usize) -> usize {
        pixel * self.shape.sizes().output.channels + self.stream.first
    }

    /// The line of a row of windows.
    fn fill(&self, row: usize, line: &mut [i8]) {
        let Sizes { input, kernel, padding, .. } = *self.shape.sizes();
        let inputs = self.shape.group_inputs();
        let columns = self.shape.line_columns();
        let step = kernel.height * inputs;
        let Some(line) = line.get_mut(..columns * step) else { return };
        let padded = padding.width.min(columns);
        let seen = input.width.min(columns - padded);
        let zero = self.stream.layer.input_zero;
        if padded > 0 || padded + seen < columns {
            line.get_mut(..padded * step).unwrap_or_default().fill(zero);
            line.get_mut((padded + seen) * step..).unwrap_or_default().fill(zero);
        }
        let Some(middle) = line.get_mut(padded * step..(padded + seen) * step) else { return };
        for tap in 0..kernel.height {
            let Some(places) = middle.get_mut(tap * inputs..) else { return };
            match self.shape.input_row(row, tap) {
                Some(row) => {
                    let start = row * input.width * input.channels + self.inputs;
                    let from = self.input.get(start..).unwrap_or_default();
                    active::interleave(from, input.channels, places, step, seen, inputs);
                }
                None => (0..seen).for_each(|nth| {
                    places.get_mut(nth * step..nth * step + inputs).unwrap_or_default().fill(zero);
                }),
            }
        }
    }

    /// What the window of a pixel sees, in the order of a line.
    fn gather(&self, pixel: usize, patch: &mut [i8]) {
        let Sizes { input, output, kernel, .. } = *self.shape.sizes();
        let (Some(row), Some(column)) = (pixel.checked_div(output.width), pixel.checked_rem(output.width)) else {
            return;
        };
        let inputs = self.shape.group_inputs();
        let taps = (0..kernel.width).flat_map(|column| (0..kernel.height).map(move |row| (row, column)));
        for ((tap_row, tap_column), place) in taps.zip(patch.chunks_exact_mut(inputs.max(1))) {
            let seen = self.shape.input_row(row, tap_row).zip(self.shape.input_column(column, tap_column));
            let seen = seen.and_then(|(row, column)| {
                let start = (row * input.width + column) * input.channels + self.inputs;
                self.input.get(start..start + inputs)
            });
            match seen {
                Some(seen) => copy(place, seen),
                None => place.fill(self.stream.layer.input_zero),
            }
        }
    }
}

/// All channels of each tap of a window; what is behind the last tap is multiplied with zeros.
pub(in super::super) fn gather_taps(layer: &Layer<'_>, input: &[i8], pixel: usize, places: &mut [i8], step: usize) {
    let shape = layer.filter.shape();
    let Sizes { input: extent, output, kernel, .. } = *shape.sizes();
    let (Some(row), Some(column)) = (pixel.checked_div(output.width), pixel.checked_rem(output.width)) else { return };
    let taps = (0..kernel.height).flat_map(|row| (0..kernel.width).map(move |column| (row, column)));
    for ((tap_row, tap_column), place) in taps.zip(places.chunks_exact_mut(step.max(1))) {
        let Some(place) = place.get_mut(..extent.channels) else { return };
        let seen = shape.input_row(row, tap_row).zip(shape.input_column(column, tap_column));
        let seen = seen.and_then(|(row, column)| {
            let start = (row * extent.width + column) * extent.channels;
            input.get(start..start + extent.channels)
        });
        match seen {
            Some(seen) => copy(place, seen),
            None => place.fill(layer.input_zero),
        }
    }
}

/// Copies pieces of `length` elements that are `from_step` apart to places that are `step` apart; there are `count` of them.
#[cfg(cognate_kernel = "dsp")]
pub(in super::super) fn interleave(
    from: &[i8],
    from_step: usize,
    places: &mut [i8],
    step: usize,
    count: usize,
    length: usize,
) {
    if from_step == length && step == length {
        if let (Some(from), Some(places)) = (from.get(..count * length), places.get_mut(..count * length)) {
            copy(places, from);
        }
        return;
    }
    // Not two iterators over chunks: built for size, their length is a function that can panic.
    for nth in 0..count {
        let place = places.get_mut(nth * step..nth * step + length);
        let (Some(from), Some(place)) = (from.get(nth * from_step..nth * from_step + length), place) else { return };
        copy(place, from);
    }
}

const _: () = assert!(SLACK >= 16, "a kernel loads sixteen elements at once");
