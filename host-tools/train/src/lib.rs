//! Trains small contrastive encoders for microcontrollers and writes them as ONNX.
//!
//! ```text
//! samples ─► batch (P × K, instances) ─► augment ─► net ─► loss ─► Adam   (train)
//!                                                    └─► BatchNorm folded ─► ONNX
//! ```
//!
//! An encoder learns from samples with labels ([`Labeled`]), from samples without ([`Samples`], of which each is a class
//! of its own), or from both at once, by one of six losses ([`Loss`]).
//! A run depends on nothing but its data and its [`TrainConfig`]: the same seed gives the same file, byte for byte, on
//! the same machine.
//!
//! ```
//! use cognate_train::{BatchConfig, Labeled, Layer, NetConfig, Recipe, Samples, TrainConfig, train};
//!
//! // Two classes of 8 × 8 images: dark and bright.
//! let pixels: Vec<u8> = [20, 30, 220, 230].into_iter().flat_map(|gray| [gray; 64]).collect();
//! let labeled = Labeled::new(Samples::of_pixels(8, 8, &pixels)?, vec![0, 0, 1, 1])?;
//! let instances = Samples::of_pixels(8, 8, &[])?;
//! let config = TrainConfig {
//!     steps: 2,
//!     warm_up: 1,
//!     batch: BatchConfig { classes: 2, samples: 2, instances: 0, turned: false, mixup: None },
//!     net: NetConfig { blocks: vec![Layer::full(4, [3; 2], [2; 2]).into()], embedding: 8, ..Default::default() },
//!     ..Default::default()
//! };
//! let encoder = train(&labeled, &instances, &config, &mut |progress| {
//!     println!("step {}: loss {:.3}", progress.step, progress.loss);
//! })?;
//! let onnx = encoder.to_onnx(&Recipe::new(&labeled, &instances, &config));
//! assert!(!onnx.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod augment;
mod batch;
mod checkpoint;
mod eer;
mod error;
mod held_out;
mod loss;
mod net;
mod onnx;
mod rng;
mod samples;
mod train;
mod training;

pub use augment::{Augment, ImageAugment, SeriesAugment};
pub use batch::BatchConfig;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use eer::equal_error_rate;
pub use error::TrainError;
pub use held_out::HeldOut;
pub use loss::Loss;
pub use net::{Block, Budget, Cost, Family, Filters, Head, Join, Layer, NetConfig, Shape};
pub use onnx::Recipe;
pub use samples::{Labeled, Samples, SamplesError};
pub use train::{Encoder, Progress, TrainConfig};
pub use training::{State, Training, train, train_held_out};
