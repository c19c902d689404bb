//! Why an enrollment should be refused: each reason with its number, so that a person can be told what to do.

use crate::gallery::SubjectId;
use crate::policy::Match;
use crate::search::{MatchError, Search};
use crate::similarity::{self, Score};
use crate::space::CodeForm;
use crate::template::AsTemplate;
use core::fmt;

/// The most samples of a subject that are looked at together.
pub const MAX_SAMPLES: usize = 128;

/// The fewest samples of a subject, unless a firmware asks for more.
pub const LEAST_SAMPLES: usize = 3;

/// What an enrollment has to keep to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QualityLimits {
    /// The fewest samples of a subject.
    pub least_samples: usize,
    /// Samples that are as much alike as this hang together, and all of a subject have to: from each a chain leads to each other.
    pub least_consistency: Score,
    /// No sample may be as much like another subject as this.
    pub closest_other: Score,
    /// Two samples that are as much alike as this are one sample twice.
    pub duplicate: Score,
    /// The most elements of a sample that may stand at the greatest magnitude; more say that its encoder saturated.
    pub most_clipped: usize,
}

impl QualityLimits {
    /// The limits that go with a threshold of scores that are not normalized: samples that would not be accepted as one another
    /// are inconsistent, and a sample that would be accepted as somebody else is too close. [`LEAST_SAMPLES`], an eighth of the
    /// elements clipped.
    #[must_use]
    pub const fn for_threshold(threshold: Score, form: CodeForm, dimension: usize) -> Self {
        let duplicate = match form {
            CodeForm::Full | CodeForm::NormLimited => Score::from_ratio(99_999, 100_000),
            CodeForm::Euclidean(_) => Score::from_squared_distance(0),
        };
        Self {
            least_samples: LEAST_SAMPLES,
            least_consistency: threshold,
            closest_other: threshold,
            duplicate,
            most_clipped: dimension / 8 + 1,
        }
    }
}

/// What an enrollment that was not refused is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Quality {
    /// How much the sample that fits worst is like the one that is most like it; `None` with one sample.
    pub consistency: Option<Score>,
    /// The other subject that a sample comes closest to; `None` when nobody else is enrolled.
    pub closest_other: Option<Match>,
}

/// Looks at the samples of a subject before they are enrolled: among each other, and against the subjects that a search goes
/// over. `own` is the subject itself when samples are added to it, and does not count as another.
///
/// # Errors
/// [`Refusal`]: the first thing that is wrong.
pub fn assess<T: AsTemplate>(
    samples: &[T],
    search: &Search<'_>,
    own: Option<SubjectId>,
    limits: &QualityLimits,
) -> Result<Quality, Refusal> {
    let found = samples.len();
    if found < limits.least_samples {
        return Err(Refusal::TooFewSamples { found, needed: limits.least_samples });
    }
    if found > MAX_SAMPLES {
        return Err(Refusal::TooManySamples { found });
    }
    for (sample, template) in samples.iter().enumerate() {
        check_code(sample, template, limits)?;
    }
    let consistency = consistency(samples, limits)?;
    let closest_other = closest_other(samples, search, own, limits)?;
    Ok(Quality { consistency, closest_other })
}

fn check_code(sample: usize, template: &impl AsTemplate, limits: &QualityLimits) -> Result<(), Refusal> {
    let template = template.as_ref();
    let code = template.code();
    if code.len() > 1 && code.iter().all(|element| Some(element) == code.first()) {
        return Err(Refusal::Constant { sample });
    }
    let clipped = template.clipped();
    if clipped > limits.most_clipped {
        return Err(Refusal::Clipped { sample, elements: clipped, most: limits.most_clipped });
    }
    Ok(())
}

/// The least score of a sample with the other that is most like it.
fn consistency<T: AsTemplate>(samples: &[T], limits: &QualityLimits) -> Result<Option<Score>, Refusal> {
    let mut least: Option<Score> = None;
    for (sample, template) in samples.iter().enumerate() {
        let mut nearest: Option<Score> = None;
        for (other, other_template) in samples.iter().enumerate() {
            if other == sample {
                continue;
            }
            let score = similarity::score(template, other_template).map_err(Refusal::Match)?;
            if score >= limits.duplicate {
                return Err(Refusal::Duplicate { first: sample.min(other), second: sample.max(other), score });
            }
            nearest = nearest.max(Some(score));
        }
        least = match (least, nearest) {
            (Some(least), Some(nearest)) => Some(least.min(nearest)),
            (least, nearest) => least.or(nearest),
        };
    }
    check_connected(samples, limits)?;
    Ok(least)
}

