//! Series of several axes, as an accelerometer has them.

/// The last `LENGTH` readings of `AXES` values, handed out every `HOP` readings.
///
/// ```
/// use cognate::encoder::Sample;
/// use cognate::frontend::SlidingWindow;
/// let mut window = SlidingWindow::<3, 4, 2>::new();
/// let readings = (0..6).map(|n| [n, 10 * n, -n]);
/// let found: Vec<_> = readings.filter_map(|reading| window.push(reading).map(|series| series[0])).collect();
/// assert_eq!(found, [[0, 0, 0], [2, 20, -2]]);
/// # let _ = Sample::Int16(SlidingWindow::<3, 4, 2>::new().push([0; 3]).map_or(&[], |series| series.as_flattened()));
/// ```
#[derive(Clone, Debug)]
pub struct SlidingWindow<const AXES: usize, const LENGTH: usize, const HOP: usize> {
    readings: [[i16; AXES]; LENGTH],
    filled: usize,
}

impl<const AXES: usize, const LENGTH: usize, const HOP: usize> SlidingWindow<AXES, LENGTH, HOP> {
    /// Before the first reading.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(HOP >= 1 && HOP <= LENGTH, "a hop is 1 reading to a window") }
        Self { readings: [[0; AXES]; LENGTH], filled: 0 }
    }

    /// Takes a reading, and hands out the series that it completes: `as_flattened` of it is a
    /// [`Sample::Int16`](crate::encoder::Sample::Int16).
    pub fn push(&mut self, reading: [i16; AXES]) -> Option<&[[i16; AXES]; LENGTH]> {
        if self.filled >= LENGTH {
            self.readings.copy_within(HOP.min(LENGTH).., 0);
            self.filled = LENGTH - HOP.min(LENGTH);
        }
        *self.readings.get_mut(self.filled)? = reading;
        self.filled += 1;
        (self.filled == LENGTH).then_some(&self.readings)
    }

    /// Forgets what came.
    pub const fn restart(&mut self) {
        self.filled = 0;
    }
}

impl<const AXES: usize, const LENGTH: usize, const HOP: usize> Default for SlidingWindow<AXES, LENGTH, HOP> {
    fn default() -> Self {
        Self::new()
    }
}
