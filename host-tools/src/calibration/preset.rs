//! What others require of a biometric system.

use super::bound::upper_bound;
use crate::thresholds::{Entry, fraction};
use cognate::policy::Rate;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A requirement by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Android's compatibility definition, biometrics of class 3: false acceptance not above 1 in 50,000, false rejection below
    /// 10 %.
    Android,
    /// Windows Hello, faces: false acceptance below 0.001 %, false rejection below 5 %.
    WindowsHello,
    /// FIDO's biometric component certification: false acceptance below 1 in 10,000, false rejection below 5 %.
    Fido,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Android, Self::WindowsHello, Self::Fido];

    /// The greatest false match rate.
    #[must_use]
    pub fn fmr(self) -> Rate {
        let parts = match self {
            Self::Android => Rate::WHOLE / 50_000,
            Self::WindowsHello => Rate::WHOLE / 100_000,
            Self::Fido => Rate::WHOLE / 10_000,
        };
        Rate::from_parts_per_billion(parts).unwrap_or(Rate::ALL)
    }

    /// The greatest false non-match rate.
    #[must_use]
    pub const fn fnmr(self) -> f64 {
        match self {
            Self::Android => 0.1,
            Self::WindowsHello | Self::Fido => 0.05,
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Android => "android",
            Self::WindowsHello => "windows-hello",
            Self::Fido => "fido",
        })
    }
}

impl FromStr for Preset {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|preset| preset.to_string() == text);
        found.ok_or("a preset is android, windows-hello or fido")
    }
}

/// Whether a requirement is met: comparisons alone, nothing of liveness or attempts.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The requirement.
    pub preset: Preset,
    /// Whether there are comparisons enough to show its false match rate, by the rule of three.
    pub is_supported: bool,
    /// The 95 % upper bound of the false match rate, on subjects that the threshold was not chosen on.
    pub fmr_upper_bound: f64,
    /// The same of the false non-match rate.
    pub fnmr_upper_bound: f64,
    /// Whether both bounds are within what is required.
    pub is_met: bool,
}

impl Verdict {
    /// Judges the threshold for the requirement's rate.
    #[must_use]
    pub fn of(preset: Preset, entry: &Entry) -> Self {
        let refused = entry.cross_validated.map_or_else(
            || (entry.observed_fnmr * entry.genuine_comparisons as f64).ceil() as u64,
            |found| found.false_non_matches,
        );
        let fmr_upper_bound = fraction(entry.fmr_upper_bound);
        let fnmr_upper_bound = fraction(upper_bound(refused, entry.genuine_comparisons));
        Self {
            preset,
            is_supported: !entry.claimed,
            fmr_upper_bound,
            fnmr_upper_bound,
            is_met: fmr_upper_bound <= fraction(preset.fmr()) && fnmr_upper_bound <= preset.fnmr(),
        }
    }
}
