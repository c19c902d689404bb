//! Whole encoders.

use super::quantized::Workload;
use super::run::{kernels_and_k, rounded};
use crate::board::Board;
use crate::in_repository;
use crate::qemu::{self, Ending, Loaded};
use crate::region::Region;
use crate::relayout::to_layout;
use anyhow::{Context, Result, anyhow, bail, ensure};
use cognate::encoder::{Encoder, FilterLayout, InputForm, Sample};
use cognate_firmware::encoder_workload::{EncoderWorkload, sum_of};
use serde::Serialize;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The definition of a whole encoder takes minutes where the machine is busy.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A measurement.
#[derive(Clone, Debug, Serialize)]
pub struct EncoderFigure {
    /// Which encoder.
    pub kernel: String,
    /// On which core: m3, m4, …
    pub core: &'static str,
    /// What its numbers are.
    pub variant: &'static str,
    /// Elements of an embedding.
    pub dims: usize,
    /// Multiply-accumulates of its convolutions, those with padding among them.
    pub macs: u64,
    /// Executed instructions of the whole, by these.
    pub instructions_per_mac: f64,
    /// Whether the outputs are those of the host, which computes by the definition.
    pub equal_to_portable: bool,
    /// Instructions of a sample, on average.
    pub instructions: f64,
    /// The same with plain constants, which every core takes the way of the definition, by the multiply-accumulates.
    pub portable_instructions_per_mac: f64,
    /// Instructions of a tick of SysTick, as they were counted.
    pub k: f64,
    /// Samples.
    pub runs: usize,
    /// Input and output.
    pub shape: String,
    /// How the constants of most layers lie.
    pub layout: String,
    /// Bytes of the encoder.
    pub encoder_bytes: usize,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// The most bytes of stack that were in use.
    pub stack_bytes: u32,
    /// The kernels that ran.
    pub kernels: String,
    /// What was run.
    pub data: String,
}

/// The firmware of a board that has room for them.
pub struct EncoderRuns {
    board: Board,
    elf: PathBuf,
    /// Where an encoder is loaded.
    address: u32,
    folder: PathBuf,
}

impl EncoderRuns {
    /// By the firmware `bench-encoder`; `None` for a board without memory for them.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(board: Board, elf: &Path) -> Result<Option<Self>> {
        let folder = in_repository("target/bench").join(board.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let bytes = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
        let model = Region::of_model(&bytes)?;
        Ok((model.length > 0).then_some(Self { board, elf: elf.to_owned(), address: model.start, folder }))
    }

    /// Every encoder.
    ///
    /// # Errors
    /// When something does not run.
    pub fn all(&self, workloads: &[Workload]) -> Result<Vec<EncoderFigure>> {
        workloads.iter().map(|workload| self.run(workload).with_context(|| workload.name.to_owned())).collect()
    }

    /// The smallest with made-up weights: whether everything works.
    ///
    /// # Errors
    /// When it does not run.
    pub fn few(&self) -> Result<Vec<EncoderFigure>> {
        Ok(vec![self.run(&Workload::made_up(super::networks::ENCODERS[0], 2)?)?])
    }

    fn run(&self, workload: &Workload) -> Result<EncoderFigure> {
        let layout = self.board.filter_layout();
        let bytes = to_layout(&workload.encoder, layout).map_err(|error| anyhow!("{error}"))?;
        let encoder = <Encoder<'_>>::new_checked(&bytes)?;
        let (input, samples) = (encoder.input().extent, &workload.samples);
        let expected = on_the_host(&encoder, samples)?;
        let streamed = self.measure(&bytes, samples)?;
        // Where there is no other layout, nothing else is to be seen.
        let plain = if layout == FilterLayout::Plain {
            streamed.clone()
        } else {
            self.measure(&workload.encoder, &samples[..1])?
        };
        let macs = workload.macs;
        let instructions = streamed.instructions as f64 / samples.len() as f64;
        let plain_instructions = plain.instructions as f64 / plain.sums.len() as f64;
        Ok(EncoderFigure {
            kernel: workload.name.to_owned(),
            core: self.board.short_core(),
            variant: "int8",
            dims: encoder.dimension(),
            macs,
            instructions_per_mac: rounded(instructions / macs as f64, 1e4),
            equal_to_portable: streamed.sums == expected && expected.starts_with(&plain.sums),
            instructions: rounded(instructions, 1.0),
            portable_instructions_per_mac: rounded(plain_instructions / macs as f64, 1e3),
            k: streamed.k,
            runs: samples.len(),
            shape: format!("{}x{}x{} to {}", input.height, input.width, input.channels, encoder.dimension()),
            layout: format!("{layout:?}").to_lowercase(),
            encoder_bytes: bytes.len(),
            arena_bytes: encoder.arena_bytes(),
            stack_bytes: streamed.stack,
            kernels: streamed.kernels,
            data: workload.data.clone(),
        })
    }

