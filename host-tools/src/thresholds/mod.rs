//! The file between calibration and export: thresholds with the evidence behind them, as JSON.

mod text;

use crate::back_end::{Comparison, FittedBackEnd};
use crate::bundle::CohortCodes;
use crate::calibration::{Calibration, CrossValidated, HeldOut, Preset, Verdict};
use crate::choices::{parse_fusion, parse_method};
use crate::coder::Coder;
use crate::file::{self, FileError, Unreadable};
use cognate::bundle::MAX_THRESHOLDS;
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{CodeForm, FullScale, Fusion, ModelDigest, Score, Space};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the file's form.
const FORMAT: u32 = 3;

/// What calibration found, and on what.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// The version of the file's form.
    format: u32,
    /// What the numbers hold for, in words.
    scope: String,
    /// What they were chosen from.
    pub source: Source,
    /// How embeddings become templates.
    templates: Templates,
    /// What each back end buys on subjects that it was not fitted on; empty when that was not asked for.
    #[serde(default)]
    pub back_ends: Vec<Comparison>,
    /// The index of the entry to use.
    pub operating_point: usize,
    /// From the greatest false match rate to the least.
    pub entries: Vec<Entry>,
    /// Whether a requirement that was asked for is met.
    #[serde(default)]
    pub requirement: Option<Verdict>,
}

/// The threshold for a false match rate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The false match rate asked for, a fraction.
    #[serde(with = "text::rate_fraction")]
    pub fmr: Rate,
    /// The least score to accept, raw.
    #[serde(with = "text::raw_score")]
    pub threshold: Score,
    /// The false match rate over all draws at this threshold.
    pub observed_fmr: f64,
    /// The false non-match rate over all draws at this threshold.
    pub observed_fnmr: f64,
    /// Impostor comparisons of one draw.
    pub comparisons: u64,
    /// Genuine comparisons of one draw.
    pub genuine_comparisons: u64,
    /// The upper end of the one-sided 95 % interval of the false match rate, from one draw's comparisons; on subjects that the
    /// threshold was not chosen on, where there are enough.
    #[serde(with = "text::rate_fraction")]
    pub fmr_upper_bound: Rate,
    /// Whether the comparisons are too few to show such a rate, and it was claimed all the same.
    pub claimed: bool,
    /// Thresholds for the rate, judged on the subjects that were left out when they were chosen; absent with fewer than four.
    pub cross_validated: Option<CrossValidated>,
    /// The same rate's threshold on subjects that it was not chosen on; absent with fewer than four.
    pub held_out: Option<HeldOut>,
}

impl Thresholds {
    /// Puts together what a calibration used and found. `entries` are in the order in which their rates were asked
    /// for: the first is the operating point.
    ///
    /// # Panics
    /// Without entries.
    #[must_use]
    pub fn new(source: Source, calibration: Calibration, back_ends: Vec<Comparison>) -> Self {
        let Calibration { coder, dimension, cohort, mut entries } = calibration;
        let first = entries.first().expect("a calibration has at least one rate").fmr;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.fmr));
        let operating_point = entries.iter().position(|entry| entry.fmr == first).unwrap_or(0);
        Self {
            format: FORMAT,
            scope: format!(
                "Chosen on these {} subjects, {} templates each: for other people, devices or conditions the rates \
                 can differ.",
                source.subjects.len(),
                source.enroll
            ),
            templates: Templates::new(&coder, dimension, cohort),
            source,
            back_ends,
            operating_point,
            entries,
            requirement: None,
        }
    }

    /// The same, with the verdict on a requirement whose rate was calibrated.
    #[must_use]
    pub fn judged_by(self, preset: Option<Preset>) -> Self {
        let entry = |preset: Preset| self.entries.iter().find(|entry| entry.fmr == preset.fmr());
        let requirement = preset.and_then(|preset| Some(Verdict::of(preset, entry(preset)?)));
        Self { requirement, ..self }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`ThresholdsProblem`] when the file is not what `cognate calibrate` writes.
    pub fn read(path: &Path) -> Result<Self, FileError<ThresholdsProblem>> {
        let bytes =
            file::read(path).map_err(|error| FileError::new(path, ThresholdsProblem::Unreadable(error.problem)))?;
        Self::parse(&bytes).map_err(|problem| FileError::new(path, problem))
    }

    fn parse(bytes: &[u8]) -> Result<Self, ThresholdsProblem> {
        let parsed: Self = serde_json::from_slice(bytes)?;
        if let Some(cohort) = &parsed.templates.cohort
            && parse_method(&cohort.method).is_err()
        {
            return Err(ThresholdsProblem::Entries);
        }
        let descending = parsed.entries.is_sorted_by(|a, b| a.fmr > b.fmr && a.threshold <= b.threshold);
        if parsed.format != FORMAT {
            return Err(ThresholdsProblem::Format { found: parsed.format });
        }
        if parsed.operating_point >= parsed.entries.len() || parsed.entries.len() > MAX_THRESHOLDS || !descending {
            return Err(ThresholdsProblem::Entries);
        }
        Ok(parsed)
    }

    /// The file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("numbers and strings can be written as JSON");
        text + "\n"
    }

    /// The index of the entry for this rate; the one that was calibrated first where none is asked for.
    ///
    /// # Errors
    /// [`ThresholdsProblem::NoSuchRate`] lists the rates that there are.
    pub fn index_of(&self, rate: Option<Rate>) -> Result<usize, ThresholdsProblem> {
        let Some(rate) = rate else { return Ok(self.operating_point) };
        self.entries.iter().position(|entry| entry.fmr == rate).ok_or_else(|| ThresholdsProblem::NoSuchRate {
            asked: rate,
            known: self.entries.iter().map(|entry| entry.fmr.to_string()).collect::<Vec<_>>().join(", "),
        })
    }

    /// How embeddings become templates.
    #[must_use]
    pub fn coder(&self) -> Coder {
        let Templates { model, form, back_end, .. } = &self.templates;
        Coder::new(Space { model: *model, form: (*form).into() }, back_end.clone())
    }

    /// Elements of a template.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.templates.dimension
    }

    /// How many templates of a subject the thresholds hold for.
    #[must_use]
    pub fn templates_a_subject(&self) -> u16 {
        match self.source.fusion {
            Fusion::Centroid => 1,
            Fusion::Maximum | Fusion::MeanOfBest(_) => u16::try_from(self.source.enroll).unwrap_or(u16::MAX),
        }
    }

    /// What scores are normalized against.
    #[must_use]
    pub fn cohort(&self) -> Option<CohortCodes> {
        let cohort = self.templates.cohort.as_ref()?;
        Some(CohortCodes { method: parse_method(&cohort.method).ok()?, codes: cohort.codes.clone() })
    }

    /// The entries as a bundle carries them.
    #[must_use]
    pub fn to_bundle(&self) -> Vec<ThresholdEntry> {
        let entry = |entry: &Entry| ThresholdEntry {
            fmr: entry.fmr,
            threshold: entry.threshold,
            comparisons: u32::try_from(entry.comparisons).unwrap_or(u32::MAX),
            fmr_upper_bound: entry.fmr_upper_bound,
        };
        self.entries.iter().map(entry).collect()
    }
}

