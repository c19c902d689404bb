//! What the library is built for, from the environment (`build.rs`).

include!(concat!(env!("OUT_DIR"), "/configuration.rs"));

/// Words of 8 bytes of a recognizer, as the header counts them.
pub const COGNATE_RECOGNIZER_WORDS: usize = (COGNATE_CAPACITY * (COGNATE_DIMENSION + 32) + 1024).div_ceil(8);
/// Words of 8 bytes of an encoder, as the header says.
pub const COGNATE_ENCODER_WORDS: usize = 48;

/// What the header says that it was compiled for, in one number.
pub const COGNATE_BUILD: u64 = (COGNATE_DIMENSION as u64) << 52
    | (COGNATE_ENCODER_DIMENSION as u64) << 40
    | (COGNATE_CAPACITY as u64) << 24
    | COGNATE_RECOGNIZER_WORDS as u64;
