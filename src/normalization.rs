//! Score normalization against a cohort: how unusual a score is for this probe, and for this subject.
//!
//! Some probes are a little like everybody, and some subjects too. A cohort is a small set of templates of people who are
//! never enrolled; against it, a score is measured in standard deviations from the mean:
//!
//! - Z-norm by the subject's scores against the cohort (Li and Porter, 1988), known when it is enrolled;
//! - T-norm by the probe's (Auckenthaler, Carey and Lloyd-Thomas, 2000), computed with each probe;
//! - S-norm by the mean of both (Kenny, 2010); adaptive S-norm takes only the members that are most alike on either side
//!   (Matějka et al., 2017).
//!
//! All of it in integers: a normalized score is the standard deviations · 2²³.

use crate::arithmetic::{floor_quotient, quotient, root};
use crate::gallery::{Fusion, Scan, SubjectId, Table};
use crate::kernel::{Layout, Rows};
use crate::search::MatchError;
use crate::similarity::{Probe, Score};
use crate::space::Space;
use crate::template::TemplateRef;
use core::fmt;
use core::num::{NonZeroU8, NonZeroU32};
use heapless::Vec;

/// The most members of a cohort.
pub const MAX_COHORT: usize = 128;

/// How scores are normalized.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Method {
    /// By the subject's statistics.
    ZNorm,
    /// By the probe's statistics.
    TNorm,
    /// By the mean of both.
    SNorm,
    /// By the mean of both, with the statistics of so many members that are most alike on either side.
    AdaptiveSNorm(Top),
}

/// How many members of a cohort count: at least 2, at most [`MAX_COHORT`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Top(NonZeroU8);

impl Top {
    /// `None` below 2 and above [`MAX_COHORT`].
    #[must_use]
    pub const fn new(members: u8) -> Option<Self> {
        match NonZeroU8::new(members) {
            Some(count) if members >= 2 && members as usize <= MAX_COHORT => Some(Self(count)),
            _ => None,
        }
    }

    /// How many.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0.get() as usize
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Top {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=usize}", self.get());
    }
}

impl Method {
    /// How many members count.
    const fn top(self) -> usize {
        match self {
            Self::AdaptiveSNorm(top) => top.get(),
            Self::ZNorm | Self::TNorm | Self::SNorm => MAX_COHORT,
        }
    }

    const fn uses_subject(self) -> bool {
        !matches!(self, Self::TNorm)
    }

    const fn uses_probe(self) -> bool {
        !matches!(self, Self::ZNorm)
    }
}

/// The form that `cognate calibrate` takes and `cognate list` shows.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZNorm => f.write_str("z"),
            Self::TNorm => f.write_str("t"),
            Self::SNorm => f.write_str("s"),
            Self::AdaptiveSNorm(top) => write!(f, "as:{}", top.get()),
        }
    }
}

/// The mean and the standard deviation of scores against a cohort.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Statistics {
    mean: Score,
    deviation: NonZeroU32,
}

impl Statistics {
    /// Statistics that were computed before; a deviation of 0 counts as 1.
    #[must_use]
    pub const fn new(mean: Score, deviation: u32) -> Self {
        let deviation = match NonZeroU32::new(deviation) {
            Some(deviation) => deviation,
            None => NonZeroU32::MIN,
        };
        Self { mean, deviation }
    }

    /// The mean of the `top` greatest scores, rounded down, and their standard deviation ⌊√(Σ(x − mean)² / n)⌋, at least 1.
    /// `None` without scores.
    fn of(scores: impl Iterator<Item = Score>, top: usize) -> Option<Self> {
        let mut greatest: Vec<i32, MAX_COHORT> = Vec::new();
        for score in scores {
            let mut score = score.raw();
            for place in &mut greatest {
                if score > *place {
                    core::mem::swap(place, &mut score);
                }
            }
            if greatest.len() < top {
                // A cohort has no more than there is room for; one that has is cut.
                let _ = greatest.push(score);
            }
        }
        let count = NonZeroU32::new(greatest.len() as u32)?;
        let mean = floor_quotient(greatest.iter().map(|score| i64::from(*score)).sum(), count);
        let squares: u64 =
            greatest.iter().map(|score| (i64::from(*score) - i64::from(mean)).unsigned_abs().pow(2)).sum();
        Some(Self::new(Score::from_raw(mean), root(quotient(squares, count))))
    }

    /// The mean.
    #[must_use]
    pub const fn mean(&self) -> Score {
        self.mean
    }

    /// The standard deviation, in raw scores, at least 1.
    #[must_use]
    pub const fn deviation(&self) -> u32 {
        self.deviation.get()
    }

    /// (score − mean) / deviation in standard deviations · 2²³, rounded down and saturated.
    #[must_use]
    pub fn normalize(&self, score: Score) -> Score {
        let difference = i64::from(score.raw()) - i64::from(self.mean.raw());
        Score::from_raw(floor_quotient(difference << Score::FRACTION_BITS, self.deviation))
    }
}

/// Templates of people who are never enrolled.
#[derive(Clone, Copy, Debug)]
pub struct Cohort<'a> {
    rows: Rows<'a>,
    space: Space,
}

impl<'a> Cohort<'a> {
    /// A cohort of at most [`MAX_COHORT`] members, one after the other as plain rows; `None` otherwise, or with none.
    #[must_use]
    pub fn new(rows: Rows<'a>, space: Space) -> Option<Self> {
        let (count, layout) = (rows.codes().rows(), rows.codes().layout());
        let fits = (1..=MAX_COHORT).contains(&count) && layout == Layout::Rows && space.form.is_cosine();
        fits.then_some(Self { rows, space })
    }

