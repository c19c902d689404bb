//! Signed bundles: a device uses one only when every byte of it comes from whoever has the signing key, and none that is
//! older than one that it has used.
//!
//! A signed bundle is a bundle with a trailer behind it (`docs/bundle-format.md`): a version, the id of the key, the SHA-256
//! of every byte before the trailer, and an Ed25519 signature (RFC 8032) of all that. The firmware pins the [`PublicKey`];
//! [`SignedBundle::new_checked`] is the only way to a [`SignedBundle`]. [`Slots`] keeps two of them in flash, so that an
//! update that fails or is cut leaves the one in use as it was.

mod error;
mod slots;

pub use error::SignatureError;
pub use slots::{Slot, Slots, SlotsError};

use crate::bundle::{ALIGNMENT, BundleView, declared};
use core::fmt;
use ed25519_compact::{PublicKey as Key, Signature};
use hmac_sha256::Hash;

/// What a trailer begins with: `COGSIGN` and a byte that a text transfer would have changed.
const MAGIC: [u8; 8] = *b"COGSIGN\x1a";

/// The version of the trailer that this crate reads and writes.
pub const TRAILER_VERSION: u16 = 1;

/// Bytes of a trailer before its signature, which is of them.
pub const TRAILER_HEAD_BYTES: usize = 64;

/// Bytes of a trailer.
pub const TRAILER_BYTES: usize = TRAILER_HEAD_BYTES + Signature::BYTES;

/// Which of several bundles is newer: 1 and up, given when it is signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BundleVersion(u32);

impl BundleVersion {
    /// Before every version.
    pub const NONE: Self = Self(0);

    /// The version with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The least that is newer; `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl fmt::Display for BundleVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What tells keys apart: the first eight bytes of a public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeyId([u8; KeyId::BYTES]);

impl KeyId {
    /// Bytes of an id.
    pub const BYTES: usize = 8;
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key that a firmware pins: whatever it verifies is from whoever has the other half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey([u8; PublicKey::BYTES]);

impl PublicKey {
    /// Bytes of a public key.
    pub const BYTES: usize = Key::BYTES;

    /// The key with these bytes, as `cognate keygen` prints them. Bytes that are no point of the curve verify nothing.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// What tells it apart from other keys.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(self.0.first_chunk().copied().unwrap_or_default())
    }

    /// Whether this signature of a message was made with the other half of the key (RFC 8032, Ed25519). Signatures with an S
    /// beyond the group's order, and keys and points of small order, verify nothing.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; Signature::BYTES]) -> bool {
        Key::new(self.0).verify(message, &Signature::new(*signature)).is_ok()
    }
}

/// Where the trailer of a bundle of this length begins.
#[must_use]
pub const fn trailer_offset(bundle_bytes: usize) -> usize {
    bundle_bytes.next_multiple_of(ALIGNMENT)
}

/// A trailer but for its signature, which is of this. `bundle` is filled up with zeros to [`trailer_offset`].
///
/// The digest is what the signature covers the bundle by: SHA-256 takes a quarter of the instructions that the SHA-512
/// within Ed25519 does on a Cortex-M, which has no words of 64 bits.
#[must_use]
pub fn trailer_head(bundle: &[u8], version: BundleVersion, key: KeyId) -> [u8; TRAILER_HEAD_BYTES] {
    let mut head = [0; TRAILER_HEAD_BYTES];
    put(&mut head, 0, &MAGIC);
    put(&mut head, 8, &TRAILER_VERSION.to_le_bytes());
    put(&mut head, 12, &version.0.to_le_bytes());
    put(&mut head, 16, &key.0);
    put(&mut head, 32, &Hash::hash(bundle));
    head
}

/// One function for all parts: it is smaller than a chain of them.
#[inline(never)]
fn put(head: &mut [u8; TRAILER_HEAD_BYTES], at: usize, part: &[u8]) {
    head.iter_mut().skip(at).zip(part).for_each(|(place, byte)| *place = *byte);
}

