//! How the codes of templates lie in memory: each core streams them in an order of its own.

use super::STEP;
use core::fmt;
use core::ops::Range;

/// The order of the elements of several codes.
///
/// All but [`Layout::Rows`] need a dimension that is a multiple of [`STEP`]. They put some rows together as a block, and
/// blocks one after the other; rows that do not fill a block follow as plain rows. Every core reads every layout and gets
/// the same integers; how fast is another matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Layout {
    /// One row after the other: good on every core.
    Rows,
    /// Two rows a block, for the DSP instructions of Cortex-M4, M7 and M33. A halfword is 256·a + b, with a of the first
    /// row and b of the second; of four elements it is the order 0, 2, 1, 3.
    Pairs,
    /// Eight rows a block, for Helium on Cortex-M55: 16 elements of each row in turn.
    Lanes,
    /// Five rows a block, for cores without DSP instructions and norm-limited codes: a word of each row in turn, that is
    /// a + 65,536·b with two elements a and b. It takes twice the bytes.
    Halfwords,
}

impl Layout {
    /// All of them, in the order of their numbers in a bundle.
    pub const ALL: [Self; 4] = [Self::Rows, Self::Pairs, Self::Lanes, Self::Halfwords];

    /// What the core that is compiled for streams fastest at one byte an element.
    pub const NATIVE: Self = if cfg!(cognate_kernel = "helium") {
        Self::Lanes
    } else if cfg!(cognate_kernel = "dsp") {
        Self::Pairs
    } else {
        Self::Rows
    };

    /// Rows that the kernels of this core do at once, at the most.
    pub(super) const NATIVE_GROUP: usize = if cfg!(cognate_kernel = "helium") {
        Self::Lanes.block_rows()
    } else if cfg!(cognate_kernel = "dsp") {
        Self::Pairs.block_rows()
    } else if cfg!(cognate_kernel = "armv6m") {
        Self::Halfwords.block_rows()
    } else {
        1
    };

    /// Rows of a block.
    #[must_use]
    pub const fn block_rows(self) -> usize {
        match self {
            Self::Rows => 1,
            Self::Pairs => 2,
            Self::Lanes => 8,
            Self::Halfwords => 5,
        }
    }

    /// Bytes that an element of a block takes.
    #[must_use]
    pub const fn element_bytes(self) -> usize {
        match self {
            Self::Halfwords => 2,
            _ => 1,
        }
    }

    /// Whether codes of this dimension can lie so.
    #[must_use]
    pub const fn supports(self, dimension: usize) -> bool {
        matches!(self, Self::Rows) || dimension.is_multiple_of(STEP)
    }

    /// The element's byte in a block: of the halfword in [`Layout::Pairs`], of the word in [`Layout::Halfwords`].
    const fn offset(self, lane: usize, index: usize) -> usize {
        match self {
            Self::Rows => index,
            Self::Pairs => index / 4 * 8 + index % 2 * 4 + index % 4 / 2 * 2,
            Self::Lanes => (index / STEP * 8 + lane) * STEP + index % STEP,
            Self::Halfwords => (index / 2 * 5 + lane) * 4,
        }
    }

    /// An element of a block.
    pub(super) fn get(self, block: &[i8], lane: usize, index: usize) -> i8 {
        let bytes = |offset: usize| block.get(offset..).unwrap_or_default();
        let offset = self.offset(lane, index);
        match self {
            Self::Rows | Self::Lanes => bytes(offset).first().copied().unwrap_or_default(),
            Self::Pairs => bytes(offset).first_chunk().map_or(0, |half| unpack(*half)[1 - lane % 2]),
            Self::Halfwords => bytes(offset).first_chunk().map_or(0, |word| unpack_word(*word)[index % 2]),
        }
    }