/// Whether the samples hang together: from the first a chain of samples that are alike leads to each. Poses can differ; two
/// halves that have nothing to do with each other are two subjects.
fn check_connected<T: AsTemplate>(samples: &[T], limits: &QualityLimits) -> Result<(), Refusal> {
    let count = samples.len().min(MAX_SAMPLES);
    let (mut reached, mut left) = ([false; MAX_SAMPLES], [false; MAX_SAMPLES]);
    if let Some(first) = reached.first_mut() {
        *first = count > 0;
    }
    while let Some(from) = (0..count).find(|sample| is(&reached, *sample) && !is(&left, *sample)) {
        if let Some(left) = left.get_mut(from) {
            *left = true;
        }
        for (sample, reached) in reached.iter_mut().enumerate().take(count) {
            *reached = *reached || likeness(samples, from, sample)? >= limits.least_consistency;
        }
    }
    let with_first = reached.iter().filter(|reached| **reached).count();
    if with_first == count {
        return Ok(());
    }
    // Whoever is in the minority is named; of equals, whoever is not with the first.
    let is_odd = |sample: &usize| is(&reached, *sample) == (2 * with_first < count);
    let sample = (0..count).find(is_odd).unwrap_or_default();
    let mut nearest = Score::from_raw(i32::MIN);
    for other in (0..count).filter(|other| is(&reached, *other) != is(&reached, sample)) {
        nearest = nearest.max(likeness(samples, sample, other)?);
    }
    Err(Refusal::Inconsistent { sample, score: nearest, least: limits.least_consistency })
}

fn is(flags: &[bool], place: usize) -> bool {
    flags.get(place).is_some_and(|flag| *flag)
}

fn likeness<T: AsTemplate>(samples: &[T], first: usize, second: usize) -> Result<Score, Refusal> {
    match (samples.get(first), samples.get(second)) {
        (Some(first), Some(second)) => similarity::score(first, second).map_err(Refusal::Match),
        _ => Ok(Score::MIN),
    }
}

fn closest_other<T: AsTemplate>(
    samples: &[T],
    search: &Search<'_>,
    own: Option<SubjectId>,
    limits: &QualityLimits,
) -> Result<Option<Match>, Refusal> {
    let mut closest: Option<Match> = None;
    for (sample, template) in samples.iter().enumerate() {
        let nearest = search.rank::<2>(template).map_err(Refusal::Match)?;
        // Not by excluding it: the search may exclude others, and a search has one list of these.
        let Some(other) = nearest.iter().find(|nearest| Some(nearest.subject) != own).copied() else { continue };
        if other.score >= limits.closest_other {
            return Err(Refusal::TooClose { sample, other, most: limits.closest_other });
        }
        if closest.is_none_or(|closest| other.score > closest.score) {
            closest = Some(other);
        }
    }
    Ok(closest)
}

/// Why samples should not be enrolled. Samples are counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// One bad sample among few would not be noticed.
    TooFewSamples {
        /// The samples that there are.
        found: usize,
        /// The samples that are needed.
        needed: usize,
    },
    /// More than [`MAX_SAMPLES`].
    TooManySamples {
        /// The samples that there are.
        found: usize,
    },
    /// Every element is the same: the encoder saw nothing, or is broken.
    Constant {
        /// The sample.
        sample: usize,
    },
    /// Too many elements stand at the greatest magnitude: the encoder saturated.
    Clipped {
        /// The sample.
        sample: usize,
        /// How many.
        elements: usize,
        /// How many may.
        most: usize,
    },
    /// Two samples are one: nothing is learned from the second.
    Duplicate {
        /// The one.
        first: usize,
        /// The other.
        second: usize,
        /// How much they are alike.
        score: Score,
    },
    /// A sample, or a minority of them, is not like the others of its subject.
    Inconsistent {
        /// The sample.
        sample: usize,
        /// How much it is like the one that is most like it.
        score: Score,
        /// How much it would have to be.
        least: Score,
    },
    /// A sample is too much like somebody else who is enrolled.
    TooClose {
        /// The sample.
        sample: usize,
        /// Whom it is like, and how much.
        other: Match,
        /// How much it may at most be, that score excluded.
        most: Score,
    },
    /// The samples cannot be compared.
    Match(MatchError),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewSamples { found, needed } => {
                write!(f, "{found} of {needed} samples: one bad sample would not be noticed; take more")
            }
            Self::TooManySamples { found } => {
                write!(f, "{found} samples are more than the {MAX_SAMPLES} that can be looked at together: take fewer")
            }
            Self::Constant { sample } => {
                write!(f, "every element of sample {sample} is the same: check sensor and encoder")
            }
            Self::Clipped { sample, elements, most } => write!(
                f,
                "{elements} elements of sample {sample} are at the greatest magnitude, {most} may be: check gain and encoder"
            ),
            Self::Duplicate { first, second, score } => {
                write!(f, "samples {first} and {second} are one and the same (score {score}): take another")
            }
            Self::Inconsistent { sample, score, least } => write!(
                f,
                "sample {sample} is not like the others (score {score}, {least} is needed): take it again, of the same subject"
            ),
            Self::TooClose { sample, other, most } => write!(
                f,
                "sample {sample} is too much like subject {} (score {}, {most} would be accepted): check who this is",
                other.subject, other.score
            ),
            Self::Match(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Refusal {}
