//! What an encoder takes of a board: flash, memory, instructions; known before anything is flashed.

use crate::quantization::relayout::{RelayoutError, shape_of, to_layout};
use cognate::encoder::{Encoder, FilterLayout, Operator, Step, Tensor};
use serde::Serialize;
use std::fmt;

/// A board that the firmware is built for: what its linker script in `firmware/boards` gives to a bundle and to memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Board {
    /// Its name, as everywhere.
    pub name: &'static str,
    /// The layout that its core streams.
    pub layout: FilterLayout,
    /// Bytes for a bundle.
    pub flash: usize,
    /// Bytes of memory for everything.
    pub memory: usize,
    /// Bytes for files that are too large for the flash, in a memory that the application leaves alone.
    pub model: usize,
    /// Bytes for an arena that is too large for the memory, in another.
    pub arena: usize,
}

impl Board {
    const fn new(name: &'static str, layout: FilterLayout, [flash, memory, model, arena]: [usize; 4]) -> Self {
        Self { name, layout, flash, memory, model, arena }
    }

    /// Every board.
    pub const ALL: [Self; 6] = [
        Self::new("microbit", FilterLayout::Plain, [96 << 10, 16 << 10, 0, 0]),
        Self::new("mps2-an385", FilterLayout::Plain, [512 << 10, 64 << 10, 8 << 20, 8 << 20]),
        Self::new("mps2-an386", FilterLayout::Pairs, [1 << 20, 64 << 10, 8 << 20, 8 << 20]),
        Self::new("mps2-an500", FilterLayout::Pairs, [1 << 20, 320 << 10, 8 << 20, 8 << 20]),
        Self::new("mps2-an505", FilterLayout::Pairs, [1 << 20, 256 << 10, 8 << 20, 8 << 20]),
        Self::new("mps3-an547", FilterLayout::Lanes, [1 << 20, 256 << 10, 8 << 20, 2 << 20]),
    ];
}

/// Reads a board's name.
///
/// # Errors
/// Words that say what boards there are.
pub fn parse_board(name: &str) -> Result<Board, String> {
    let names: Vec<&str> = Board::ALL.iter().map(|board| board.name).collect();
    Board::ALL
        .into_iter()
        .find(|board| board.name == name)
        .ok_or_else(|| format!("a board is one of {}", names.join(", ")))
}

/// Bytes of memory that the demo's firmware takes beside its arena, with its deepest stack: what `cargo xtask demo` measures on
/// mps2-an386, 35,828 bytes, less the 24,576 of the arena.
const APPLICATION: usize = 35_828 - 24_576;

/// What an encoder takes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Budget {
    /// The board; without one it is about a core that runs everything the portable way.
    pub board: Option<&'static str>,
    /// Bytes of flash of the encoder, its constants in the layout of the board.
    pub encoder_bytes: usize,
    /// Bytes of flash of everything that was looked at: a whole bundle, or the encoder.
    pub flash_bytes: usize,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// Bytes of memory that the application takes beside it, with its deepest stack.
    pub application_bytes: usize,
    /// Bytes of a template: its code and its factor.
    pub template_bytes: usize,
    /// Multiplications with an accumulation.
    pub macs: u64,
    /// Executed instructions of a run, estimated from what the benches count.
    pub instructions: u64,
    /// Step by step.
    pub layers: Vec<LayerBudget>,
}

/// What a step takes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LayerBudget {
    /// Its number.
    pub step: usize,
    /// What it is.
    pub operator: &'static str,
    /// Rows, columns and channels that it writes.
    pub shape: [usize; 3],
    /// Bytes of its constants.
    pub flash_bytes: usize,
    /// Bytes of its tensors.
    pub memory_bytes: usize,
    /// Multiplications with an accumulation.
    pub macs: u64,
    /// Executed instructions, estimated.
    pub instructions: u64,
}

impl Budget {
    /// Looks at an encoder; `others` are bytes of flash beside it.
    ///
    /// # Errors
    /// [`RelayoutError`] when a device would refuse it.
    pub fn new(encoder: &[u8], others: usize, board: Option<Board>) -> Result<Self, RelayoutError> {
        let layout = board.map_or(FilterLayout::Plain, |board| board.layout);
        let bytes = to_layout(encoder, layout)?;
        let device = <Encoder<'_>>::new_checked(&bytes).map_err(RelayoutError::Encoder)?;
        let tensors: Vec<Tensor> = device.tensors().collect();
        let layers: Vec<LayerBudget> =
            device.steps().enumerate().map(|(index, step)| LayerBudget::new(index, &step, &tensors, layout)).collect();
        Ok(Self {
            board: board.map(|board| board.name),
            encoder_bytes: bytes.len(),
            flash_bytes: bytes.len() + others,
            arena_bytes: device.arena_bytes(),
            application_bytes: APPLICATION,
            template_bytes: device.dimension() + 4,
            macs: layers.iter().map(|layer| layer.macs).sum(),
            instructions: layers.iter().map(|layer| layer.instructions).sum(),
            layers,
        })
    }

