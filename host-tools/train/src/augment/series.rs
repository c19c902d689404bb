//! The ways in which two recordings of the same thing differ.
//!
//! In order: when it begins, how fast it goes, how long a throat it comes from (a shift along the bands, which are equally far apart
//! on the mel scale: Jaitly and Hinton, 2013, vocal tract length perturbation), how loud it is, noise, and stretches that are not
//! heard at all (time and frequency masks: Park et al., 2019, SpecAugment).

use crate::net::Shape;
use crate::rng::Rng;

/// How far each kind of change of a series may go; zero turns it off.
///
/// Time runs along the width of a series, which has height 1, and along the height of features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesAugment {
    /// Largest shift in time either way, as a share of the length; what is moved into view is 0.
    pub shift: f32,
    /// Largest natural logarithm of the factor by which it is faster or slower, about its middle.
    pub log_tempo: f32,
    /// Largest shift of features along their bands either way, as a share of their number; a series has none.
    pub feature_shift: f32,
    /// Largest natural logarithm of the factor on all values of a series.
    pub log_gain: f32,
    /// The same for features, which are logarithms already: the most that is added to all, as a share of the standard deviation of
    /// the sample.
    pub loudness: f32,
    /// Largest standard deviation of the noise, as a share of that of the sample.
    pub noise: f32,
    /// Longest stretch of time that is set to 0, as a share of the length.
    pub time_mask: f32,
    /// Widest band of features that is set to 0, as a share of their number; a series has none.
    pub feature_mask: f32,
}

impl Default for SeriesAugment {
    fn default() -> Self {
        Self {
            shift: 0.1,
            log_tempo: 0.2,
            feature_shift: 0.06,
            log_gain: 0.3,
            loudness: 0.3,
            noise: 0.1,
            time_mask: 0.15,
            feature_mask: 0.15,
        }
    }
}

/// Makes one augmented view; `rng` decides everything.
pub(super) fn augment(mut values: Vec<f32>, shape: Shape, config: &SeriesAugment, rng: &mut Rng) -> Vec<f32> {
    let Shape { height, width, .. } = shape;
    let is_series = height == 1;
    let (length, features) = if is_series { (width, 1) } else { (height, width) };
    let shift = (rng.around(config.shift) * length as f32).round();
    let tempo = rng.around(config.log_tempo).exp();
    let throat = if is_series { 0.0 } else { rng.around(config.feature_shift) * features as f32 };
    let spread = deviation(&values);
    let (gain, louder) =
        if is_series { (rng.around(config.log_gain).exp(), 0.0) } else { (1.0, rng.around(config.loudness) * spread) };
    let deviation = rng.within(0.0, config.noise) * spread;
    let silent = mask(config.time_mask, length, rng);
    let deaf = if is_series { 0..0 } else { mask(config.feature_mask, features, rng) };
    let middle = (length - 1) as f32 / 2.0;
    for channel in values.chunks_exact_mut(length * features) {
        let before = Grid { values: channel.to_vec(), features };
        for (index, value) in channel.iter_mut().enumerate() {
            let (time, feature) = (index / features, index % features);
            let heard = !silent.contains(&time) && !deaf.contains(&feature);
            let moved = (time as f32 - shift - middle) * tempo + middle;
            let noisy = match before.at(moved, feature as f32 - throat) {
                Some(own) => own * gain + louder + deviation * rng.normal(),
                None => deviation * rng.normal(),
            };
            *value = if heard { noisy } else { 0.0 };
        }
    }
    values
}

/// Values by time, features of one time beside each other.
struct Grid {
    values: Vec<f32>,
    features: usize,
}

impl Grid {
    /// The value between four, straight from one to the next; `None` where nothing was recorded. Beyond the first and the last
    /// feature there is what they are.
    fn at(&self, time: f32, feature: f32) -> Option<f32> {
        let last = self.values.len() / self.features - 1;
        if !(0.0..=last as f32).contains(&time) {
            return None;
        }
        let feature = feature.clamp(0.0, (self.features - 1) as f32);
        let (row, column) = (time as usize, feature as usize);
        let (later, above) = (time - row as f32, feature - column as f32);
        let value =
            |row: usize, column: usize| self.values[row.min(last) * self.features + column.min(self.features - 1)];
        let at_row = |row: usize| between(value(row, column), value(row, column + 1), above);
        Some(between(at_row(row), at_row(row + 1), later))
    }
}

fn between(low: f32, high: f32, share: f32) -> f32 {
    low + (high - low) * share
}

/// A stretch of at most this share of a length.
fn mask(share: f32, length: usize, rng: &mut Rng) -> core::ops::Range<usize> {
    let long = (rng.within(0.0, share.min(1.0)) * length as f32).round() as usize;
    let begin = rng.below(length - long.min(length) + 1);
    begin..begin + long
}

