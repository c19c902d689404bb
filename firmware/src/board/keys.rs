//! What is given to a device when it is made, in a region of flash of its own.
#![allow(unsafe_code)]

use crate::device::Keys;
use cognate::protocol::Key;
use cognate::signature::PublicKey;
use core::slice;

/// Bytes of both keys.
const BYTES: usize = PublicKey::BYTES + Key::BYTES;

// Erased flash: whoever makes the device puts the keys there.
// SAFETY: the linker script has an output section of this name, which holds nothing else and is only read.
#[used]
#[unsafe(link_section = ".keys")]
static KEYS: [u8; BYTES] = [0xff; BYTES];

unsafe extern "C" {
    /// The first byte of the region of the keys: the linker script's, an address and not a value.
    static _keys_start: u8;
}

/// The public key that bundles are signed for, then the link's; `None` when none were given.
#[must_use]
pub fn keys() -> Option<Keys> {
    // SAFETY: the linker script puts the region around flash of this board that is longer than this, and never written while the
    // firmware runs.
    let bytes = unsafe { slice::from_raw_parts(&raw const _keys_start, BYTES) };
    let (bundles, link) = bytes.split_first_chunk()?;
    let link: [u8; Key::BYTES] = link.try_into().ok()?;
    (link != [0xff; Key::BYTES]).then_some(Keys { bundles: PublicKey::new(*bundles), link: Key::new(link) })
}
