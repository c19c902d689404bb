//! How the keys of a subject's templates become one.

use crate::arithmetic::floor_quotient;
use core::fmt;
use core::num::{NonZeroU8, NonZeroU32};

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

/// Fuses the keys of one subject's templates.
pub(crate) struct Fused {
    /// How many are taken the mean of.
    most: usize,
    /// How many of `greatest` there are.
    count: usize,
    /// From the greatest down.
    greatest: [i32; MAX_FUSED],
}

impl Fused {
    /// Before the first key.
    pub(crate) const fn new(fusion: Fusion) -> Self {
        let most = match fusion {
            Fusion::Maximum | Fusion::Centroid => 1,
            Fusion::MeanOfBest(best) => best.get(),
        };
        Self { most, count: 0, greatest: [i32::MIN; MAX_FUSED] }
    }

    #[inline]
    pub(crate) fn add(&mut self, key: i32) {
        if self.most == 1 {
            let [greatest, ..] = &mut self.greatest;
            *greatest = key.max(*greatest);
            self.count = 1;
        } else {
            self.add_in_order(key);
        }
    }

    #[inline(never)]
    fn add_in_order(&mut self, mut key: i32) {
        for place in self.greatest.iter_mut().take(self.most) {
            if key > *place {
                core::mem::swap(place, &mut key);
            }
        }
        self.count = self.most.min(self.count + 1);
    }

    /// The greatest, or the mean of the greatest, rounded down; `None` without any.
    #[inline(never)]
    pub(crate) fn key(&self) -> Option<i32> {
        if self.count == 1 {
            return self.greatest.first().copied();
        }
        let count = NonZeroU32::new(self.count as u32)?;
        let sum = self.greatest.iter().take(self.count).map(|key| i64::from(*key)).sum();
        Some(floor_quotient(sum, count))
    }
}
