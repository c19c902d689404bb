//! Sessions: both sides prove that they have the key, and nothing that was said before counts.

use super::{Key, VERSION};
use hmac_sha256::HMAC;

/// Bytes of a proof.
pub const TAG_BYTES: usize = 32;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 16;

/// A number that is used once: random, or from a counter that survives a reset.
pub type Nonce = [u8; NONCE_BYTES];

/// Who says something: a proof of the one is none of the other, so that nothing can be sent back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The host.
    Host,
    /// The device.
    Device,
}

/// What both sides derive from the key and a nonce of each.
#[derive(Clone, Copy)]
pub struct Session([u8; 32]);

impl Session {
    /// HMAC-SHA-256 (RFC 2104) of a name, the version and both nonces, by the key.
    #[must_use]
    pub fn new(key: &Key, host: &Nonce, device: &Nonce) -> Self {
        Self(hmac(&key.0, [b"cognate session", &[VERSION], host, device]))
    }

    /// The proof of a message: who says it, as the how manieth, and what.
    #[must_use]
    pub fn tag(&self, side: Side, counter: u32, message: &[u8]) -> [u8; TAG_BYTES] {
        let side = match side {
            Side::Host => 0,
            Side::Device => 1,
        };
        hmac(&self.0, [&[side], &counter.to_le_bytes(), message, &[]])
    }

    /// Whether this is the proof, in a time that does not depend on where the two differ.
    #[must_use]
    pub fn verifies(&self, side: Side, counter: u32, message: &[u8], tag: &[u8; TAG_BYTES]) -> bool {
        is_same(&self.tag(side, counter, message), tag)
    }
}

/// HMAC-SHA-256 of parts, one behind the other. In flash once, and the hash in it for slices alone, where it would be once for each
/// array's length.
#[inline(never)]
pub(super) fn hmac(key: &[u8; 32], parts: [&[u8]; 4]) -> [u8; TAG_BYTES] {
    let mut hmac = HMAC::new(&key[..]);
    parts.iter().for_each(|part| hmac.update(*part));
    hmac.finalize()
}

/// Whether two proofs are the same, in a time that does not depend on where they differ.
pub(super) fn is_same(a: &[u8; TAG_BYTES], b: &[u8; TAG_BYTES]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    core::hint::black_box(differences) == 0
}
