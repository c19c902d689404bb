//! What the `cognate` command does, as a library that tests and other tools can call.
//!
//! The modules in the order in which a sample passes through them:
//!
//! 1. [`onnx`] reads a model file, [`preprocessing`] the TOML beside it; [`model`] is the two together.
//! 2. [`samples`] finds labeled samples and brings them into the model's input form.
//! 3. [`encoder`] is what runs a model; [`runtime`] is the one implementation, and the one file that names tract.
//!    [`encoding`] runs it over all samples, [`cache`] keeps what it gave.
//! 4. [`embeddings`] are the result, with their [`labels`] beside them; a [`coder`] makes the codes of templates of them,
//!    behind a [`back_end`] that was fitted on such.
//! 5. [`calibration`] chooses thresholds, [`thresholds`] is the file that keeps them and their evidence; [`eer`] is the one
//!    number to compare ways by.
//! 6. [`bundle`] edits the file that goes to the device, and [`simulation`] decides as the device does.
//! 7. [`bridge`] takes whoever is enrolled over to another model.
//! 8. [`drift`] compares what a device has counted with what its thresholds promise.
//! 9. [`signing`] is how a device knows whose it is.
//!
//! [`quantization`] makes an int8 encoder of a model, [`int8`] runs one as the device does, and a [`budget`] is what it takes there.
//! [`evaluation`] tells how good an encoder is, in floating point and as the device computes, and [`report`] makes a page of it.
//! `training` (feature `train`) brings samples into the form that the trainer takes.
//! [`words`] are embeddings too: analogies, neighbors and a probe of bias among them.
//!
//! [`inspection`] tells what a model holds. [`choices`] are what the command line takes. [`file`](mod@file) and [`npy`] are the
//! file forms shared by all.

pub mod back_end;
pub mod bridge;
pub mod budget;
pub mod bundle;
pub mod cache;
pub mod calibration;
pub mod choices;
pub mod coder;
pub mod drift;
pub mod eer;
pub mod embeddings;
pub mod encoder;
pub mod encoding;
pub mod evaluation;
pub mod file;
pub mod inspection;
pub mod int8;
pub mod labels;
pub mod model;
pub mod npy;
pub mod onnx;
pub mod preprocessing;
pub mod quantization;
pub mod report;
pub mod runtime;
pub mod samples;
pub mod signing;
pub mod simulation;
pub mod thresholds;
#[cfg(feature = "train")]
pub mod training;
pub mod words;