    /// Writes a row into a block.
    fn put(self, block: &mut [i8], lane: usize, code: &[i8]) {
        match self {
            Self::Rows => block.iter_mut().zip(code).for_each(|(place, element)| *place = *element),
            Self::Lanes => {
                // Of a length that is known: otherwise, built for size, a function that divides by it and can panic stays.
                let groups = block.as_chunks_mut::<{ 8 * STEP }>().0.iter_mut();
                for (group, elements) in groups.zip(code.as_chunks::<STEP>().0) {
                    let places = group.iter_mut().skip(lane * STEP);
                    places.zip(elements).for_each(|(place, element)| *place = *element);
                }
            }
            Self::Pairs => {
                for (index, element) in code.iter().enumerate() {
                    let place = block.get_mut(self.offset(lane, index)..).and_then(<[i8]>::first_chunk_mut);
                    if let Some(half) = place {
                        let [low, high] = unpack(*half);
                        *half = if lane == 0 { pack(low, *element) } else { pack(*element, high) };
                    }
                }
            }
            Self::Halfwords => {
                for (index, [low, high]) in code.as_chunks::<2>().0.iter().enumerate() {
                    let place = block.get_mut(self.offset(lane, 2 * index)..).and_then(<[i8]>::first_chunk_mut);
                    if let Some(word) = place {
                        *word = pack_word(*low, *high);
                    }
                }
            }
        }
    }
}

/// The name that `cognate export` takes and `cognate list` shows.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rows => "rows",
            Self::Pairs => "pairs",
            Self::Lanes => "lanes",
            Self::Halfwords => "halfwords",
        })
    }
}

/// 256·high + low as the two bytes of a halfword: a negative low borrows from high.
const fn pack(low: i8, high: i8) -> [i8; 2] {
    [low, high.wrapping_sub((low < 0) as i8)]
}

const fn unpack([low, high]: [i8; 2]) -> [i8; 2] {
    [low, high.wrapping_add((low < 0) as i8)]
}

/// low + 65,536·high as the four bytes of a word.
const fn pack_word(low: i8, high: i8) -> [i8; 4] {
    let sign = -((low < 0) as i8);
    let above = high as i16 + sign as i16;
    let [third, fourth] = above.to_le_bytes();
    [low, sign, third.cast_signed(), fourth.cast_signed()]
}

const fn unpack_word([low, _, high, _]: [i8; 4]) -> [i8; 2] {
    [low, high.wrapping_add((low < 0) as i8)]
}

/// Where the rows of a number of codes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    pub(crate) layout: Layout,
    pub(crate) dimension: usize,
    /// Rows that there is room for.
    pub(crate) rows: usize,
}

/// Where a row lies.
pub(super) enum Place<T> {
    /// In a block, and its place there.
    Block(T, usize),
    /// By itself, behind the blocks.
    Plain(T),
}

impl Shape {
    /// `None` when codes of this dimension cannot lie so, or there would be too many bytes to count.
    pub(crate) const fn new(layout: Layout, dimension: usize, rows: usize) -> Option<Self> {
        let shape = Self { layout, dimension, rows };
        let most = dimension.checked_mul(layout.element_bytes());
        let countable = match most {
            Some(row_bytes) => row_bytes.checked_mul(rows).is_some(),
            None => false,
        };
        if layout.supports(dimension) && countable { Some(shape) } else { None }
    }

    /// Bytes of all rows.
    pub(crate) const fn bytes(&self) -> usize {
        self.blocked_rows() * self.dimension * self.layout.element_bytes()
            + (self.rows - self.blocked_rows()) * self.dimension
    }

    /// Rows that lie in blocks: the first ones. The others lie as they are, one after the other.
    pub(crate) const fn blocked_rows(&self) -> usize {
        match self.layout {
            Layout::Rows => 0,
            layout => self.rows - self.rows % layout.block_rows(),
        }
    }

    /// Bytes of a block.
    pub(crate) const fn block_bytes(&self) -> usize {
        self.layout.block_rows() * self.dimension * self.layout.element_bytes()
    }

    const fn place(&self, row: usize) -> Place<Range<usize>> {
        if row < self.blocked_rows() {
            let block = row / self.layout.block_rows();
            let start = block * self.block_bytes();
            Place::Block(start..start + self.block_bytes(), row - block * self.layout.block_rows())
        } else {
            let start = self.plain_offset(row);
            Place::Plain(start..start + self.dimension)
        }
    }

