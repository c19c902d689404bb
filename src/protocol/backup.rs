//! Sealed backups: nobody without the key reads or changes one.
//!
//! HMAC-SHA-256 makes the stream that hides it (in counter mode, as NIST SP 800-108 derives keys) and the proof of it
//! (encrypt, then authenticate): a cipher of its own would cost a small device more flash than the rest of the protocol.

//!
//! What is sealed begins with [`MAGIC`], the model's digest (16 bytes), the dimension (2) and the number of entries (2); then the
//! entries: the subject (4), what it is in a byte, three zeros, the code. 0 was enrolled, 1 follows its subject, 2 is a subject of the
//! bundle that was removed, with a code of zeros. Numbers are little-endian.

use super::Key;
use super::session::{NONCE_BYTES, Nonce, TAG_BYTES, hmac, is_same};

/// Bytes that a seal adds: the nonce in front, the proof behind.
pub const SEAL_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// What a backup begins with: `CGBK`, the version 1, and three zeros.
pub const MAGIC: [u8; 8] = *b"CGBK\x01\0\0\0";

/// Bytes before the first entry.
pub const HEADER_BYTES: usize = 28;

/// Bytes of an entry before its code.
pub const ENTRY_HEADER_BYTES: usize = 8;

/// What an entry is when it is no template: a subject of the bundle that was removed.
pub const HIDDEN: u8 = 2;

/// Seals a backup in its place: `bytes` are a nonce's room, what is to be sealed, and a proof's room. A nonce seals one backup
/// and never another. `false` when there is no room for both.
pub fn seal(key: &Key, nonce: &Nonce, bytes: &mut [u8]) -> bool {
    let Some((first, rest)) = bytes.split_first_chunk_mut::<NONCE_BYTES>() else { return false };
    let Some((secret, tag)) = rest.split_last_chunk_mut::<TAG_BYTES>() else { return false };
    *first = *nonce;
    hide(key, nonce, secret);
    *tag = prove(key, nonce, secret);
    true
}

/// Opens a sealed backup in its place, if every byte of it is as it was sealed.
pub fn open<'a>(key: &Key, bytes: &'a mut [u8]) -> Option<&'a [u8]> {
    let (nonce, rest) = bytes.split_first_chunk_mut::<NONCE_BYTES>()?;
    let (secret, tag) = rest.split_last_chunk_mut::<TAG_BYTES>()?;
    if !is_same(&prove(key, nonce, secret), tag) {
        return None;
    }
    hide(key, nonce, secret);
    Some(secret)
}

fn hide(key: &Key, nonce: &Nonce, bytes: &mut [u8]) {
    for (block, counter) in bytes.chunks_mut(32).zip(0u32..) {
        let stream = hmac(&key.0, [b"cognate backup: hide", nonce, &counter.to_le_bytes(), &[]]);
        block.iter_mut().zip(stream).for_each(|(byte, mask)| *byte ^= mask);
    }
}

fn prove(key: &Key, nonce: &Nonce, bytes: &[u8]) -> [u8; TAG_BYTES] {
    hmac(&key.0, [b"cognate backup: prove", nonce, bytes, &[]])
}
