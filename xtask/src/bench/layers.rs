//! Layers of an encoder, by themselves.

use super::pseudo_random;
use super::run::{kernels_and_k, rounded};
use crate::board::Board;
use crate::in_repository;
use crate::qemu::{self, Ending, Line};
use crate::region::Region;
use anyhow::{Context, Result, bail, ensure};
use cognate::kernel::layers::{Constants, Extent, Filter, FilterLayout, Shape, Size, Sizes, pack};
use cognate_firmware::layer_workload::LayerWorkload;
use serde::Serialize;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(300);

/// What is measured.
const LAYERS: [&str; 6] =
    ["conv1x1_32_64", "conv1x1_64_64", "conv1x1_128_128", "conv3x3_16_32", "depthwise3x3_64", "dense_256_128"];

/// Multiply-accumulates of a measurement, at the least: a tick of the counter is nothing beside them.
const MEASURED: u64 = 2_000_000;

/// Elements of input and output that the microbit has room for.
const FEW: usize = 12 * 1024;

/// A measurement.
#[derive(Clone, Debug, Serialize)]
pub struct LayerFigure {
    /// Which layer.
    pub kernel: String,
    /// On which core: m0, m3, …
    pub core: &'static str,
    /// What its numbers are.
    pub variant: &'static str,
    /// Products of a sum.
    pub dims: usize,
    /// Sums: outputs of the layer.
    pub templates: usize,
    /// Executed instructions, by dims · templates. Products with padding count as the others do.
    pub instructions_per_mac: f64,
    /// Whether the outputs are those of the definition.
    pub equal_to_portable: bool,
    /// Instructions of the layer.
    pub instructions: f64,
    /// Instructions of the definition in plain Rust with plain weights, by dims · templates.
    pub portable_instructions_per_mac: f64,
    /// Instructions of a tick of SysTick, as they were counted.
    pub k: f64,
    /// How many runs.
    pub runs: u32,
    /// Input, window and output.
    pub shape: String,
    /// How the constants lie.
    pub layout: String,
    /// Bytes of the constants.
    pub filter_bytes: usize,
    /// The kernels that ran.
    pub kernels: String,
}

/// The firmware of a board.
pub struct LayerRuns {
    board: Board,
    elf: Vec<u8>,
    folder: PathBuf,
}

impl LayerRuns {
    /// By the firmware `bench-layers`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(board: Board, elf: &Path) -> Result<Self> {
        let folder = in_repository("target/bench").join(board.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let elf = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
        Ok(Self { board, elf, folder })
    }

    /// Every layer.
    ///
    /// # Errors
    /// When something does not run.
    pub fn all(&self) -> Result<Vec<LayerFigure>> {
        LAYERS.into_iter().map(|name| self.run(name).with_context(|| name.to_owned())).collect()
    }

    fn run(&self, name: &str) -> Result<LayerFigure> {
        let shape = self.shape(name)?;
        let layout = self.board.filter_layout();
        let runs = u32::try_from(MEASURED.div_ceil(shape.macs()))?;
        let path = self.folder.join("bench-layers-with-layer");
        let region = Region::of_bundle(&self.elf)?;
        let bytes = encode(shape, layout, runs)?;
        fs::write(&path, region.flash(self.elf.clone(), &bytes)?)?;
        let run = qemu::run(self.board, &path, TIMEOUT, |_| ())?;
        let lines: String = run.lines.iter().map(|line| format!("\n{line}")).collect();
        ensure!(run.ending == Ending::Exited(0), "the firmware ended with {:?}:{lines}", run.ending);
        self.figure(name, &shape, layout, &run.lines).with_context(|| format!("in this log:{lines}"))
    }

    /// The layer, with fewer rows where there is little RAM.
    fn shape(&self, name: &str) -> Result<Shape> {
        let mut sizes = sizes(name).with_context(|| format!("there is no layer {name}"))?;
        while self.board == Board::Microbit && sizes.input.elements() + sizes.output.elements() > FEW {
            sizes.input.height /= 2;
            sizes.output.height /= 2;
        }
        Shape::new(sizes).context("the sizes do not fit together")
    }

    fn figure(&self, name: &str, shape: &Shape, layout: FilterLayout, lines: &[Line]) -> Result<LayerFigure> {
        let (kernels, k) = kernels_and_k(self.board, lines)?;
        let line = lines.iter().find_map(|line| line.message.strip_prefix("layer ")).context("no measurement")?;
        let Measured { runs, ticks, plain, equal } = Measured::parse(line)?;
        let instructions = ticks as f64 * k / f64::from(runs);
        let macs = shape.macs() as f64;
        Ok(LayerFigure {
            kernel: name.to_owned(),
            core: self.board.short_core(),
            variant: "int8",
            dims: shape.depth(),
            templates: shape.sizes().output.elements(),
            instructions_per_mac: rounded(instructions / macs, 1e4),
            equal_to_portable: equal,
            instructions: rounded(instructions, 10.0),
            portable_instructions_per_mac: rounded(plain as f64 * k / macs, 1e3),
            k,
            runs,
            shape: shown(shape),
            layout: format!("{layout:?}").to_lowercase(),
            filter_bytes: Filter::bytes_of(shape, layout).unwrap_or(0),
            kernels: kernels.to_owned(),
        })
    }
}

