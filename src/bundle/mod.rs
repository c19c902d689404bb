//! The one file that goes from the host to the device: thresholds with their evidence, the gallery, what makes templates
//! comparable with it.
//!
//! [`BundleView`] checks the bytes once and then reads them in place; [`BundleContents`] is the one writer.
//! `docs/bundle-format.md` gives the format byte by byte.

mod error;
mod format;
mod sections;
mod view;
mod writer;

pub use error::{BundleError, Section};
#[cfg(feature = "storage")]
pub(crate) use format::{CRC, form_to_numbers};
pub use format::{FORMAT_VERSION, MAGIC, MAX_THRESHOLDS};
pub(crate) use format::{checksum, read_u16, read_u32};
pub use sections::Subject;
pub use view::BundleView;
pub use writer::{BundleContents, CohortContents, EnrolledTemplate, WriteError};

#[cfg(feature = "signature")]
pub(crate) use {format::ALIGNMENT, view::declared};
