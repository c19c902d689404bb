//! Which features of which sound an encoder takes.

/// What an encoder was trained on: log-mel features of recordings of so many points a second.
///
/// It is in the encoder's file ([`Encoder::sound`](crate::encoder::Encoder::sound)), so that a device that makes other features
/// ([`LogMelTables`](super::LogMelTables)) can tell before it decides about any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SoundForm {
    /// Points a second.
    pub rate: u32,
    /// Points that a row of features is made of.
    pub window: usize,
    /// Points from one row to the next.
    pub hop: usize,
    /// Points of the transform.
    pub transform: usize,
    /// Features of a row.
    pub bands: usize,
    /// Where the lowest band begins, in Hz.
    pub low: u32,
    /// Where the highest band ends, in Hz.
    pub high: u32,
    /// Whether a row is less its mean ([`LogMelTables::relative`](super::LogMelTables::relative)).
    pub relative: bool,
    /// What is done with a recording that is shorter or longer than the rows need.
    pub fit: Fit,
}

impl SoundForm {
    /// Points that so many rows are made of.
    #[must_use]
    pub const fn points(&self, rows: usize) -> usize {
        rows.saturating_sub(1).saturating_mul(self.hop).saturating_add(self.window)
    }
}

/// What is done with a recording that is shorter or longer than an encoder takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fit {
    /// It is refused.
    Exact,
    /// It is cut, or followed by silence.
    Start,
    /// Its middle is taken, or silence is put on both sides.
    Center,
}

impl Fit {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Start, Self::Center];

    /// Which points of a recording are taken, and where they come to lie; `None` where its length is refused.
    ///
    /// ```
    /// use cognate::frontend::{Fit, Fitted};
    /// assert_eq!(Fit::Center.place(7, 10), Some(Fitted { silence: 1, skipped: 0, taken: 7 }));
    /// assert_eq!(Fit::Center.place(13, 10), Some(Fitted { silence: 0, skipped: 1, taken: 10 }));
    /// assert_eq!(Fit::Exact.place(7, 10), None);
    /// ```
    #[must_use]
    pub const fn place(self, found: usize, needed: usize) -> Option<Fitted> {
        let (short, long) = (needed.saturating_sub(found), found.saturating_sub(needed));
        let (silence, skipped) = match self {
            Self::Exact if short > 0 || long > 0 => return None,
            Self::Exact | Self::Start => (0, 0),
            Self::Center => (short / 2, long / 2),
        };
        Some(Fitted { silence, skipped, taken: if long > 0 { needed } else { found } })
    }
}

/// How a recording of one length becomes one of another. Behind the points that are taken is silence, as far as any is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fitted {
    /// Points of silence before it.
    pub silence: usize,
    /// Points of it that are passed over.
    pub skipped: usize,
    /// Points of it that are taken.
    pub taken: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recording_is_brought_to_the_length_that_is_needed() {
        for (fit, found, needed) in
            [Fit::Start, Fit::Center].iter().flat_map(|fit| (0..20).map(move |found| (fit, found, 10)))
        {
            let Some(Fitted { silence, skipped, taken }) = fit.place(found, needed) else { panic!("{found} refused") };
            assert_eq!(taken, found.min(needed));
            assert!(skipped + taken <= found && silence + taken <= needed, "{fit:?} of {found}");
        }
        assert_eq!(Fit::Exact.place(10, 10), Some(Fitted { silence: 0, skipped: 0, taken: 10 }));
        assert_eq!((Fit::Exact.place(9, 10), Fit::Exact.place(11, 10)), (None, None));
    }
}
