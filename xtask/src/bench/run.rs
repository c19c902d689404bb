//! Bundles, and what the firmware says about searching them.

use super::data::{COPIES, DIMENSION, Data, PHOTOS, Values};
use crate::board::Board;
use crate::firmware::probe_rows;
use crate::in_repository;
use crate::qemu::{self, Ending, Line};
use crate::region::Region;
use anyhow::{Context, Result, bail, ensure};
use cognate::bundle::{BundleContents, EnrolledTemplate, Subject};
use cognate::kernel::Layout;
use cognate::policy::{Rate, ThresholdEntry};
use cognate::template::quantize;
use cognate::{CodeForm, Fusion, ModelDigest, Score, Space, SubjectId};
use cognate_firmware::workload::{Task, Workload};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(300);

const MODEL: ModelDigest = ModelDigest::new(*b"what is measured");

/// Templates of a scan where there is room.
const TEMPLATES: usize = 1000;
/// Probes of a scan.
const PROBES: u16 = 5;

/// A measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was done.
    pub kernel: String,
    /// On which core: m0, m3, …
    pub core: &'static str,
    /// The form of the codes.
    pub variant: &'static str,
    /// Elements of a template, or bytes of a bundle or of what a signature is of.
    pub dims: usize,
    /// Templates of which the answer was looked for.
    pub templates: usize,
    /// Executed instructions, by dims · templates.
    pub instructions_per_mac: f64,
    /// Whether the answer is that of the definition.
    pub equal_to_portable: bool,
    /// Instructions of one run, on average.
    pub instructions: f64,
    /// Instructions of a tick of SysTick, as they were counted.
    pub k: f64,
    /// How many runs.
    pub runs: u64,
    /// Templates that were scored exactly in a run, on average, in a search that may pass over others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_refined: Option<f64>,
    /// How the codes lie.
    pub layout: String,
    /// The kernels that ran.
    pub kernels: String,
    /// What was searched.
    pub data: String,
}

/// The firmware for a board, and what to search.
pub struct Runs<'a> {
    board: Board,
    elf: Vec<u8>,
    folder: PathBuf,
    data: &'a Data,
    /// Photos that are linked as probes.
    photos: usize,
}

/// A bundle, and what to do with it.
struct Experiment<'a> {
    form: CodeForm,
    layout: Layout,
    /// Each subject's templates.
    templates: Vec<(SubjectId, &'a Values)>,
    filter: bool,
    workload: Workload,
    note: &'static str,
}

impl<'a> Runs<'a> {
    /// By the firmware `bench`, with as many probes as its flash holds.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(board: Board, elf: &Path, data: &'a Data) -> Result<Self> {
        let folder = in_repository("target/bench").join(board.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // The micro:bit has 32 KiB for them.
        let photos = if board == Board::Microbit { 60 } else { data.photos.len() };
        let probes = probe_rows(MODEL, data.photos[..photos].iter().flatten().copied());
        let elf = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
        let elf = Region::flash_probes(elf, &probes)?;
        Ok(Self { board, elf, folder, data, photos })
    }

