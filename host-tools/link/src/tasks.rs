//! What takes several commands: lists, backups, updates.

use crate::{Link, LinkError};
use cognate::protocol::{Answer, Command, Refusal};
use std::io::{Read, Write};

/// Bytes of a piece: whole words of any flash, and room for the rest of a frame.
const PIECE: usize = 512;

/// A subject on the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// Its id.
    pub id: u32,
    /// How many templates it has.
    pub templates: u16,
}

/// What was sent of an update.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Update {
    /// From which byte on: those before were there from an update that was cut.
    pub resumed_at: u32,
    /// Bytes of all of it.
    pub bytes: u32,
}

/// `f32` as embeddings are sent.
fn bytes_of(embedding: &[f32]) -> Vec<u8> {
    embedding.iter().flat_map(|value| value.to_le_bytes()).collect()
}

impl<P: Read + Write> Link<P> {
    /// Everybody who is enrolled, of the bundle and on the device, by ascending id.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn list(&mut self) -> Result<Vec<Subject>, LinkError> {
        let (mut subjects, mut after) = (Vec::new(), 0);
        while let Some(subject) = self.ask(&Command::List { after }, |answer| match answer {
            Answer::Subject { id, templates } => Some(Some(Subject { id: *id, templates: *templates })),
            Answer::End => Some(None),
            _ => None,
        })? {
            if subject.id <= after {
                return Err(LinkError::Unexpected);
            }
            after = subject.id;
            subjects.push(subject);
        }
        Ok(subjects)
    }

    /// Enrolls a new subject by embeddings; its id.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn enroll<'e>(&mut self, samples: impl IntoIterator<Item = &'e [f32]>) -> Result<u32, LinkError> {
        for sample in samples {
            self.order(&Command::Sample { embedding: &bytes_of(sample) })?;
        }
        self.ask(&Command::Enroll, |answer| match answer {
            Answer::Enrolled { id } => Some(*id),
            _ => None,
        })
    }

    /// Whether an embedding is this subject's, and its raw score.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn verify(&mut self, subject: u32, sample: &[f32]) -> Result<(bool, i32), LinkError> {
        self.ask(&Command::Verify { subject, embedding: &bytes_of(sample) }, |answer| match answer {
            Answer::Verified { accepted, score } => Some((*accepted, *score)),
            _ => None,
        })
    }

    /// Whose an embedding is, if anybody's, and the raw score of the most alike subject.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn identify(&mut self, sample: &[f32]) -> Result<(Option<u32>, i32), LinkError> {
        self.ask(&Command::Identify { embedding: &bytes_of(sample) }, |answer| match answer {
            Answer::Identified { id, score } => Some(((*id != 0).then_some(*id), *score)),
            _ => None,
        })
    }

    /// A sealed backup of who was enrolled on the device.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn backup(&mut self) -> Result<Vec<u8>, LinkError> {
        self.read_all(|offset| Command::Backup { offset })
    }

    /// What the device has counted, as `cognate drift` reads it.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn statistics(&mut self) -> Result<Vec<u8>, LinkError> {
        self.read_all(|offset| Command::Statistics { offset })
    }

    fn read_all(&mut self, command: impl Fn(u32) -> Command<'static>) -> Result<Vec<u8>, LinkError> {
        let mut all: Vec<u8> = Vec::new();
        loop {
            let offset = u32::try_from(all.len()).map_err(|_| LinkError::Unexpected)?;
            let (length, piece) = self.ask(&command(offset), |answer| match answer {
                Answer::Piece { length, bytes } => Some((*length as usize, bytes.to_vec())),
                _ => None,
            })?;
            all.extend(&piece);
            if all.len() >= length {
                return if all.len() == length { Ok(all) } else { Err(LinkError::Unexpected) };
            }
            if piece.is_empty() {
                return Err(LinkError::Unexpected);
            }
        }
    }

    /// Puts a sealed backup back: whoever is not in it is erased.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn restore(&mut self, backup: &[u8], mut progress: impl FnMut(usize)) -> Result<(), LinkError> {
        let length = u32::try_from(backup.len()).map_err(|_| LinkError::Refused(Refusal::Full))?;
        for (number, piece) in backup.chunks(PIECE).enumerate() {
            let offset = (number * PIECE) as u32;
            let end = offset + piece.len() as u32;
            let done = self.ask(&Command::Restore { offset, length, piece }, |answer| match answer {
                Answer::Done => Some(true),
                Answer::Next { offset } if *offset == end => Some(false),
                _ => None,
            })?;
            progress(piece.len());
            if done {
                return Ok(());
            }
        }
        Err(LinkError::Refused(Refusal::Piece))
    }

    /// Sends a signed bundle, from where an update that was cut ended, and has it taken into use: the device then starts anew.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn update(&mut self, bundle: &[u8], mut progress: impl FnMut(usize)) -> Result<Update, LinkError> {
        let bytes = u32::try_from(bundle.len()).map_err(|_| LinkError::Refused(Refusal::Full))?;
        // What is there may be of another bundle, which only the signature tells.
        let there = self.next(&Command::UpdateResume)?;
        let resumed_at = if there > 0 && there < bytes { there } else { self.next(&Command::UpdateBegin)? };
        let outcome = self.send(bundle, resumed_at, &mut progress);
        let resumed_at = match outcome {
            Err(LinkError::Refused(Refusal::Untrusted)) if resumed_at > 0 => {
                self.next(&Command::UpdateBegin)?;
                self.send(bundle, 0, &mut progress)?;
                0
            }
            outcome => outcome.map(|()| resumed_at)?,
        };
        Ok(Update { resumed_at, bytes })
    }

    fn send(&mut self, bundle: &[u8], from: u32, progress: &mut impl FnMut(usize)) -> Result<(), LinkError> {
        let mut offset = from;
        while let Some(rest) = bundle.get(offset as usize..).filter(|rest| !rest.is_empty()) {
            let piece = &rest[..rest.len().min(PIECE)];
            let next = self.next(&Command::UpdatePiece { offset, piece })?;
            if next <= offset {
                return Err(LinkError::Refused(Refusal::Piece));
            }
            progress((next - offset) as usize);
            offset = next;
        }
        self.order(&Command::UpdateEnd)
    }

    fn next(&mut self, command: &Command<'_>) -> Result<u32, LinkError> {
        self.ask(command, |answer| match answer {
            Answer::Next { offset } => Some(*offset),
            _ => None,
        })
    }
}
