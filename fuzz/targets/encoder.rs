//! [`Encoder`]: whatever was accepted runs, in as much memory as it says, and gives as many numbers.
#![no_main]

use cognate::encoder::{
    Arena, Encoder, Extent, InputForm, Operator, RunError, Sample, Step, Tensor, Window, operators,
};
use cognate_fuzz::changed;
use cognate_fuzz::networks::{encoders, seal};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    file: File<'a>,
    /// Every sixteenth stays as it is: nearly always refused for its checksum.
    sealed: u8,
}

#[derive(Arbitrary, Debug)]
enum File<'a> {
    /// One of the encoders that are right, with bytes changed in it.
    Changed { encoder: u8, changes: Vec<(u16, u8)> },
    /// Anything.
    Raw(&'a [u8]),
}

/// The memory and the work of a run, so that a target stays quick.
const MOST_ARENA: usize = 1 << 13;
const MOST_WORK: usize = 1 << 13;

fuzz_target!(|input: Input<'_>| {
    let mut bytes = match input.file {
        File::Changed { encoder, changes } => {
            let encoders = encoders();
            changed(&encoders[usize::from(encoder) % encoders.len()], &changes, &[])
        }
        File::Raw(bytes) => bytes.to_vec(),
    };
    if !input.sealed.is_multiple_of(16) {
        seal(&mut bytes);
    }
    if let Ok(encoder) = Encoder::<{ operators::ALL }>::new_checked(&bytes) {
        run(&encoder);
    }
});

fn run(encoder: &Encoder<'_>) {
    let elements = encoder.input().extent.elements();
    let tensors: Vec<Tensor> = encoder.tensors().collect();
    let work = |step: Step<'_>| {
        let [a, out] = [step.inputs[0], step.output].map(|index| tensors[usize::from(index)].extent);
        let of_pixel = match step.operator {
            Operator::Convolution { window, groups, .. } => elements_of(&window, a) * (a.channels / groups),
            Operator::MaxPool { window } | Operator::AveragePool { window, .. } => elements_of(&window, a),
            _ => 1,
        };
        out.elements().saturating_mul(of_pixel)
    };
    let work = encoder.steps().map(work).fold(elements, usize::saturating_add);
    if encoder.arena_bytes() > MOST_ARENA || work > MOST_WORK {
        return;
    }
    let mut memory = Box::new(Arena::<MOST_ARENA>::new());
    let (signed, pixels, series) = (vec![-5i8; elements], vec![200u8; elements], vec![-300i16; elements]);
    let sample = match encoder.input_form() {
        InputForm::Int8 => Sample::Int8(&signed),
        InputForm::Uint8 { .. } => Sample::Uint8(&pixels),
        InputForm::Int16 { .. } => Sample::Int16(&series),
    };
    let needed = encoder.arena_bytes();
    let less = encoder.run(sample, &mut memory.bytes()[..needed - 1]).map(|_| ());
    assert_eq!(less, Err(RunError::ArenaTooSmall { needed, found: needed - 1 }));
    let output = encoder.run(sample, &mut memory.bytes()[..needed]).expect("a checked encoder runs");
    assert_eq!(output.values().len(), encoder.dimension());
}

fn elements_of(window: &Window, input: Extent) -> usize {
    if *window == Window::WHOLE { input.height * input.width } else { window.kernel.height * window.kernel.width }
}
