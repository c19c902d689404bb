//! How the keys of a subject's templates become one.

use core::fmt;
use core::num::NonZeroU8;

/// The most templates that [`Fusion::MeanOfBest`] takes the mean of.
pub const MAX_FUSED: usize = 8;

/// How a subject with several templates is compared. A threshold holds for the fusion that it was calibrated with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fusion {
    /// A subject is as much like the probe as its template that is most like it.
    Maximum,
    /// The mean of the best few templates: one bad sample at enrollment does not let anybody in. With fewer templates,
    /// the mean of all.
    MeanOfBest(Best),
    /// A subject is enrolled as one template, the mean of its samples ([`Query`](crate::Query)).
    Centroid,
}

/// How many templates a mean is taken of: 1 to [`MAX_FUSED`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Best(NonZeroU8);

impl Best {
    /// `None` for 0 and above [`MAX_FUSED`].
    #[must_use]
    pub const fn new(templates: u8) -> Option<Self> {
        match NonZeroU8::new(templates) {
            Some(templates) if templates.get() as usize <= MAX_FUSED => Some(Self(templates)),
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
impl defmt::Format for Best {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=usize}", self.get());
    }
}

/// The form that `cognate calibrate` takes and `cognate list` shows.
impl fmt::Display for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maximum => f.write_str("max"),
            Self::MeanOfBest(best) => write!(f, "mean:{}", best.get()),
            Self::Centroid => f.write_str("centroid"),
        }
    }
}

/// The mean of the greatest of these keys, rounded down; `None` without any.
pub(crate) fn mean_of_best(keys: impl Iterator<Item = i32>, best: Best) -> Option<i32> {
    let mut greatest = [0; MAX_FUSED];
    let mut count = 0;
    for mut key in keys {
        for place in greatest.iter_mut().take(count) {
            if key > *place {
                core::mem::swap(place, &mut key);
            }
        }
        if count < best.get()
            && let Some(place) = greatest.get_mut(count)
        {
            *place = key;
            count += 1;
        }
    }
    let sum: i64 = greatest.iter().take(count).map(|key| i64::from(*key)).sum();
    i64::try_from(count).ok().filter(|count| *count > 0).map(|count| sum.div_euclid(count) as i32)
}