fn deviation(values: &[f32]) -> f32 {
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFF: SeriesAugment = SeriesAugment {
        shift: 0.0,
        log_tempo: 0.0,
        feature_shift: 0.0,
        log_gain: 0.0,
        loudness: 0.0,
        noise: 0.0,
        time_mask: 0.0,
        feature_mask: 0.0,
    };
    const SERIES: Shape = Shape { channels: 2, height: 1, width: 50 };
    const FEATURES: Shape = Shape { channels: 1, height: 20, width: 8 };

    fn ramp(shape: Shape) -> Vec<f32> {
        (1..=shape.len()).map(|index| index as f32).collect()
    }

    fn views(shape: Shape, config: SeriesAugment) -> impl Iterator<Item = Vec<f32>> {
        (0..50).map(move |seed| augment(ramp(shape), shape, &config, &mut Rng::keyed(&[seed])))
    }

    #[test]
    fn nothing_changes_when_all_is_off() {
        assert!(views(SERIES, OFF).all(|view| view == ramp(SERIES)));
        assert!(views(FEATURES, OFF).all(|view| view == ramp(FEATURES)));
    }

    #[test]
    fn a_shift_moves_all_channels_alike_and_whole_steps_of_features() {
        let mut moved = 0;
        for view in views(SERIES, SeriesAugment { shift: 0.2, ..OFF }) {
            let shift = (view[20] - 21.0) as isize;
            assert!(shift.abs() <= 10);
            assert_eq!(view[50 + 20] - (50.0 + 21.0), shift as f32);
            assert_eq!(view.iter().filter(|value| **value == 0.0).count(), 2 * shift.unsigned_abs());
            moved += usize::from(shift != 0);
        }
        assert!(moved > 30);
        for view in views(FEATURES, SeriesAugment { shift: 0.2, ..OFF }) {
            assert_eq!((view[80] - 81.0) % 8.0, 0.0);
        }
    }

    #[test]
    fn tempo_stretches_time_about_its_middle() {
        let mut faster = 0;
        for view in views(SERIES, SeriesAugment { log_tempo: 0.3, ..OFF }) {
            // The ramp is a straight line, so that what is between its points is on it.
            let tempo = view[25] - view[24];
            assert!(tempo.ln().abs() <= 0.3001, "{tempo}");
            for (time, value) in view[..50].iter().enumerate() {
                let from = (time as f32 - 24.5) * tempo + 24.5;
                let expected = if (0.0..=49.0).contains(&from) { from + 1.0 } else { 0.0 };
                // At the ends rounding decides whether anything was recorded.
                let is_end = from.abs() < 1e-3 || (from - 49.0).abs() < 1e-3;
                assert!(is_end || (value - expected).abs() < 1e-3, "{value} for {expected} at {time}");
            }
            faster += usize::from(tempo > 1.0);
        }
        assert!((10..40).contains(&faster), "{faster}");
    }

    #[test]
    fn another_throat_moves_features_and_another_loudness_adds_to_all() {
        for view in views(FEATURES, SeriesAugment { feature_shift: 0.25, ..OFF }) {
            let moved = 85.0 - view[84];
            assert!(moved.abs() <= 2.0);
            for (index, value) in view.iter().enumerate() {
                let (row, feature) = (index / 8, index % 8);
                let expected = (row * 8) as f32 + 1.0 + (feature as f32 - moved).clamp(0.0, 7.0);
                assert!((value - expected).abs() < 1e-4, "{value} for {expected}");
            }
        }
        let bound = 0.5 * deviation(&ramp(FEATURES)) + 1e-3;
        let mut added: Vec<f32> = Vec::new();
        for view in views(FEATURES, SeriesAugment { loudness: 0.5, log_gain: 9.0, ..OFF }) {
            let louder = view[0] - 1.0;
            assert!(louder.abs() <= bound);
            assert!(view.iter().zip(ramp(FEATURES)).all(|(a, b)| (a - b - louder).abs() < 1e-4));
            added.push(louder);
        }
        assert!(added.iter().any(|louder| *louder > 0.0) && added.iter().any(|louder| *louder < 0.0));
    }

    #[test]
    fn gain_and_noise_keep_to_their_size() {
        for view in views(SERIES, SeriesAugment { log_gain: 0.3, ..OFF }) {
            let gain = view[0];
            assert!((gain.ln().abs() <= 0.3001) && (view[9] / gain - 10.0).abs() < 1e-3);
        }
        let expected = deviation(&ramp(SERIES)) * 0.1;
        for view in views(SERIES, SeriesAugment { noise: 0.1, ..OFF }) {
            let noise: Vec<f32> = view.iter().zip(ramp(SERIES)).map(|(a, b)| a - b).collect();
            assert!(deviation(&noise) < 1.3 * expected);
        }
    }

    #[test]
    fn masks_are_stretches_of_time_and_bands_of_features() {
        let (mut silent, mut deaf) = (0, 0);
        for view in views(FEATURES, SeriesAugment { time_mask: 0.5, feature_mask: 0.5, ..OFF }) {
            let rows: Vec<bool> = view.chunks(8).map(|row| row.iter().all(|value| *value == 0.0)).collect();
            let columns: Vec<bool> =
                (0..8).map(|column| view.iter().skip(column).step_by(8).all(|value| *value == 0.0)).collect();
            for (index, value) in view.iter().enumerate() {
                assert_eq!(*value == 0.0, rows[index / 8] || columns[index % 8]);
            }
            silent += rows.iter().filter(|row| **row).count();
            deaf += columns.iter().filter(|column| **column).count();
            assert!(rows.iter().filter(|row| **row).count() <= 10 && columns.iter().filter(|c| **c).count() <= 4);
        }
        assert!(silent > 100 && deaf > 40, "{silent} {deaf}");
    }
}
