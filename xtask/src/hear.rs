//! `cargo xtask hear`: recordings into the flash of an emulated board, which decides about each of them; its decisions beside the
//! host's, from the files themselves.
//!
//! The host's part is done by the `cognate` command, called as a person would.

use crate::board::Board;
use crate::cargo::Packages;
use crate::decision::{Candidate, Decision, Simulated, Verdict};
use crate::demo::tool::Tool;
use crate::firmware::{self, Flash};
use crate::log;
use crate::qemu::{self, Ending, Line};
use crate::region::Region;
use crate::{in_repository, setup};
use anyhow::{Context, Result, bail, ensure};
use cognate::encoder::operators;
use cognate::{BundleView, Score};
use hound::{SampleFormat, WavReader, WavSpec};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where everything that it makes is put.
const FOLDER: &str = "target/hear";

/// For the longest that a core takes about thousands of recordings.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Hears recordings on a board, and prints what it decides about each beside what the host does.
///
/// # Errors
/// When a file cannot be used, a step fails, or a decision of the device differs from the host's.
pub fn run(board: Board, bundle: &Path, encoder: &Path, recordings: &[PathBuf]) -> Result<()> {
    setup::ensure(board)?;
    let tool = Tool::build(Packages::default())?;
    let heard = hear(board, &tool, bundle, encoder, recordings)?;
    println!("\n{heard}");
    heard.require_equal()
}

/// What a board and the host make of recordings.
pub struct Heard {
    board: Board,
    recordings: Vec<PathBuf>,
    subjects: BTreeMap<u32, String>,
    host: Vec<Decision>,
    /// What the device decides about each.
    pub device: Vec<Decision>,
    /// The checksum of the features that it made of each, as it logs it.
    pub features: Vec<String>,
    /// For features, embedding and decision.
    instructions: [u64; 3],
    peak_stack: u64,
}

/// Hears recordings on a board.
///
/// # Errors
/// When a file cannot be used, or a step fails.
pub fn hear(board: Board, tool: &Tool, bundle: &Path, encoder: &Path, recordings: &[PathBuf]) -> Result<Heard> {
    let folder = in_repository(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
    // The tool runs in the root of the repository.
    let absolute = |path: &Path| fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()));
    let (bundle, encoder) = (absolute(bundle)?, absolute(encoder)?);
    let recordings: Vec<PathBuf> = recordings.iter().map(|path| absolute(path)).collect::<Result<_>>()?;
    let bytes = fs::read(&bundle).with_context(|| format!("cannot read {}", bundle.display()))?;
    let view = BundleView::new_checked(&bytes).with_context(|| bundle.display().to_string())?;
    let names = view.subjects().map(|subject| (subject.id.number(), subject.name.to_owned()));
    let subjects = names.collect();

    let host = decisions_of_the_host(tool, &folder, &bundle, &encoder, &recordings)?;
    let elf = fs::read(firmware::build_one(board, "hear", &Flash::default())?)?;
    let elf = Region::of_bundle(&elf)?.flash(elf, &bytes).with_context(|| bundle.display().to_string())?;
    let elf = Region::flash_probes(elf, &pcm(rate(&view)?, &recordings)?)?;
    let path = folder.join("hear");
    fs::write(&path, elf).with_context(|| format!("cannot write {}", path.display()))?;
    let run = qemu::run(board, &path, TIMEOUT, show)?;
    match run.ending {
        Ending::Exited(0) => (),
        Ending::Exited(code) => bail!("the firmware failed with exit code {code}: its log is above"),
        Ending::TimedOut => bail!("the firmware did not end within {} s and was stopped", TIMEOUT.as_secs()),
    }
    let device = log::decisions(&run.lines)?;
    let features = run.lines.iter().filter_map(|line| line.message.strip_prefix("features "));
    let features = features.filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect();
    let counts = ["recording", "embedding", "decision"].map(|of| format!("instructions_per_{of} "));
    let [of_recording, of_embedding, of_decision] = counts.map(|word| log::number(&run.lines, &word));
    let instructions = [of_recording?, of_embedding?, of_decision?];
    let peak_stack = log::number(&run.lines, "peak_stack ")?;
    ensure!(
        device.len() == recordings.len() && host.len() == recordings.len(),
        "{} decisions of the device and {} of the host about {} recordings",
        device.len(),
        host.len(),
        recordings.len()
    );
    Ok(Heard { board, recordings, subjects, host, device, features, instructions, peak_stack })
}

/// Shows what is not about one of the recordings.
fn show(line: &Line) {
    if !["decision ", "features "].iter().any(|word| line.message.starts_with(word)) {
        eprintln!("{line}");
    }
}

/// What `cognate` decides from the files.
fn decisions_of_the_host(
    tool: &Tool,
    folder: &Path,
    bundle: &Path,
    encoder: &Path,
    recordings: &[PathBuf],
) -> Result<Vec<Decision>> {
    let [manifest, probes] = ["recordings.csv", "probes.npy"].map(|name| folder.join(name));
    let mut table =
        csv::Writer::from_path(&manifest).with_context(|| format!("cannot write {}", manifest.display()))?;
    table.write_record(["file", "subject"])?;
    for recording in recordings {
        table.write_record([text(recording)?, ""])?;
    }
    table.flush()?;
    tool.run(&["encode", text(encoder)?, text(&manifest)?, "-o", text(&probes)?])?;
    let decided = tool.output(&["simulate", text(bundle)?, text(&probes)?, "--json"])?;
    let (outcomes, _summary) = decided.trim_end().rsplit_once('\n').context("`cognate simulate` printed too little")?;
    outcomes.lines().map(|line| Ok(serde_json::from_str::<Simulated>(line)?.decision())).collect()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not text", path.display()))
}

