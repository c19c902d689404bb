//! How a call went.

use cognate::back_end::BackEndError;
use cognate::encoder::{EncoderError, RunError, StepError};
use cognate::quality::Refusal;
use cognate::store::{OpenError, StoreError};
use cognate::{BundleError, DimensionError, EmbeddingError, GalleryError, MatchError, PolicyError, TemplateError};
use core::ffi::CStr;

/// How a call went; cognate_status_text says it in words, and what to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Status {
    /// As asked.
    Ok,
    /// A pointer is null.
    NullPointer,
    /// A pointer is not at a multiple of what it points to.
    Alignment,
    /// The header was compiled for other sizes than the library.
    Build,
    /// The memory holds nothing that was opened.
    Closed,
    /// The bytes are not a bundle, or are damaged.
    BundleDamaged,
    /// The bundle has a version that this library does not read.
    BundleVersion,
    /// The bundle contradicts itself.
    BundleMalformed,
    /// The bundle is for other dimensions than the library.
    Dimension,
    /// The bundle's templates are protected by a key.
    Protected,
    /// No threshold holds the rate that the bundle asks for.
    Threshold,
    /// The bundle has no encoder.
    NoEncoder,
    /// The bundle's encoder cannot be used.
    Encoder,
    /// The arena is too small.
    ArenaTooSmall,
    /// The sample is not what the encoder takes.
    Sample,
    /// The embedding has another number of elements than the library is built for.
    EmbeddingLength,
    /// An element of the embedding is NaN or infinite.
    EmbeddingNotFinite,
    /// Nothing is left of the embedding.
    EmbeddingZero,
    /// The template is damaged.
    Template,
    /// The template is of another model than the bundle.
    Model,
    /// Nobody is enrolled.
    NobodyEnrolled,
    /// The subject is not enrolled.
    UnknownSubject,
    /// The subject's scores cannot be compared.
    Scores,
    /// There is no room for the templates.
    GalleryFull,
    /// Every subject id was given.
    NoMoreIds,
    /// The samples are too few, or too many.
    SampleCount,
    /// A sample says nothing: it is constant, or clipped.
    SampleQuality,
    /// Two samples are one.
    SampleDuplicate,
    /// A sample is not like the others.
    SampleInconsistent,
    /// A sample is like somebody else who is enrolled.
    SampleTooClose,
    /// The flash failed, or was used for something that it does not do.
    Flash,
    /// The flash is too small for the store, or not whole pages.
    StoreArea,
    /// What is stored is of another model.
    StoreModel,
    /// What is stored is more than the library is built for.
    StoreCapacity,
    /// What is in the flash is no store.
    StoreUnreadable,
    /// The flash is worn out.
    StoreWorn,
    /// Something else; a newer library says what.
    Other,
}

impl Status {
    /// In the order of their numbers.
    pub(crate) const ALL: [Self; 37] = [
        Self::Ok,
        Self::NullPointer,
        Self::Alignment,
        Self::Build,
        Self::Closed,
        Self::BundleDamaged,
        Self::BundleVersion,
        Self::BundleMalformed,
        Self::Dimension,
        Self::Protected,
        Self::Threshold,
        Self::NoEncoder,
        Self::Encoder,
        Self::ArenaTooSmall,
        Self::Sample,
        Self::EmbeddingLength,
        Self::EmbeddingNotFinite,
        Self::EmbeddingZero,
        Self::Template,
        Self::Model,
        Self::NobodyEnrolled,
        Self::UnknownSubject,
        Self::Scores,
        Self::GalleryFull,
        Self::NoMoreIds,
        Self::SampleCount,
        Self::SampleQuality,
        Self::SampleDuplicate,
        Self::SampleInconsistent,
        Self::SampleTooClose,
        Self::Flash,
        Self::StoreArea,
        Self::StoreModel,
        Self::StoreCapacity,
        Self::StoreUnreadable,
        Self::StoreWorn,
        Self::Other,
    ];

