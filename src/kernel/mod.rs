//! The innermost loops, chosen in one place.
//!
//! [`portable`] is the definition. A faster kernel for a core must return the same integers.

pub mod portable;

pub use portable::{dot, squared_distance};
