//! Why there is no decision.

use crate::gallery::SubjectId;
use crate::normalization::Method;
use crate::policy::Calibration;
use crate::space::{CodeForm, SpaceMismatch};
use core::fmt;

/// Why there is no decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MatchError {
    /// The probe is of another space than a gallery.
    Space(SpaceMismatch),
    /// The probe has another number of elements than the gallery's templates.
    Dimension {
        /// The gallery's dimension.
        expected: usize,
        /// The probe's dimension.
        found: usize,
    },
    /// A cosine was asked for in a Euclidean space, or a distance in another.
    Metric {
        /// The form of the templates.
        found: CodeForm,
    },
    /// Nobody is enrolled.
    EmptyGallery,
    /// The claimed subject is not enrolled, or was removed.
    UnknownSubject(SubjectId),
    /// The policy's threshold was calibrated for other scores than this search makes.
    Calibration {
        /// What the threshold is for.
        expected: Calibration,
        /// What the search makes.
        found: Calibration,
    },
    /// Somebody was enrolled or removed since the policy was made.
    StalePolicy,
    /// The subject's scores cannot be normalized: its statistics against the cohort are not known.
    NoStatistics(SubjectId),
    /// The normalization's method needs a cohort with members.
    EmptyCohort(Method),
}

impl fmt::Display for MatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(mismatch) => mismatch.fmt(f),
            Self::Dimension { expected, found } => {
                write!(
                    f,
                    "the probe has {found} elements where the templates have {expected}: encode with the gallery's model"
                )
            }
            Self::Metric { found } => {
                write!(f, "templates of the code form {found} have no such measure: use the one of their space")
            }
            Self::EmptyGallery => f.write_str("nobody is enrolled: enroll a subject first"),
            Self::UnknownSubject(subject) => {
                write!(f, "subject {subject} is not enrolled: enroll it, or identify instead")
            }
            Self::Calibration { expected, found } => write!(
                f,
                "the threshold is for scores fused by {}, the search fuses by {} (or one of them normalizes): calibrate for \
                 this search, or search as calibrated",
                expected.fusion, found.fusion
            ),
            Self::StalePolicy => {
                f.write_str("somebody was enrolled or removed since the threshold was chosen: make the policy anew")
            }
            Self::NoStatistics(subject) => {
                write!(f, "subject {subject} has no statistics against the cohort: compute them when it is enrolled")
            }
            Self::EmptyCohort(method) => write!(f, "{method} needs a cohort with members: export the bundle with one"),
        }
    }
}

impl core::error::Error for MatchError {}