    /// What it says, and what to do.
    pub(crate) const fn text(self) -> &'static CStr {
        match self {
            Self::Ok => c"ok",
            Self::NullPointer => c"a pointer is null: give one, or a length of 0",
            Self::Alignment => c"a pointer is not aligned: use the header's types, and an arena at a multiple of 16",
            Self::Build => {
                c"the header was compiled for other sizes than the library: give both the same COGNATE_ numbers"
            }
            Self::Closed => c"nothing is open in this memory: call cognate_open or cognate_encoder_open first",
            Self::BundleDamaged => c"this is no bundle, or it is damaged: write it to flash again",
            Self::BundleVersion => c"the bundle is of another version: export it again, or update the library",
            Self::BundleMalformed => c"the bundle contradicts itself: export it again",
            Self::Dimension => c"the bundle has other dimensions: build the library with its COGNATE_DIMENSION",
            Self::Protected => c"the bundle is protected by a key: use the interface in Rust for it",
            Self::Threshold => {
                c"no threshold holds the rate that the bundle asks for: calibrate with more data, or enroll fewer"
            }
            Self::NoEncoder => c"the bundle has no encoder: export it with one, or give embeddings",
            Self::Encoder => c"the bundle's encoder cannot be used: quantize and export it again",
            Self::ArenaTooSmall => c"the arena is too small: cognate_encoder_arena_bytes says how much it needs",
            Self::Sample => {
                c"the sample is not what the encoder takes: cognate_encoder_sample_bytes says how long it is"
            }
            Self::EmbeddingLength => c"the embedding has another length: give COGNATE_ENCODER_DIMENSION elements",
            Self::EmbeddingNotFinite => c"an element of the embedding is not finite: check the sensor and the encoder",
            Self::EmbeddingZero => c"nothing is left of the embedding: check the sensor and the encoder",
            Self::Template => c"the template is damaged: make it again",
            Self::Model => c"the template is of another model: make it again with this bundle",
            Self::NobodyEnrolled => c"nobody is enrolled: enroll a subject first",
            Self::UnknownSubject => c"the subject is not enrolled here: it was removed, or is the bundle's",
            Self::Scores => c"the scores are not those that the thresholds are for: export the bundle again",
            Self::GalleryFull => c"the gallery is full: remove a subject, or build with a greater COGNATE_CAPACITY",
            Self::NoMoreIds => c"every subject id was given: start a new store",
            Self::SampleCount => c"the samples are too few or too many: give 3 to 8 of a subject",
            Self::SampleQuality => c"a sample is constant or clipped: check the sensor, and take it again",
            Self::SampleDuplicate => c"two samples are the same: take another one",
            Self::SampleInconsistent => c"a sample is not like the others: take the samples again",
            Self::SampleTooClose => c"a sample is like somebody who is enrolled: remove that subject first",
            Self::Flash => c"the flash failed: close the recognizer, open it again, and see what is stored",
            Self::StoreArea => c"the store's flash is too small or not whole pages: give it more pages",
            Self::StoreModel => c"what is stored is of another model: begin anew with cognate_renew_stored",
            Self::StoreCapacity => c"more is stored than fits: build with a greater COGNATE_CAPACITY",
            Self::StoreUnreadable => {
                c"the flash holds something that is no store: begin anew with cognate_renew_stored"
            }
            Self::StoreWorn => c"the flash is worn out: replace the part",
            Self::Other => c"something that this version has no number for: update the library",
        }
    }
}

impl From<BundleError> for Status {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::NotABundle | BundleError::Truncated { .. } | BundleError::Checksum { .. } => {
                Self::BundleDamaged
            }
            BundleError::FormatVersion { .. } | BundleError::UnknownSection { .. } => Self::BundleVersion,
            _ => Self::BundleMalformed,
        }
    }
}

impl From<DimensionError> for Status {
    fn from(_: DimensionError) -> Self {
        Self::Dimension
    }
}

