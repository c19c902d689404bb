//! Which encoder an embedding came from.

use core::fmt;

/// The identity of an encoder: the first 16 bytes of the SHA-256 of its file and its preprocessing.
///
/// Templates of different encoders have nothing in common, and a score between them means nothing. So a template, a
/// gallery and a bundle each carry the digest, and everything that compares them returns an error on a mismatch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ModelDigest([u8; ModelDigest::BYTES]);

impl ModelDigest {
    /// Bytes of a digest.
    pub const BYTES: usize = 16;

    /// The digest with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes, as a bundle stores them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for ModelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
