//! The core held against independent references: definitions in `f64` and `i64`, models built on std collections, brute force.

mod back_end;
mod bundle;
mod filter;
mod fixed_point;
mod gallery;
mod kernel;
mod normalization;
mod policy;
mod quality;
mod query;
mod search;
mod support;
