//! Steps whose constants are their own, before they are written.

use crate::quantization::network::NodeId;
use cognate::encoder::{FilterLayout, Operator as Device, Step, Window};

/// An operator with constants of its own.
pub(super) enum Draw {
    Convolution { window: Window, groups: usize, shift: u8, drop: u8, constants: Vec<u8> },
    Add { factors: [i32; 2], shift: u8 },
    Multiply { multiplier: i32, shift: u8 },
    MaxPool { window: Window },
    AveragePool { window: Window, counts_padding: bool, shift: u8, drop: u8, multipliers: Vec<[u8; 4]> },
    Pad { top: usize, left: usize },
    Concatenate,
    Table(Box<[u8; 256]>),
    Scale { positive: Vec<[u8; 4]>, negative: Vec<[u8; 4]>, shift: u8 },
}

/// A step with tensors by their number.
pub(super) struct DraftStep {
    pub(super) draw: Draw,
    pub(super) inputs: Vec<usize>,
    pub(super) output: usize,
    pub(super) node: Option<NodeId>,
}

impl DraftStep {
    /// The step as the core has it.
    pub(super) fn on_device(&self) -> Step<'_> {
        let operator = match &self.draw {
            Draw::Convolution { window, groups, shift, drop, constants } => Device::Convolution {
                window: *window,
                groups: *groups,
                layout: FilterLayout::Plain,
                shift: *shift,
                drop: *drop,
                constants,
            },
            Draw::Add { factors, shift } => Device::Add { factors: *factors, shift: *shift },
            Draw::Multiply { multiplier, shift } => Device::Multiply { multiplier: *multiplier, shift: *shift },
            Draw::MaxPool { window } => Device::MaxPool { window: *window },
            Draw::AveragePool { window, counts_padding, shift, drop, multipliers } => Device::AveragePool {
                window: *window,
                counts_padding: *counts_padding,
                shift: *shift,
                drop: *drop,
                multipliers,
            },
            Draw::Pad { top, left } => Device::Pad { top: *top, left: *left },
            Draw::Concatenate => Device::Concatenate,
            Draw::Table(table) => Device::Table { table },
            Draw::Scale { positive, negative, shift } => Device::Scale { positive, negative, shift: *shift },
        };
        let second = self.inputs.get(1).map_or(Step::NO_INPUT, |&input| input as u16);
        Step { operator, inputs: [self.inputs[0] as u16, second], output: self.output as u16 }
    }
}
