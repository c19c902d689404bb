//! Whole files: what an encoder says of itself, what a run needs, and what comes out.

use super::{Memory, Numbers, Tensors, elements_of, file, finish, kept, run, words};
use cognate::encoder::{
    Arena, Element, Encoder, EncoderError, Extent, InputForm, Operator, RunError, Sample, Step, StepError, operators,
};
use cognate::{EmbeddingError, ModelDigest, Space, Template};

const ALL: u32 = operators::ALL;

/// Two tables in a row, the second one in place, and 12 outputs.
fn network() -> Vec<u8> {
    let mut tensors = Tensors::default();
    let extent = Extent { height: 2, width: 3, channels: 2 };
    let input = tensors.add(extent, Element::Int8, 0);
    let between = tensors.add(extent, Element::Int8, 0);
    let table = |change: fn(u8) -> u8| {
        let table: Vec<u8> = (0..=255).map(change).collect();
        Operator::Table { table: kept(table).try_into().unwrap() }
    };
    let steps = [
        Step { operator: table(|x| x.wrapping_add(1)), inputs: [input, Step::NO_INPUT], output: between },
        Step { operator: table(|x| x.wrapping_mul(2)), inputs: [between, Step::NO_INPUT], output: between },
    ];
    let (last, output) = finish(&mut tensors, between);
    file(&tensors, &[steps[0], steps[1], last], InputForm::Int8, output)
}

#[test]
fn it_says_what_it_is() {
    let bytes = network();
    let encoder = Encoder::<ALL>::new_checked(&bytes).unwrap();
    assert_eq!((encoder.dimension(), encoder.exponent(), encoder.digest()), (12, -7, ModelDigest::new([3; 16])));
    assert_eq!(encoder.input().extent, Extent { height: 2, width: 3, channels: 2 });
    assert_eq!(encoder.arena_bytes(), 16 + 16 + 48);
    let names: Vec<&str> = encoder.steps().map(|step| step.operator.name()).collect();
    assert_eq!(names, ["table", "table", "scale"]);
}

#[test]
fn tables_work_in_place() {
    let sample: Vec<i8> = (-6..6).collect();
    let written = run(&network(), Sample::Int8(&sample));
    let expected: Vec<i64> = sample.iter().map(|x| 2 * (i64::from(*x) + 1)).collect();
    assert_eq!(elements_of(&written[1], Element::Int8), expected);
}

#[test]
fn a_template_of_the_embedding_is_that_of_the_integers() {
    let bytes = network();
    let encoder = Encoder::<ALL>::new_checked(&bytes).unwrap();
    let mut memory = Memory::new();
    let mut numbers = Numbers::new(7);
    for _ in 0..100 {
        let sample: [i8; 12] = core::array::from_fn(|_| numbers.within(-64, 62) as i8);
        let output = encoder.run(Sample::Int8(&sample), memory.bytes()).unwrap();
        let values: [i32; 12] = output.values().try_into().unwrap();
        let space = Space::full(encoder.digest());
        let embedding = output.embedding::<12>().unwrap();
        assert_eq!(
            Template::new(&embedding, space),
            Template::from_integers(&values, output.exponent(), space).unwrap()
        );
        for (element, value) in embedding.as_array().iter().zip(values) {
            assert_eq!(f64::from(*element), f64::from(value) / 128.0);
        }
        assert_eq!(output.embedding::<11>(), Err(EmbeddingError::Length { expected: 11, found: 12 }));
    }
}

#[test]
fn an_embedding_of_nothing_is_an_error() {
    let bytes = network();
    let encoder = Encoder::<ALL>::new_checked(&bytes).unwrap();
    let mut memory = Memory::new();
    let output = encoder.run(Sample::Int8(&[-1; 12]), memory.bytes()).unwrap();
    assert_eq!(output.embedding::<12>(), Err(EmbeddingError::Zero));
}

#[test]
fn a_run_says_what_it_lacks() {
    let bytes = network();
    let encoder = Encoder::<ALL>::new_checked(&bytes).unwrap();
    let mut memory = Memory::new();
    let needed = encoder.arena_bytes();
    let sample = Sample::Int8(&[0; 12]);
    let small = encoder.run(sample, &mut memory.bytes()[..needed - 1]);
    assert_eq!(small.unwrap_err(), RunError::ArenaTooSmall { needed, found: needed - 1 });
    assert_eq!(encoder.run(sample, &mut memory.bytes()[1..]).unwrap_err(), RunError::ArenaAlignment);
    let short = encoder.run(Sample::Int8(&[0; 11]), memory.bytes()).unwrap_err();
    assert_eq!(short, RunError::SampleLength { expected: 12, found: 11 });
    assert_eq!(encoder.run(Sample::Uint8(&[0; 12]), memory.bytes()).unwrap_err(), RunError::SampleForm);
    assert!(encoder.run(sample, memory.bytes()).is_ok());
}

#[test]
fn an_operator_that_is_not_linked_is_named() {
    let bytes = network();
    let error = Encoder::<{ operators::TABLE }>::new_checked(&bytes).unwrap_err();
    assert_eq!(error, EncoderError::Step { index: 2, error: StepError::NotLinked { operator: 8 } });
    let mut memory = Arena::<128>::new();
    let encoder = Encoder::<{ operators::TABLE | operators::SCALE }>::new_checked(&bytes).unwrap();
    assert!(encoder.run(Sample::Int8(&[1; 12]), memory.bytes()).is_ok());

    let mut tensors = Tensors::default();
    let input = tensors.add(Extent { height: 1, width: 1, channels: 4 }, Element::Int16, 0);
    let (last, output) = finish(&mut tensors, input);
    let form = InputForm::Int16 { offsets: words(&[0]), multipliers: words(&[1 << 18]) };
    let bytes = file(&tensors, &[last], form, output);
    let error = Encoder::<{ operators::SCALE }>::new_checked(&bytes).unwrap_err();
    assert_eq!(error, EncoderError::Step { index: 0, error: StepError::NotLinked { operator: 31 } });
}