/// What a calibration used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The model that made the embeddings.
    #[serde(with = "text::digest_text")]
    pub model: ModelDigest,
    /// Elements of an embedding.
    pub dimension: usize,
    /// What is done to embeddings first, as the command line has it.
    pub back_end: String,
    /// How a subject's templates were fused.
    #[serde(with = "text::fusion_text")]
    pub fusion: Fusion,
    /// The subjects that the thresholds are chosen on.
    pub subjects: Vec<String>,
    /// Their samples.
    pub samples: usize,
    /// Samples enrolled of each subject.
    pub enroll: usize,
    /// How often the enrolled samples were picked anew.
    pub draws: u32,
    /// What the picks began from.
    pub seed: u64,
}

/// How embeddings become templates, and what scores are normalized against.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Templates {
    /// The encoder, or encoder and back end together.
    #[serde(with = "text::digest_text")]
    model: ModelDigest,
    /// Elements of a template.
    dimension: usize,
    /// The form of their code.
    form: Form,
    /// What is done to embeddings first.
    back_end: Option<FittedBackEnd>,
    /// What scores are normalized against.
    cohort: Option<Cohort>,
}

/// The form of a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Form {
    Full,
    NormLimited,
    /// With the bits of its full scale.
    Euclidean(u32),
}

impl From<Form> for CodeForm {
    fn from(form: Form) -> Self {
        match form {
            Form::NormLimited => Self::NormLimited,
            Form::Euclidean(bits) => FullScale::from_bits(bits).map_or(Self::Full, Self::Euclidean),
            Form::Full => Self::Full,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cohort {
    method: String,
    codes: Vec<Vec<i8>>,
}

impl Templates {
    fn new(coder: &Coder, dimension: usize, cohort: Option<CohortCodes>) -> Self {
        let Space { model, form } = coder.space();
        let form = match form {
            CodeForm::Full => Form::Full,
            CodeForm::NormLimited => Form::NormLimited,
            CodeForm::Euclidean(full_scale) => Form::Euclidean(full_scale.bits()),
        };
        let cohort = cohort.map(|CohortCodes { method, codes }| Cohort { method: method.to_string(), codes });
        Self { model, dimension, form, back_end: coder.back_end().cloned(), cohort }
    }
}

/// Reads a rate as people write it: a fraction such as `0.001` or `1e-3`, at least a part per billion.
///
/// # Errors
/// Words that say what a rate is.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let fraction = text.trim().parse().ok().filter(|fraction: &f64| *fraction > 0.0 && *fraction <= 1.0);
    let rate = fraction.and_then(rate_of_fraction).filter(|rate| rate.parts_per_billion() > 0);
    rate.ok_or_else(|| "a rate is a fraction above 0 and at most 1, such as 0.001, and at least 1e-9".to_owned())
}

fn rate_of_fraction(fraction: f64) -> Option<Rate> {
    let parts = (fraction * f64::from(Rate::WHOLE)).round();
    (0.0..=f64::from(Rate::WHOLE)).contains(&parts).then(|| Rate::from_parts_per_billion(parts as u32)).flatten()
}

/// A rate as a fraction of 1.
#[must_use]
pub fn fraction(rate: Rate) -> f64 {
    f64::from(rate.parts_per_billion()) / f64::from(Rate::WHOLE)
}

/// Why a file has no thresholds that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ThresholdsProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(Unreadable),
    /// Not the JSON that calibration writes.
    #[error("this is not a file of thresholds ({0}): write one with `cognate calibrate`")]
    Syntax(#[from] serde_json::Error),
    /// Another version of the form.
    #[error("it has form {found} of the file, and this program reads {FORMAT}: calibrate again")]
    Format {
        /// The form found.
        found: u32,
    },
    /// Entries that contradict themselves.
    #[error("its entries are out of order, missing or too many: calibrate again instead of editing the file")]
    Entries,
    /// A rate that was not calibrated.
    #[error("it has no threshold for a false match rate of {asked}, only for {known}: calibrate with that rate too")]
    NoSuchRate {
        /// The rate asked for.
        asked: Rate,
        /// The rates that there are.
        known: String,
    },
}

#[cfg(test)]
mod tests;
