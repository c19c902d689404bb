//! The one place that writes the format.

use super::error::EncoderError;
use super::format::{
    CRC_BEGIN, DIGEST, HEADER_BYTES, MAGIC, MOST, SOUND_BYTES, STEP_BYTES, TENSOR_BYTES, VERSION, sound_entry,
    tensor_entry,
};
use super::plan::{ConstantParts, Plan, Step};
use super::sample::InputForm;
use super::tensor::{ALIGNMENT, Tensor};
use crate::ModelDigest;
use crate::bundle::checksum;
use crate::frontend::SoundForm;
use core::fmt;

/// What an encoder holds, to be written.
#[derive(Clone, Copy, Debug)]
pub struct EncoderContents<'a> {
    /// The model that its embeddings are of ([`Encoder::digest`](super::Encoder::digest)).
    pub digest: ModelDigest,
    /// What samples are, and how they become the input.
    pub input_form: InputForm<'a>,
    /// The sound that samples are features of, if they are: int16, row by row.
    pub sound: Option<SoundForm>,
    /// The number of the tensor that a sample becomes.
    pub input: u16,
    /// The number of the tensor that the last step writes: a row of 32-bit elements.
    pub output: u16,
    /// An output v stands for v · 2^exponent, −64 to 64.
    pub exponent: i8,
    /// The tensors.
    pub tensors: &'a [Tensor],
    /// The steps, in order.
    pub steps: &'a [Step<'a>],
}

impl EncoderContents<'_> {
    /// Bytes that [`EncoderContents::encode`] writes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let tables = HEADER_BYTES + self.tensors.len() * TENSOR_BYTES + self.steps.len() * STEP_BYTES;
        let lengths = self.steps.iter().map(|step| step.operator.constants().len());
        let sound = self.sound.map_or(0, |_| SOUND_BYTES);
        let all = [self.input_constants().len(), sound].into_iter().chain(lengths);
        all.filter(|length| *length > 0).fold(tables, |end, length| end.next_multiple_of(ALIGNMENT) + length)
    }

    fn input_constants(&self) -> ConstantParts<'_> {
        ConstantParts::Slices(self.input_form.constants())
    }

    /// Writes the encoder to the start of `out`, and checks it: what a device would refuse is never written. Returns its
    /// length.
    ///
    /// # Errors
    /// [`WriteError`]; what `out` then holds is not an encoder.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, WriteError> {
        let needed = self.encoded_len();
        let out = out.get_mut(..needed).ok_or(WriteError::BufferTooSmall { needed })?;
        out.fill(0);
        self.write(out).ok_or(WriteError::TooLarge)?;
        let crc = checksum(out.get(CRC_BEGIN..).unwrap_or_default());
        put(out, CRC_BEGIN - 4, &crc.to_le_bytes()).ok_or(WriteError::TooLarge)?;
        Plan::new_checked(out).map_err(WriteError::Contents)?;
        Ok(needed)
    }

    fn write(&self, out: &mut [u8]) -> Option<()> {
        let counts = [self.tensors.len(), self.steps.len()];
        if counts.iter().any(|count| *count > MOST) {
            return None;
        }
        put(out, 0, &MAGIC)?;
        put(out, 8, &VERSION.to_le_bytes())?;
        put(out, 10, &(HEADER_BYTES as u16).to_le_bytes())?;
        put(out, 12, &u32::try_from(out.len()).ok()?.to_le_bytes())?;
        put(out, DIGEST, self.digest.as_bytes())?;
        for (at, number) in [(36, counts[0] as u16), (38, counts[1] as u16), (40, self.input), (42, self.output)] {
            put(out, at, &number.to_le_bytes())?;
        }
        put(out, 44, &[self.input_form.number(), self.exponent.cast_unsigned()])?;
        let mut at = HEADER_BYTES;
        for tensor in self.tensors {
            put(out, at, &tensor_entry(tensor)?)?;
            at += TENSOR_BYTES;
        }
        let mut end = at + self.steps.len() * STEP_BYTES;
        let [offset, length] = put_constants(out, &mut end, &self.input_constants())?;
        put(out, 48, &offset.to_le_bytes())?;
        put(out, 52, &length.to_le_bytes())?;
        if let Some(sound) = self.sound {
            let [offset, length] = put_constants(out, &mut end, &ConstantParts::Slices([&sound_entry(&sound)?, &[]]))?;
            put(out, 56, &offset.to_le_bytes())?;
            put(out, 60, &length.to_le_bytes())?;
        }
        for step in self.steps {
            let constants = put_constants(out, &mut end, &step.operator.constants())?;
            put(out, at, &step.entry(constants)?)?;
            at += STEP_BYTES;
        }
        Some(())
    }
}

/// Puts constants at the next multiple of 16; where they are and how long.
fn put_constants(out: &mut [u8], end: &mut usize, constants: &ConstantParts<'_>) -> Option<[u32; 2]> {
    if constants.len() == 0 {
        return Some([0; 2]);
    }
    let offset = end.next_multiple_of(ALIGNMENT);
    *end = offset + constants.len();
    match constants {
        ConstantParts::Slices([first, second]) => {
            put(out, offset, first)?;
            put(out, offset + first.len(), second)?;
        }
        ConstantParts::Words(words, count) => {
            for (index, word) in words.iter().take(*count).enumerate() {
                put(out, offset + index * 4, &word.to_le_bytes())?;
            }
        }
    }
    Some([u32::try_from(offset).ok()?, u32::try_from(constants.len()).ok()?])
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) -> Option<()> {
    out.get_mut(at..at.checked_add(bytes.len())?)?.copy_from_slice(bytes);
    Some(())
}

/// Why an encoder was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError {
    /// The buffer is too small.
    BufferTooSmall {
        /// Bytes that it must have.
        needed: usize,
    },
    /// More of something, or a greater number, than the format can say.
    TooLarge,
    /// The contents contradict themselves.
    Contents(EncoderError),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(f, "the buffer is too small: give it {needed} bytes"),
            Self::TooLarge => f.write_str("the encoder is larger than its format can say: use a smaller model"),
            Self::Contents(error) => write!(f, "the contents do not make an encoder that a device accepts: {error}"),
        }
    }
}

impl core::error::Error for WriteError {}
