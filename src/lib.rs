//! **cognate** tells who or what a sample is, on the microcontroller itself, from an embedding, with a threshold that
//! can be justified.
//!
//! An encoder trained contrastively places samples of the same subject close together. This crate holds everything
//! after the encoder, without `std`, without allocation and without floating point in any decision:
//!
//! ```text
//! Embedding ──► Template ──► Gallery (RAM) or GalleryView (flash) ──► scores ──► Policy ──► Decision
//! ```
//!
//! 1. [`Embedding`]: the encoder's output, checked to be finite and not zero.
//! 2. [`Template`]: its int8 code, the unit that is stored and compared.
//! 3. [`similarity`]: the cosine of two templates as an integer [`Score`], the same bits on every core.
//! 4. [`gallery`]: enrolled subjects, in RAM ([`Gallery`]) or read in place from flash ([`GalleryView`]).
//! 5. [`policy`]: [`verify`] (is this subject 3?) and [`identify`] (who is this, if anyone?).
//! 6. [`bundle`]: the one file that carries gallery, thresholds and the model's digest from the host to the device.
//!
//! The arithmetic is defined in `docs/fixed-point.md`, the file in `docs/bundle-format.md`.
//!
//! ```
//! use cognate::{Decision, Embedding, Gallery, ModelDigest, Policy, Score, SubjectId, Template, identify};
//!
//! let model = ModelDigest::new([7; 16]);
//! let template = |values: [f32; 3]| Embedding::new(values).map(|embedding| Template::new(&embedding, model));
//!
//! let mut gallery = Gallery::<3, 8>::new(model, SubjectId::FIRST);
//! let anna = gallery.enroll(&[template([0.9, 0.1, 0.0])?, template([1.0, 0.2, 0.1])?])?;
//! gallery.enroll(&[template([0.0, 0.2, 0.9])?])?;
//!
//! let policy = Policy::new(Score::from_ratio(9, 10));
//! let probe = template([0.8, 0.1, 0.1])?;
//! let decision = identify(probe.as_ref(), &[&gallery], &policy)?;
//! assert_eq!(decision.subject(), Some(anna));
//!
//! let stranger = template([-0.3, 0.9, 0.2])?;
//! assert!(matches!(identify(stranger.as_ref(), &[&gallery], &policy)?, Decision::Unknown(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

pub mod bundle;
pub mod embedding;
pub mod gallery;
pub mod kernel;
pub mod model;
pub mod policy;
pub mod similarity;
pub mod template;

#[doc(inline)]
pub use bundle::{BundleContents, BundleError, BundleView};
#[doc(inline)]
pub use embedding::{Embedding, EmbeddingError};
#[doc(inline)]
pub use gallery::{Gallery, GalleryError, GalleryView, Scan, SubjectId, Subjects};
#[doc(inline)]
pub use model::ModelDigest;
#[doc(inline)]
pub use policy::{Decision, Match, MatchError, Policy, Ranking, Verification, identify, verify};
#[doc(inline)]
pub use similarity::Score;
#[doc(inline)]
pub use template::{Template, TemplateError, TemplateRef};

/// The largest dimension of an embedding that the integer arithmetic is proved for (`docs/fixed-point.md`).
pub const MAX_DIMENSION: usize = 1024;

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
