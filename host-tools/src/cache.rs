//! Embeddings that were made before: a second run over the same samples does not encode them again, and one that was
//! interrupted goes on where it stopped.
//!
//! A model has one file in the cache's folder, by its digest, which the preprocessing is part of. An entry is found by what
//! the model sees of a sample, its prepared input, so neither a file's name nor its place, form or date matters, and nothing
//! that changes the input can be missed. Entries are appended as they are made; each has a checksum, and one that is damaged
//! is passed over and made again.

mod store;

use crate::encoder::{EncodeError, Encoder};
use cognate::ModelDigest;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use store::{Key, Store};

/// The environment variable that names the cache's folder.
pub const VARIABLE: &str = "COGNATE_CACHE";

/// Where the cache is: the folder that `COGNATE_CACHE` names, or `cognate` in the user's folder for caches (on Linux
/// `~/.cache`, or `XDG_CACHE_HOME`). `None` where there is neither.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
    named.or_else(|| dirs::cache_dir().map(|caches| caches.join("cognate")))
}

/// The cache's file of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CachedModel {
    /// The model, with its preprocessing.
    pub model: String,
    /// Bytes of its file.
    pub bytes: u64,
    path: PathBuf,
}

/// The models that have embeddings in a cache, by digest.
///
/// # Errors
/// What the system says when the folder is there and cannot be read.
pub fn models(folder: &Path) -> io::Result<Vec<CachedModel>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut models = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let name = path.file_stem().and_then(|name| name.to_str()).filter(|name| name.parse::<ModelDigest>().is_ok());
        if let (Some(name), true) = (name, path.extension().is_some_and(|extension| extension == store::EXTENSION)) {
            models.push(CachedModel { model: name.to_owned(), bytes: entry.metadata()?.len(), path: path.clone() });
        }
    }
    models.sort_by(|a, b| a.model.cmp(&b.model));
    Ok(models)
}

/// Removes a model's embeddings from the cache.
///
/// # Errors
/// What the system says.
pub fn remove(model: &CachedModel) -> io::Result<()> {
    std::fs::remove_file(&model.path)
}

/// What a cache did for a run.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Samples whose embeddings were there.
    pub found: usize,
    /// Samples that were encoded.
    pub encoded: usize,
    /// Damaged entries that were passed over.
    pub damaged: usize,
    /// Why the cache keeps nothing more; in the system's words.
    pub trouble: Option<String>,
}

/// An encoder that looks into a cache first, and adds to it. Without a cache that works it is the encoder alone.
pub struct CachedEncoder {
    encoder: Box<dyn Encoder>,
    state: Mutex<State>,
}

struct State {
    /// The cache, as long as it works.
    store: Option<Store>,
    usage: Usage,
}

impl CachedEncoder {
    /// Puts the cache in `folder` before an encoder of this model.
    #[must_use]
    pub fn new(encoder: Box<dyn Encoder>, folder: &Path, model: ModelDigest) -> Self {
        let mut usage = Usage::default();
        let store = match Store::open(folder, model, encoder.dimension()) {
            Ok(store) => {
                usage.damaged = store.damaged();
                Some(store)
            }
            Err(error) => {
                usage.trouble = Some(error.to_string());
                None
            }
        };
        Self { encoder, state: Mutex::new(State { store, usage }) }
    }

    /// What the cache did so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.state().usage.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Encoder for CachedEncoder {
    fn sample_shape(&self) -> &[usize] {
        self.encoder.sample_shape()
    }

    fn dimension(&self) -> usize {
        self.encoder.dimension()
    }

    fn encode(&self, batch: &[f32]) -> Result<Vec<f32>, EncodeError> {
        let (sample, dimension) = (self.sample_shape().iter().product::<usize>().max(1), self.dimension());
        if !batch.len().is_multiple_of(sample) {
            return Err(EncodeError::Length { sample, found: batch.len() });
        }
        let keys: Vec<Key> = batch.par_chunks(sample).map(key).collect();
        let mut embeddings: Vec<Option<Vec<f32>>> = {
            let state = self.state();
            let found = |key| state.store.as_ref().and_then(|store| store.get(key)).map(<[f32]>::to_vec);
            keys.iter().map(found).collect()
        };
        let missing: Vec<usize> = (0..keys.len()).filter(|&place| embeddings[place].is_none()).collect();
        let inputs: Vec<f32> = missing.iter().flat_map(|&place| &batch[place * sample..][..sample]).copied().collect();
        let encoded = self.encoder.encode(&inputs)?;
        let mut state = self.state();
        state.usage.found += keys.len() - missing.len();
        state.usage.encoded += missing.len();
        let fresh: Vec<(Key, &[f32])> =
            missing.iter().map(|&place| keys[place]).zip(encoded.chunks_exact(dimension)).collect();
        if let Some(Err(error)) = state.store.as_mut().map(|store| store.append(&fresh)) {
            // A cache that cannot be written costs time the next time, and nothing else.
            state.usage.trouble = Some(error.to_string());
            state.store = None;
        }
        for (&place, (_, embedding)) in missing.iter().zip(&fresh) {
            embeddings[place] = Some(embedding.to_vec());
        }
        Ok(embeddings.into_iter().flatten().flatten().collect())
    }
}

/// What an entry is found by: the beginning of the SHA-256 of a prepared input.
fn key(input: &[f32]) -> Key {
    let mut hash = Sha256::new();
    for value in input {
        hash.update(value.to_le_bytes());
    }
    let mut key = Key::default();
    key.copy_from_slice(&hash.finalize()[..size_of::<Key>()]);
    key
}

#[cfg(test)]
mod tests;
