//! Files that somebody made up or damaged: refused with an error, or run without harm.

use super::{Memory, Numbers, Tensors, file, finish, kept, words};
use cognate::ModelDigest;
use cognate::encoder::{
    Element, Encoder, EncoderContents, EncoderError, Extent, InputForm, Operator, Sample, Size, Step, StepError,
    Tensor, Window, WriteError, operators,
};
use crc::{CRC_32_ISCSI, Crc};
use proptest::prelude::*;

/// A network with every operator but convolution, whose constants are the kernels' to check.
fn network() -> (Tensors, Vec<Step<'static>>, u16) {
    let mut tensors = Tensors::default();
    let extent = Extent { height: 4, width: 4, channels: 2 };
    let small = Extent { height: 2, width: 2, channels: 2 };
    let input = tensors.add(extent, Element::Int8, 0);
    let pooled = tensors.add(small, Element::Int8, 0);
    let pixel = tensors.add(Extent { height: 1, width: 1, channels: 2 }, Element::Int8, 0);
    let product = tensors.add(small, Element::Int8, 0);
    let sum = tensors.add(small, Element::Int8, 0);
    let both = tensors.add(Extent { channels: 4, ..small }, Element::Int8, 0);
    let padded = tensors.add(Extent { height: 3, width: 3, channels: 4 }, Element::Int8, 0);
    let window = Window { kernel: Size::square(2), stride: Size::square(2), ..Window::POINT };
    let mean = Operator::AveragePool {
        window: Window::WHOLE,
        counts_padding: false,
        shift: 2,
        drop: 0,
        multipliers: words(&[1 << 28]),
    };
    let table = Operator::Table { table: kept((0..=255).collect()).try_into().unwrap() };
    let step = |operator, a, b, output| Step { operator, inputs: [a, b], output };
    let steps = vec![
        step(Operator::MaxPool { window }, input, Step::NO_INPUT, pooled),
        step(mean, input, Step::NO_INPUT, pixel),
        step(Operator::Multiply { multiplier: 1 << 30, shift: 1 }, pooled, pixel, product),
        step(Operator::Add { factors: [3, 5], shift: 2 }, pooled, product, sum),
        step(Operator::Concatenate, sum, product, both),
        step(Operator::Pad { top: 1, left: 0 }, both, Step::NO_INPUT, padded),
        step(table, padded, Step::NO_INPUT, padded),
    ];
    let (last, output) = finish(&mut tensors, padded);
    (tensors, [steps, vec![last]].concat(), output)
}

fn bytes() -> Vec<u8> {
    let (tensors, steps, output) = network();
    file(&tensors, &steps, InputForm::Int8, output)
}

/// Puts the checksum right.
fn forge(bytes: &mut [u8]) {
    let crc = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&bytes[20..]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
}

/// Runs whatever is accepted and fits into the tests' memory.
fn run_if_accepted(bytes: &[u8]) -> bool {
    let Ok(encoder) = Encoder::<{ operators::ALL }>::new_checked(bytes) else { return false };
    let mut memory = Memory::new();
    let elements = encoder.input().extent.elements();
    let work: usize = encoder.tensors().map(|tensor| tensor.extent.elements()).sum();
    if encoder.arena_bytes() <= memory.bytes().len() && work < 1 << 16 {
        let (signed, pixels, series) = (vec![-5i8; elements], vec![9u8; elements], vec![-300i16; elements]);
        let sample = match encoder.input_form() {
            InputForm::Int8 => Sample::Int8(&signed),
            InputForm::Uint8 { .. } => Sample::Uint8(&pixels),
            InputForm::Int16 { .. } => Sample::Int16(&series),
        };
        encoder.run(sample, memory.bytes()).unwrap();
    }
    true
}

