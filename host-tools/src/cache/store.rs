//! The file of one model in the cache: a header, and entries of one size that are only ever appended.
//!
//! | bytes | header | | bytes | entry |
//! | --- | --- | --- | --- | --- |
//! | 8 | `cognateE` | | 16 | key |
//! | 16 | model digest | | 4 a value | embedding, `f32`, little endian |
//! | 4 | elements of an embedding | | 4 | CRC-32 of the above |
//! | 16 | version of this tool, filled up with zeros | | | |
//! | 4 | CRC-32 of the above | | | |

use crate::file;
use cognate::ModelDigest;
use crc::{CRC_32_ISO_HDLC, Crc};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The extension of a model's file.
pub const EXTENSION: &str = "embeddings";

/// What an entry is found by.
pub type Key = [u8; 16];

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const MAGIC: &[u8] = b"cognateE";
/// What computes embeddings can change between versions, so they are not mixed.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const VERSION_BYTES: usize = 16;

/// The embeddings of a model that were in its file when it was opened, or were appended since.
pub struct Store {
    file: File,
    header: u64,
    dimension: usize,
    places: HashMap<Key, usize>,
    values: Vec<f32>,
    damaged: usize,
}

impl Store {
    /// Opens the file of a model in this folder, or begins it. One of another model, dimension or version, or with a damaged
    /// header, is begun anew.
    pub fn open(folder: &Path, model: ModelDigest, dimension: usize) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{model}.{EXTENSION}"));
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other(format!("{} is not a file", path.display())));
        }
        let header = header(model, dimension);
        // Whoever appends meanwhile is waited for.
        file.lock()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let entries = bytes.strip_prefix(&*header);
        if entries.is_none() {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(&header)?;
        }
        file.unlock()?;
        let mut store = Self {
            file,
            header: header.len() as u64,
            dimension,
            places: HashMap::new(),
            values: Vec::new(),
            damaged: 0,
        };
        store.read(entries.unwrap_or_default());
        Ok(store)
    }

    /// Entries that were damaged.
    pub const fn damaged(&self) -> usize {
        self.damaged
    }

    /// The embedding of an entry.
    pub fn get(&self, key: &Key) -> Option<&[f32]> {
        let begin = self.places.get(key)? * self.dimension;
        self.values.get(begin..begin + self.dimension)
    }

    /// Appends entries: all of them or, on an error, none.
    pub fn append(&mut self, entries: &[(Key, &[f32])]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = entries.iter().flat_map(|(key, embedding)| entry(key, embedding)).collect();
        let _whole = file::wait_for_writes();
        self.file.lock()?;
        let written = self.write_at_end(&bytes);
        self.file.unlock()?;
        written?;
        for (key, embedding) in entries {
            self.note(*key, embedding.iter().copied());
        }
        Ok(())
    }

    /// Writes behind the last whole entry: what a process that was killed left half written is written over.
    fn write_at_end(&mut self, bytes: &[u8]) -> io::Result<()> {
        let size = self.entry_bytes() as u64;
        let length = self.file.metadata()?.len();
        let end = length - length.saturating_sub(self.header) % size;
        self.file.seek(SeekFrom::Start(end))?;
        let written = self.file.write_all(bytes);
        if written.is_err() {
            self.file.set_len(end)?;
        }
        written
    }

    fn read(&mut self, entries: &[u8]) {
        for entry in entries.chunks_exact(self.entry_bytes()) {
            let (content, sum) = entry.split_at(entry.len() - 4);
            if CRC.checksum(content).to_le_bytes() != sum {
                self.damaged += 1;
                continue;
            }
            let (key, embedding) = content.split_at(size_of::<Key>());
            let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            self.note(key.try_into().expect("the key is first"), embedding.chunks_exact(4).map(value));
        }
    }

    fn note(&mut self, key: Key, embedding: impl Iterator<Item = f32>) {
        self.places.insert(key, self.values.len() / self.dimension);
        self.values.extend(embedding);
    }

    const fn entry_bytes(&self) -> usize {
        size_of::<Key>() + 4 * self.dimension + 4
    }
}

fn header(model: ModelDigest, dimension: usize) -> Vec<u8> {
    let mut version = [0; VERSION_BYTES];
    for (place, byte) in version.iter_mut().zip(VERSION.bytes()) {
        *place = byte;
    }
    let dimension = u32::try_from(dimension).unwrap_or(u32::MAX).to_le_bytes();
    with_sum([MAGIC, model.as_bytes(), &dimension, &version].concat())
}

fn entry(key: &Key, embedding: &[f32]) -> Vec<u8> {
    with_sum(key.iter().copied().chain(embedding.iter().flat_map(|value| value.to_le_bytes())).collect())
}

fn with_sum(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = CRC.checksum(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}
