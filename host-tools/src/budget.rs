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
}

impl Board {
    /// Every board.
    pub const ALL: [Self; 6] = [
        Self { name: "microbit", layout: FilterLayout::Plain, flash: 96 << 10, memory: 16 << 10 },
        Self { name: "mps2-an385", layout: FilterLayout::Plain, flash: 512 << 10, memory: 64 << 10 },
        Self { name: "mps2-an386", layout: FilterLayout::Pairs, flash: 1 << 20, memory: 64 << 10 },
        Self { name: "mps2-an500", layout: FilterLayout::Pairs, flash: 1 << 20, memory: 320 << 10 },
        Self { name: "mps2-an505", layout: FilterLayout::Pairs, flash: 1 << 20, memory: 256 << 10 },
        Self { name: "mps3-an547", layout: FilterLayout::Lanes, flash: 1 << 20, memory: 256 << 10 },
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

/// Bytes of memory that are left to the stack and to the application: a round figure, not a measured one.
const APPLICATION: usize = 8 << 10;

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
    /// Bytes of memory set aside for the stack and the application.
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

    /// Whether it fits.
    ///
    /// # Errors
    /// [`DoesNotFit`], naming the step that takes most.
    pub fn check(&self, board: &Board) -> Result<(), DoesNotFit> {
        let most =
            |of: fn(&LayerBudget) -> usize| self.layers.iter().max_by_key(|layer| of(layer)).cloned().map(Box::new);
        if self.flash_bytes > board.flash {
            let costliest = most(|layer| layer.flash_bytes);
            return Err(DoesNotFit {
                what: "flash for a bundle",
                needed: self.flash_bytes,
                has: board.flash,
                board: board.name,
                costliest,
            });
        }
        let needed = self.arena_bytes + APPLICATION;
        if needed > board.memory {
            let costliest = most(|layer| layer.memory_bytes);
            return Err(DoesNotFit { what: "memory", needed, has: board.memory, board: board.name, costliest });
        }
        Ok(())
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
