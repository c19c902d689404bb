//! What host and device say to each other. The order of variants and fields is the format (`docs/protocol.md`).

use serde::{Deserialize, Serialize};

/// What a host asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command<'a> {
    /// The first subject behind this one, or of all.
    List {
        /// The subject before, 0 for none: no subject has that.
        after: u32,
    },
    /// Takes a sample, little-endian `f32`, for the next [`Command::Enroll`].
    Sample {
        /// The embedding.
        #[serde(borrow)]
        embedding: &'a [u8],
    },
    /// Enrolls a new subject by the samples that were taken.
    Enroll,
    /// Enrolls a template as it is, of a new subject or one more of an enrolled one.
    Template {
        /// The subject, 0 for a new one.
        subject: u32,
        /// The model digest of its space.
        model: [u8; 16],
        /// The code.
        #[serde(borrow)]
        code: &'a [u8],
    },
    /// Whether a sample is this subject's.
    Verify {
        /// Who is claimed.
        subject: u32,
        /// The embedding, little-endian `f32`.
        #[serde(borrow)]
        embedding: &'a [u8],
    },
    /// Whose a sample is.
    Identify {
        /// The embedding, little-endian `f32`.
        #[serde(borrow)]
        embedding: &'a [u8],
    },
    /// Removes a subject.
    Remove {
        /// The subject.
        subject: u32,
    },
    /// Some of a sealed backup.
    Backup {
        /// From this byte on.
        offset: u32,
    },
    /// Some of a sealed backup, to be put back when it is whole.
    Restore {
        /// Where the piece is.
        offset: u32,
        /// How long all of it is.
        length: u32,
        /// The piece.
        #[serde(borrow)]
        piece: &'a [u8],
    },
    /// From which byte on the next bundle is missing.
    UpdateResume,
    /// Begins with the next bundle anew.
    UpdateBegin,
    /// A piece of the next bundle.
    UpdatePiece {
        /// Where it is.
        offset: u32,
        /// The piece.
        #[serde(borrow)]
        piece: &'a [u8],
    },
    /// Checks the next bundle and takes it into use.
    UpdateEnd,
    /// Some of the statistics of the field.
    Statistics {
        /// From this byte on.
        offset: u32,
    },
    /// How the device is.
    Status,
    /// The first decision behind this one, of the last few that the device keeps.
    Decision {
        /// The number of the decision before, 0 for none.
        after: u32,
    },
}

impl Command<'_> {
    /// Whether it changes what the device keeps.
    #[must_use]
    pub const fn changes(&self) -> bool {
        !matches!(
            self,
            Self::List { .. }
                | Self::Verify { .. }
                | Self::Identify { .. }
                | Self::Backup { .. }
                | Self::UpdateResume
                | Self::Statistics { .. }
                | Self::Status
                | Self::Decision { .. }
        )
    }
}

/// What a device answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer<'a> {
    /// It is done.
    Done,
    /// A subject.
    Subject {
        /// Its id.
        id: u32,
        /// How many templates it has.
        templates: u16,
    },
    /// There is no more.
    End,
    /// Somebody is enrolled.
    Enrolled {
        /// The id.
        id: u32,
    },
    /// The answer to a claim.
    Verified {
        /// Whether it holds.
        accepted: bool,
        /// The raw score.
        score: i32,
    },
    /// The answer to whose a sample is.
    Identified {
        /// The subject, 0 for nobody, and when it is not for sure who.
        id: u32,
        /// The raw score of the most alike subject.
        score: i32,
    },
    /// A receipt: the subject's templates are nowhere in the store's flash.
    Removed {
        /// How many there were.
        templates: u16,
        /// Where the flash begins that was erased for it.
        from: u32,
        /// Where it ends.
        to: u32,
        /// Pages of it that are worn, and may hold what they held.
        stubborn: u32,
    },
    /// From which byte on the next piece is to come.
    Next {
        /// The byte.
        offset: u32,
    },
    /// Bytes of something longer.
    Piece {
        /// How long all of it is.
        length: u32,
        /// The bytes.
        #[serde(borrow)]
        bytes: &'a [u8],
    },
    /// It was not done.
    Refused(Refusal),
    /// A receipt: the subject came in the bundle and is not found any more; its bytes stay until the next bundle.
    Hidden,
    /// How the device is.
    Status {
        /// Wrong attempts in a row.
        wrong: u32,
        /// Seconds until the next attempt, `u32::MAX` for never.
        wait: u32,
        /// Records of the store that were found damaged when it was opened.
        damaged: u32,
        /// Writes to the store that did not read back.
        worn: u32,
    },
    /// A decision.
    Decision {
        /// Its number, 1 and up since the device was started.
        number: u32,
        /// What was decided.
        verdict: Verdict,
        /// The subject that was known or claimed, 0 for nobody.
        id: u32,
        /// The raw score of the most alike subject, or of the one that was claimed.
        score: i32,
    },
}

/// What was decided about a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict {
    /// The claim holds.
    Accepted,
    /// The claim does not hold.
    Rejected,
    /// Somebody who is enrolled.
    Known,
    /// One of two, and not for sure which.
    Ambiguous,
    /// Nobody who is enrolled.
    Unknown,
}

/// Why a command was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refusal {
    /// The device does not do this.
    Unsupported,
    /// Nobody has this id.
    UnknownSubject,
    /// A template or an embedding is not of this device's model or dimension, or is none.
    Template,
    /// There is no room.
    Full,
    /// The samples should not be enrolled: too few, unlike each other, or too much like somebody else.
    Quality,
    /// No threshold holds the promised rate with one subject more.
    Policy,
    /// Too many attempts: wait.
    Locked,
    /// The piece is not the one that has to come next, or what came is not whole.
    Piece,
    /// The bundle or the backup is not signed, sealed or new enough.
    Untrusted,
    /// The flash failed.
    Flash,
    /// There is no bundle in use yet: send one.
    NoBundle,
    /// Templates of another model are stored: restore a backup of them for this one.
    OtherModel,
}

/// What a device says of itself when a session begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct About {
    /// The model digest of the templates.
    pub model: [u8; 16],
    /// Elements of a template.
    pub dimension: u16,
    /// Templates that can be enrolled on the device.
    pub capacity: u16,
    /// Templates that are enrolled there.
    pub templates: u16,
    /// The version of the bundle, 0 for one that is not signed.
    pub bundle: u32,
}