/// The rate of the recordings that the bundle's encoder takes.
fn rate(bundle: &BundleView<'_>) -> Result<u32> {
    let encoder = bundle.int8_encoder::<{ operators::ALL }>()?;
    let encoder = encoder.context("the bundle has no encoder: export it with `--model FILE.encoder`")?;
    let sound = encoder.sound().context("the bundle's encoder takes no sound: train it with [log_mel]")?;
    Ok(sound.rate)
}

/// Recordings as [`cognate_firmware::Recordings`] reads them: the points as they are in the files, since a device has no other.
///
/// # Errors
/// For a file that does not have what a converter of 16 bits gives at this rate.
pub fn pcm(rate: u32, recordings: &[PathBuf]) -> Result<Vec<u8>> {
    let expected = WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut bytes = Vec::new();
    for recording in recordings {
        let name = || recording.display().to_string();
        let reader = WavReader::open(recording).with_context(name)?;
        ensure!(
            reader.spec() == expected,
            "{}: a device hears one channel of 16-bit integers at {rate} Hz: convert it, for example with \
             `ffmpeg -i FILE -ac 1 -ar {rate} -c:a pcm_s16le FILE.wav`",
            name()
        );
        let points: Vec<i16> = reader.into_samples().collect::<hound::Result<_>>().with_context(name)?;
        bytes.extend(u32::try_from(points.len())?.to_le_bytes());
        bytes.extend(points.into_iter().flat_map(i16::to_le_bytes));
    }
    Ok(bytes)
}

impl Heard {
    /// Fails when host and device decide about a recording in two ways, be it by a bit of a score.
    ///
    /// # Errors
    /// With how many those are.
    pub fn require_equal(&self) -> Result<()> {
        match self.mismatches() {
            0 => Ok(()),
            mismatches => {
                bail!("{mismatches} decisions of the device differ from the host's: this must never happen")
            }
        }
    }

    fn mismatches(&self) -> usize {
        self.host.iter().zip(&self.device).filter(|(host, device)| host != device).count()
    }

    /// A decision in words.
    fn words(&self, decision: &Decision) -> String {
        let candidate = |candidate: Candidate| {
            let name = self.subjects.get(&candidate.subject).filter(|name| !name.is_empty());
            let name = name.cloned().unwrap_or_else(|| candidate.subject.to_string());
            format!("{name} {}", Score::from_raw(candidate.score))
        };
        let verdict = match decision.verdict {
            Verdict::Known => "known",
            Verdict::Ambiguous => "ambiguous",
            Verdict::Unknown => "unknown",
        };
        let mut words = verdict.to_owned();
        for (word, found) in [(": ", decision.best), (", then ", decision.runner_up)] {
            if let Some(found) = found {
                words += word;
                words += &candidate(found);
            }
        }
        words
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (board, core) = (self.board.name(), self.board.core());
        writeln!(f, "{:<24} {:<52} the host", "recording", format!("{board} ({core})"))?;
        for ((recording, device), host) in self.recordings.iter().zip(&self.device).zip(&self.host) {
            let name = recording.file_name().unwrap_or_default().to_string_lossy();
            let of_host = if host == device { "the same".to_owned() } else { self.words(host) };
            writeln!(f, "{name:<24} {:<52} {of_host}", self.words(device))?;
        }
        let [features, embedding, decision] = self.instructions;
        let mut rows = String::new();
        for (what, value) in [
            ("host/device mismatches: verdict, subjects or raw scores differ", self.mismatches() as u64),
            ("instructions a recording: features", features),
            ("instructions a recording: embedding", embedding),
            ("instructions a recording: decision", decision),
            ("deepest stack, bytes", self.peak_stack),
        ] {
            writeln!(rows, "{what:<64} {value:>10}")?;
        }
        write!(f, "\n{rows}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_go_into_flash_as_they_are_in_the_file_and_nothing_else_does() {
        let folder = std::env::temp_dir().join(format!("cognate-hear-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let spec = WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let write = |name: &str, spec: WavSpec, points: &[i16]| {
            let path = folder.join(name);
            let mut writer = hound::WavWriter::create(&path, spec).unwrap();
            points.iter().for_each(|point| writer.write_sample(*point).unwrap());
            writer.finalize().unwrap();
            path
        };
        let [one, none] = [write("1.wav", spec, &[1, -2, i16::MIN]), write("2.wav", spec, &[])];
        let expected = [3, 0, 0, 0, 1, 0, 0xfe, 0xff, 0, 0x80, 0, 0, 0, 0];
        assert_eq!(pcm(8000, &[one.clone(), none]).unwrap(), expected);
        let other = write("3.wav", WavSpec { channels: 2, ..spec }, &[1, 2]);
        for (rate, path) in [(16_000, one), (8000, other)] {
            let error = pcm(rate, &[path]).unwrap_err().to_string();
            assert!(error.contains(&format!("one channel of 16-bit integers at {rate} Hz")), "{error}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
