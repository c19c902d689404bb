//! From an f32 model to the int8 network that a device runs.
//!
//! 1. [`import`](mod@import) walks the ONNX graph and makes a [`network`] of few operators of it; [`simplify`](mod@simplify) joins what
//!    belongs together.
//! 2. [`reference`] runs such a network in f32.

pub mod function;
pub mod import;
pub mod network;
pub mod reference;
pub mod simplify;
