//! A run on the way, as bytes: whoever keeps them can go on where it was, to the same encoder.
//!
//! ```text
//! magic │ recipe │ losses │ looks │ ranges │ network │ optimizer │ best network │ SHA-256 of all before
//! ```
//!
//! Each part follows its length, a little-endian u64. Batches depend on the seed and their step alone, so nothing of theirs is
//! kept. Network and optimizer are records of burn.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::net::Range;
use crate::onnx::Recipe;

const MAGIC: &[u8] = b"cognate checkpoint 2\n";
/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// Where a run was, after some step.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub(crate) recipe: Recipe,
    /// The loss of each step done.
    pub(crate) losses: Vec<f32>,
    /// Each look at the samples held out: steps done, and the equal error rate.
    pub(crate) looks: Vec<(usize, f64)>,
    /// Those of the tensors, from the first step that rounds.
    pub(crate) ranges: Option<Vec<Range>>,
    pub(crate) net: Vec<u8>,
    pub(crate) optimizer: Vec<u8>,
    /// The network that did best on the samples held out; empty before the first look.
    pub(crate) best: Vec<u8>,
}

/// Why a run does not go on from some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointError {
    /// They are something else, or of another version.
    Kind,
    /// They are not what was written.
    Damaged,
    /// They are of another run.
    OtherRun {
        /// What differs, as a recipe calls it.
        name: String,
        /// What it was when the checkpoint was written.
        then: String,
        /// What it is now.
        now: String,
    },
}

impl Checkpoint {
    /// Steps done.
    #[must_use]
    pub fn step(&self) -> usize {
        self.losses.len()
    }

    /// The loss of each step done.
    #[must_use]
    pub fn losses(&self) -> &[f32] {
        &self.losses
    }

    /// Each look at the samples held out: after how many steps, and their equal error rate, a fraction.
    #[must_use]
    pub fn looks(&self) -> &[(usize, f64)] {
        &self.looks
    }

    /// The bytes to keep.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut recipe = Vec::new();
        for (name, value) in self.recipe.entries() {
            push(&mut recipe, name.as_bytes());
            push(&mut recipe, value.as_bytes());
        }
        let losses: Vec<u8> = self.losses.iter().flat_map(|loss| loss.to_le_bytes()).collect();
        let look = |(step, eer): &(usize, f64)| [(*step as u64).to_le_bytes(), eer.to_le_bytes()].concat();
        let looks: Vec<u8> = self.looks.iter().flat_map(look).collect();
        let ends = |range: &Range| [range.low.to_le_bytes(), range.high.to_le_bytes()].concat();
        let ranges: Vec<u8> = self.ranges.iter().flatten().flat_map(ends).collect();
        let mut bytes = MAGIC.to_vec();
        for part in [&recipe, &losses, &looks, &ranges, &self.net, &self.optimizer, &self.best] {
            push(&mut bytes, part);
        }
        bytes.extend_from_slice(&Sha256::digest(&bytes));
        bytes
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Kind`] and [`CheckpointError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        if !bytes.starts_with(MAGIC) {
            return Err(CheckpointError::Kind);
        }
        let end = bytes.len().checked_sub(DIGEST).ok_or(CheckpointError::Damaged)?;
        let (signed, digest) = bytes.split_at(end);
        if Sha256::digest(signed)[..] != *digest {
            return Err(CheckpointError::Damaged);
        }
        Self::parse(&signed[MAGIC.len()..]).ok_or(CheckpointError::Damaged)
    }

    fn parse(mut rest: &[u8]) -> Option<Self> {
        let rest = &mut rest;
        let mut recipe = take(rest)?;
        let mut entries = Vec::new();
        while !recipe.is_empty() {
            let mut text = || String::from_utf8(take(&mut recipe)?.to_vec()).ok();
            entries.push((text()?, text()?));
        }
        let losses = floats(take(rest)?);
        let words = take(rest)?.as_chunks().0;
        let look = |pair: &[[u8; 8]]| (u64::from_le_bytes(pair[0]) as usize, f64::from_le_bytes(pair[1]));
        let looks = words.chunks_exact(2).map(look).collect();
        let range = |ends: &[f32; 2]| Range { low: ends[0], high: ends[1] };
        let ranges: Vec<Range> = floats(take(rest)?).as_chunks().0.iter().map(range).collect();
        let ranges = Some(ranges).filter(|ranges| !ranges.is_empty());
        let [net, optimizer, best] = [take(rest)?.to_vec(), take(rest)?.to_vec(), take(rest)?.to_vec()];
        Some(Self { recipe: Recipe::of_entries(entries), losses, looks, ranges, net, optimizer, best })
    }

    /// Refuses to go on with a run of another recipe, by the first thing that differs.
    pub(crate) fn require(&self, recipe: &Recipe) -> Result<(), CheckpointError> {
        let value = |recipe: &Recipe, name: &str| {
            let entry = recipe.entries().iter().find(|(own, _)| own == name);
            entry.map_or("not there".to_owned(), |(_, value)| value.clone())
        };
        for (name, _) in recipe.entries().iter().chain(self.recipe.entries()) {
            let (then, now) = (value(&self.recipe, name), value(recipe, name));
            if then != now {
                return Err(CheckpointError::OtherRun { name: name.clone(), then, now });
            }
        }
        Ok(())
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Adds a part behind its length.
fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part);
}

/// Takes a part away; `None` where there is less.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(part)
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => f.write_str("this is no checkpoint that this version can read; train anew"),
            Self::Damaged => f.write_str("this checkpoint is damaged; train anew"),
            Self::OtherRun { name, then, now } => write!(
                f,
                "this checkpoint is of another run, whose {name} was {then} and is {now} now; give the options and samples \
                 that it was begun with, or train anew"
            ),
        }
    }
}

impl core::error::Error for CheckpointError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let entries = vec![("loss".to_owned(), "triplet".to_owned()), ("seed".to_owned(), String::new())];
        Checkpoint {
            recipe: Recipe::of_entries(entries),
            losses: vec![1.5, 0.25],
            looks: vec![(2, 0.125)],
            ranges: Some(vec![Range { low: -0.5, high: 2.0 }, Range { low: 0.0, high: 1.0 }]),
            net: vec![1, 2, 3],
            optimizer: vec![4],
            best: vec![],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Checkpoint::from_bytes(&checkpoint().to_bytes()), Ok(checkpoint()));
    }

    #[test]
    fn every_bit_that_changes_and_every_cut_is_noticed() {
        let bytes = checkpoint().to_bytes();
        for place in 0..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 1;
            let error = if place < MAGIC.len() { CheckpointError::Kind } else { CheckpointError::Damaged };
            assert_eq!(Checkpoint::from_bytes(&other), Err(error), "byte {place}");
            assert!(Checkpoint::from_bytes(&bytes[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn another_run_is_told_by_what_differs() {
        let mut other = checkpoint();
        assert_eq!(other.require(&checkpoint().recipe), Ok(()));
        other.recipe = Recipe::of_entries(vec![("loss".to_owned(), "n-pair".to_owned())]);
        let (name, then, now) = ("loss".to_owned(), "triplet".to_owned(), "n-pair".to_owned());
        assert_eq!(checkpoint().require(&other.recipe), Err(CheckpointError::OtherRun { name, then, now }));
    }
}
