//! A keyword by three spoken samples: whoever says a word three times is heard when they say it again.
//!
//! The embedding is made by hand here, of the log-mel features that a device makes too: a word is cut out of its silence, and its
//! four quarters are averaged, each without its loudness. For one person's few words that goes far; an encoder that was trained on
//! many people (`docs/spoken-words.md`) is for words of everybody.
//!
//! `cargo run --example keyword` says made-up words. With WAV files (one channel, 16 bits, 8,000 Hz), the first three are the
//! keyword, and the others are listened to:
//!
//! `cargo run --example keyword -- yes-1.wav yes-2.wav yes-3.wav no.wav yes-4.wav`
//!
//! With `--table LIST.csv` it prints the embeddings of a list of files and subjects as a table that `cognate evaluate` takes.

use cognate::frontend::{LogMel, LogMelTables};
use cognate::{Embedding, EmbeddingError, Gallery, ModelDigest, Policy, Score, Search, Space, SubjectId, Template};
use std::error::Error;
use std::f32::consts::TAU;

/// Points a second.
const RATE: u32 = 8_000;
/// 32 ms in 16 bands, every 16 ms.
static TABLES: LogMelTables<256, 128, BANDS> = LogMelTables::new(RATE, 100, 3_800);
const HOP: usize = 128;
const BANDS: usize = 16;
const QUARTERS: usize = 4;
const D: usize = QUARTERS * BANDS;

/// 36 dB below the loudest row and band there is silence: features are log₂ of a power in steps of 1/256.
const SILENCE: i16 = 12 * 256;

const SPACE: Space = Space::full(ModelDigest::new([11; 16]));
/// Samples of the keyword.
const ENROLLED: usize = 3;

/// The template of a recording.
fn template(sound: &[i16]) -> Result<Template<D>, EmbeddingError> {
    let mut rows = Vec::new();
    LogMel::<256, 128, HOP, BANDS>::new(&TABLES).push(sound, |row| rows.push(*row));
    let loudness = |row: &[i16; BANDS]| row.iter().copied().max();
    let threshold = rows.iter().filter_map(loudness).max().map(|most| most.saturating_sub(SILENCE));
    let speaks = |row: &[i16; BANDS]| loudness(row) >= threshold;
    let first = rows.iter().position(speaks).unwrap_or_default();
    let last = rows.iter().rposition(speaks).map_or(0, |last| last + 1);
    Embedding::new(quarters(&rows[first..last], threshold.unwrap_or_default())).map(|e| Template::new(&e, SPACE))
}

/// Each quarter's mean of each band, less the quarter's mean of all; what is softer than the silence counts as silence.
fn quarters(word: &[[i16; BANDS]], silence: i16) -> [f32; D] {
    let mut means = [0.0; D];
    for (quarter, means) in means.chunks_exact_mut(BANDS).enumerate() {
        // A word of fewer rows than quarters has some of them twice.
        let (begin, end) = (quarter * word.len() / QUARTERS, ((quarter + 1) * word.len()).div_ceil(QUARTERS));
        for row in &word[begin..end] {
            means.iter_mut().zip(row).for_each(|(mean, feature)| *mean += f32::from((*feature).max(silence)));
        }
        let all = means.iter().sum::<f32>() / BANDS as f32;
        means.iter_mut().for_each(|mean| *mean = (*mean - all) / (end - begin).max(1) as f32);
    }
    means
}

