//! The int8 encoder: a network as a file, run over weights in flash and memory of the caller.
//!
//! ```text
//! bytes ─► Encoder::new_checked (once) ─► Encoder
//! Sample (pixels, series) ─► tensor 0 ─► Step, Step, … ─► 32-bit outputs on one scale ─► Embedding
//!                             └────────── in the arena ──────────┘
//! ```
//!
//! Tensors lie in the arena where whoever wrote the file put them, row by row with a pixel's channels side by side. A step is
//! one operator, a file of this module each; `docs/fixed-point.md` defines what they compute, `docs/bundle-format.md` the bytes.
//! Everything that could go wrong with a file is found when it is checked; what is left to a run is the caller's memory and
//! sample.
//!
//! A firmware that runs one known network links the operators of that network alone: [`Encoder`] has them in its type.
//!
//! ```
//! use cognate::encoder::{Arena, Encoder, EncoderError, RunError, Sample, operators};
//!
//! /// The outputs of the network in `flash` for one picture.
//! fn outputs(flash: &[u8], pixels: &[u8]) -> Result<i32, RunError> {
//!     let mut memory = Arena::<4096>::new();
//!     let encoder = Encoder::<{ operators::CONVOLUTION }>::new_checked(flash).map_err(RunError::Encoder)?;
//!     let output = encoder.run(Sample::Uint8(pixels), memory.bytes())?;
//!     Ok(output.values()[0])
//! }
//! assert!(matches!(outputs(&[], &[]), Err(RunError::Encoder(EncoderError::NotAnEncoder))));
//! ```

mod add;
mod arena;
mod average_pool;
mod check;
mod concatenate;
mod convolution;
mod error;
mod format;
mod max_pool;
mod multiply;
mod output;
mod pad;
mod plan;
mod run;
mod sample;
mod scale;
mod table;
mod tensor;
mod writer;

pub use arena::Arena;
pub use error::{EncoderError, RunError, StepError};
pub use output::Output;
pub use plan::{Encoder, Operator, Step, Window, operators};
pub use sample::{InputForm, Sample};
pub use tensor::{Element, Tensor};
pub use writer::{EncoderContents, WriteError};

pub(crate) use plan::digest_in;

pub use crate::kernel::layers::{Constants, Extent, Filter, FilterLayout, PackError, Shape, Size, Sizes, pack};
