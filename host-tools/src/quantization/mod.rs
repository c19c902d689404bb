//! From an f32 model to the int8 network that a device runs.
//!
//! 1. [`import`](mod@import) walks the ONNX graph and makes a [`network`] of few operators of it; [`simplify`](mod@simplify)
//!    joins what belongs together, [`prepare`] lets its first layer do the preprocessing, and [`back_end`] its last one do what
//!    comes after it.
//! 2. [`reference`] runs such a network in f32; [`ranges`] are what its tensors hold on calibration samples, and
//!    [`equalize`](mod@equalize) makes those of channels alike.
//! 3. A [`scheme`] rounds it, [`lower`](mod@lower) writes it as the core's steps with an [`arena`] for their tensors, and
//!    [`relayout`] brings its constants into the order that a core streams.
//! 4. [`quantize`](mod@quantize) does all of that and chooses by what it measures; [`verdict`] and [`report`] say what it cost,
//!    and [`flips`] where that began.
//! 5. [`qdq`](mod@qdq) writes the same integers as an ONNX model, for other runtimes to compute.

pub mod arena;
pub mod back_end;
pub mod equalize;
pub mod flips;
pub mod function;
pub mod import;
pub mod lower;
pub mod network;
pub mod prepare;
pub mod qdq;
pub mod quantize;
pub mod ranges;
pub mod reference;
pub mod relayout;
pub mod report;
pub mod scheme;
mod search;
pub mod simplify;
pub mod verdict;
