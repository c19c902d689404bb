//! The ways in which two recordings of the same thing differ.
//!
//! In order: when it begins, how loud it is, noise, and stretches that are not heard at all (time and frequency masks: Park et
//! al., 2019, SpecAugment).

use crate::net::Shape;
use crate::rng::Rng;

/// How far each kind of change of a series may go; zero turns it off.
///
/// Time runs along the width of a series, which has height 1, and along the height of features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesAugment {
    /// Largest shift in time either way, as a share of the length; what is moved into view is 0.
    pub shift: f32,
    /// Largest natural logarithm of the factor on all values.
    pub log_gain: f32,
    /// Largest standard deviation of the noise, as a share of that of the sample.
    pub noise: f32,
    /// Longest stretch of time that is set to 0, as a share of the length.
    pub time_mask: f32,
    /// Widest band of features that is set to 0, as a share of their number; a series has none.
    pub feature_mask: f32,
}

impl Default for SeriesAugment {
    fn default() -> Self {
        Self { shift: 0.1, log_gain: 0.3, noise: 0.1, time_mask: 0.15, feature_mask: 0.15 }
    }
}

/// Makes one augmented view; `rng` decides everything.
pub(super) fn augment(mut values: Vec<f32>, shape: Shape, config: &SeriesAugment, rng: &mut Rng) -> Vec<f32> {
    let Shape { height, width, .. } = shape;
    let is_series = height == 1;
    let (length, features) = if is_series { (width, 1) } else { (height, width) };
    let shift = (rng.around(config.shift) * length as f32).round() as isize;
    let gain = rng.around(config.log_gain).exp();
    let deviation = rng.within(0.0, config.noise) * deviation(&values);
    let silent = mask(config.time_mask, length, rng);
    let deaf = if is_series { 0..0 } else { mask(config.feature_mask, features, rng) };
    for channel in values.chunks_exact_mut(length * features) {
        let before = channel.to_vec();
        for (index, value) in channel.iter_mut().enumerate() {
            let (time, feature) = (index / features, index % features);
            let moved = time.checked_add_signed(-shift).filter(|time| *time < length);
            let heard = !silent.contains(&time) && !deaf.contains(&feature);
            let own = moved.map_or(0.0, |time| before[time * features + feature]);
            let noisy = own * gain + deviation * rng.normal();
            *value = if heard { noisy } else { 0.0 };
        }
    }
    values
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

    const OFF: SeriesAugment =
        SeriesAugment { shift: 0.0, log_gain: 0.0, noise: 0.0, time_mask: 0.0, feature_mask: 0.0 };
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
