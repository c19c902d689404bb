//! The built command, run as a user runs it. One test binary, because each one links the whole runtime.

mod analogy;
mod bad_bundles;
mod bad_embeddings;
mod bad_models;
mod bad_samples;
mod bridge;
mod budget;
mod calibration;
mod choices;
mod device;
mod drift;
mod evaluation;
mod flow;
mod inputs;
mod inspect;
mod manners;
mod measured;
mod model_file;
mod protection;
mod qdq;
#[cfg(feature = "train")]
mod quantization_aware;
mod quantize;
mod recorded;
mod report;
mod signing;
mod support;
#[cfg(feature = "train")]
mod train;
mod walk;
