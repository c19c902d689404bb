//! Recordings: decoding, mixing to one channel, and resampling.

use super::SampleProblem;
use crate::file;
use crate::preprocessing::{AudioInput, MAX_RATE};
use hound::{SampleFormat, WavReader};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters};
use std::path::Path;

/// Points that are resampled at once.
const CHUNK: usize = 1024;

/// The model's input for a WAV file.
pub(super) fn input(path: &Path, input: &AudioInput) -> Result<Vec<f32>, SampleProblem> {
    let points = read(path, input.rate)?;
    let found = points.len();
    input.apply(&points).ok_or(SampleProblem::Duration { expected: input.points(), found })
}

/// The waveform of a WAV file of any rate and with any number of channels, as one channel of points in −1..1 at this rate.
///
/// Where the rate has to change, by a windowed sinc of 256 points; what it gives lies within about one point of where it was.
///
/// # Errors
/// [`SampleProblem`] when the file cannot be read, is no WAV file of integers or 32-bit floats, or ends early.
pub fn read(path: &Path, rate: u32) -> Result<Vec<f32>, SampleProblem> {
    let bytes = file::read(path).map_err(|error| SampleProblem::Unreadable(error.problem))?;
    let (points, found) = decode(&bytes).map_err(|error| SampleProblem::NotRecording(error.to_string()))?;
    if found == rate {
        return Ok(points);
    }
    if found == 0 || found > MAX_RATE {
        return Err(SampleProblem::NotRecording(format!("{found} points a second")));
    }
    resample(&points, found, rate).map_err(SampleProblem::NotRecording)
}

/// The mean of the channels, in −1..1, and the rate.
fn decode(bytes: &[u8]) -> hound::Result<(Vec<f32>, u32)> {
    let reader = WavReader::new(bytes)?;
    let spec = reader.spec();
    let full_scale = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
    let interleaved: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.into_samples::<f32>().collect::<Result<_, _>>()?,
        SampleFormat::Int => {
            reader.into_samples::<i32>().map(|point| Ok(point? as f32 / full_scale)).collect::<hound::Result<_>>()?
        }
    };
    let channels = usize::from(spec.channels.max(1));
    let mixed = interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32);
    Ok((mixed.collect(), spec.sample_rate))
}

fn resample(points: &[f32], from: u32, to: u32) -> Result<Vec<f32>, String> {
    let parameters = SincInterpolationParameters::default();
    let ratio = f64::from(to) / f64::from(from);
    let resampler = Async::<f32>::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input);
    let mut resampler = resampler.map_err(|error| error.to_string())?;
    let frames = InterleavedSlice::new(points, 1, points.len()).map_err(|error| error.to_string())?;
    let resampled = resampler.process_all(&frames, points.len(), None).map_err(|error| error.to_string())?;
    Ok(resampled.take_data())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// A WAV file with a tone, 0.5 at its highest, in every channel.
    fn tone(rate: u32, frequency: f64, seconds: f64, spec: hound::WavSpec) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for point in 0..(f64::from(rate) * seconds) as u32 {
            let value = 0.5 * (TAU * frequency * f64::from(point) / f64::from(rate)).sin();
            for _ in 0..spec.channels {
                match spec.sample_format {
                    SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                    SampleFormat::Int => {
                        let full_scale = f64::from(1u32 << (spec.bits_per_sample - 1));
                        writer.write_sample((value * full_scale).round() as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn spec(sample_rate: u32, channels: u16, bits_per_sample: u16, sample_format: SampleFormat) -> hound::WavSpec {
        hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format }
    }

    fn read_bytes(bytes: &[u8], rate: u32) -> Result<Vec<f32>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path(), rate).map_err(|problem| problem.to_string())
    }

    /// Whatever the file's form and rate, the tone is the one that the formula gives at the rate asked for, no more than about
    /// one point late; near the ends a resampler sees the silence outside.
    #[test]
    fn every_form_and_rate_gives_the_tone() {
        let forms = [(1, 8, SampleFormat::Int), (1, 16, SampleFormat::Int), (2, 24, SampleFormat::Int)];
        for (channels, bits, format) in forms.into_iter().chain([(3, 32, SampleFormat::Float)]) {
            for rate in [8_000, 16_000, 22_050, 44_100, 48_000] {
                let bytes = tone(rate, 440.0, 0.5, spec(rate, channels, bits, format));
                let points = read_bytes(&bytes, 16_000).unwrap();
                assert!(points.len().abs_diff(8_000) <= 1, "{} points from {rate}", points.len());
                let step = TAU * 440.0 / 16_000.0;
                let middle = || points.iter().enumerate().take(7_000).skip(1_000);
                let part = |wave: fn(f64) -> f64| {
                    middle().map(|(place, point)| f64::from(*point) * wave(place as f64 * step)).sum::<f64>() / 3_000.0
                };
                let (sine, cosine) = (part(f64::sin), part(f64::cos));
                let late = -cosine.atan2(sine) / step;
                assert!(late.abs() < if rate == 16_000 { 0.01 } else { 1.1 }, "{late} points late from {rate}");
                let tolerance = if bits == 8 { 0.01 } else { 1e-3 };
                for (place, point) in middle() {
                    let expected = 0.5 * ((place as f64 - late) * step).sin();
                    let error = (f64::from(*point) - expected).abs();
                    assert!(error < tolerance, "{bits} bits at {rate}: {point} for {expected} at {place}");
                }
            }
        }
    }

    /// A tone above half the new rate is not to come back as another one.
    #[test]
    fn what_the_new_rate_cannot_hold_is_gone() {
        let points = read_bytes(&tone(48_000, 10_000.0, 0.5, spec(48_000, 1, 16, SampleFormat::Int)), 16_000).unwrap();
        let loudest = points[1_000..7_000].iter().fold(0.0f32, |loudest, point| loudest.max(point.abs()));
        assert!(loudest < 1e-4, "{loudest}");
    }

    #[test]
    fn what_is_no_recording_says_so() {
        let good = tone(8_000, 440.0, 0.01, spec(8_000, 1, 16, SampleFormat::Int));
        assert_eq!(read_bytes(&good, 8_000).unwrap().len(), 80);
        // Every cut ends within the header or within the points that it promises.
        for length in 0..good.len() {
            assert!(read_bytes(&good[..length], 8_000).is_err(), "{length} bytes were accepted");
        }
        let mut compressed = good.clone();
        compressed[20] = 0x55;
        for bytes in [b"RIFF".as_slice(), b"ID3 not a WAV file", &compressed] {
            let error = read_bytes(bytes, 8_000).unwrap_err();
            assert!(error.contains("this is not a WAV file of integers or floats"), "{error}");
        }
    }
}