    /// Where a row begins that is not in a block.
    const fn plain_offset(&self, row: usize) -> usize {
        let blocked = self.blocked_rows();
        blocked * self.dimension * self.layout.element_bytes() + row.saturating_sub(blocked) * self.dimension
    }

    /// Writes the code of a row, and touches no other.
    pub(crate) fn put(&self, bytes: &mut [i8], row: usize, code: &[i8]) {
        let (layout, range, lane) = match self.place(row) {
            Place::Block(range, lane) => (self.layout, range, lane),
            Place::Plain(range) => (Layout::Rows, range, 0),
        };
        if let Some(block) = bytes.get_mut(range) {
            layout.put(block, lane, code);
        }
    }
}

/// Codes of templates, borrowed from RAM or flash.
#[derive(Clone, Copy, Debug)]
pub struct Codes<'a> {
    pub(super) shape: Shape,
    pub(super) bytes: &'a [i8],
}

impl<'a> Codes<'a> {
    /// `None` unless there are exactly the bytes that this many rows take.
    #[must_use]
    pub const fn new(layout: Layout, dimension: usize, rows: usize, bytes: &'a [i8]) -> Option<Self> {
        match Shape::new(layout, dimension, rows) {
            Some(shape) if bytes.len() == shape.bytes() => Some(Self { shape, bytes }),
            _ => None,
        }
    }

    /// Bytes that this many rows take; `None` when they cannot lie so, or there would be too many to count.
    #[must_use]
    pub const fn bytes_of(layout: Layout, dimension: usize, rows: usize) -> Option<usize> {
        match Shape::new(layout, dimension, rows) {
            Some(shape) => Some(shape.bytes()),
            None => None,
        }
    }

    /// Writes row after row into bytes of [`Codes::bytes_of`].
    pub fn write(layout: Layout, dimension: usize, rows: &[&[i8]], bytes: &mut [i8]) {
        let count = rows.len();
        rows.iter().enumerate().for_each(|(row, code)| Self::put(layout, dimension, count, row, code, bytes));
    }

    /// Writes the code of one of `rows` rows into bytes of [`Codes::bytes_of`], and touches no other.
    pub fn put(layout: Layout, dimension: usize, rows: usize, row: usize, code: &[i8], bytes: &mut [i8]) {
        if let Some(shape) = Shape::new(layout, dimension, rows)
            && row < rows
        {
            shape.put(bytes, row, code);
        }
    }

