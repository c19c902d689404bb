//! What `src/bin/bench-encoder.rs` finds in a board's large memory: an encoder, and samples for it.

/// An encoder and samples.
#[derive(Clone, Copy, Debug)]
pub struct EncoderWorkload<'a> {
    /// The encoder's file.
    pub encoder: &'a [u8],
    samples: &'a [u8],
    sample: usize,
}

/// Parts begin at multiples of it.
const ALIGNMENT: usize = 16;

impl<'a> EncoderWorkload<'a> {
    /// Bytes before the encoder: its length, that of a sample, and how many there are.
    pub const HEADER_BYTES: usize = ALIGNMENT;

    /// What comes before the encoder. It is followed by zeros up to a multiple of 16, and then by one sample after the other.
    #[must_use]
    pub fn header(encoder: usize, sample: usize, samples: usize) -> [u8; ALIGNMENT] {
        let mut bytes = [0; ALIGNMENT];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip([encoder, sample, samples]) {
            *place = (word as u32).to_le_bytes();
        }
        bytes
    }

    /// The workload at the beginning of a region; `None` when there is none.
    #[must_use]
    pub fn read(region: &'a [u8]) -> Option<Self> {
        let (header, rest) = region.split_first_chunk::<ALIGNMENT>()?;
        let [encoder, sample, samples, _] = *header.as_chunks().0 else { return None };
        let [encoder, sample, samples] = [encoder, sample, samples].map(|word| u32::from_le_bytes(word) as usize);
        if encoder == 0 || sample == 0 || samples == 0 {
            return None;
        }
        let start = encoder.checked_next_multiple_of(ALIGNMENT)?;
        let end = start.checked_add(sample.checked_mul(samples)?)?;
        Some(Self { encoder: rest.get(..encoder)?, samples: rest.get(start..end)?, sample })
    }

    /// The samples.
    pub fn samples(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.samples.chunks_exact(self.sample)
    }
}

/// A sum that changes with any single value: FNV-1a over words (Fowler, Noll, Vo 1991).
#[must_use]
pub fn sum_of(values: &[i32]) -> u32 {
    let step = |sum: u32, value: &i32| (sum ^ value.cast_unsigned()).wrapping_mul(0x0100_0193).rotate_left(7);
    values.iter().fold(0x811c_9dc5, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn what_is_written_is_read() {
        let mut region = EncoderWorkload::header(5, 3, 2).to_vec();
        region.extend([1; 5]);
        region.resize(32, 0);
        region.extend([2, 2, 2, 3, 3, 3, 9]);
        let workload = EncoderWorkload::read(&region).unwrap();
        assert_eq!(workload.encoder, [1; 5]);
        assert_eq!(workload.samples().collect::<Vec<_>>(), [[2; 3], [3; 3]]);
        assert!(EncoderWorkload::read(&region[..37]).is_none(), "cut");
        assert!(EncoderWorkload::read(&[0; 64]).is_none(), "nothing was loaded");
        assert!(EncoderWorkload::read(&[0xff; 64]).is_none(), "erased");
        assert_ne!(sum_of(&[1, 2]), sum_of(&[2, 1]));
    }
}
