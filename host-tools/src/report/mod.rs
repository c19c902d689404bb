//! An evaluation as one page that needs nothing else: no network, no script, no file beside it.
//!
//! [`charts`](charts::charts) are the drawings, each with its numbers; [`Figure`](figure::Figure) draws;
//! [`Hardest`](hardest::Hardest) finds the pairs to look at; [`page`](page::page) puts it together. [`training`] is the page of
//! a training run.

pub mod charts;
pub mod encoder;
pub mod figure;
mod groups;
pub mod hardest;
pub mod page;
mod table;
pub mod training;

pub use charts::{Chart, charts};
pub use hardest::Hardest;
pub use page::page;
pub use table::Table;
