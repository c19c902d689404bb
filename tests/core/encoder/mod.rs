//! The int8 encoder: every operator against its definition in wide integers, whole networks, and hostile files.

mod definition;
mod hostile;
mod networks;
mod operators;
mod sound;

use cognate::ModelDigest;
use cognate::encoder::{
    Arena, Element, Encoder, EncoderContents, Extent, InputForm, Operator, Sample, Step, Tensor, operators as linked,
};

/// Room for every network of these tests.
type Memory = Arena<{ 1 << 18 }>;

/// Numbers that depend on a seed alone (SplitMix64).
struct Numbers(u64);

impl Numbers {
    const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// From the least to the greatest.
    fn within(&mut self, least: i64, greatest: i64) -> i64 {
        let span = (greatest - least + 1) as u64;
        least + (self.word() % span) as i64
    }

    fn size(&mut self, most: usize) -> usize {
        self.within(1, most as i64) as usize
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.word().is_multiple_of(one_in)
    }

    fn extent(&mut self, most: usize) -> Extent {
        Extent { height: self.size(most), width: self.size(most), channels: self.size(most) }
    }

    /// An element of this type, extremes among them.
    fn element(&mut self, element: Element) -> i64 {
        let (least, greatest) = range(element);
        match self.within(0, 9) {
            0 => least,
            1 => greatest,
            _ => self.within(least, greatest),
        }
    }

    fn elements(&mut self, tensor: &Tensor) -> Vec<i64> {
        (0..tensor.extent.elements()).map(|_| self.element(tensor.element)).collect()
    }

    /// A multiplier of a scale from 2⁻¹² to 1, of either sign.
    fn multiplier(&mut self) -> i32 {
        let bits = self.within(19, 31);
        let magnitude = self.within(1 << (bits - 1), (1 << bits) - 1) as i32;
        if self.chance(8) { -magnitude } else { magnitude }
    }
}

/// What elements of this type can be.
fn range(element: Element) -> (i64, i64) {
    match element {
        Element::Int8 => (-128, 127),
        Element::Int16 => (-32_768, 32_767),
        Element::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
    }
}

/// Tensors one behind the other.
#[derive(Default)]
struct Tensors(Vec<Tensor>);

impl Tensors {
    fn add(&mut self, extent: Extent, element: Element, zero: i64) -> u16 {
        let offset = self.0.iter().map(Tensor::end).max().unwrap_or(0).next_multiple_of(16);
        self.0.push(Tensor { extent, element, zero: zero as i8, offset });
        self.0.len() as u16 - 1
    }

    fn get(&self, index: u16) -> Tensor {
        self.0[usize::from(index)]
    }
}

/// The constants of tests live as long as they run.
fn kept<T>(values: Vec<T>) -> &'static [T] {
    Box::leak(values.into_boxed_slice())
}

fn words(values: &[i32]) -> &'static [[u8; 4]] {
    kept(values.iter().map(|value| value.to_le_bytes()).collect())
}

/// A step that brings any tensor to the 32-bit row that an encoder ends with.
fn finish(tensors: &mut Tensors, last: u16) -> (Step<'static>, u16) {
    let tensor = tensors.get(last);
    let row = Extent { height: 1, width: 1, channels: tensor.extent.elements() };
    let flat = Tensor { extent: row, ..tensor };
    tensors.0.push(flat);
    let input = tensors.0.len() as u16 - 1;
    let output = tensors.add(row, Element::Int32, 0);
    let operator = Operator::Scale { positive: words(&[i32::MAX]), negative: &[], shift: 8 };
    (Step { operator, inputs: [input, Step::NO_INPUT], output }, output)
}

/// The file of a network.
fn file(tensors: &Tensors, steps: &[Step<'static>], form: InputForm<'static>, output: u16) -> Vec<u8> {
    let contents = EncoderContents {
        digest: ModelDigest::new([3; 16]),
        input_form: form,
        sound: None,
        input: 0,
        output,
        exponent: -7,
        tensors: &tensors.0,
        steps,
    };
    let mut bytes = vec![0; contents.encoded_len()];
    assert_eq!(contents.encode(&mut bytes), Ok(bytes.len()));
    bytes
}

/// What each step of a network writes.
fn run(bytes: &[u8], sample: Sample<'_>) -> Vec<Vec<u8>> {
    let encoder = Encoder::<{ linked::ALL }>::new_checked(bytes).unwrap();
    let mut memory = Memory::new();
    // What is in the memory before a run does not count.
    memory.bytes().fill(0xa5);
    let mut written = Vec::new();
    let arena = &mut memory.bytes()[..encoder.arena_bytes()];
    encoder.run_observed(sample, arena, |_, bytes| written.push(bytes.to_vec())).unwrap();
    written
}

/// Elements of a tensor from its bytes.
fn elements_of(bytes: &[u8], element: Element) -> Vec<i64> {
    match element {
        Element::Int8 => bytes.iter().map(|byte| i64::from(byte.cast_signed())).collect(),
        Element::Int16 => bytes.as_chunks().0.iter().map(|bytes| i64::from(i16::from_le_bytes(*bytes))).collect(),
        Element::Int32 => bytes.as_chunks().0.iter().map(|bytes| i64::from(i32::from_le_bytes(*bytes))).collect(),
    }
}