    /// Where it fits: with the application, or in a memory beside it.
    ///
    /// # Errors
    /// [`DoesNotFit`], naming the step that takes most.
    pub fn check(&self, board: &Board) -> Result<Place, DoesNotFit> {
        let most =
            |of: fn(&LayerBudget) -> usize| self.layers.iter().max_by_key(|layer| of(layer)).cloned().map(Box::new);
        let refused = |what, needed, has, costliest| DoesNotFit { what, needed, has, board: board.name, costliest };
        let model_beside = self.flash_bytes > board.flash;
        if model_beside && self.flash_bytes > board.model {
            let costliest = most(|layer| layer.flash_bytes);
            return Err(refused("flash for a bundle", self.flash_bytes, board.flash.max(board.model), costliest));
        }
        let needed = self.arena_bytes + APPLICATION;
        let arena_beside = needed > board.memory;
        if arena_beside && (self.arena_bytes > board.arena || APPLICATION > board.memory) {
            let costliest = most(|layer| layer.memory_bytes);
            return Err(refused("memory", needed, board.memory.max(board.arena), costliest));
        }
        Ok(Place { model_beside, arena_beside })
    }
}

/// Where on a board an encoder fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Its file only in the memory MODEL.
    pub model_beside: bool,
    /// Its arena only in the memory ARENA.
    pub arena_beside: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beside = match (self.model_beside, self.arena_beside) {
            (false, false) => return f.write_str("flash and memory of the application"),
            (true, true) => "it fits the board's memories MODEL and ARENA alone",
            (true, false) => "it fits the board's memory MODEL alone",
            (false, true) => "its arena fits the board's memory ARENA alone",
        };
        write!(f, "{beside}, which the application does not use: a firmware has to look there, as `bench-encoder` does")
    }
}

impl LayerBudget {
    fn new(index: usize, step: &Step<'_>, tensors: &[Tensor], layout: FilterLayout) -> Self {
        let tensor = |number: u16| tensors.get(usize::from(number));
        let read = step.inputs.iter().filter_map(|&input| tensor(input));
        let (output, elements) = tensor(step.output).map_or(([0; 3], 0), |tensor| {
            let extent = tensor.extent;
            ([extent.height, extent.width, extent.channels], extent.elements())
        });
        let mut layer = Self {
            step: index,
            operator: step.operator.name(),
            shape: output,
            flash_bytes: 0,
            memory_bytes: read.chain(tensor(step.output)).map(Tensor::bytes).sum(),
            macs: 0,
            instructions: 0,
        };
        let elements = elements as f64;
        let instructions = match step.operator {
            Operator::Convolution { constants, layout: own, .. } => {
                layer.flash_bytes = constants.len();
                let Some(shape) = shape_of(step, tensors) else { return layer };
                layer.macs = shape.macs();
                let streamed = own == layout || own == FilterLayout::Singles;
                let cost = Cost::of(if streamed { layout } else { FilterLayout::Plain }, shape.is_depthwise());
                shape.macs() as f64 * cost.product + elements * cost.output
            }
            Operator::Table { .. } => {
                layer.flash_bytes = 256;
                elements * 5.0
            }
            Operator::Scale { positive, negative, .. } => {
                layer.flash_bytes = (positive.len() + negative.len()) * 4;
                elements * 14.0
            }
            Operator::MaxPool { window } | Operator::AveragePool { window, .. } => {
                let seen = tensor(step.inputs[0]).map_or(1, |input| input.extent.elements()) as f64;
                let window = (window.kernel.height * window.kernel.width) as f64;
                // A window over everything sees each element once.
                if window == 0.0 { seen * 8.0 } else { elements * (8.0 * window + 12.0) }
            }
            Operator::Add { .. } | Operator::Multiply { .. } => elements * 16.0,
            Operator::Pad { .. } | Operator::Concatenate => elements * 2.0,
        };
        layer.instructions = instructions as u64;
        layer
    }
}

/// Instructions of a product and of an output, as counted in QEMU (`cargo xtask bench --only layers`).
struct Cost {
    product: f64,
    output: f64,
}

impl Cost {
    const fn of(layout: FilterLayout, depthwise: bool) -> Self {
        match (layout, depthwise) {
            (FilterLayout::Pairs, false) => Self { product: 0.79, output: 7.0 },
            (FilterLayout::Pairs, true) => Self { product: 1.8, output: 4.0 },
            (FilterLayout::Singles, _) => Self { product: 1.3, output: 7.0 },
            (FilterLayout::Lanes, false) => Self { product: 0.11, output: 2.2 },
            (FilterLayout::Lanes, true) => Self { product: 0.75, output: 1.5 },
            (FilterLayout::Plain, false) => Self { product: 4.7, output: 100.0 },
            (FilterLayout::Plain, true) => Self { product: 30.0, output: 90.0 },
        }
    }
}

/// A board has too little of something.
#[derive(Clone, PartialEq, Debug)]
pub struct DoesNotFit {
    what: &'static str,
    needed: usize,
    has: usize,
    board: &'static str,
    costliest: Option<Box<LayerBudget>>,
}

impl fmt::Display for DoesNotFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it needs {} bytes of {}, and {} has {}", self.needed, self.what, self.board, self.has)?;
        if let Some(costliest) = &self.costliest {
            let LayerBudget { step, operator, shape: [rows, columns, channels], flash_bytes, memory_bytes, .. } =
                &**costliest;
            write!(
                f,
                ": step {step}, {operator} to {rows}×{columns}×{channels}, takes most ({flash_bytes} bytes of constants, \
                 {memory_bytes} bytes of tensors). Make it smaller, or take another board"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for DoesNotFit {}
