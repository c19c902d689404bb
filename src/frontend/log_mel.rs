//! Log-mel features of sound.

use super::fft::{self, Turns};
use super::sound::{Fit, SoundForm};
use super::tables::{cosine, logarithm, nearest};

/// The feature of a band with next to nothing in it: −16, in steps of 1/256.
pub const SILENCE: i16 = -16 * 256;

/// Bits of a weight.
const WEIGHT: u32 = 15;

/// What [`LogMel`] computes with: a Hann window of `WINDOW` samples, a transform of `2 · HALF`, and `BANDS` triangles whose corners
/// are equally far apart on the mel scale (O'Shaughnessy, 1987), m = 2595 · log₁₀(1 + f/700).
///
/// Make it a `static`, so that it is in flash, made by the compiler.
#[derive(Clone, Debug)]
pub struct LogMelTables<const WINDOW: usize, const HALF: usize, const BANDS: usize> {
    /// In Q15.
    window: [u16; WINDOW],
    turns: Turns<HALF>,
    /// The band whose rising side a frequency is on, and its weight there; one less that in the band before. `BANDS` is the falling
    /// side of the last one, and `u16::MAX` is outside.
    sides: [(u16, u16); HALF],
    rate: u32,
    /// From here to there, in Hz.
    range: [u32; 2],
    relative: bool,
}

impl<const WINDOW: usize, const HALF: usize, const BANDS: usize> LogMelTables<WINDOW, HALF, BANDS> {
    /// For sound of `rate` samples a second, from `low` to `high` Hz. What is not 0 ≤ low < high ≤ rate / 2 does not compile in a
    /// `static`.
    #[must_use]
    pub const fn new(rate: u32, low: u32, high: u32) -> Self {
        const {
            assert!(WINDOW >= 2 && WINDOW <= 2 * HALF, "a window is 2 samples to the length of the transform");
            assert!(BANDS >= 1 && BANDS <= 256, "there are 1 to 256 bands");
        }
        assert!(
            low < high && high <= rate / 2,
            "bands are from a low frequency to a higher one, at most half the rate"
        );
        let (mut window, mut n) = ([0; WINDOW], 0);
        while n < WINDOW {
            // Symmetric: the second half is the first one from its end.
            let from_end = if n < WINDOW / 2 { n } else { WINDOW - 1 - n };
            let hann = 0.5 - 0.5 * cosine(from_end as f64 / (WINDOW - 1) as f64);
            window[n] = nearest(hann * 32_768.0) as u16;
            n += 1;
        }
        let (first, last) = (mel(low as f64), mel(high as f64));
        let (mut sides, mut k) = ([(u16::MAX, 0); HALF], 0);
        while k < HALF {
            let frequency = k as f64 * rate as f64 / (2 * HALF) as f64;
            let place = (mel(frequency) - first) / (last - first) * (BANDS + 1) as f64;
            if place >= 0.0 && place < (BANDS + 1) as f64 {
                // On a side of a triangle that is linear in mel.
                let band = place as u16;
                sides[k] = (band, nearest((place - band as f64) * (1 << WEIGHT) as f64) as u16);
            }
            k += 1;
        }
        Self { window, turns: Turns::new(), sides, rate, range: [low, high], relative: false }
    }

    /// The same, but a row is less its mean, rounded half up: how loud it is does not matter any more, only which bands are louder
    /// than others. A row of silence is zeros.
    ///
    /// How far a mouth is from its microphone is in every feature alike. Without it an encoder that heard few voices tells new ones
    /// apart better (`docs/spoken-words.md`).
    #[must_use]
    pub const fn relative(self) -> Self {
        Self { relative: true, ..self }
    }
}

const fn mel(frequency: f64) -> f64 {
    // The base is of no matter for what is equally far apart.
    logarithm(1.0 + frequency / 700.0)
}

/// Sound into rows of features: one of `BANDS` every `HOP` samples, from the last `WINDOW`.
///
/// A feature is log₂ of a band's power in steps of 1/256, with the transform divided by half its length, and samples as whole
/// numbers: a sine of amplitude A in the middle of a band comes to about 2 · log₂(A · WINDOW / (4 · HALF)).
///
/// ```
/// use cognate::frontend::{LogMel, LogMelTables};
/// /// 25 ms of 16 kHz in 40 bands, every 10 ms.
/// static TABLES: LogMelTables<400, 256, 40> = LogMelTables::new(16_000, 20, 8_000);
///
/// let mut front_end = LogMel::<400, 160, 256, 40>::new(&TABLES);
/// let mut rows = 0;
/// front_end.push(&[0; 16_000], |row| {
///     assert!(row.iter().all(|feature| *feature == cognate::frontend::SILENCE));
///     rows += 1;
/// });
/// assert_eq!(rows, 98);
/// ```
#[derive(Clone, Debug)]
pub struct LogMel<'t, const WINDOW: usize, const HOP: usize, const HALF: usize, const BANDS: usize> {
    tables: &'t LogMelTables<WINDOW, HALF, BANDS>,
    samples: [i16; WINDOW],
    filled: usize,
    values: [[i32; 2]; HALF],
}