    /// How many members it has.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.codes().rows()
    }

    /// The members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = TemplateRef<'a>> + use<'a> {
        let Self { rows, space } = *self;
        (0..self.len()).map(move |row| {
            let code = rows.codes().plain_row(row).unwrap_or_default();
            TemplateRef::from_checked(code, rows.factor(row), space)
        })
    }

    /// The statistics of a probe.
    fn of_probe(&self, probe: &Probe<'_>, top: usize) -> Option<Statistics> {
        let table = Table { rows: self.rows, used: self.len() };
        let mut keys = table.keys(probe);
        Statistics::of((0..self.len()).filter_map(|row| keys.of(row)).map(|key| probe.score(key)), top)
    }

    /// The statistics of an enrolled subject: each member is compared with it as a probe would be. `None` when it is not
    /// enrolled in this gallery, or the gallery is of another space.
    #[must_use]
    pub fn of_subject(
        &self,
        gallery: &dyn Scan,
        subject: SubjectId,
        fusion: Fusion,
        method: Method,
    ) -> Option<Statistics> {
        self.space.require(gallery.space()).ok()?;
        if gallery.dimension() != self.rows.codes().dimension() {
            return None;
        }
        let mut enrolled = true;
        let scores = self.members().map_while(|member| {
            let probe = Probe::new(member);
            let key = gallery.key_of(&probe, subject, fusion);
            enrolled &= key.is_some();
            key.map(|key| probe.score(key))
        });
        Statistics::of(scores, method.top()).filter(|_| enrolled)
    }
}

/// Where the statistics of enrolled subjects are kept.
pub trait SubjectStatistics {
    /// The statistics of a subject, if they are kept here.
    fn of(&self, subject: SubjectId) -> Option<Statistics>;
}

/// The statistics of at most `N` subjects in RAM.
#[derive(Clone, Debug, Default)]
pub struct StatisticsList<const N: usize>(
    /// By ascending subject, so that one is found without looking at all of them.
    Vec<(SubjectId, Statistics), N>,
);

impl<const N: usize> StatisticsList<N> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Keeps a subject's statistics in place of any before; `false` when there is no room.
    pub fn set(&mut self, subject: SubjectId, statistics: Statistics) -> bool {
        if self.0.is_full() && self.of(subject).is_none() {
            return false;
        }
        let mut carried = (subject, statistics);
        let begin = self.begin(subject);
        for place in self.0.iter_mut().skip(begin) {
            core::mem::swap(place, &mut carried);
            if carried.0 == subject {
                return true;
            }
        }
        self.0.push(carried).is_ok()
    }

    /// Forgets a subject.
    pub fn forget(&mut self, subject: SubjectId) {
        self.0.retain(|(other, _)| *other != subject);
    }

    /// Where a subject is, or would be.
    fn begin(&self, subject: SubjectId) -> usize {
        self.0.partition_point(|(other, _)| *other < subject)
    }
}

impl<const N: usize> SubjectStatistics for StatisticsList<N> {
    fn of(&self, subject: SubjectId) -> Option<Statistics> {
        self.0.get(self.begin(subject)).filter(|(other, _)| *other == subject).map(|(_, statistics)| *statistics)
    }
}

/// A cohort, a method, and the subjects' statistics.
#[derive(Clone, Copy)]
pub struct Normalization<'a> {
    cohort: Cohort<'a>,
    method: Method,
    subjects: &'a [&'a dyn SubjectStatistics],
}

impl<'a> Normalization<'a> {
    /// Normalizes by a method. Every enrolled subject has its statistics in one of the lists, unless the method needs none.
    #[must_use]
    pub const fn new(cohort: Cohort<'a>, method: Method, subjects: &'a [&'a dyn SubjectStatistics]) -> Self {
        Self { cohort, method, subjects }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    pub(crate) fn of_probe(&'a self, probe: &Probe<'_>) -> Result<OfProbe<'a>, MatchError> {
        probe.require(self.cohort.space, self.cohort.rows.codes().dimension())?;
        let statistics = if self.method.uses_probe() {
            let statistics = self.cohort.of_probe(probe, self.method.top());
            Some(statistics.ok_or(MatchError::EmptyCohort(self.method))?)
        } else {
            None
        };
        Ok(OfProbe { normalization: self, probe: statistics })
    }
}

/// A normalization that has seen the probe.
pub(crate) struct OfProbe<'a> {
    normalization: &'a Normalization<'a>,
    probe: Option<Statistics>,
}

impl OfProbe<'_> {
    pub(crate) fn normalize(&self, subject: SubjectId, score: Score) -> Result<Score, MatchError> {
        let by_subject = if self.normalization.method.uses_subject() {
            let statistics = self.normalization.subjects.iter().find_map(|list| list.of(subject));
            Some(statistics.ok_or(MatchError::NoStatistics(subject))?.normalize(score))
        } else {
            None
        };
        let by_probe = self.probe.map(|statistics| statistics.normalize(score));
        let normalized = match (by_subject, by_probe) {
            (Some(z), Some(t)) => Score::from_raw(((i64::from(z.raw()) + i64::from(t.raw())) >> 1) as i32),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => score,
        };
        Ok(normalized)
    }
}
