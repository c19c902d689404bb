//! **cognate** tells who or what a sample is, on the microcontroller itself, from an embedding, with a threshold that
//! can be justified.
//!
//! An encoder trained contrastively places samples of the same subject close together. This crate runs such an encoder in
//! int8, and holds everything behind it, without `std`, without allocation and without floating point in any decision:
//!
//! ```text
//! Sample ─► Encoder ─► Embedding
//! Embedding ─► BackEnd ─► Template ─► Gallery (RAM), GalleryView (flash) ─► Search ─► Policy ─► Decision
//! ```
//!
//! 0. [`encoder`]: an int8 network that makes embeddings on the device, where they do not come from elsewhere.
//!    [`frontend`]: what is between a sensor and its input.
//! 1. [`Embedding`]: the encoder's output, checked to be finite and not zero; [`BackEnd`]: a mean to subtract, a linear map.
//! 2. [`Template`]: its int8 code, the unit that is stored and compared, in a [`Space`] of templates that go together.
//! 3. [`similarity`]: the cosine or the squared Euclidean distance of two templates as an integer [`Score`].
//! 4. [`gallery`]: enrolled subjects, in RAM ([`Gallery`]) or read in place from flash ([`GalleryView`]); [`quality`] says why
//!    an enrollment should be refused.
//! 5. [`kernel`]: how the rows of a gallery are streamed, chosen by the core.
//! 6. [`Search`]: [`Search::verify`] (is this subject 3?), [`Search::identify`] (who is this, if anyone?), [`Search::rank`],
//!    [`Search::scores`]; [`normalization`] of scores against a cohort; [`Query`], sums of templates to search for.
//! 7. [`policy`]: thresholds by the error rate that they hold, and what a [`Decision`] rests on.
//! 8. [`Matcher`]: a bundle and those who are enrolled beside it, behind one search.
//! 9. [`statistics`]: how scores are distributed in the field, without templates, ids or times.
//! 10. [`bundle`]: the one file that carries all of this from the host to the device; with the feature `signature`, the module
//!     of that name has bundles that prove where they come from, and slots in flash to update them in.
//! 11. With the feature `storage`, the modules `store` and `guard`: who is enrolled outlasts a power cut, and attempts are counted
//!     before their score is known; [`liveness`] is a hook that fails closed.
//!
//! The arithmetic is defined in `docs/fixed-point.md`, the file in `docs/bundle-format.md`.
//!
//! ```
//! use cognate::{Decision, Embedding, Gallery, ModelDigest, Policy, Score, Search, Space, SubjectId, Template};
//!
//! let space = Space::full(ModelDigest::new([7; 16]));
//! let template = |values: [f32; 3]| Embedding::new(values).map(|embedding| Template::new(&embedding, space));
//!
//! let mut gallery = Gallery::<3, 8>::new(space, SubjectId::FIRST);
//! let anna = gallery.enroll(&[template([0.9, 0.1, 0.0])?, template([1.0, 0.2, 0.1])?])?;
//! gallery.enroll(&[template([0.0, 0.2, 0.9])?])?;
//!
//! let policy = Policy::new(Score::from_ratio(9, 10));
//! let decision = Search::new(&[&gallery]).identify(&template([0.8, 0.1, 0.1])?, &policy)?;
//! assert_eq!(decision.subject(), Some(anna));
//!
//! let stranger = Search::new(&[&gallery]).identify(&template([-0.3, 0.9, 0.2])?, &policy)?;
//! assert!(matches!(stranger, Decision::Unknown(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![deny(unsafe_code)] // forbidden but in the kernels of single cores

#[cfg(test)]
extern crate std;

mod arithmetic;
pub mod back_end;
pub mod bundle;
pub mod embedding;
pub mod encoder;
pub mod frontend;
pub mod gallery;
#[cfg(feature = "storage")]
pub mod guard;
pub mod kernel;
pub mod liveness;
pub mod matcher;
pub mod model;
pub mod normalization;
pub mod policy;
#[cfg(feature = "protection")]
pub mod protection;
#[cfg(feature = "protocol")]
pub mod protocol;
pub mod quality;
pub mod query;
pub mod search;
#[cfg(feature = "signature")]
pub mod signature;
pub mod similarity;
pub mod space;
pub mod statistics;
#[cfg(feature = "storage")]
pub mod store;
pub mod template;

#[doc(inline)]
pub use back_end::{BackEnd, BackEndError};
#[doc(inline)]
pub use bundle::{BundleContents, BundleError, BundleView};
#[doc(inline)]
pub use embedding::{Embedding, EmbeddingError};
#[doc(inline)]
pub use gallery::{FilteredGallery, Fusion, Gallery, GalleryError, GalleryView, Scan, SubjectId};
#[doc(inline)]
pub use matcher::{DimensionError, Matcher};
#[doc(inline)]
pub use model::ModelDigest;
#[doc(inline)]
pub use normalization::{Cohort, Normalization};
#[doc(inline)]
pub use policy::{Decision, Evidence, Match, Policy, PolicyError, Verification};
#[doc(inline)]
pub use query::{Query, QueryError};
#[doc(inline)]
pub use search::{MatchError, Search};
#[doc(inline)]
pub use similarity::Score;
#[doc(inline)]
pub use space::{CodeForm, FullScale, Space, SpaceMismatch};
#[doc(inline)]
pub use template::{AsTemplate, Template, TemplateError, TemplateRef};

/// The largest dimension of an embedding that the integer arithmetic is proved for (`docs/fixed-point.md`).
pub const MAX_DIMENSION: usize = 1024;

/// Compiles what the guide shows.
#[cfg(doctest)]
#[doc = include_str!("../docs/from-other-runtimes.md")]
struct FromOtherRuntimes;

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
