//! From labeled samples, as every command takes them, to the trainer's.

mod data;

pub use data::{Data, DataProblem, Parts};