/// A made-up word: vowels by the first two resonances of a throat in Hz, a little different each time, in some noise.
fn say(vowels: &[(f32, f32)], time: usize) -> Vec<i16> {
    let pitch = 110.0 + 4.0 * time as f32;
    let (points, gain) = (1_100 + 120 * time, 3_000.0 / (1 + time % 3) as f32);
    let noise = |index: usize| ((index * 7_919 + time * 104_729) % 257) as f32 - 128.0;
    let voice = |index: usize| {
        let (first, second) = vowels[index / points];
        let harmonic = |number: u8| {
            let frequency = pitch * f32::from(number);
            let near = |resonance: f32| (-((frequency - resonance) / 150.0).powi(2)).exp();
            (near(first) + 0.5 * near(second)) * (TAU * frequency * index as f32 / RATE as f32).sin()
        };
        gain * (1..=24).map(harmonic).sum::<f32>()
    };
    let silence = 900 + 300 * time;
    let sound = |index: usize| {
        let inside = index.checked_sub(silence).filter(|index| *index < points * vowels.len());
        (inside.map_or(0.0, voice) + 0.1 * noise(index)) as i16
    };
    (0..2 * silence + points * vowels.len()).map(sound).collect()
}

/// Enrolls the first three recordings, and says of each of the others whether it is the keyword.
fn listen(recordings: &[Vec<i16>]) -> Result<Vec<(bool, Score)>, Box<dyn Error>> {
    let templates = recordings.iter().map(|sound| template(sound)).collect::<Result<Vec<_>, _>>()?;
    let (keyword, heard) = templates.split_at_checked(ENROLLED).ok_or("three samples of the keyword come first")?;
    let mut gallery = Gallery::<D, 1>::new(SPACE, SubjectId::FIRST);
    let subject = gallery.enroll_centroid(keyword)?;
    let policy = Policy::new(Score::from_ratio(83, 100));
    let verify = |probe: &Template<D>| {
        let found = Search::new(&[&gallery]).verify(probe, subject, &policy)?;
        Ok((found.accepted, found.score))
    };
    heard.iter().map(verify).collect()
}

fn read(path: &str) -> Result<Vec<i16>, Box<dyn Error>> {
    let mut file = hound::WavReader::open(path).map_err(|error| format!("{path}: {error}"))?;
    let spec = file.spec();
    if (spec.channels, spec.bits_per_sample, spec.sample_rate) != (1, 16, RATE) {
        return Err(format!("{path}: only one channel of 16-bit integers at {RATE} Hz is heard: convert it").into());
    }
    Ok(file.samples().collect::<Result<_, _>>()?)
}

/// The list has files in its first column and subjects in its second.
fn print_table(list: &str) -> Result<(), Box<dyn Error>> {
    let elements: Vec<String> = (0..D).map(|index| format!("e{index}")).collect();
    println!("subject,{}", elements.join(","));
    for line in std::fs::read_to_string(list).map_err(|error| format!("{list}: {error}"))?.lines().skip(1) {
        let mut columns = line.split(',');
        let (Some(file), Some(subject)) = (columns.next(), columns.next()) else {
            return Err(format!("{list}: `{line}` has no file and subject").into());
        };
        let code: Vec<String> = template(&read(file)?)?.code().iter().map(i8::to_string).collect();
        println!("{subject},{}", code.join(","));
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if let [option, list] = &files[..]
        && option == "--table"
    {
        return print_table(list);
    }
    if !files.is_empty() {
        let recordings = files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        for (path, (accepted, score)) in files.iter().skip(ENROLLED).zip(listen(&recordings)?) {
            println!("{path}: {}, {score}", if accepted { "the keyword" } else { "something else" });
        }
        return Ok(());
    }
    let (open, shut) = (&[(700.0, 1_200.0), (300.0, 2_200.0), (400.0, 800.0)], &[(300.0, 2_200.0), (700.0, 1_200.0)]);
    let enroll = (0..ENROLLED).map(|time| say(open, time));
    let recordings: Vec<_> = enroll.chain([say(open, 4), say(shut, 1), say(open, 5), say(shut, 3)]).collect();
    let heard = listen(&recordings)?;
    for (word, (accepted, score)) in ["open", "shut", "open", "shut"].into_iter().zip(&heard) {
        println!("`{word}`: {}, {score}", if *accepted { "the keyword" } else { "something else" });
        assert_eq!(*accepted, word == "open", "`{word}` at {score}");
    }
    Ok(())
}
