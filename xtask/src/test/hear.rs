//! Sound, end to end: recordings that are made up, or spoken where `COGNATE_DATA` has some, heard by every board as by the host.

use super::encoders::sound;
use super::summary::Summary;
use crate::board::Board;
use crate::cargo::Packages;
use crate::demo::tool::Tool;
use crate::hear::{self, Heard};
use crate::in_repository;
use anyhow::{Context, Result, ensure};
use cognate::encoder::{Encoder, operators};
use cognate::frontend::{LogMel, LogMelTables};
use cognate_firmware::parity::Checksum;
use cognate_firmware::{Capture, Hearing, Recordings};
use hound::{SampleFormat, WavSpec, WavWriter};
use std::collections::BTreeSet;
use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where everything that it makes is put.
const FOLDER: &str = "target/qemu-tests/hear";

/// Made-up words, and how often each is said.
const WORDS: usize = 8;
const TAKES: usize = 8;
/// Of each word, those that enroll it.
const ENROLLED: &str = "3";
/// Points a second.
const RATE: u32 = 8000;

/// As `firmware/src/bin/hear.rs` hears.
static TABLES: LogMelTables<256, 128, 32> = LogMelTables::new(RATE, 60, 3900).relative();

/// On these boards.
pub fn run(boards: &[Board], summary: &mut Summary, packages: Packages) {
    let Some(words) = summary.step("hear: an encoder and made-up words", || Words::make(packages)) else { return };
    for board in boards.iter().copied() {
        summary.step(&format!("{}: words are heard as on the host", board.name()), || words.hear(board));
    }
}

/// What is heard, and by what.
struct Words {
    tool: Tool,
    folder: PathBuf,
    encoder: PathBuf,
}