impl From<EmbeddingError> for Status {
    fn from(error: EmbeddingError) -> Self {
        match error {
            EmbeddingError::Length { .. } => Self::EmbeddingLength,
            EmbeddingError::NotFinite { .. } => Self::EmbeddingNotFinite,
            EmbeddingError::Zero => Self::EmbeddingZero,
            _ => Self::Other,
        }
    }
}

impl From<BackEndError> for Status {
    fn from(error: BackEndError) -> Self {
        match error {
            BackEndError::Dimension { .. } => Self::EmbeddingLength,
            BackEndError::Embedding(error) => error.into(),
            _ => Self::Other,
        }
    }
}

impl From<TemplateError> for Status {
    fn from(_: TemplateError) -> Self {
        Self::Template
    }
}

impl From<PolicyError> for Status {
    fn from(_: PolicyError) -> Self {
        Self::Threshold
    }
}

impl From<MatchError> for Status {
    fn from(error: MatchError) -> Self {
        match error {
            MatchError::EmptyGallery => Self::NobodyEnrolled,
            MatchError::UnknownSubject(_) => Self::UnknownSubject,
            MatchError::StalePolicy => Self::Threshold,
            MatchError::Space(_) => Self::Model,
            _ => Self::Scores,
        }
    }
}

impl From<GalleryError> for Status {
    fn from(error: GalleryError) -> Self {
        match error {
            GalleryError::Full { .. } => Self::GalleryFull,
            GalleryError::NoTemplate => Self::SampleCount,
            GalleryError::Space(_) => Self::Model,
            GalleryError::Zero => Self::EmbeddingZero,
            GalleryError::UnknownSubject(_) => Self::UnknownSubject,
            GalleryError::NoMoreIds => Self::NoMoreIds,
            _ => Self::Other,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooFewSamples { .. } | Refusal::TooManySamples { .. } => Self::SampleCount,
            Refusal::Constant { .. } | Refusal::Clipped { .. } => Self::SampleQuality,
            Refusal::Duplicate { .. } => Self::SampleDuplicate,
            Refusal::Inconsistent { .. } => Self::SampleInconsistent,
            Refusal::TooClose { .. } => Self::SampleTooClose,
            Refusal::Match(error) => error.into(),
            _ => Self::Other,
        }
    }
}

impl From<OpenError> for Status {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Area | OpenError::TooSmall { .. } => Self::StoreArea,
            OpenError::Model { .. } => Self::StoreModel,
            OpenError::Capacity { .. } => Self::StoreCapacity,
            OpenError::Unreadable => Self::StoreUnreadable,
            OpenError::Flash(_) => Self::Flash,
            _ => Self::Other,
        }
    }
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gallery(error) => error.into(),
            StoreError::Worn => Self::StoreWorn,
            StoreError::Hidden { .. } => Self::StoreCapacity,
            StoreError::OfDevice(_) => Self::UnknownSubject,
            StoreError::Flash(_) => Self::Flash,
            _ => Self::Other,
        }
    }
}

impl From<EncoderError> for Status {
    fn from(error: EncoderError) -> Self {
        match error {
            EncoderError::Version { .. } | EncoderError::Step { error: StepError::Operator { .. }, .. } => {
                Self::BundleVersion
            }
            _ => Self::Encoder,
        }
    }
}

impl From<RunError> for Status {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Encoder(error) => error.into(),
            RunError::SampleForm | RunError::SampleLength { .. } => Self::Sample,
            RunError::ArenaTooSmall { .. } => Self::ArenaTooSmall,
            RunError::ArenaAlignment => Self::Alignment,
            _ => Self::Encoder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_numbers_and_no_text_is_said_twice() {
        for (number, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, number);
            let same = Status::ALL.into_iter().filter(|other| other.text() == status.text()).count();
            assert_eq!(same, 1, "{status:?}");
        }
    }
}