/// A bundle that was signed with the pinned key, is not older than it may be, and was checked from end to end.
#[derive(Clone, Copy, Debug)]
pub struct SignedBundle<'a> {
    view: BundleView<'a>,
    version: BundleVersion,
    len: usize,
}

impl<'a> SignedBundle<'a> {
    /// Checks the version, the signature, and then the bundle. `bytes` may go on after the trailer, as a flash region does.
    ///
    /// # Errors
    /// [`SignatureError`] says what is wrong; any byte may be hostile.
    pub fn new_checked(bytes: &'a [u8], key: &PublicKey, least: BundleVersion) -> Result<Self, SignatureError> {
        let (bundle, trailer) = find_trailer(bytes)?;
        let (head, signature) = trailer.split_first_chunk().ok_or(SignatureError::NotSigned)?;
        let version = Self::check_head(head, key)?;
        // What is too old is not used, whoever signed it: that costs nothing to see.
        if version < least {
            return Err(SignatureError::TooOld { least, found: version });
        }
        let signature = signature.first_chunk().ok_or(SignatureError::NotSigned)?;
        // Everything in the head is known: nothing is left to say two things at once.
        if *head != trailer_head(bundle, version, key.id()) || !key.verifies(head, signature) {
            return Err(SignatureError::Forged);
        }
        // The length that the trailer was found by is now known to be the signer's.
        let view = BundleView::new_checked(bytes).map_err(SignatureError::Bundle)?;
        Ok(Self { view, version, len: trailer_offset(view.len()) + TRAILER_BYTES })
    }

    /// The version that a head claims, and nobody has vouched for yet.
    fn check_head(head: &[u8; TRAILER_HEAD_BYTES], key: &PublicKey) -> Result<BundleVersion, SignatureError> {
        let claimed = claim(head).ok_or(SignatureError::NotSigned)?;
        if claimed.key != key.id() {
            return Err(SignatureError::OtherKey { expected: key.id(), found: claimed.key });
        }
        if claimed.trailer_version != TRAILER_VERSION || claimed.version == BundleVersion::NONE {
            return Err(SignatureError::Trailer);
        }
        Ok(claimed.version)
    }

    /// The bundle.
    #[must_use]
    pub const fn view(&self) -> &BundleView<'a> {
        &self.view
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> BundleVersion {
        self.version
    }

    /// Bytes of bundle and trailer.
    #[expect(clippy::len_without_is_empty, reason = "a bundle is never empty")]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }
}

/// What a trailer says of itself. It proves nothing: to show what a file is, or to tell what to look for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Claim {
    /// The version of the trailer.
    pub trailer_version: u16,
    /// The version.
    pub version: BundleVersion,
    /// The key.
    pub key: KeyId,
}

/// What the trailer behind a bundle says of itself; `None` where there is none.
#[must_use]
pub fn claimed(bytes: &[u8]) -> Option<Claim> {
    find_trailer(bytes).ok().and_then(|(_, trailer)| claim(trailer.first_chunk()?))
}

fn claim(head: &[u8; TRAILER_HEAD_BYTES]) -> Option<Claim> {
    let rest = head.strip_prefix(&MAGIC)?;
    let (trailer_version, rest) = rest.split_first_chunk()?;
    let (version, rest) = rest.get(2..)?.split_first_chunk()?;
    Some(Claim {
        trailer_version: u16::from_le_bytes(*trailer_version),
        version: BundleVersion(u32::from_le_bytes(*version)),
        key: KeyId(*rest.first_chunk()?),
    })
}

/// The bundle, filled up to where its trailer begins, and the trailer.
fn find_trailer(bytes: &[u8]) -> Result<(&[u8], &[u8; TRAILER_BYTES]), SignatureError> {
    let bundle = declared(bytes).map_err(SignatureError::Bundle)?;
    let (bundle, rest) = bytes.split_at_checked(trailer_offset(bundle.len())).ok_or(SignatureError::NotSigned)?;
    rest.first_chunk().map(|trailer| (bundle, trailer)).ok_or(SignatureError::NotSigned)
}
