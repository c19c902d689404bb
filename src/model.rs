//! Which encoder an embedding came from.

use core::fmt;
use core::str::FromStr;

/// The identity of an encoder: the first 16 bytes of the SHA-256 of its file and its preprocessing.
///
/// Templates of different encoders have nothing in common, and a score between them means nothing. So a template, a
/// gallery and a bundle each carry the digest, and everything that compares them returns an error on a mismatch.
///
/// It is written and read as 32 hexadecimal digits:
///
/// ```
/// use cognate::{ModelDigest, model::ParseDigestError};
/// let digest: ModelDigest = "0edf799a63f5d438dd470a9c48ecc0a2".parse()?;
/// assert_eq!(digest.as_bytes()[..2], [0x0e, 0xdf]);
/// assert_eq!(digest.to_string(), "0edf799a63f5d438dd470a9c48ecc0a2");
/// for text in ["", "0e", "zedf799a63f5d438dd470a9c48ecc0a2", "+edf799a63f5d438dd470a9c48ecc0a2"] {
///     assert_eq!(text.parse::<ModelDigest>(), Err(ParseDigestError));
/// }
/// # Ok::<(), ParseDigestError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(align(4))] // for `is`
pub struct ModelDigest([u8; ModelDigest::BYTES]);

impl ModelDigest {
    /// Bytes of a digest.
    pub const BYTES: usize = 16;

    /// The digest with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Equality by words: every comparison of two templates begins with it, and for `==` a Cortex-M calls `memcmp`.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let pairs = self.0.as_chunks().0.iter().zip(other.0.as_chunks().0);
        let differences = pairs.map(|(a, b)| u32::from_ne_bytes(*a) ^ u32::from_ne_bytes(*b));
        differences.fold(0, |all, difference| all | difference) == 0
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

impl FromStr for ModelDigest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        // The number's own parser would also take a sign, and fewer digits.
        if text.len() != 2 * Self::BYTES || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(ParseDigestError);
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| ParseDigestError)
    }
}

/// A text is not a model's digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseDigestError;

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a model's digest has 32 hexadecimal digits: copy it whole from `cognate inspect`")
    }
}

impl core::error::Error for ParseDigestError {}
