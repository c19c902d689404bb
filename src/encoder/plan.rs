//! An encoder that was checked, and what its steps are.

use super::error::EncoderError;
use super::format::{STEP_BYTES, TENSOR_BYTES, entry_of, sound_of, tensor_of};
use super::sample::InputForm;
use super::tensor::Tensor;
use crate::ModelDigest;
use crate::frontend::SoundForm;
use crate::kernel::layers::{FilterLayout, Size};

/// Which operators a firmware links: bits for [`Encoder`]'s type.
pub mod operators {
    /// Convolutions, depthwise and dense ones among them.
    pub const CONVOLUTION: u32 = 1;
    /// Sums of two tensors.
    pub const ADD: u32 = 1 << 1;
    /// Products of two tensors.
    pub const MULTIPLY: u32 = 1 << 2;
    /// Pooling by the greatest.
    pub const MAX_POOL: u32 = 1 << 3;
    /// Pooling by the mean.
    pub const AVERAGE_POOL: u32 = 1 << 4;
    /// Padding by itself.
    pub const PAD: u32 = 1 << 5;
    /// Channels of two tensors side by side.
    pub const CONCATENATE: u32 = 1 << 6;
    /// Functions of an element, as a table.
    pub const TABLE: u32 = 1 << 7;
    /// Other scales and element types; slopes for either sign.
    pub const SCALE: u32 = 1 << 8;
    /// Elements of 16 bits, for every operator that is linked.
    pub const INT16: u32 = 1 << 31;
    /// Everything.
    pub const ALL: u32 = INT16 | ((1 << 9) - 1);
}

/// How a window goes over a tensor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Its height and width; 0 and 0 for the whole tensor.
    pub kernel: Size,
    /// From one window to the next.
    pub stride: Size,
    /// From one element of a window to the next.
    pub dilation: Size,
    /// How far the first window begins above and left of the tensor.
    pub padding: Size,
}

impl Window {
    /// No window.
    pub(super) const NONE: Self =
        Self { kernel: Size::square(0), stride: Size::square(0), dilation: Size::square(0), padding: Size::square(0) };
    /// One window over the whole tensor.
    pub const WHOLE: Self = Self { stride: Size::square(1), dilation: Size::square(1), ..Self::NONE };
    /// A window of one element.
    pub const POINT: Self = Self { kernel: Size::square(1), ..Self::WHOLE };
}

/// What a step computes. Inputs are a and b with zero points z_a and z_b, z is that of the output, and every result saturates to
/// the output's type; `mulhi(x, y)` is (x · y + 2³¹) >> 32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator<'a> {
    /// mulhi(Σ << shift, multiplier) + z with Σ = bias + Σ a · weight, where padding is z_a.
    ///
    /// a is int8, or int16: then Σ has 64 bits, of which the lowest `drop` are rounded away and 32 are kept. The output is of
    /// any type.
    Convolution {
        /// The window.
        window: Window,
        /// Parts that the channels fall into.
        groups: usize,
        /// How the constants lie; [`FilterLayout::Plain`] for int16.
        layout: FilterLayout,
        /// Bits that a sum is shifted left, at most 31.
        shift: u8,
        /// Bits that a sum of 64 bits loses, at most 31; 0 for int8.
        drop: u8,
        /// Weights, biases with z_a folded in, multipliers ([`pack`](super::pack)).
        constants: &'a [u8],
    },
    /// (factor_a · (a − z_a) + factor_b · (b − z_b) + 2^(shift − 1)) >> shift, + z. b may also have one element, or one a channel.
    Add {
        /// Both of magnitude at most 2²¹.
        factors: [i32; 2],
        /// 0 to 31.
        shift: u8,
    },
    /// mulhi(((a − z_a) · (b − z_b)) << shift, multiplier) + z. b may also have one element, or one a channel.
    Multiply {
        /// The scales of the inputs by that of the output.
        multiplier: i32,
        /// At most 31.
        shift: u8,
    },
    /// The greatest element of each window, where padding does not count; scale and zero point stay.
    MaxPool {
        /// The window, without dilation.
        window: Window,
    },
    /// mulhi(Σ << shift, multiplier) + z with Σ = Σ (a − z_a); of int16, Σ loses `drop` bits first.
    AveragePool {
        /// The window, without dilation.
        window: Window,
        /// Whether padding counts as elements.
        counts_padding: bool,
        /// At most 31.
        shift: u8,
        /// At most 31; 0 for int8.
        drop: u8,
        /// One; or, where padding does not count, one for each number of elements that a window can have, from 1.
        multipliers: &'a [[u8; 4]],
    },
    /// a, with z around it; scale and zero point stay.
    Pad {
        /// Rows above.
        top: usize,
        /// Columns on the left.
        left: usize,
    },
    /// The channels of a, then those of b; scale and zero point stay.
    Concatenate,
    /// The entry of each element taken without its sign: the byte for −128 is the 129th. In place, if the output is the input.
    Table {
        /// Of int8.
        table: &'a [u8; 256],
    },
    /// mulhi((a − z_a) << shift, multiplier) + z, for another scale or type. One multiplier, or one a channel.
    Scale {
        /// For a − z_a of 0 and more.
        positive: &'a [[u8; 4]],
        /// For those below 0, as many; none where they are the same.
        negative: &'a [[u8; 4]],
        /// At most 31.
        shift: u8,
    },
}

