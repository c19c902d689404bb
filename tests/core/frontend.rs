//! The front ends under any input.

use cognate::frontend::{Crop, LogMel, LogMelTables, SILENCE, Shrink, SlidingWindow, standardize};
use proptest::prelude::*;

const BANDS: usize = 8;

static TABLES: LogMelTables<100, 64, BANDS> = LogMelTables::new(8_000, 0, 4_000);
static RELATIVE: LogMelTables<100, 64, BANDS> = LogMelTables::new(8_000, 0, 4_000).relative();

fn rows(samples: &[i16], piece: usize) -> Vec<[i16; BANDS]> {
    rows_by(&TABLES, samples, piece)
}

fn rows_by(tables: &LogMelTables<100, 64, BANDS>, samples: &[i16], piece: usize) -> Vec<[i16; BANDS]> {
    let (mut front_end, mut rows) = (LogMel::<100, 40, 64, BANDS>::new(tables), Vec::new());
    samples.chunks(piece).for_each(|piece| front_end.push(piece, |row| rows.push(*row)));
    rows
}

proptest! {
    #[test]
    fn rows_depend_on_samples_alone(
        samples in prop::collection::vec(any::<i16>(), 100..400), shift in 0u32..15, piece in 1usize..200,
    ) {
        let samples: Vec<i16> = samples.iter().map(|sample| sample >> shift).collect();
        let whole = rows(&samples, samples.len());
        prop_assert_eq!(whole.len(), (samples.len() - 100) / 40 + 1);
        prop_assert_eq!(&rows(&samples, piece), &whole);
        // Turned around, sound is as loud.
        if !samples.contains(&i16::MIN) {
            let negative: Vec<i16> = samples.iter().map(|sample| -sample).collect();
            for (found, expected) in rows(&negative, piece).iter().flatten().zip(whole.iter().flatten()) {
                // What is rounded half up is rounded to the other side. Silence is not far from nothing.
                prop_assert!((found - expected).abs() <= 2 || *expected < SILENCE + 8 * 256, "{found} for {expected}");
            }
        }
    }

    #[test]
    fn a_relative_row_is_the_row_less_its_mean(
        samples in prop::collection::vec(any::<i16>(), 100..400), shift in 0u32..16,
    ) {
        let samples: Vec<i16> = samples.iter().map(|sample| sample >> shift).collect();
        for (found, row) in rows_by(&RELATIVE, &samples, 77).iter().zip(rows(&samples, 77)) {
            let mean = row.iter().map(|feature| f64::from(*feature)).sum::<f64>() / BANDS as f64;
            let expected = row.map(|feature| f64::from(feature) - (mean + 0.5).floor());
            prop_assert_eq!(found.map(f64::from), expected);
        }
    }

    #[test]
    fn a_small_picture_is_between_the_darkest_and_the_brightest(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 12), 9), top in 0usize..4, left in 0usize..4,
    ) {
        let crop = Crop { top, left, height: 5, width: 8 };
        let mut shrink = Shrink::<2, 3>::new(crop, 1).unwrap();
        let mut found = Vec::new();
        for line in &lines {
            if let Some((_, row)) = shrink.push(line) {
                found.extend_from_slice(row);
            }
        }
        prop_assert_eq!(found.len(), 6);
        let seen = || lines[top..top + 5].iter().flat_map(|line| &line[left..left + 8]);
        let range = seen().min().unwrap()..=seen().max().unwrap();
        prop_assert!(found.iter().all(|pixel| range.contains(&pixel)));
    }

    #[test]
    fn standardized_pixels_keep_their_order(pixels in prop::collection::vec(any::<u8>(), 1..300), deviation: u8) {
        let mut standardized = pixels.clone();
        standardize(&mut standardized, deviation);
        for (before, after) in pixels.iter().zip(&standardized) {
            for (other_before, other_after) in pixels.iter().zip(&standardized) {
                prop_assert!(before > other_before || after <= other_after);
            }
        }
    }

    #[test]
    fn a_window_is_the_last_readings(readings in prop::collection::vec(any::<[i16; 2]>(), 0..40)) {
        let mut window = SlidingWindow::<2, 5, 3>::new();
        for (index, reading) in readings.iter().enumerate() {
            let due = index >= 4 && (index - 4) % 3 == 0;
            let expected = due.then(|| &readings[index - 4..=index]);
            prop_assert_eq!(window.push(*reading).map(|series| &series[..]), expected);
        }
    }
}
