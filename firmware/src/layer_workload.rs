//! What `src/bin/bench-layers.rs` finds in the bundle's region of flash: a layer, as its core streams it and as it is defined.

use cognate::kernel::layers::{Extent, Filter, FilterLayout, Shape, Size, Sizes};

/// A layer to be measured.
#[derive(Clone, Copy, Debug)]
pub struct LayerWorkload<'a> {
    /// Its constants in the layout that is measured.
    pub streamed: Filter<'a>,
    /// The same constants in the layout of the definition.
    pub plain: Filter<'a>,
    /// How often it is done.
    pub runs: u32,
}

/// Words before the constants.
const HEADER: usize = 16;

impl<'a> LayerWorkload<'a> {
    /// Bytes before the constants; those of the second layout begin at a multiple of 16.
    pub const HEADER_BYTES: usize = HEADER * 4;

    /// What comes before the constants.
    #[must_use]
    pub fn header(&self) -> [u8; HEADER * 4] {
        let Sizes { input, output, kernel, stride, padding, groups, .. } = *self.streamed.shape().sizes();
        let layout = FilterLayout::ALL.into_iter().position(|layout| layout == self.streamed.layout()).unwrap_or(0);
        let words = [
            self.runs as usize,
            layout,
            input.height,
            input.width,
            input.channels,
            output.height,
            output.width,
            output.channels,
            kernel.height,
            kernel.width,
            stride.height,
            stride.width,
            padding.height,
            padding.width,
            groups,
            0,
        ];
        let mut bytes = [0; HEADER * 4];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *place = (word as u32).to_le_bytes();
        }
        bytes
    }

    /// The layer at the beginning of a region; `None` when there is none.
    #[must_use]
    pub fn read(region: &'a [u8]) -> Option<Self> {
        let (header, rest) = region.split_first_chunk::<{ HEADER * 4 }>()?;
        let words: [[u8; 4]; HEADER] = header.as_chunks().0.try_into().ok()?;
        let [runs, layout, words @ ..] = words.map(|word| u32::from_le_bytes(word) as usize);
        let [height, width, channels, out_height, out_width, out_channels, words @ ..] = words;
        let [kernel_height, kernel_width, down, across, top, left, groups, _] = words;
        let shape = Shape::new(Sizes {
            input: Extent { height, width, channels },
            output: Extent { height: out_height, width: out_width, channels: out_channels },
            kernel: Size { height: kernel_height, width: kernel_width },
            stride: Size { height: down, width: across },
            dilation: Size::square(1),
            padding: Size { height: top, width: left },
            groups,
        })?;
        let layout = *FilterLayout::ALL.get(layout)?;
        let length = Filter::bytes_of(&shape, layout)?;
        let plain = Filter::bytes_of(&shape, FilterLayout::Plain)?;
        let streamed = Filter::new(shape, layout, rest.get(..length)?)?;
        let behind = length.next_multiple_of(16);
        let plain = Filter::new(shape, FilterLayout::Plain, rest.get(behind..behind + plain)?)?;
        Some(Self { streamed, plain, runs: runs as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cognate::kernel::layers::{Constants, pack};

    #[test]
    fn what_is_written_is_read() {
        let shape = Shape::dense(3, 2).unwrap();
        let constants = Constants { weights: &[1, 2, 3, 4, 5, 6], biases: &[7, 8], multipliers: &[9, 10] };
        let mut region = std::vec![0xa5; 200];
        let (mut streamed, mut plain) = ([0; 48], [0; 24]);
        let streamed = pack(shape, FilterLayout::Pairs, &constants, &mut streamed).unwrap();
        let plain = pack(shape, FilterLayout::Plain, &constants, &mut plain).unwrap();
        let workload = LayerWorkload { streamed, plain, runs: 12 };
        region[..64].copy_from_slice(&workload.header());
        region[64..112].copy_from_slice(streamed.bytes());
        region[112..136].copy_from_slice(plain.bytes());
        let read = LayerWorkload::read(&region).unwrap();
        assert_eq!((read.runs, read.streamed.shape(), read.streamed.layout()), (12, &shape, FilterLayout::Pairs));
        assert_eq!((read.streamed.weight(1, 0, 0, 2), read.plain.bias(1)), (6, 8));
        assert!(LayerWorkload::read(&region[..135]).is_none(), "cut");
        assert!(LayerWorkload::read(&[0xff; 200]).is_none(), "erased flash");
        assert!(LayerWorkload::read(&[]).is_none());
    }
}
