//! The core held against independent references: definitions in `f64` and `i64`, models built on std collections, brute force.

mod back_end;
mod bundle;
mod encoder;
mod filter;
mod fixed_point;
#[cfg(any(feature = "signature", feature = "storage"))]
#[path = "../flash/mod.rs"]
mod flash;
mod frontend;
mod gallery;
#[cfg(feature = "storage")]
mod guard;
mod kernel;
mod matcher;
mod normalization;
mod policy;
#[cfg(feature = "storage")]
#[path = "../powercut/mod.rs"]
mod powercut;
#[cfg(feature = "protection")]
mod protection;
#[cfg(feature = "protocol")]
mod protocol;
mod quality;
mod query;
mod search;
#[cfg(feature = "signature")]
mod signature;
mod statistics;
#[cfg(feature = "storage")]
mod store;
mod support;