impl<'t, const WINDOW: usize, const HOP: usize, const HALF: usize, const BANDS: usize>
    LogMel<'t, WINDOW, HOP, HALF, BANDS>
{
    /// Before the first sample.
    #[must_use]
    pub const fn new(tables: &'t LogMelTables<WINDOW, HALF, BANDS>) -> Self {
        const { assert!(HOP >= 1 && HOP <= WINDOW, "a hop is 1 sample to a window") }
        Self { tables, samples: [0; WINDOW], filled: 0, values: [[0; 2]; HALF] }
    }

    /// What it makes, of recordings that are brought to their length by `fit`.
    #[must_use]
    pub const fn form(&self, fit: Fit) -> SoundForm {
        let LogMelTables { rate, range: [low, high], relative, .. } = *self.tables;
        SoundForm { rate, window: WINDOW, hop: HOP, transform: 2 * HALF, bands: BANDS, low, high, relative, fit }
    }

    /// Takes samples, as many as there are, and hands out each row that they complete.
    pub fn push(&mut self, samples: &[i16], mut row: impl FnMut(&[i16; BANDS])) {
        for sample in samples {
            if let Some(place) = self.samples.get_mut(self.filled) {
                *place = *sample;
                self.filled += 1;
            }
            if self.filled == WINDOW {
                row(&self.features());
                self.samples.copy_within(HOP.min(WINDOW).., 0);
                self.filled = WINDOW - HOP.min(WINDOW);
            }
        }
    }

    /// Forgets what came: the next row is of samples to come alone.
    pub const fn restart(&mut self) {
        self.filled = 0;
    }

    fn features(&mut self) -> [i16; BANDS] {
        // As loud as can be transformed, so that a whisper is as exact as a shout.
        let weighted = |index: usize| {
            let sample = self.samples.get(index).copied().unwrap_or_default();
            i32::from(sample) * i32::from(self.tables.window.get(index).copied().unwrap_or_default())
        };
        let greatest = (0..WINDOW).fold(0, |greatest, index| greatest | weighted(index).unsigned_abs());
        // A product is at most 2³⁰: one of those goes down by a bit.
        let gain = greatest.leading_zeros() as i32 - 3;
        let scaled = |index: usize| {
            let value = weighted(index);
            if gain < 0 { value >> 1 } else { value.wrapping_shl(gain as u32) }
        };
        for (index, value) in self.values.iter_mut().enumerate() {
            *value = [scaled(2 * index), scaled(2 * index + 1)];
        }
        fft::transform(&mut self.values, &self.tables.turns);
        let mut energies = [0u64; BANDS];
        for (k, (band, weight)) in self.tables.sides.iter().enumerate() {
            if *band == u16::MAX {
                continue;
            }
            let power = fft::power(&self.values, &self.tables.turns, k) >> 12;
            let rising = u64::from(*weight);
            if let Some(energy) = energies.get_mut(usize::from(*band)) {
                *energy = energy.saturating_add(power.saturating_mul(rising));
            }
            if let Some(energy) = usize::from(*band).checked_sub(1).and_then(|band| energies.get_mut(band)) {
                *energy = energy.saturating_add(power.saturating_mul((1 << WEIGHT) - rising));
            }
        }
        // A sample of 1 is 2¹⁵⁺ᵍᵃⁱⁿ, the transform is divided by 2 · HALF instead of HALF, and a power by 2¹² / 2¹⁵.
        let scale = 2 * (15 + gain.clamp(-1, 28)) - 2 + WEIGHT as i32 - 12;
        let features = energies.map(|energy| feature(energy, scale));
        if self.tables.relative { less_mean(features) } else { features }
    }
}

/// A row less its mean, rounded half up. Features are at most 64 octaves apart, and so are these.
fn less_mean<const BANDS: usize>(features: [i16; BANDS]) -> [i16; BANDS] {
    let (count, sum) = (BANDS as i32, features.iter().map(|feature| i32::from(*feature)).sum::<i32>());
    let mean = (2 * sum + count).div_euclid(2 * count);
    features.map(|feature| (i32::from(feature) - mean) as i16)
}