    /// Everything.
    ///
    /// # Errors
    /// When something does not run.
    pub fn all(&self) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for form in [CodeForm::Full, CodeForm::NormLimited] {
            figures.extend(self.run(self.scan(form, TEMPLATES))?);
            figures.extend(self.run(self.best(form, false))?);
            figures.extend(self.run(self.best(form, true))?);
        }
        figures.extend(self.run(self.naive(TEMPLATES))?);
        figures.extend(self.run(self.signature())?);
        Ok(figures)
    }

    /// The same with few templates: whether everything works.
    ///
    /// # Errors
    /// When something does not run.
    pub fn few(&self) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for form in [CodeForm::Full, CodeForm::NormLimited] {
            figures.extend(self.run(self.scan(form, 43))?);
        }
        let mut best = self.best(CodeForm::Full, false);
        best.templates.truncate(60);
        best.workload.count = 6;
        figures.extend(self.run(best)?);
        figures.extend(self.run(self.naive(20))?);
        figures.extend(self.run(self.signature())?);
        Ok(figures)
    }

    /// Every template a subject, so that the two most alike are two templates.
    fn scan(&self, form: CodeForm, templates: usize) -> Experiment<'a> {
        let copies = self.data.copies.iter().flatten().take(templates);
        Experiment {
            form,
            layout: self.board.layout(form),
            templates: copies.enumerate().map(|(row, copy)| (SubjectId::new(row as u32 + 1), copy)).collect(),
            filter: false,
            workload: Workload { task: Task::Scan, first: 3, step: 10, count: PROBES },
            note: "",
        }
    }

    /// The templates of a person's photos are one subject. Probes are the photos themselves, which are not enrolled; or, held
    /// out, the first of each person, of which nothing is.
    fn best(&self, form: CodeForm, held_out: bool) -> Experiment<'a> {
        let mut templates = Vec::new();
        for (photo, copies) in self.data.copies[..self.photos].iter().enumerate() {
            if !(held_out && photo.is_multiple_of(PHOTOS)) {
                let person = SubjectId::new((photo / PHOTOS) as u32 + 1);
                templates.extend(copies.iter().map(|copy| (person, copy)));
            }
        }
        let step = if held_out { PHOTOS } else { 1 };
        let count = self.photos / step;
        Experiment {
            form,
            layout: self.board.layout(form),
            templates,
            // The micro:bit has no room for it, and its kernels would not look at it.
            filter: self.board != Board::Microbit,
            workload: Workload { task: Task::Best, first: 0, step: step as u16, count: count as u16 },
            note: if held_out {
                "; probes are photos that no template is of"
            } else {
                "; probes are what the noise was added to"
            },
        }
    }

    fn naive(&self, templates: usize) -> Experiment<'a> {
        let scan = self.scan(CodeForm::Full, templates);
        Experiment { layout: Layout::Rows, workload: Workload { task: Task::Naive, ..scan.workload }, ..scan }
    }

    /// Searches nothing.
    fn signature(&self) -> Experiment<'a> {
        let naive = self.naive(1);
        Experiment { workload: Workload { task: Task::Signature, ..naive.workload }, ..naive }
    }

    fn run(&self, mut experiment: Experiment<'_>) -> Result<Vec<Figure>> {
        let region = Region::of_bundle(&self.elf)?;
        // On a small board, the largest gallery that fits.
        let bytes = loop {
            let bytes = experiment.encode()?;
            if bytes.len() <= region.length {
                break bytes;
            }
            let fits = experiment.templates.len() * region.length / bytes.len();
            experiment.templates.truncate(fits.min(experiment.templates.len() - 1) / COPIES * COPIES);
        };
        let path = self.folder.join("bench-with-bundle");
        fs::write(&path, region.flash(self.elf.clone(), &bytes)?)?;
        let run = qemu::run(self.board, &path, TIMEOUT, |_| ())?;
        let lines: String = run.lines.iter().map(|line| format!("\n{line}")).collect();
        ensure!(run.ending == Ending::Exited(0), "the firmware ended with {:?}:{lines}", run.ending);
        let figures = self.figures(&experiment, &run.lines).with_context(|| format!("in this log:{lines}"))?;
        ensure!(!figures.is_empty(), "the firmware measured nothing:{lines}");
        Ok(figures)
    }

    fn figures(&self, experiment: &Experiment<'_>, lines: &[Line]) -> Result<Vec<Figure>> {
        let (kernels, k) = kernels_and_k(self.board, lines)?;
        let mut figures = Vec::new();
        for line in lines.iter().filter_map(|line| line.message.strip_prefix("bench ")) {
            let Measured { kernel, templates, runs, ticks, refined, equal } = Measured::parse(line)?;
            if kernel == "scan_dot" && experiment.layout == Layout::Halfwords {
                // This layout is for the keys of norm-limited codes: dot products are gathered from it element by element.
                continue;
            }
            let instructions = ticks as f64 * k / runs as f64;
            // A signature is of so many bytes, and of no template.
            let is_signature = experiment.workload.task == Task::Signature;
            let (dims, templates) = if is_signature { (templates, 1) } else { (DIMENSION, templates) };
            figures.push(Figure {
                kernel: kernel.to_owned(),
                core: self.board.short_core(),
                variant: if experiment.form == CodeForm::Full { "full" } else { "norm-limited" },
                dims,
                templates,
                instructions_per_mac: rounded(instructions / (dims * templates) as f64, 1e4),
                equal_to_portable: equal,
                instructions: rounded(instructions, 10.0),
                k,
                runs,
                rows_refined: (kernel == "scan_best").then(|| rounded(refined as f64 / runs as f64, 10.0)),
                layout: experiment.layout.to_string(),
                kernels: kernels.to_owned(),
                data: format!("{}{}", self.data.description, experiment.note),
            });
        }
        Ok(figures)
    }
}

