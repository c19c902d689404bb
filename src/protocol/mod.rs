//! The link between a host and a device: frames, sessions, commands.
//!
//! ```text
//! host: Client ─► frame ─► link ─► Server ─► Service (the application) ─► answer ─► frame ─► link ─► Client
//! ```
//!
//! Frames have a checksum and end in a zero ([`frame`](mod@frame)); a command and its answer carry a proof that the other side has the key,
//! over a nonce of each and a counter ([`session`]). A command that is sent again because its answer was lost is answered
//! again and carried out once. `docs/protocol.md` gives the bytes, and says what the link protects from and what not.

pub mod backup;
pub mod client;
pub mod frame;
pub mod message;
mod server;
pub mod session;

pub use client::{Client, ClientError};
pub use message::{About, Answer, Command, Refusal, Verdict};
pub use server::{Server, Service};

use core::fmt;

/// The version of the protocol: the first byte of every payload.
pub const VERSION: u8 = 1;

/// The most bytes that a command's or an answer's own bytes take: a piece, a template, an embedding.
pub const MAX_PIECE: usize = 512;

/// What both sides have: given to the device once, where nobody else listens.
#[derive(Clone, Copy)]
pub struct Key([u8; Key::BYTES]);

impl Key {
    /// Bytes of a key.
    pub const BYTES: usize = 32;

    /// The key with these bytes, which nobody can guess.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

/// It says nothing of itself, so that no log has it.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What a payload is: its second byte.
mod kind {
    pub const HELLO: u8 = 0;
    pub const COMMAND: u8 = 1;
    pub const WELCOME: u8 = 2;
    pub const ANSWER: u8 = 3;
    pub const SORRY: u8 = 4;
}

/// A payload is being put together in a buffer that has room for the largest.
struct Payload<'a> {
    bytes: &'a mut [u8; frame::MAX_PAYLOAD],
    length: usize,
}

impl<'a> Payload<'a> {
    fn new(bytes: &'a mut [u8; frame::MAX_PAYLOAD], kind: u8) -> Self {
        [bytes[0], bytes[1]] = [VERSION, kind];
        Self { bytes, length: 2 }
    }

    #[inline(never)]
    fn put(&mut self, part: &[u8]) -> Option<()> {
        let end = self.length.checked_add(part.len())?;
        let place = self.bytes.get_mut(self.length..end)?;
        place.iter_mut().zip(part).for_each(|(place, byte)| *place = *byte);
        self.length = end;
        Some(())
    }

    fn put_message(&mut self, message: &impl serde::Serialize) -> Option<()> {
        let rest = self.bytes.get_mut(self.length..)?;
        let written = postcard::to_slice(message, rest).ok()?.len();
        self.length = self.length.checked_add(written)?;
        Some(())
    }

    /// What was put in behind the first two bytes and a counter.
    fn message(&self, from: usize) -> &[u8] {
        self.bytes.get(from..self.length).unwrap_or_default()
    }

    fn finish(self, frame: &mut [u8; frame::MAX_FRAME]) -> Option<usize> {
        frame::encode(self.bytes.get(..self.length)?, frame).map(<[u8]>::len)
    }
}

/// Where a message begins behind version, kind and counter.
const MESSAGE: usize = 6;

/// The parts of a payload that has a proof: counter, message, tag.
fn parts(rest: &[u8]) -> Option<(u32, &[u8], &[u8; session::TAG_BYTES])> {
    let (counter, rest) = rest.split_first_chunk()?;
    let (message, tag) = rest.split_last_chunk()?;
    Some((u32::from_le_bytes(*counter), message, tag))
}
