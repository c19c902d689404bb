//! What `src/bin/encoder-all.rs` and `encoder-demo.rs` do, with the operators that each links.

use crate::board::{self, Port};
use crate::{Encoding, Frames, SampleSource};
use cognate::Embedding;
use cognate::encoder::{Arena, Encoder};

/// Elements of an embedding.
const DIMENSION: usize = 64;

/// What came of a sample: the bits of the embedding's elements.
static RESULT: [Port<u32>; DIMENSION] = [const { Port::new(0) }; DIMENSION];

/// Encodes what is in flash in place of samples, with the encoder in the bundle's region.
pub fn run<const OPERATORS: u32>() -> ! {
    let arena = cortex_m::singleton!(: Arena<{ board::ARENA_BYTES }> = Arena::new());
    let mut source = arena.and_then(|arena| {
        let encoder = Encoder::<OPERATORS>::new_checked(encoder()?).ok()?;
        Encoding::new(encoder, arena.bytes(), Frames::new(&encoder, board::probes()), ()).ok()
    });
    loop {
        let sample = source.as_mut().and_then(|source| source.next_sample().ok().flatten());
        let values = sample.as_ref().map(Embedding::as_array);
        let bits = values.map_or([u32::MAX; DIMENSION], |values| values.map(f32::to_bits));
        RESULT.iter().zip(bits).for_each(|(place, bits)| place.write(bits));
    }
}

/// As many bytes of the region as the encoder says that it has.
fn encoder() -> Option<&'static [u8]> {
    let region = board::bundle();
    let length = u32::from_le_bytes(*region.get(12..)?.first_chunk()?);
    region.get(..length as usize)
}
