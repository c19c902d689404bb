//! What lies in the arena.

use crate::kernel::layers::Extent;
use bytemuck::Pod;

/// The type of a tensor's elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Element {
    /// A byte.
    Int8,
    /// Two bytes, where a byte loses too much; the zero point is 0.
    Int16,
    /// Four bytes: outputs alone; the zero point is 0.
    Int32,
}

/// A tensor and its place in the arena.
///
/// Two may have the same place: then a step reads as one shape what another wrote as another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tensor {
    /// Height, width and channels.
    pub extent: Extent,
    /// The type of its elements.
    pub element: Element,
    /// What stands for 0, and is padding.
    pub zero: i8,
    /// Where it begins in the arena, a multiple of 16 bytes.
    pub offset: usize,
}

/// Where each tensor begins is a multiple of this.
pub(super) const ALIGNMENT: usize = 16;

impl Element {
    /// Bytes of an element.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Int8 => 1,
            Self::Int16 => 2,
            Self::Int32 => 4,
        }
    }
}

impl Tensor {
    /// Its length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.extent.elements().saturating_mul(self.element.bytes())
    }

    /// The byte of the arena behind its last.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.offset.saturating_add(self.bytes())
    }

    pub(super) const fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }

    /// Whether it is the same bytes, as elements of the same type.
    pub(super) fn is_in_place_of(&self, other: &Self) -> bool {
        self.offset == other.offset
            && self.element == other.element
            && self.extent.elements() == other.extent.elements()
    }
}

/// What operators compute with: `i8` and `i16`.
pub(super) trait Number: Pod {
    /// The least there is.
    const LEAST: Self;
    /// Whether sums of two products need 64 bits.
    const WIDE: bool;
    fn wide(self) -> i32;
    fn saturated(value: i32) -> Self;
}

impl Number for i8 {
    const LEAST: Self = Self::MIN;
    const WIDE: bool = false;
    fn wide(self) -> i32 {
        i32::from(self)
    }
    fn saturated(value: i32) -> Self {
        value.clamp(i32::from(Self::MIN), i32::from(Self::MAX)) as Self
    }
}

impl Number for i16 {
    const LEAST: Self = Self::MIN;
    const WIDE: bool = true;
    fn wide(self) -> i32 {
        i32::from(self)
    }
    fn saturated(value: i32) -> Self {
        value.clamp(i32::from(Self::MIN), i32::from(Self::MAX)) as Self
    }
}

/// The numbers of bytes of the arena; none where they are not aligned or do not divide, which a checked file rules out.
pub(super) fn numbers<T: Pod>(bytes: &[u8]) -> &[T] {
    bytemuck::try_cast_slice(bytes).unwrap_or_default()
}

/// The same, to be written.
pub(super) fn numbers_mut<T: Pod>(bytes: &mut [u8]) -> &mut [T] {
    bytemuck::try_cast_slice_mut(bytes).unwrap_or_default()
}
