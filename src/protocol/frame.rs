//! Frames: bytes with a checksum, stuffed so that a zero ends them wherever a reader begins to listen.

use crate::bundle::checksum;

/// The most bytes that a frame carries.
pub const MAX_PAYLOAD: usize = 1024;

/// Bytes of a checksum.
const CRC: usize = 4;

/// The most bytes of a frame on the wire: each 254 may take one more, and then the zero.
pub const MAX_FRAME: usize = cobs::max_encoding_length(MAX_PAYLOAD + CRC) + 1;

/// Writes a frame of a payload: COBS (Cheshire and Baker, 1999) of it and its CRC-32C, and a zero. Returns its bytes; `None`
/// for more than [`MAX_PAYLOAD`].
#[must_use]
pub fn encode<'a>(payload: &[u8], frame: &'a mut [u8; MAX_FRAME]) -> Option<&'a [u8]> {
    if payload.len() > MAX_PAYLOAD {
        return None;
    }
    let mut encoder = cobs::CobsEncoder::new(frame);
    encoder.push(payload).ok()?;
    encoder.push(&checksum(payload).to_le_bytes()).ok()?;
    let end = encoder.finalize();
    *frame.get_mut(end)? = 0;
    frame.get(..=end)
}

/// Collects the bytes of a link into frames. Whatever is not one is passed over, up to the next zero.
#[derive(Debug)]
pub struct Reader {
    bytes: [u8; MAX_FRAME],
    length: usize,
    /// More came than a frame has.
    overflowed: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader that has read nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; MAX_FRAME], length: 0, overflowed: false }
    }

    /// Takes a byte. With the one that ends a frame, gives its payload if it is whole.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        if byte != 0 {
            match self.bytes.get_mut(self.length) {
                Some(place) => (*place, self.length) = (byte, self.length + 1),
                None => self.overflowed = true,
            }
            return None;
        }
        let length = core::mem::take(&mut self.length);
        if core::mem::take(&mut self.overflowed) || length == 0 {
            return None;
        }
        let decoded = cobs::decode_in_place(self.bytes.get_mut(..length)?).ok()?;
        let (payload, crc) = self.bytes.get(..decoded)?.split_last_chunk::<CRC>()?;
        (payload.len() <= MAX_PAYLOAD && *crc == checksum(payload).to_le_bytes()).then_some(payload)
    }
}
