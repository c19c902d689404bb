//! How good an encoder is, on `f32` and as the device computes it, with the words of ISO/IEC 19795-1 and NIST FRTE.
//!
//! [`Rows`] are what is compared, and every pair of them is scored once, by [`PairScores`], into exact counts
//! ([`histogram`]). Of these counts alone [`Verification`] makes its figures, so that they hold to the last digit. [`interval`]
//! has the exact intervals of counted rates, [`bootstrap`] those that know that pairs of a subject depend on each other.
//! [`Identification`] looks for one among many; [`groups`](mod@groups) asks who is wronged by a threshold; [`parity`](mod@parity)
//! sets float against device; [`Losses`] are those that encoders are trained with. [`Evaluation`] is all of it.

pub mod bootstrap;
mod dots;
pub mod groups;
pub mod histogram;
pub mod identification;
pub mod interval;
pub mod losses;
mod pairs;
pub mod parity;
mod rows;
mod run;
mod scores;
pub mod verification;
mod wide;

pub use identification::Identification;
pub use losses::Losses;
pub use pairs::{PairScores, ScoredPair, Visitor, visit_pairs};
pub use parity::Parity;
pub use rows::{COSINE_ONE, Rows};
pub use run::{Evaluation, EvaluationError, Plan, Side};
pub use verification::{AtFmr, Verification};

#[cfg(test)]
mod tests;