/// log₂(energy / 2^scale) in steps of 1/256, at least [`SILENCE`].
fn feature(energy: u64, scale: i32) -> i16 {
    if energy == 0 {
        return SILENCE;
    }
    let whole = energy.ilog2();
    // 1 to 2 in Q31, and then a bit of the logarithm for each square (Turner, 2010).
    let mut rest = (energy << (63 - whole)) >> 32;
    let mut logarithm = (whole as i32 - scale) << 12;
    for bit in (0..12).rev() {
        rest = (rest * rest) >> 31;
        if rest >> 32 != 0 {
            rest >>= 1;
            logarithm |= 1 << bit;
        }
    }
    let rounded = (logarithm + 8) >> 4;
    rounded.clamp(i32::from(SILENCE), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;
    use std::vec::Vec;

    const WINDOW: usize = 400;
    const HOP: usize = 160;
    const HALF: usize = 256;
    const BANDS: usize = 40;
    const RATE: f64 = 16_000.0;

    static TABLES: LogMelTables<WINDOW, HALF, BANDS> = LogMelTables::new(16_000, 20, 8_000);

    fn rows(samples: &[i16]) -> Vec<[i16; BANDS]> {
        let (mut front_end, mut rows) = (LogMel::<WINDOW, HOP, HALF, BANDS>::new(&TABLES), Vec::new());
        front_end.push(samples, |row| rows.push(*row));
        rows
    }

    /// By definition.
    fn reference(samples: &[i16]) -> Vec<f64> {
        let mel = |f: f64| 2595.0 * (1.0 + f / 700.0).log10();
        let weighted: Vec<f64> = (samples.iter().enumerate())
            .map(|(n, x)| f64::from(*x) * (0.5 - 0.5 * (2.0 * PI * n as f64 / (WINDOW - 1) as f64).cos()))
            .collect();
        let mut bands = std::vec![0.0; BANDS];
        for k in 0..HALF {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, x) in weighted.iter().enumerate() {
                let angle = -2.0 * PI * (k * n % (2 * HALF)) as f64 / (2 * HALF) as f64;
                re += x * angle.cos();
                im += x * angle.sin();
            }
            let power = (re * re + im * im) / (HALF * HALF) as f64;
            let place = mel(k as f64 * RATE / (2 * HALF) as f64);
            let corner = |band: usize| mel(20.0) + (mel(8000.0) - mel(20.0)) * band as f64 / (BANDS + 1) as f64;
            for (band, energy) in bands.iter_mut().enumerate() {
                let [low, middle, high] = [band, band + 1, band + 2].map(corner);
                let side = ((place - low) / (middle - low)).min((high - place) / (high - middle));
                *energy += side.max(0.0) * power;
            }
        }
        bands.iter().map(|energy| 256.0 * energy.log2()).collect()
    }

    fn noise(amplitude: i32) -> impl FnMut() -> i16 {
        let mut state = 7u32;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) as i32 % (2 * amplitude + 1) - amplitude) as i16
        }
    }

    #[test]
    fn features_are_those_of_the_definition_to_two_steps_from_a_whisper_to_a_shout() {
        let tone = |amplitude: f64, frequency: f64| -> Vec<i16> {
            (0..WINDOW).map(|n| (amplitude * (2.0 * PI * frequency * n as f64 / RATE).sin()) as i16).collect()
        };
        let mut sounds = std::vec![std::vec![i16::MIN; WINDOW], std::vec![i16::MAX; WINDOW]];
        sounds.extend([2, 30, 1000, 32_767].map(|amplitude| {
            let mut next = noise(amplitude);
            (0..WINDOW).map(|_| next()).collect()
        }));
        sounds.extend([100.0, 1000.0, 7000.0].map(|frequency| tone(20_000.0, frequency)));
        for (sound, samples) in sounds.iter().enumerate() {
            let (found, expected) = (rows(samples), reference(samples));
            let greatest = expected.iter().copied().fold(f64::MIN, f64::max);
            for (band, (found, expected)) in found[0].iter().zip(&expected).enumerate() {
                // Bands 60 dB and more below the loudest are of rounding, in the samples themselves, too.
                if *expected > greatest - 20.0 * 256.0 {
                    let error = (f64::from(*found) - expected).abs();
                    assert!(error <= 2.0, "sound {sound}, band {band}: {found} for {expected}");
                }
            }
        }
    }

    #[test]
    fn pieces_of_any_length_make_the_same_rows() {
        let mut next = noise(5000);
        let samples: Vec<i16> = (0..2000).map(|_| next()).collect();
        let whole = rows(&samples);
        assert_eq!(whole.len(), (2000 - WINDOW) / HOP + 1);
        for length in [1, 7, 160, 401] {
            let (mut front_end, mut rows) = (LogMel::<WINDOW, HOP, HALF, BANDS>::new(&TABLES), Vec::new());
            samples.chunks(length).for_each(|piece| front_end.push(piece, |row| rows.push(*row)));
            assert_eq!(rows, whole);
        }
    }

    #[test]
    fn twice_as_loud_is_two_more_and_a_restart_forgets() {
        let quiet: Vec<i16> = (0..WINDOW as i32).map(|n| ((n * 7919) % 2001 - 1000) as i16).collect();
        let loud: Vec<i16> = quiet.iter().map(|x| 2 * x).collect();
        assert!(rows(&quiet)[0].iter().zip(rows(&loud)[0]).all(|(quiet, loud)| quiet + 512 == loud));
        let (mut front_end, mut found) = (LogMel::<WINDOW, HOP, HALF, BANDS>::new(&TABLES), Vec::new());
        front_end.push(&loud[..300], |_| panic!("no row is whole"));
        front_end.restart();
        front_end.push(&quiet, |row| found.push(*row));
        assert_eq!(found, rows(&quiet));
    }
}
