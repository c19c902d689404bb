//! The filter plane: every code once more, coarsely, so that four multiply-accumulates are one instruction.
//!
//! Eight rows make a block. A halfword of it is 4096·a + b with the elements a and b, −7 to 7, of two rows; words of four such
//! pairs of rows take turns, two elements a word. With a probe as int16, Σ h·p = 4096·(a·p) + (b·p), and the two sums can be
//! told apart as long as |a·p| and |b·p| stay below 2048: that is for the caller to see to, as a search with a filter does.

use super::active;
use core::ops::Range;

/// Rows of a block.
pub const BLOCK: usize = 8;

/// The greatest magnitude of a coarse element.
pub const MOST: i8 = 7;

/// The greatest dimension that a filter plane is worth its bytes for: beyond it the probe becomes too coarse.
pub const DIMENSION: usize = 256;

/// The slack of a row whose coarse elements are off by its whole length.
pub const SLACK_ONE: u8 = 192;

/// Coarse rows, and how far each block's may be from the codes that they stand for.
#[derive(Clone, Copy, Debug)]
pub struct Coarse<'a> {
    /// Whole blocks of as many bytes as they have elements.
    bytes: &'a [i8],
    /// One a block: the greatest of its rows.
    slacks: &'a [u8],
}

impl<'a> Coarse<'a> {
    /// Blocks as [`put`] fills them, and a slack for each. What has only one of the two is never found.
    #[must_use]
    pub const fn new(bytes: &'a [i8], slacks: &'a [u8]) -> Self {
        Self { bytes, slacks }
    }

    /// The blocks.
    #[must_use]
    pub const fn bytes(&self) -> &'a [i8] {
        self.bytes
    }

    /// The slack of each block.
    #[must_use]
    pub const fn slacks(&self) -> &'a [u8] {
        self.slacks
    }
}

/// Which coarse sums are of interest: a row's is when it is at or above (level − slope · slack) / 2⁸, rounded down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bar {
    /// The least sum of interest of a row that is not off at all, in 256ths.
    pub level: i32,
    /// How much a unit of slack lowers it, in 256ths.
    pub slope: i32,
}

impl Bar {
    /// The least sum of interest, within the range that sums have.
    #[must_use]
    pub const fn least(&self, slack: u8) -> i32 {
        let least = self.level.wrapping_sub(self.slope.wrapping_mul(slack as i32)) >> 8;
        if least < -2048 {
            -2048
        } else if least > 2047 {
            2047
        } else {
            least
        }
    }
}

/// A block that has a row of interest, and the coarse sums of its rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoarseGroup {
    /// The block's number.
    pub block: usize,
    /// Of all its rows, those that are of no interest too.
    pub sums: [i32; BLOCK],
}

/// Writes the elements of a row, −[`MOST`] to [`MOST`], into its block of [`BLOCK`] times as many bytes; the other rows stay.
pub fn put(block: &mut [i8], lane: usize, elements: impl Iterator<Item = i8>) {
    for (index, element) in elements.enumerate() {
        let place = block.get_mut(offset(lane, index)..).and_then(<[i8]>::first_chunk_mut);
        if let Some(half) = place {
            let [first, second] = unpack(*half);
            let element = i16::from(element);
            *half = if lane.is_multiple_of(2) { pack(element, second) } else { pack(first, element) };
        }
    }
}

/// The byte of an element's halfword in a block.
const fn offset(lane: usize, index: usize) -> usize {
    index / 2 * 16 + lane / 2 * 4 + index % 2 * 2
}

/// An element of a block; of bytes of unknown origin it can be beyond ±[`MOST`].
#[must_use]
pub fn get(block: &[i8], lane: usize, index: usize) -> i16 {
    let half = block.get(offset(lane, index)..).and_then(<[i8]>::first_chunk);
    half.map_or(0, |half| unpack(*half)[lane % 2])
}

const fn pack(first: i16, second: i16) -> [i8; 2] {
    let [low, high] = (first << 12).wrapping_add(second).to_le_bytes();
    [low.cast_signed(), high.cast_signed()]
}

const fn unpack([low, high]: [i8; 2]) -> [i16; 2] {
    let half = i16::from_le_bytes([low.cast_unsigned(), high.cast_unsigned()]);
    let second = half << 4 >> 4;
    [half.wrapping_sub(second) >> 12, second]
}

/// The definition: the sums of a block's rows with a probe.
#[must_use]
pub fn sums(block: &[i8], probe: &[i16]) -> [i32; BLOCK] {
    core::array::from_fn(|lane| {
        let elements = (0..probe.len()).map(|index| i32::from(get(block, lane, index)));
        elements.zip(probe).fold(0i32, |sum, (element, lane)| sum.wrapping_add(element * i32::from(*lane)))
    })
}

/// The first block of the range with a row whose sum the bar lets pass, by the slack of its block. `None` when there is none,
/// or the range goes beyond the blocks.
#[must_use]
pub fn seek(coarse: &Coarse<'_>, probe: &[i16], bar: Bar, blocks: Range<usize>) -> Option<CoarseGroup> {
    let bytes = BLOCK * probe.len();
    if blocks.is_empty() || probe.is_empty() {
        return None;
    }
    let part = Coarse {
        bytes: coarse.bytes.get(blocks.start * bytes..blocks.end * bytes)?,
        slacks: coarse.slacks.get(blocks.clone())?,
    };
    let found = active::seek_coarse(&part, probe, bar)?;
    Some(CoarseGroup { block: blocks.start + found.block, ..found })
}

/// The definition of the search, over all blocks.
#[must_use]
pub fn seek_portable(coarse: &Coarse<'_>, probe: &[i16], bar: Bar) -> Option<CoarseGroup> {
    if probe.is_empty() {
        return None;
    }
    let mut rest = coarse.bytes;
    for (block, slack) in coarse.slacks.iter().enumerate() {
        let (bytes, behind) = rest.split_at_checked(BLOCK * probe.len())?;
        let (sums, least) = (sums(bytes, probe), bar.least(*slack));
        if sums.iter().any(|sum| *sum >= least) {
            return Some(CoarseGroup { block, sums });
        }
        rest = behind;
    }
    None
}