/// The layers that others' figures are known of, in the sizes that they were measured with.
fn sizes(name: &str) -> Option<Sizes> {
    let same = |side, inputs, outputs, kernel: usize, groups| Sizes {
        input: Extent { height: side, width: side, channels: inputs },
        output: Extent { height: side, width: side, channels: outputs },
        kernel: Size::square(kernel),
        stride: Size::square(1),
        dilation: Size::square(1),
        padding: Size::square(kernel / 2),
        groups,
    };
    Some(match name {
        "conv1x1_32_64" => same(16, 32, 64, 1, 1),
        "conv1x1_64_64" => same(16, 64, 64, 1, 1),
        "conv1x1_128_128" => same(8, 128, 128, 1, 1),
        "conv3x3_16_32" => same(32, 16, 32, 3, 1),
        "depthwise3x3_64" => same(16, 64, 64, 3, 64),
        "dense_256_128" => same(1, 256, 128, 1, 1),
        _ => return None,
    })
}

/// `16x16x64 by 3x3 to 16x16x64`
fn shown(shape: &Shape) -> String {
    let Sizes { input, output, kernel, groups, .. } = *shape.sizes();
    let extent = |Extent { height, width, channels }: Extent| format!("{height}x{width}x{channels}");
    let groups = if groups == 1 { String::new() } else { format!(" in {groups} groups") };
    format!("{} by {}x{} to {}{groups}", extent(input), kernel.height, kernel.width, extent(output))
}

/// The layer with pseudo-random weights, in two layouts.
fn encode(shape: Shape, layout: FilterLayout, runs: u32) -> Result<Vec<u8>> {
    let outputs = shape.sizes().output.channels;
    let mut state = 1;
    let mut next = || pseudo_random(&mut state);
    let weights: Vec<_> = (0..outputs * shape.depth()).map(|_| (next() % 255) as i32 - 127).map(|x| x as i8).collect();
    let biases: Vec<_> = (0..outputs).map(|_| (next() % 20_000) as i32 - 10_000).collect();
    // The greatest sums become a few hundred.
    let most = (1u64 << 40) / (shape.depth() as u64 * 128 * 127);
    let multipliers: Vec<_> = (0..outputs).map(|_| (most / 2 + u64::from(next()) % most) as i32).collect();
    let constants = Constants { weights: &weights, biases: &biases, multipliers: &multipliers };
    let room = |layout| Filter::bytes_of(&shape, layout).map(|bytes| vec![0; bytes]).context("there is no such layout");
    let (mut streamed, mut plain) = (room(layout)?, room(FilterLayout::Plain)?);
    let streamed = pack(shape, layout, &constants, &mut streamed)?;
    let plain = pack(shape, FilterLayout::Plain, &constants, &mut plain)?;
    let mut bytes = LayerWorkload { streamed, plain, runs }.header().to_vec();
    bytes.extend(streamed.bytes());
    bytes.resize(LayerWorkload::HEADER_BYTES + streamed.bytes().len().next_multiple_of(16), 0);
    bytes.extend(plain.bytes());
    Ok(bytes)
}

/// A line of the firmware's log.
struct Measured {
    runs: u32,
    ticks: u32,
    plain: u32,
    equal: bool,
}

impl Measured {
    /// `runs N ticks N plain N equal BOOL`
    fn parse(line: &str) -> Result<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let ["runs", runs, "ticks", ticks, "plain", plain, "equal", equal] = words[..] else {
            bail!("not a measurement: {line:?}")
        };
        let measured =
            Self { runs: runs.parse()?, ticks: ticks.parse()?, plain: plain.parse()?, equal: equal.parse()? };
        ensure!(measured.runs > 0 && measured.ticks > 0 && measured.plain > 0, "nothing was measured: {line:?}");
        Ok(measured)
    }
}

/// A table of one board.
pub fn table(board: Board, figures: &[LayerFigure]) -> String {
    let mut table = String::new();
    let k = figures.first().map_or(0.0, |figure| figure.k);
    // Writing to a string does not fail.
    let _ = writeln!(table, "{} ({}), layers, {k} instructions a tick", board.name(), board.core());
    let _ = writeln!(table, "{:<18} {:>10} {:>12} {:>9}  shape", "layer", "instr/MAC", "instructions", "portable");
    for figure in figures {
        let LayerFigure { kernel, instructions_per_mac, instructions, portable_instructions_per_mac, shape, .. } =
            figure;
        let wrong = if figure.equal_to_portable { "" } else { "  WRONG ANSWER" };
        let _ = writeln!(
            table,
            "{kernel:<18} {instructions_per_mac:>10.3} {instructions:>12.0} {portable_instructions_per_mac:>9.2}  {shape}{wrong}"
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_has_sizes_and_is_read_as_it_was_written() {
        for name in LAYERS {
            let shape = Shape::new(sizes(name).unwrap()).unwrap();
            for layout in [FilterLayout::Plain, FilterLayout::Pairs, FilterLayout::Lanes] {
                let bytes = encode(shape, layout, 3).unwrap();
                let read = LayerWorkload::read(&bytes).unwrap();
                assert_eq!((read.runs, read.streamed.shape(), read.streamed.layout()), (3, &shape, layout), "{name}");
            }
        }
        assert!(sizes("conv5x5").is_none());
    }

    #[test]
    fn a_line_is_read_as_the_firmware_writes_it() {
        let line = "runs 2 ticks 1000 plain 4000 equal true";
        let Measured { runs, ticks, plain, equal } = Measured::parse(line).unwrap();
        assert_eq!((runs, ticks, plain, equal), (2, 1000, 4000, true));
        for broken in ["", "runs", &line.replace("true", "maybe"), &line.replace('2', "0"), &format!("{line} more")] {
            assert!(Measured::parse(broken).is_err(), "{broken}");
        }
    }
}