impl Words {
    /// Makes words up, and an encoder that was trained on nothing, and chooses thresholds for them.
    fn make(packages: Packages) -> Result<Self> {
        let folder = in_repository(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
        let words = Self { tool: Tool::build(packages)?, encoder: folder.join("sound.encoder"), folder };
        fs::write(&words.encoder, sound()?)?;
        fs::write(words.folder.join("sound.encoder.toml"), PREPROCESSING)?;
        let mut manifest = "file,subject\n".to_owned();
        for (word, take) in (0..WORDS).flat_map(|word| (0..TAKES).map(move |take| (word, take))) {
            write_wav(&words.folder.join(name(word, take)), &say(word, take))?;
            manifest += &format!("{},word {word}\n", name(word, take));
        }
        fs::write(words.folder.join("recordings.csv"), manifest)?;
        let at = |name: &str| format!("{FOLDER}/{name}");
        words.tool.run(&["encode", &at("sound.encoder"), &at("recordings.csv"), "-o", &at("words.npy")])?;
        fs::copy(&words.encoder, words.folder.join("other.encoder"))?;
        fs::write(words.folder.join("other.encoder.toml"), PREPROCESSING.replace("hop = 128", "hop = 100"))?;
        let other = words.tool.run(&["encode", &at("other.encoder"), &at("recordings.csv"), "-o", &at("other.npy")]);
        ensure!(other.is_err(), "an encoder is run on features that it was not made for");
        let calibrate = ["calibrate", &at("words.npy"), "--enroll", ENROLLED, "--fmr", "0.05", "--no-comparison"];
        words.tool.run(&[&calibrate[..], &["-o", &at("thresholds.json")]].concat())?;
        let split = ["split", &at("words.npy"), "--subjects", "word 0,word 1,word 2", "--first", ENROLLED];
        words
            .tool
            .run(&[&split[..], &["--enroll-out", &at("enrolled.npy"), "--probes-out", &at("others.npy")]].concat())?;
        Ok(words)
    }

    /// Everything that fits into the board's flash beside a bundle.
    fn hear(&self, board: Board) -> Result<()> {
        let at = |name: &str| format!("{FOLDER}/{name}");
        let bundle = format!("{}.bundle", board.name());
        let export = ["export", "--model", &at("sound.encoder"), "--thresholds", &at("thresholds.json")];
        let gallery = ["--gallery", &at("enrolled.npy"), "--fpir", "0.3", "--board", board.name()];
        self.tool.run(&[&export[..], &gallery, &["-o", &at(&bundle)]].concat())?;
        let recordings = self.recordings(board)?;
        let heard = hear::hear(board, &self.tool, &self.folder.join(&bundle), &self.encoder, &recordings)?;
        println!("{heard}");
        heard.require_equal()?;
        require_features(&heard, &recordings, &self.encoder)?;
        let verdicts: BTreeSet<String> =
            heard.device.iter().map(|decision| format!("{:?} {:?}", decision.verdict, decision.subject())).collect();
        ensure!(verdicts.len() >= 2, "all are decided about alike: {verdicts:?}");
        Ok(())
    }

    /// Words of those who are enrolled and of others, shorter and longer than the encoder takes; then spoken ones, where there are
    /// any and there is room for them.
    fn recordings(&self, board: Board) -> Result<Vec<PathBuf>> {
        let mut recordings: Vec<PathBuf> =
            [(0, 3), (1, 3), (3, 0), (5, 7)].map(|(word, take)| self.folder.join(name(word, take))).into();
        // The probes of a micro:bit are 32 KiB, which these fill.
        if board == Board::Microbit {
            return Ok(recordings);
        }
        let takes = (0..WORDS).flat_map(|word| (3..TAKES).map(move |take| (word, take)));
        recordings.extend(takes.map(|(word, take)| self.folder.join(name(word, take))));
        match env::var_os("COGNATE_DATA") {
            Some(data) => {
                let spoken = (0..10).map(|digit| PathBuf::from(&data).join(format!("fsdd/{digit}_theo_0.wav")));
                recordings.extend(spoken);
            }
            None => println!("COGNATE_DATA is not set: made-up words alone are heard"),
        }
        Ok(recordings)
    }
}

/// Fails unless the features of each recording are those that the host's compiler gives.
fn require_features(heard: &Heard, recordings: &[PathBuf], encoder: &Path) -> Result<()> {
    let encoder = fs::read(encoder)?;
    let encoder = <Encoder<'_, { operators::ALL }>>::new_checked(&encoder)?;
    let bytes = hear::pcm(RATE, recordings)?;
    let (mut front_end, mut rows) = (LogMel::<256, 128, 128, 32>::new(&TABLES), [[0; 32]; 48]);
    let mut hearing = Hearing::new(&encoder, Recordings::new(&bytes), &mut front_end, &mut rows, ())?;
    let mut expected = Vec::new();
    while hearing.next_sample()?.is_some() {
        expected.push(format!("{:?}", Checksum::of(hearing.features())));
    }
    ensure!(heard.features == expected, "the host computes {expected:?}, the device {:?}", heard.features);
    let different: BTreeSet<_> = expected.iter().collect();
    ensure!(different.len() > expected.len() / 2, "most recordings have the same features");
    Ok(())
}

fn name(word: usize, take: usize) -> String {
    format!("{word}-{take}.wav")
}

/// Two tones one after the other, those of the word, as high, loud, long and clear as the take is.
fn say(word: usize, take: usize) -> Vec<i16> {
    // 1600 to 6600 points, where an encoder of 48 rows takes 6272.
    let length = 1600 + take * 700 + word * 13;
    let pitch = 1.0 + 0.01 * take as f64;
    let amplitude = 1500.0 * (1 + (take * 5 + word) % 7) as f64;
    let mut state = (word * TAKES + take) as u32 + 1;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from((state >> 16) as i16) / 32_768.0
    };
    (0..length)
        .map(|point| {
            let tone = if point < length / 2 { 200 + 170 * word } else { 300 + 410 * (word % 5) };
            let phase = TAU * tone as f64 * pitch * point as f64 / f64::from(RATE);
            (amplitude * (phase.sin() + 0.5 * (2.0 * phase).sin()) + 200.0 * noise()) as i16
        })
        .collect()
}

fn write_wav(path: &Path, points: &[i16]) -> Result<()> {
    let spec = WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).with_context(|| format!("cannot write {}", path.display()))?;
    points.iter().try_for_each(|point| writer.write_sample(*point))?;
    Ok(writer.finalize()?)
}

/// How recordings are read for [`sound`].
const PREPROCESSING: &str = r#"kind = "audio"
input = "sample"
output = "embedding"
shape = [1, 48, 32]
rate = 8000
scale = 0.1
fit = "center"
normalize = false

[log_mel]
window = 256
hop = 128
bands = 32
low = 60
high = 3900
relative = true
"#;