impl<'a> Operator<'a> {
    /// The number that stands for it in a file, and of its bit in [`operators`].
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::Convolution { .. } => 0,
            Self::Add { .. } => 1,
            Self::Multiply { .. } => 2,
            Self::MaxPool { .. } => 3,
            Self::AveragePool { .. } => 4,
            Self::Pad { .. } => 5,
            Self::Concatenate => 6,
            Self::Table { .. } => 7,
            Self::Scale { .. } => 8,
        }
    }

    /// What the step is called in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Convolution { .. } => "convolution",
            Self::Add { .. } => "add",
            Self::Multiply { .. } => "multiply",
            Self::MaxPool { .. } => "max pool",
            Self::AveragePool { .. } => "average pool",
            Self::Pad { .. } => "pad",
            Self::Concatenate => "concatenate",
            Self::Table { .. } => "table",
            Self::Scale { .. } => "scale",
        }
    }

    /// Whether it has a second input.
    #[must_use]
    pub const fn takes_two(&self) -> bool {
        matches!(self, Self::Add { .. } | Self::Multiply { .. } | Self::Concatenate)
    }

    /// Its constants, in the parts that follow each other in a file.
    pub(super) fn constants(&self) -> ConstantParts<'a> {
        match *self {
            Self::Convolution { constants, .. } => ConstantParts::Slices([constants, &[]]),
            Self::Add { factors: [a, b], .. } => ConstantParts::Words([a, b], 2),
            Self::Multiply { multiplier, .. } => ConstantParts::Words([multiplier, 0], 1),
            Self::AveragePool { multipliers, .. } => ConstantParts::Slices([multipliers.as_flattened(), &[]]),
            Self::Table { table } => ConstantParts::Slices([table, &[]]),
            Self::Scale { positive, negative, .. } => {
                ConstantParts::Slices([positive.as_flattened(), negative.as_flattened()])
            }
            Self::MaxPool { .. } | Self::Pad { .. } | Self::Concatenate => ConstantParts::Slices([&[], &[]]),
        }
    }
}

/// Constants as they are written.
pub(super) enum ConstantParts<'a> {
    Slices([&'a [u8]; 2]),
    /// So many of these words.
    Words([i32; 2], usize),
}

impl ConstantParts<'_> {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Slices([first, second]) => first.len() + second.len(),
            Self::Words(_, count) => *count * 4,
        }
    }
}

/// One operator, and the numbers of the tensors that it reads and writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step<'a> {
    /// What it computes.
    pub operator: Operator<'a>,
    /// What it reads; `u16::MAX` for the second where there is none.
    pub inputs: [u16; 2],
    /// What it writes.
    pub output: u16,
}

impl Step<'_> {
    /// The second input of a step that has one.
    pub const NO_INPUT: u16 = super::format::NOTHING;
}

