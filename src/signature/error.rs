//! Why a signed bundle is not used.

use super::{BundleVersion, KeyId};
use crate::BundleError;
use core::fmt;

/// Why a signed bundle is not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SignatureError {
    /// There is no trailer behind the bundle.
    NotSigned,
    /// The trailer is of another version, or says what none says.
    Trailer,
    /// It was signed with another key.
    OtherKey {
        /// The pinned key.
        expected: KeyId,
        /// The one that the trailer names.
        found: KeyId,
    },
    /// The signature is not one of these bytes by this key.
    Forged,
    /// It is older than one that was used.
    TooOld {
        /// The least version that is used.
        least: BundleVersion,
        /// The bundle's.
        found: BundleVersion,
    },
    /// It is newer than the one in use, but was never taken into use.
    TooNew {
        /// The newest that was in use.
        newest: BundleVersion,
        /// The bundle's.
        found: BundleVersion,
    },
    /// The bundle itself cannot be used, whoever signed it.
    Bundle(BundleError),
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSigned => f.write_str("the bundle is not signed: sign it with `cognate sign`"),
            Self::Trailer => f.write_str("the trailer is of no version that is known: sign the bundle again"),
            Self::OtherKey { expected, found } => {
                write!(f, "the bundle was signed with key {found}, not with {expected}: sign it with the device's key")
            }
            Self::Forged => {
                f.write_str("the signature is not of these bytes: the bundle was changed after it was signed")
            }
            Self::TooOld { least, found } => {
                write!(f, "version {found} is too old, at least {least} is used: sign the bundle with a newer version")
            }
            Self::TooNew { newest, found } => write!(
                f,
                "version {newest} was in use and is damaged, version {found} was never taken into use: send the update again"
            ),
            Self::Bundle(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SignatureError {}
