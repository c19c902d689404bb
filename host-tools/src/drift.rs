//! Whether scores in the field are what the thresholds were chosen for.
//!
//! A probe whose owner is known is an impostor to everybody else, and the device counts how alike the most alike of them was.
//! How often that reaches the threshold is a false-positive identification rate of the field, with as many subjects as are
//! enrolled but one; the thresholds promise one, too. When the one is above the other with 95 % confidence, there is drift.

use crate::bundle::{Bundle, with_search};
use crate::calibration::upper_bound;
use crate::thresholds::fraction;
use cognate::statistics::{BINS, FieldStatistics, Scale};
use cognate::{BundleView, PolicyError, Score};
use serde::Serialize;

/// What the field says of a bundle's thresholds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Drift {
    /// Probes that were known, not for sure, and nobody's.
    pub decisions: [u32; 3],
    /// Probes with another subject to be compared with.
    pub impostors: u32,
    /// Those of which another subject reached the threshold for identification, at least.
    pub false_positives: u32,
    /// The false-positive identification rate that the bundle promises.
    pub promised: f64,
    /// The least that the rate of the field is, with 95 % confidence.
    pub at_least: f64,
    /// The most that it is, with 95 % confidence.
    pub at_most: f64,
    /// The threshold in use, as a raw score.
    pub threshold: i32,
    /// The least threshold by which the field keeps the promise with 95 % confidence, on the bounds of bins and never below
    /// the one in use; `None` when there is none or too little was counted.
    pub proposed: Option<i32>,
}

impl Drift {
    /// Compares what a device has counted with its bundle.
    ///
    /// # Errors
    /// [`DriftError`].
    pub fn of(view: &BundleView<'_>, field: &FieldStatistics) -> Result<Self, DriftError> {
        if *field.scale() != Scale::of(view) {
            return Err(DriftError::OtherBundle);
        }
        let policy = with_search(view, |search| view.identification(search)).map_err(DriftError::Policy)?;
        let (threshold, promised) = (policy.threshold(), fraction(view.fpir()));
        let impostors = field.others().total();
        let reaching = |bin: usize| field.others().counts()[bin..].iter().map(|count| u32::from(*count)).sum::<u32>();
        // Of the bin that has the threshold in it, some may be below: they do not count.
        let above = (0..BINS).find(|bin| field.scale().least_of(*bin) >= threshold);
        let false_positives = above.map_or(0, reaching);
        let keeps = |bin: &usize| {
            let most = fraction(upper_bound(reaching(*bin).into(), impostors.into()));
            field.scale().least_of(*bin) >= threshold && most <= promised
        };
        let of_others = u64::from(impostors - false_positives);
        Ok(Self {
            decisions: field.decisions(),
            impostors,
            false_positives,
            promised,
            // The bound of a rate is that of its complement.
            at_least: if false_positives == 0 { 0.0 } else { 1.0 - fraction(upper_bound(of_others, impostors.into())) },
            at_most: fraction(upper_bound(false_positives.into(), impostors.into())),
            threshold: threshold.raw(),
            proposed: (0..BINS).find(keeps).map(|bin| field.scale().least_of(bin).raw()),
        })
    }

    /// Whether the field does not keep what the thresholds promise.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.at_least > self.promised
    }

    /// Raises the thresholds of a bundle to the proposal.
    ///
    /// # Errors
    /// [`DriftError::TooLittle`] without one.
    pub fn apply(&self, bundle: &mut Bundle) -> Result<(), DriftError> {
        let impostors = self.impostors;
        let proposed = self.proposed.ok_or(DriftError::TooLittle { impostors, promised: self.promised })?;
        bundle.raise_thresholds(Score::from_raw(proposed).above(Score::from_raw(self.threshold)));
        Ok(())
    }
}

/// Why nothing can be said, or done.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// The bins are elsewhere.
    #[error("the statistics were counted with another bundle: give the one that the device has")]
    OtherBundle,
    /// The bundle has no threshold for its gallery.
    #[error("{0}")]
    Policy(PolicyError),
    /// Nothing can be proposed.
    #[error(
        "{impostors} impostors were counted, by which no threshold is known to keep a rate of {promised}: count more (about \
         {:.0} if none reaches it)", 3.0 / .promised
    )]
    TooLittle {
        /// Counted.
        impostors: u32,
        /// To be kept.
        promised: f64,
    },
}

#[cfg(test)]
mod tests;
