//! Why bytes are not a bundle.

use super::format::FORMAT_VERSION;
use core::fmt;

/// A section of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Section {
    /// The thresholds and their evidence.
    Thresholds,
    /// The enrolled subjects and their names.
    Subjects,
    /// Whose each template is.
    Owners,
    /// What goes with each template's code.
    Factors,
    /// The int8 codes of the templates.
    Codes,
    /// What is done to an encoder's output first; not every bundle has it.
    BackEnd,
    /// What scores are normalized against; not every bundle has it.
    Cohort,
    /// Coarse codes, which let a search pass over most templates; not every bundle has them.
    Filter,
    /// The int8 encoder; not every bundle has one.
    Encoder,
    /// What the templates were before they were protected by a key; only a protected bundle has it.
    Protection,
}

impl Section {
    pub(super) const ALL: [Self; 10] = [
        Self::Thresholds,
        Self::Subjects,
        Self::Owners,
        Self::Factors,
        Self::Codes,
        Self::BackEnd,
        Self::Cohort,
        Self::Filter,
        Self::Encoder,
        Self::Protection,
    ];

    /// The number that stands for it in the section table.
    pub(super) const fn kind(self) -> u32 {
        match self {
            Self::Thresholds => 1,
            Self::Subjects => 2,
            Self::Owners => 3,
            Self::Factors => 4,
            Self::Codes => 5,
            Self::BackEnd => 6,
            Self::Cohort => 7,
            Self::Filter => 8,
            Self::Encoder => 9,
            Self::Protection => 16,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Thresholds => "thresholds",
            Self::Subjects => "subjects",
            Self::Owners => "owners",
            Self::Factors => "factors",
            Self::Codes => "codes",
            Self::BackEnd => "the back end",
            Self::Cohort => "the cohort",
            Self::Filter => "the filter",
            Self::Encoder => "the encoder",
            Self::Protection => "the protection",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why bytes are not a bundle that can be used. Nothing of a refused bundle is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BundleError {
    /// It does not begin as a bundle does: this is another file, or erased flash.
    NotABundle,
    /// Written in another version of the format: export it again, or update the firmware.
    FormatVersion {
        /// The version of the file.
        found: u16,
    },
    /// Shorter than it says: the transfer was cut.
    Truncated {
        /// Bytes that it should have, as far as can be told.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The header contradicts itself.
    Header,
    /// The checksum is wrong: the bytes were damaged.
    Checksum {
        /// The checksum in the file.
        expected: u32,
        /// The checksum of its bytes.
        found: u32,
    },
    /// A dimension of 0, or beyond what this version supports.
    Dimension {
        /// The dimension of the file.
        found: u16,
    },
    /// A form of code that this version does not know, or a full scale that the form does not have.
    CodeForm {
        /// The number of the form.
        found: u8,
    },
    /// A layout of codes that this version does not know, or that codes of this dimension cannot have.
    Layout {
        /// The number of the layout.
        found: u8,
    },
    /// A section that has to be understood, and is not.
    UnknownSection {
        /// The number of its kind.
        kind: u32,
    },
    /// The section table names places outside of the file, unaligned, overlapping or twice, or leaves bytes between them
    /// that are not zero.
    SectionTable,
    /// A section is not there.
    MissingSection(Section),
    /// A section's bytes contradict themselves or another section.
    Malformed(Section),
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotABundle => f.write_str("this is not a cognate bundle: write one with `cognate export`"),
            Self::FormatVersion { found } => write!(
                f,
                "the bundle has format version {found}, this program reads {FORMAT_VERSION}: export it again, or update the program"
            ),
            Self::Truncated { expected, found } => {
                write!(f, "the bundle is cut short, {found} of {expected} bytes: copy it again")
            }
            Self::Header => f.write_str("the bundle's header contradicts itself: export it again"),
            Self::Checksum { expected, found } => {
                write!(f, "the bundle is damaged, checksum {found:08x} instead of {expected:08x}: copy it again")
            }
            Self::Dimension { found } => {
                write!(f, "the bundle has dimension {found}, which is not supported: use a smaller model")
            }
            Self::CodeForm { found } => {
                write!(f, "the bundle has code form {found}, which this program does not know: update the program")
            }
            Self::Layout { found } => {
                write!(
                    f,
                    "the bundle has layout {found}, which does not go with its dimension or is not known: export again"
                )
            }
            Self::UnknownSection { kind } => {
                write!(f, "the bundle needs section kind {kind}, which this program does not know: update the program")
            }
            Self::SectionTable => f.write_str("the bundle's section table is invalid: export it again"),
            Self::MissingSection(section) => write!(f, "the bundle has no section of {section}: export it again"),
            Self::Malformed(section) => write!(f, "the bundle's section of {section} is invalid: export it again"),
        }
    }
}

impl core::error::Error for BundleError {}