#[test]
fn a_file_cut_at_any_length_is_refused() {
    let bytes = bytes();
    for length in 0..bytes.len() {
        assert!(Encoder::<{ operators::ALL }>::new_checked(&bytes[..length]).is_err(), "{length}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let error = Encoder::<{ operators::ALL }>::new_checked(&longer).unwrap_err();
    assert_eq!(error, EncoderError::Length { expected: bytes.len(), found: bytes.len() + 1 });
}

#[test]
fn a_flipped_bit_is_found() {
    let bytes = bytes();
    for index in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[index / 8] ^= 1 << (index % 8);
        assert!(Encoder::<{ operators::ALL }>::new_checked(&flipped).is_err(), "bit {index}");
    }
}

#[test]
fn any_byte_may_be_forged() {
    let bytes = bytes();
    let (mut refused, mut ran) = (0, 0);
    for index in 20..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, bytes[index] ^ 1, bytes[index].wrapping_add(1)] {
            let mut forged = bytes.clone();
            forged[index] = value;
            forge(&mut forged);
            *if run_if_accepted(&forged) { &mut ran } else { &mut refused } += 1;
        }
    }
    assert!(refused > 1000 && ran > 1000, "{refused} refused, {ran} ran");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_words_may_be_forged(seed: u64) {
        let mut numbers = Numbers::new(seed);
        let mut forged = bytes();
        for _ in 0..numbers.size(4) {
            let at = numbers.within(5, forged.len() as i64 / 4 - 1) as usize * 4;
            let word = [numbers.within(0, 20), numbers.within(0, i64::from(u32::MAX)), 1 << numbers.within(0, 31)];
            forged[at..at + 4].copy_from_slice(&(word[numbers.size(3) - 1] as u32).to_le_bytes());
        }
        forge(&mut forged);
        run_if_accepted(&forged);
    }
}

/// What the writer says of a network that was changed.
fn refusal(change: impl FnOnce(&mut Vec<Tensor>, &mut Vec<Step<'static>>)) -> EncoderError {
    let (mut tensors, mut steps, output) = network();
    change(&mut tensors.0, &mut steps);
    let contents = EncoderContents {
        digest: ModelDigest::new([0; 16]),
        input_form: InputForm::Int8,
        sound: None,
        input: 0,
        output,
        exponent: 0,
        tensors: &tensors.0,
        steps: &steps,
    };
    let mut bytes = vec![0; contents.encoded_len()];
    match contents.encode(&mut bytes) {
        Err(WriteError::Contents(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_fault_of_a_step_has_its_error() {
    let step = |index, error| EncoderError::Step { index, error };
    // A tensor that nobody wrote; one that was overwritten since; one that was written in part.
    assert_eq!(
        refusal(|_, steps| {
            steps.remove(1);
        }),
        step(1, StepError::Order)
    );
    assert_eq!(refusal(|tensors, _| tensors[2].offset = tensors[1].offset), step(2, StepError::Order));
    assert_eq!(refusal(|tensors, _| tensors[4].extent.channels = 1), step(3, StepError::Extent));
    assert_eq!(refusal(|tensors, _| tensors[3].offset = tensors[1].offset), step(2, StepError::Overlap));
    assert_eq!(refusal(|_, steps| steps[3].inputs[1] = steps[3].inputs[0]), step(3, StepError::Overlap));
    assert_eq!(refusal(|_, steps| steps[0].inputs[1] = 1), step(0, StepError::Operand));
    assert_eq!(refusal(|_, steps| steps[2].inputs[1] = 99), step(2, StepError::Operand));
    assert_eq!(refusal(|tensors, _| tensors[1].zero = 1), step(0, StepError::Number));
    let factors = [1 << 22, 0];
    assert_eq!(refusal(|_, steps| steps[3].operator = Operator::Add { factors, shift: 0 }), step(3, StepError::Number));
    let table = |steps: &mut Vec<Step<'static>>| steps[3].operator = Operator::Add { factors: [0; 2], shift: 32 };
    assert_eq!(refusal(|_, steps| table(steps)), step(3, StepError::Number));
    let slopes = Operator::Scale { positive: words(&[1, 2, 3]), negative: &[], shift: 0 };
    assert_eq!(refusal(|_, steps| steps[7].operator = slopes), step(7, StepError::Constants));
}

#[test]
fn each_fault_of_the_rest_has_its_error() {
    let tensor = |index| EncoderError::Tensor { index };
    assert_eq!(refusal(|tensors, _| tensors[3].offset = 8), tensor(3));
    assert_eq!(refusal(|tensors, _| tensors[0].extent.width = 0), tensor(0));
    assert_eq!(refusal(|tensors, _| tensors[0].offset = 1 << 31), tensor(0));
    let output = 8;
    assert_eq!(refusal(|tensors, _| tensors[output].zero = 1), tensor(output));
    assert_eq!(
        refusal(|_, steps| {
            steps.pop();
        }),
        EncoderError::Output
    );
    assert_eq!(refusal(|tensors, _| tensors[0].element = Element::Int16), EncoderError::Input);
    assert_eq!(refusal(|tensors, _| tensors.clear()), EncoderError::Header);
}
