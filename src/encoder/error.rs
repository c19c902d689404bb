//! Why bytes are not an encoder, and why one did not run.

use super::format::VERSION;
use core::fmt;

/// Why bytes are not an encoder that can be run. Nothing of a refused one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncoderError {
    /// It does not begin as an encoder does.
    NotAnEncoder,
    /// Written in another version of the format.
    Version {
        /// The version of the file.
        found: u16,
    },
    /// Shorter or longer than it says.
    Length {
        /// Bytes that it should have, as far as can be told.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The checksum is wrong: the bytes were damaged.
    Checksum,
    /// The header contradicts itself.
    Header,
    /// A tensor has an impossible extent, element type, zero point or place.
    Tensor {
        /// Its number.
        index: usize,
    },
    /// The input's form, or the sound that it is said to be of, does not go with its tensor.
    Input,
    /// The output is not a row of 1 to 1024 elements of 32 bits that the last step writes.
    Output,
    /// A step cannot be done.
    Step {
        /// Its number.
        index: usize,
        /// Why.
        error: StepError,
    },
    /// There are bytes that nothing accounts for.
    LeftOver,
}

/// Why a step cannot be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StepError {
    /// No operator of this version has this number.
    Operator {
        /// The number.
        found: u8,
    },
    /// The operator is not linked into this firmware: add it to the encoder's type.
    NotLinked {
        /// Its number, which is that of its bit in [`operators`](super::operators).
        operator: u8,
    },
    /// It names a tensor that is not there, or one too many.
    Operand,
    /// Its tensors do not have the element types that it needs.
    Element,
    /// Its tensors do not have the extents that it needs.
    Extent,
    /// Its constants are not as long as it needs, or not where they should be.
    Constants,
    /// A number of it is out of range.
    Number,
    /// It reads what no step before it has written whole, or something has overwritten since.
    Order,
    /// It writes where it reads.
    Overlap,
}

impl fmt::Display for EncoderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnEncoder => f.write_str("this is not a cognate encoder: make one with `cognate quantize`"),
            Self::Version { found } => write!(
                f,
                "the encoder has format version {found}, this program reads {VERSION}: quantize again, or update the program"
            ),
            Self::Length { expected, found } => {
                write!(f, "the encoder has {found} bytes instead of {expected}: copy it again")
            }
            Self::Checksum => f.write_str("the encoder is damaged, its checksum is wrong: copy it again"),
            Self::Header => f.write_str("the encoder's header contradicts itself: quantize again"),
            Self::Tensor { index } => write!(f, "the encoder's tensor {index} is impossible: quantize again"),
            Self::Input => f.write_str("the encoder's input does not go with its tensor: quantize again"),
            Self::Output => {
                f.write_str("the encoder's output is not 1 to 1024 numbers of its last step: quantize again")
            }
            Self::Step { index, error } => write!(f, "the encoder's step {index} {error}"),
            Self::LeftOver => f.write_str("the encoder has bytes that belong to nothing: quantize again"),
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator { found } => {
                write!(f, "has operator {found}, which this program does not know: update the program")
            }
            Self::NotLinked { operator } => write!(
                f,
                "has operator {operator}, which is not linked into this program: add it to the type of the encoder"
            ),
            Self::Operand => f.write_str("has tensors too many or too few: quantize again"),
            Self::Element => f.write_str("has tensors of a type that its operator does not take: quantize again"),
            Self::Extent => f.write_str("has tensors that do not fit together: quantize again"),
            Self::Constants => f.write_str("has constants of the wrong length or place: quantize again"),
            Self::Number => f.write_str("has a number that is out of range: quantize again"),
            Self::Order => f.write_str("reads what is not there: quantize again"),
            Self::Overlap => f.write_str("writes where it reads: quantize again"),
        }
    }
}

impl core::error::Error for EncoderError {}
impl core::error::Error for StepError {}

/// Why an encoder did not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RunError {
    /// The bytes are not an encoder.
    Encoder(EncoderError),
    /// The sample has another form than the encoder takes.
    SampleForm,
    /// The sample has another number of elements than the encoder takes.
    SampleLength {
        /// Elements that it takes.
        expected: usize,
        /// Elements of the sample.
        found: usize,
    },
    /// The arena is too small.
    ArenaTooSmall {
        /// Bytes that it must have.
        needed: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// The arena does not begin at a multiple of 16 bytes.
    ArenaAlignment,
    /// The encoder is no longer what it was when it was checked: its memory was written to.
    Changed,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoder(error) => error.fmt(f),
            Self::SampleForm => {
                f.write_str("the sample has another form than the encoder takes: give it what it was quantized for")
            }
            Self::SampleLength { expected, found } => {
                write!(f, "the sample has {found} elements and the encoder takes {expected}: bring it to that size")
            }
            Self::ArenaTooSmall { needed, found } => {
                write!(f, "the arena has {found} bytes and the encoder needs {needed}: give it more")
            }
            Self::ArenaAlignment => {
                f.write_str("the arena does not begin at a multiple of 16 bytes: use `Arena`, or align it")
            }
            Self::Changed => f.write_str("the encoder was changed after it was checked: check it again"),
        }
    }
}

impl core::error::Error for RunError {}