    /// How they lie.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.shape.layout
    }

    /// Elements of a row.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.shape.dimension
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.shape.rows
    }

    /// All bytes as they lie.
    #[must_use]
    pub const fn bytes(&self) -> &'a [i8] {
        self.bytes
    }

    /// The elements of a row, whatever the layout; none beyond the last row.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = i8> + Clone + use<'a> {
        let (layout, range, lane) = match self.shape.place(row) {
            Place::Block(range, lane) => (self.shape.layout, range, lane),
            Place::Plain(range) => (Layout::Rows, range, 0),
        };
        let block = if row < self.shape.rows { self.bytes.get(range).unwrap_or_default() } else { &[] };
        let elements = if block.is_empty() { 0 } else { self.shape.dimension };
        (0..elements).map(move |index| layout.get(block, lane, index))
    }

    /// A row that lies as it is: one of [`Layout::Rows`], or behind the blocks.
    pub(crate) fn plain_row(&self, row: usize) -> Option<&'a [i8]> {
        match self.place(row) {
            Place::Block(..) => None,
            Place::Plain(code) => Some(code),
        }
    }

    /// The bytes of the block that has a row, or of the row by itself.
    pub(super) fn place(&self, row: usize) -> Place<&'a [i8]> {
        match self.shape.place(row) {
            Place::Block(range, lane) => Place::Block(self.bytes.get(range).unwrap_or_default(), lane),
            Place::Plain(range) => Place::Plain(self.bytes.get(range).unwrap_or_default()),
        }
    }

    /// The rows from this one on that lie as they are, one after the other.
    pub(super) fn plain_rows(&self, row: usize) -> &'a [i8] {
        self.bytes.get(self.shape.plain_offset(row)..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    /// Every value of an element, in codes whose neighbors are of either sign.
    fn rows(dimension: usize, count: usize) -> Vec<Vec<i8>> {
        let element = |row: usize, index: usize| ((row * 37 + index * 101) % 255) as i32 - 127;
        (0..count).map(|row| (0..dimension).map(|index| element(row, index) as i8).collect()).collect()
    }

    #[test]
    fn what_is_put_is_read_whatever_the_layout_and_the_order() {
        for layout in Layout::ALL {
            for count in 0..20 {
                let rows = rows(48, count);
                let mut bytes = vec![0x55; Codes::bytes_of(layout, 48, count).unwrap()];
                let shape = Shape::new(layout, 48, count).unwrap();
                for row in (0..count).rev() {
                    shape.put(&mut bytes, row, &rows[row]);
                }
                let codes = Codes::new(layout, 48, count, &bytes).unwrap();
                for (row, code) in rows.iter().enumerate() {
                    assert_eq!(&codes.row(row).collect::<Vec<_>>(), code, "{layout:?}, row {row} of {count}");
                }
                assert_eq!(codes.row(count).len(), 0);
            }
        }
    }

    #[test]
    fn a_row_is_written_alone() {
        for layout in Layout::ALL {
            let old = rows(16, 17);
            let shape = Shape::new(layout, 16, 17).unwrap();
            let mut bytes = vec![0; shape.bytes()];
            old.iter().enumerate().for_each(|(row, code)| shape.put(&mut bytes, row, code));
            for changed in 0..17 {
                let mut bytes = bytes.clone();
                shape.put(&mut bytes, changed, &[-1; 16]);
                let codes = Codes::new(layout, 16, 17, &bytes).unwrap();
                for (row, code) in old.iter().enumerate() {
                    let expected = if row == changed { &[-1; 16][..] } else { code };
                    assert!(codes.row(row).eq(expected.iter().copied()), "{layout:?}: {changed} changed {row}");
                }
            }
        }
    }

    #[test]
    fn layouts_are_the_documented_ones() {
        let two = [[1i8, -2, 3, 4], [-5, 6, 7, -8]].map(|four| [four; 4].concat());
        let mut pairs = [0; 32];
        Codes::write(Layout::Pairs, 16, &[&two[0], &two[1]], &mut pairs);
        let halves: Vec<i16> =
            pairs.as_chunks().0.iter().map(|half| i16::from_le_bytes(half.map(i8::cast_unsigned))).collect();
        assert_eq!(halves[..4], [256 - 5, 256 * 3 + 7, -256 * 2 + 6, 256 * 4 - 8]);

        let five = [&two[0][..], &two[1], &two[0], &two[0], &two[1]];
        let mut halfwords = [0; 160];
        Codes::write(Layout::Halfwords, 16, &five, &mut halfwords);
        let words: Vec<i32> =
            halfwords.as_chunks().0.iter().map(|word| i32::from_le_bytes(word.map(i8::cast_unsigned))).collect();
        assert_eq!(words[..2], [1 - 2 * 65_536, -5 + 6 * 65_536]);
        assert_eq!(words[5..7], [3 + 4 * 65_536, 7 - 8 * 65_536]);

        let mut lanes = [0; 8 * 32];
        let eight = rows(32, 8);
        Codes::write(Layout::Lanes, 32, &eight.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut lanes);
        assert_eq!(lanes[..16], eight[0][..16]);
        assert_eq!(lanes[128 + 3 * 16..128 + 4 * 16], eight[3][16..]);
    }

    #[test]
    fn sizes_that_cannot_be_are_none() {
        assert_eq!(Codes::bytes_of(Layout::Pairs, 8, 2), None);
        assert_eq!(Codes::bytes_of(Layout::Rows, 1024, usize::MAX / 2), None);
        assert_eq!(Codes::bytes_of(Layout::Halfwords, 16, 6), Some(5 * 32 + 16));
        assert!(Codes::new(Layout::Rows, 3, 2, &[0; 7]).is_none());
    }
}