/// The parts of a file, found and checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) tensors: &'a [[u8; TENSOR_BYTES]],
    pub(super) steps: &'a [[u8; STEP_BYTES]],
    pub(super) input_form: InputForm<'a>,
    /// What says which sound samples are of; nothing where nobody said.
    pub(super) sound: &'a [u8],
    pub(super) input: Tensor,
    pub(super) output: Tensor,
    pub(super) digest: ModelDigest,
    pub(super) exponent: i8,
    /// Bytes of the arena that tensors take.
    pub(super) tensor_bytes: usize,
    /// The most that a step takes behind them.
    pub(super) scratch_bytes: usize,
}

impl<'a> Plan<'a> {
    pub(super) fn tensor(&self, index: u16) -> Option<Tensor> {
        tensor_of(self.tensors.get(usize::from(index))?)
    }

    pub(super) fn step(&self, index: usize) -> Option<Step<'a>> {
        let entry = entry_of(self.steps.get(index)?)?;
        let [offset, length] = entry.constants.map(|word| word as usize);
        entry.step(self.bytes.get(offset..offset.checked_add(length)?)?)
    }

    /// The encoder with these operators linked.
    fn link<const OPERATORS: u32>(self) -> Result<Encoder<'a, OPERATORS>, EncoderError> {
        super::check::require_linked(&self, OPERATORS)?;
        Ok(Encoder { plan: self })
    }
}

/// An int8 network, read in place from flash, with the operators that a firmware links in its type ([`operators`]).
#[derive(Clone, Copy, Debug)]
pub struct Encoder<'a, const OPERATORS: u32 = { operators::ALL }> {
    pub(super) plan: Plan<'a>,
}

impl<'a, const OPERATORS: u32> Encoder<'a, OPERATORS> {
    /// Checks all of a file: after that a run can neither go out of range nor read what was never written.
    ///
    /// # Errors
    /// [`EncoderError`]; also when a step has an operator that is not linked.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, EncoderError> {
        Plan::new_checked(bytes)?.link()
    }

    /// The model that its embeddings are of: the first 16 bytes of the SHA-256 of the file in the layout
    /// [`FilterLayout::Plain`] from byte 36 on, which the host computes and checks.
    #[must_use]
    pub const fn digest(&self) -> ModelDigest {
        self.plan.digest
    }

    /// The tensor that a sample becomes.
    #[must_use]
    pub const fn input(&self) -> &Tensor {
        &self.plan.input
    }

    /// What a sample is, and how it becomes the input.
    #[must_use]
    pub const fn input_form(&self) -> InputForm<'a> {
        self.plan.input_form
    }

    /// The sound that samples are features of, where the encoder was trained on such.
    #[must_use]
    pub fn sound(&self) -> Option<SoundForm> {
        sound_of(self.plan.sound, self.plan.input.extent.elements())
    }

    /// Bytes of a sample.
    #[must_use]
    pub const fn sample_bytes(&self) -> usize {
        self.plan.input.extent.elements().saturating_mul(self.plan.input_form.element_bytes())
    }

    /// Elements of an embedding.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.plan.output.extent.channels
    }

    /// An output v stands for v · 2^exponent.
    #[must_use]
    pub const fn exponent(&self) -> i8 {
        self.plan.exponent
    }

    /// Bytes of memory that a run needs, at a multiple of 16.
    #[must_use]
    pub const fn arena_bytes(&self) -> usize {
        self.plan.tensor_bytes.saturating_add(self.plan.scratch_bytes)
    }

    /// How many of [`Encoder::arena_bytes`] hold tensors; the rest is what kernels lay out for themselves.
    #[must_use]
    pub const fn tensor_bytes(&self) -> usize {
        self.plan.tensor_bytes
    }

    /// Its tensors.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = Tensor> + use<'a, OPERATORS> {
        // An entry that cannot be read was refused.
        self.plan.tensors.iter().map(|entry| tensor_of(entry).unwrap_or(super::check::EMPTY))
    }

    /// Its steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = Step<'a>> + use<'a, OPERATORS> {
        let plan = self.plan;
        (0..plan.steps.len()).filter_map(move |index| plan.step(index))
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.plan.bytes
    }
}

/// The digest that a file claims, if it is long enough to have one.
pub(crate) fn digest_in(bytes: &[u8]) -> Option<ModelDigest> {
    bytes.get(super::format::DIGEST..)?.first_chunk().map(|digest| ModelDigest::new(*digest))
}
