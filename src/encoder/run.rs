//! Running an encoder.

use super::error::RunError;
use super::output::Output;
use super::plan::{Encoder, Operator, Plan, Step, operators};
use super::sample::Sample;
use super::tensor::{ALIGNMENT, Element, Number, Tensor, numbers, numbers_mut};
use super::{add, average_pool, concatenate, convolution, max_pool, multiply, pad, scale, table};
use crate::kernel::layers::copy;

impl<const OPERATORS: u32> Encoder<'_, OPERATORS> {
    /// Whether an encoder can run in this memory, which a firmware asks once, before there is a sample.
    ///
    /// # Errors
    /// [`RunError::ArenaTooSmall`] and [`RunError::ArenaAlignment`].
    pub fn check_arena(&self, arena: &[u8]) -> Result<(), RunError> {
        let (needed, found) = (self.arena_bytes(), arena.len());
        if found < needed {
            Err(RunError::ArenaTooSmall { needed, found })
        } else if arena.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            Ok(())
        } else {
            Err(RunError::ArenaAlignment)
        }
    }

    /// Encodes a sample, in as much memory as [`Encoder::arena_bytes`] says.
    ///
    /// # Errors
    /// [`RunError`] when the sample or the arena do not fit.
    pub fn run<'m>(&self, sample: Sample<'_>, arena: &'m mut [u8]) -> Result<Output<'m>, RunError> {
        self.run_observed(sample, arena, |_, _| ())
    }

    /// The same, telling after each step its number and the bytes of the tensor that it wrote: for reports by layer.
    ///
    /// # Errors
    /// As [`Encoder::run`].
    pub fn run_observed<'m>(
        &self,
        sample: Sample<'_>,
        arena: &'m mut [u8],
        mut observe: impl FnMut(usize, &[u8]),
    ) -> Result<Output<'m>, RunError> {
        self.check_arena(arena)?;
        let plan = &self.plan;
        let (tensors, scratch) = arena.split_at_mut_checked(plan.tensor_bytes).ok_or(RunError::Changed)?;
        let input = tensors.get_mut(plan.input.offset..plan.input.end()).ok_or(RunError::Changed)?;
        plan.input_form.put(sample, &plan.input, input)?;
        for index in 0..plan.steps.len() {
            let step = plan.step(index).ok_or(RunError::Changed)?;
            let out = plan.tensor(step.output).ok_or(RunError::Changed)?;
            run_step::<OPERATORS>(plan, &step, &out, tensors, scratch).ok_or(RunError::Changed)?;
            observe(index, tensors.get(out.offset..out.end()).ok_or(RunError::Changed)?);
        }
        let output = tensors.get(plan.output.offset..plan.output.end()).ok_or(RunError::Changed)?;
        Ok(Output { values: numbers(output), exponent: plan.exponent })
    }
}

/// The tensors of a step that computes with numbers of one type.
pub(super) struct Operands<'m, T> {
    pub(super) a: &'m [T],
    pub(super) a_tensor: Tensor,
    pub(super) b: &'m [T],
    pub(super) b_tensor: Tensor,
    pub(super) out: &'m mut [T],
    pub(super) out_tensor: Tensor,
}

/// `None` only if the plan is not what was checked.
fn run_step<const OPERATORS: u32>(
    plan: &Plan<'_>,
    step: &Step<'_>,
    out: &Tensor,
    tensors: &mut [u8],
    scratch: &mut [u8],
) -> Option<()> {
    let links = |operator: u32| OPERATORS & operator != 0;
    let links_int16 = links(operators::INT16);
    let a = plan.tensor(step.inputs[0])?;
    match step.operator {
        Operator::Convolution { .. } if links(operators::CONVOLUTION) => {
            let [input, output] = tensors.get_disjoint_mut([a.offset..a.end(), out.offset..out.end()]).ok()?;
            if a.element == Element::Int8 {
                convolution::run(&step.operator, [&a, out], numbers(input), scratch, output)
            } else if links_int16 {
                convolution::run_wide(&step.operator, [&a, out], numbers(input), output)
            } else {
                None
            }
        }
        Operator::Table { table } if links(operators::TABLE) => {
            if a.offset != out.offset {
                let [input, output] = tensors.get_disjoint_mut([a.offset..a.end(), out.offset..out.end()]).ok()?;
                copy(output, input);
            }
            table::run(table, tensors.get_mut(out.offset..out.end())?);
            Some(())
        }
        Operator::Scale { positive, negative, shift } if links(operators::SCALE) => {
            let [input, output] = tensors.get_disjoint_mut([a.offset..a.end(), out.offset..out.end()]).ok()?;
            let slopes = scale::Slopes { positive, negative, shift };
            if a.element == Element::Int8 {
                scale::run::<i8, OPERATORS>(&slopes, [&a, out], numbers(input), output)
            } else if links_int16 {
                scale::run::<i16, OPERATORS>(&slopes, [&a, out], numbers(input), output)
            } else {
                None
            }
        }
        _ => {
            let b = if step.operator.takes_two() { Some(plan.tensor(step.inputs[1])?) } else { None };
            if a.element == Element::Int8 {
                run_numbers::<i8, OPERATORS>(&step.operator, tensors, a, b, *out)
            } else if links_int16 {
                run_numbers::<i16, OPERATORS>(&step.operator, tensors, a, b, *out)
            } else {
                None
            }
        }
    }
}

/// The operators whose tensors are all of one type.
fn run_numbers<T: Number, const OPERATORS: u32>(
    operator: &Operator<'_>,
    tensors: &mut [u8],
    a: Tensor,
    b: Option<Tensor>,
    out: Tensor,
) -> Option<()> {
    let place = |tensor: &Tensor| tensor.offset..tensor.end();
    let (first, second, output): (&[u8], &[u8], &mut [u8]) = match &b {
        Some(b) => {
            let [first, second, output] = tensors.get_disjoint_mut([place(&a), place(b), place(&out)]).ok()?;
            (first, second, output)
        }
        None => {
            let [first, output] = tensors.get_disjoint_mut([place(&a), place(&out)]).ok()?;
            (first, &[], output)
        }
    };
    let operands = Operands {
        a: numbers::<T>(first),
        a_tensor: a,
        b: numbers::<T>(second),
        b_tensor: b.unwrap_or(a),
        out: numbers_mut::<T>(output),
        out_tensor: out,
    };
    let links = |operator: u32| OPERATORS & operator != 0;
    match *operator {
        Operator::Add { factors, shift } if links(operators::ADD) => add::run(factors, shift, operands),
        Operator::Multiply { multiplier, shift } if links(operators::MULTIPLY) => {
            multiply::run(multiplier, shift, operands);
        }
        Operator::MaxPool { window } if links(operators::MAX_POOL) => max_pool::run(&window, operands),
        Operator::AveragePool { window, shift, drop, multipliers, .. } if links(operators::AVERAGE_POOL) => {
            average_pool::run(&window, average_pool::Mean { shift, drop, multipliers }, operands);
        }
        Operator::Pad { top, left } if links(operators::PAD) => pad::run(top, left, operands),
        Operator::Concatenate if links(operators::CONCATENATE) => concatenate::run(operands),
        _ => return None,
    }
    Some(())
}