/// What the first line of a log says: which kernels ran, and how many instructions a tick is.
pub(super) fn kernels_and_k(board: Board, lines: &[Line]) -> Result<(&str, f64)> {
    let first = lines.first().map_or("", |line| &line.message);
    let rest = first.strip_prefix(&format!("board {}, kernels ", board.name())).context("no board")?;
    let (kernels, rest) = rest.split_once(", ").context("no kernels")?;
    Ok((kernels, rest.strip_suffix(" instructions a tick").context("no k")?.parse()?))
}

pub(super) fn rounded(x: f64, digits: f64) -> f64 {
    (x * digits).round() / digits
}

impl Experiment<'_> {
    /// The bundle, and behind it the workload.
    fn encode(&self) -> Result<Vec<u8>> {
        let threshold = ThresholdEntry {
            fmr: Rate::ALL,
            threshold: Score::from_ratio(1, 2),
            comparisons: 1,
            fmr_upper_bound: Rate::ALL,
        };
        let mut codes = Vec::new();
        for (_, values) in &self.templates {
            let mut code = [0; DIMENSION];
            quantize(*values, self.form, &mut code)?;
            codes.push(code);
        }
        let ids = self.templates.iter().map(|(subject, _)| *subject);
        let templates: Vec<_> =
            ids.clone().zip(&codes).map(|(subject, code)| EnrolledTemplate { subject, code }).collect();
        let mut subjects: Vec<_> = ids.map(|id| Subject { id, name: "" }).collect();
        subjects.dedup();
        let contents = BundleContents {
            dimension: DIMENSION,
            space: Space { model: MODEL, form: self.form },
            layout: self.layout,
            thresholds: &[threshold],
            operating_point: 0,
            fpir: Rate::ALL,
            margin: 0,
            fusion: Fusion::Maximum,
            calibrated_templates: 1,
            subjects: &subjects,
            next_subject: SubjectId::FIRST_ON_DEVICE,
            templates: &templates,
            back_end: None,
            cohort: None,
            revealed: None,
            filter: self.filter,
            encoder: None,
        };
        let length = contents.encoded_len()?;
        let mut bytes = vec![0; Workload::offset(length)];
        contents.encode(&mut bytes)?;
        bytes.extend(self.workload.to_bytes());
        Ok(bytes)
    }
}

/// A line of the firmware's log.
struct Measured<'a> {
    kernel: &'a str,
    templates: usize,
    runs: u64,
    ticks: u64,
    refined: u64,
    equal: bool,
}

impl<'a> Measured<'a> {
    /// `KERNEL templates N runs N ticks N refined N equal BOOL`
    fn parse(line: &'a str) -> Result<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let [kernel, "templates", templates, "runs", runs, "ticks", ticks, "refined", refined, "equal", equal] =
            words[..]
        else {
            bail!("not a measurement: {line:?}")
        };
        let measured = Self {
            kernel,
            templates: templates.parse()?,
            runs: runs.parse()?,
            ticks: ticks.parse()?,
            refined: refined.parse()?,
            equal: equal.parse()?,
        };
        ensure!(measured.runs > 0 && measured.templates > 0 && measured.ticks > 0, "nothing was measured: {line:?}");
        Ok(measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_the_firmware_writes_it() {
        let line = "scan_all templates 1000 runs 5 ticks 16000 refined 0 equal true";
        let Measured { kernel, templates, runs, ticks, refined, equal } = Measured::parse(line).unwrap();
        assert_eq!((kernel, templates, runs, ticks, refined, equal), ("scan_all", 1000, 5, 16_000, 0, true));
        for broken in ["", "scan_all", &line.replace("true", "maybe"), &line.replace("5", "0"), &format!("{line} more")]
        {
            assert!(Measured::parse(broken).is_err(), "{broken}");
        }
    }
}