    fn measure(&self, encoder: &[u8], samples: &[Vec<u8>]) -> Result<Measured> {
        let length = samples.first().map_or(0, Vec::len);
        let mut bytes = EncoderWorkload::header(encoder.len(), length, samples.len()).to_vec();
        bytes.extend(encoder);
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        bytes.extend(samples.iter().flatten());
        let path = self.folder.join("encoder");
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        let loaded = Loaded { file: &path, address: self.address };
        let run = qemu::run_loaded(self.board, &self.elf, loaded, TIMEOUT, |_| ())?;
        let lines: String = run.lines.iter().map(|line| format!("\n{line}")).collect();
        ensure!(run.ending == Ending::Exited(0), "the firmware ended with {:?}:{lines}", run.ending);
        let (kernels, k) = kernels_and_k(self.board, &run.lines).with_context(|| format!("in this log:{lines}"))?;
        let mut measured = Measured { kernels: kernels.to_owned(), k, instructions: 0, sums: Vec::new(), stack: 0 };
        for line in run.lines.iter().filter_map(|line| line.message.strip_prefix("encoder ")) {
            let words: Vec<_> = line.split(' ').collect();
            let ["instructions", instructions, "sum", sum] = words[..] else { bail!("not a measurement: {line:?}") };
            measured.instructions += instructions.parse::<u64>()?;
            measured.sums.push(sum.parse()?);
        }
        let stack = run.lines.iter().find_map(|line| line.message.strip_prefix("peak_stack "));
        measured.stack = stack.with_context(|| format!("no stack in this log:{lines}"))?.parse()?;
        ensure!(measured.sums.len() == samples.len(), "not every sample was encoded:{lines}");
        Ok(measured)
    }
}

/// What a firmware said.
#[derive(Clone)]
struct Measured {
    kernels: String,
    k: f64,
    /// Of all samples.
    instructions: u64,
    /// Over the outputs of each sample.
    sums: Vec<u32>,
    /// The most bytes of it.
    stack: u32,
}

fn on_the_host(encoder: &Encoder<'_>, samples: &[Vec<u8>]) -> Result<Vec<u32>> {
    // 128-bit words, for the alignment.
    let mut arena = vec![0u128; encoder.arena_bytes().div_ceil(16)];
    let mut sums = Vec::new();
    for sample in samples {
        let series: Vec<i16> = sample.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect();
        let sample = match encoder.input_form() {
            InputForm::Int16 { .. } => Sample::Int16(&series),
            _ => Sample::Uint8(sample),
        };
        let output = encoder.run(sample, bytemuck::must_cast_slice_mut(&mut arena))?;
        sums.push(sum_of(output.values()));
    }
    Ok(sums)
}

/// A table of one board.
pub fn table(board: Board, figures: &[EncoderFigure]) -> String {
    let mut table = String::new();
    let k = figures.first().map_or(0.0, |figure| figure.k);
    // Writing to a string does not fail.
    let _ = writeln!(table, "{} ({}), whole encoders, {k} instructions a tick", board.name(), board.core());
    let _ = writeln!(
        table,
        "{:<22} {:>10} {:>13} {:>9} {:>12} {:>9} {:>9} {:>6}  shape",
        "encoder", "instr/MAC", "instructions", "portable", "MACs", "bytes", "arena", "stack"
    );
    for figure in figures {
        let EncoderFigure { kernel, instructions_per_mac, instructions, encoder_bytes, macs, shape, .. } = figure;
        let (portable, arena, stack) = (figure.portable_instructions_per_mac, figure.arena_bytes, figure.stack_bytes);
        let wrong = if figure.equal_to_portable { "" } else { "  WRONG ANSWER" };
        let _ = writeln!(
            table,
            "{kernel:<22} {instructions_per_mac:>10.3} {instructions:>13.0} {portable:>9.2} {macs:>12} {encoder_bytes:>9} {arena:>9} {stack:>6}  {shape}{wrong}"
        );
    }
    for figure in figures {
        let samples = figure.runs;
        let _ = writeln!(
            table,
            "{}: {}; {samples} samples, each output compared with the host's",
            figure.kernel, figure.data
        );
    }
    table
}
