//! Memory for a run.

/// So many bytes at an address that every element can be loaded from.
///
/// [`Encoder::arena_bytes`](super::Encoder::arena_bytes) says how many an encoder needs.
#[derive(Clone, Debug)]
#[repr(align(16))]
pub struct Arena<const N: usize>([u8; N]);

impl<const N: usize> Arena<N> {
    /// Zeros; nothing depends on what is in it before a run.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; N])
    }

    /// The bytes.
    pub const fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const N: usize> Default for Arena<N> {
    fn default() -> Self {
        Self::new()
    }
}
