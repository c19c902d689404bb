//! Every operator by itself, on random tensors of random sizes.

use super::definition::{output, plain};
use super::{Numbers, Tensors, elements_of, file, finish, kept, run, words};
use cognate::encoder::{Element, Extent, FilterLayout, InputForm, Operator, Sample, Size, Sizes, Step, Window};
use proptest::prelude::*;

/// A network of one operator, and what goes in.
struct Case {
    tensors: Tensors,
    step: Step<'static>,
    sample: Vec<i64>,
}

fn zero(numbers: &mut Numbers, element: Element) -> i64 {
    if element == Element::Int8 { numbers.element(Element::Int8) } else { 0 }
}

fn number_type(numbers: &mut Numbers) -> Element {
    if numbers.chance(3) { Element::Int16 } else { Element::Int8 }
}

fn window(numbers: &mut Numbers, dilates: bool) -> Window {
    let kernel = Size { height: numbers.size(4), width: numbers.size(4) };
    let stride = Size { height: numbers.size(3), width: numbers.size(3) };
    let dilation = if dilates { Size { height: numbers.size(2), width: numbers.size(2) } } else { Size::square(1) };
    let padding = Size { height: numbers.size(4) - 1, width: numbers.size(4) - 1 };
    Window { kernel, stride, dilation, padding }
}

impl Case {
    /// The output is a tensor of this extent; the sample is a.
    fn of_one(
        numbers: &mut Numbers,
        [input, output]: [Extent; 2],
        [element, out_element]: [Element; 2],
        keeps_scale: bool,
        operator: Operator<'static>,
    ) -> Self {
        let mut tensors = Tensors::default();
        let zero_a = zero(numbers, element);
        let a = tensors.add(input, element, zero_a);
        let zero = if keeps_scale { zero_a } else { zero(numbers, out_element) };
        let out = tensors.add(output, out_element, zero);
        let sample = numbers.elements(&tensors.get(a));
        Self { tensors, step: Step { operator, inputs: [a, Step::NO_INPUT], output: out }, sample }
    }

    /// Holds what the step writes against the definition.
    fn check(mut self) -> Result<(), TestCaseError> {
        // Nothing reads 32 bits: then the network ends with its sample instead.
        let is_wide = self.tensors.get(self.step.output).element == Element::Int32;
        let source = if is_wide { 0 } else { self.step.output };
        let (last, output_tensor) = finish(&mut self.tensors, source);
        let bytes = file(&self.tensors, &[self.step, last], form(self.tensors.get(0).element), output_tensor);
        let (a, out) = (self.tensors.get(0), self.tensors.get(self.step.output));
        let written = run_sample(&bytes, &self.sample, a.element);
        let input = input_of(&self.sample, a.element);
        let expected = output(&self.step.operator, (&a, &input), None, &out);
        prop_assert_eq!(elements_of(&written[0], out.element), expected, "{:?}", self.step.operator.name());
        Ok(())
    }
}

/// Samples are taken as they are; of int16 half, so that no rounding has to be told here.
fn form(element: Element) -> InputForm<'static> {
    match element {
        Element::Int8 => InputForm::Int8,
        _ => InputForm::Int16 { offsets: words(&[0]), multipliers: words(&[1 << 17]) },
    }
}

/// What the input tensor then holds.
fn input_of(sample: &[i64], element: Element) -> Vec<i64> {
    let half = |value: &i64| (value + 1).div_euclid(2);
    if element == Element::Int8 { sample.to_vec() } else { sample.iter().map(half).collect() }
}

fn run_sample(bytes: &[u8], sample: &[i64], element: Element) -> Vec<Vec<u8>> {
    if element == Element::Int8 {
        let sample: Vec<i8> = sample.iter().map(|value| *value as i8).collect();
        run(bytes, Sample::Int8(&sample))
    } else {
        let sample: Vec<i16> = sample.iter().map(|value| *value as i16).collect();
        run(bytes, Sample::Int16(&sample))
    }
}

/// A convolution of any kind.
fn convolution(numbers: &mut Numbers) -> Option<Case> {
    let element = number_type(numbers);
    let out_element = [Element::Int8, Element::Int16, Element::Int32][numbers.size(3) - 1];
    let groups = numbers.size(3);
    let depthwise = numbers.chance(3);
    let per_group = if depthwise { 1 } else { numbers.size(5) };
    let groups = if depthwise { numbers.size(9) } else { groups };
    let outputs = if depthwise { groups } else { groups * numbers.size(5) };
    let input = Extent { channels: groups * per_group, ..numbers.extent(7) };
    let window = window(numbers, true);
    let extent = Extent { height: numbers.size(5), width: numbers.size(5), channels: outputs };
    let Window { kernel, stride, dilation, padding } = window;
    let sizes = Sizes { input, output: extent, kernel, stride, dilation, padding, groups };
    let weights: Vec<i8> =
        (0..outputs * kernel.height * kernel.width * per_group).map(|_| numbers.within(-127, 127) as i8).collect();
    let biases: Vec<i32> = (0..outputs).map(|_| numbers.within(-100_000, 100_000) as i32).collect();
    let multipliers: Vec<i32> = (0..outputs).map(|_| numbers.multiplier()).collect();
    let constants = kept(plain(sizes, &weights, &biases, &multipliers)?);
    let drop = if element == Element::Int16 { numbers.within(0, 12) as u8 } else { 0 };
    let shift = numbers.within(0, 4) as u8;
    let layout = FilterLayout::Plain;
    let operator = Operator::Convolution { window, groups, layout, shift, drop, constants };
    Some(Case::of_one(numbers, [input, extent], [element, out_element], false, operator))
}

fn pooling(numbers: &mut Numbers) -> Case {
    let element = number_type(numbers);
    let input = numbers.extent(6);
    let is_whole = numbers.chance(3);
    let window = if is_whole { Window::WHOLE } else { window(numbers, false) };
    let channels = input.channels;
    let pixel = Extent { height: 1, width: 1, channels };
    let output = if is_whole { pixel } else { Extent { channels, ..numbers.extent(4) } };
    if numbers.chance(2) {
        return Case::of_one(numbers, [input, output], [element; 2], true, Operator::MaxPool { window });
    }
    let counts_padding = numbers.chance(2);
    let most = if is_whole { input.height * input.width } else { window.kernel.height * window.kernel.width };
    let count = if counts_padding { 1 } else { most };
    let multipliers: Vec<i32> = (0..count).map(|_| numbers.multiplier()).collect();
    let drop = if element == Element::Int16 { numbers.within(0, 6) as u8 } else { 0 };
    let shift = numbers.within(0, 8) as u8;
    let operator = Operator::AveragePool { window, counts_padding, shift, drop, multipliers: words(&multipliers) };
    Case::of_one(numbers, [input, output], [element; 2], false, operator)
}

fn pointwise(numbers: &mut Numbers) -> Case {
    let element = number_type(numbers);
    let input = numbers.extent(6);
    match numbers.size(3) {
        1 => {
            let table: Vec<u8> = (0..256).map(|_| numbers.within(0, 255) as u8).collect();
            let table = kept(table).try_into().unwrap();
            Case::of_one(numbers, [input; 2], [Element::Int8; 2], false, Operator::Table { table })
        }
        2 => {
            let (top, left) = (numbers.size(3) - 1, numbers.size(3) - 1);
            let height = input.height + top + numbers.size(3) - 1;
            let width = input.width + left + numbers.size(3) - 1;
            let output = Extent { height, width, ..input };
            Case::of_one(numbers, [input, output], [element; 2], true, Operator::Pad { top, left })
        }
        _ => {
            let out_element = [Element::Int8, Element::Int16, Element::Int32][numbers.size(3) - 1];
            let count = if numbers.chance(2) { 1 } else { input.channels };
            let positive: Vec<i32> = (0..count).map(|_| numbers.multiplier()).collect();
            let negative: Vec<i32> = if numbers.chance(2) { vec![] } else { positive.iter().map(|m| m / 3).collect() };
            let (positive, negative) = (words(&positive), words(&negative));
            let shift = numbers.within(0, 13) as u8;
            let operator = Operator::Scale { positive, negative, shift };
            Case::of_one(numbers, [input; 2], [element, out_element], false, operator)
        }
    }
}

/// A sum, a product or both side by side: of the sample, and of the sample changed by a table or a scale.
fn check_of_two(numbers: &mut Numbers) -> Result<(), TestCaseError> {
    let element = number_type(numbers);
    let kind = numbers.size(3);
    let input = numbers.extent(6);
    let channels = input.channels;
    let mut tensors = Tensors::default();
    let zeros: Vec<i64> = (0..3).map(|_| zero(numbers, element)).collect();
    let zeros = if kind == 3 { vec![zeros[0]; 3] } else { zeros };
    let a = tensors.add(input, element, zeros[0]);
    let pixel = |channels| Extent { height: 1, width: 1, channels };
    // One each, one a channel, one for all.
    let second = match (kind, numbers.size(3)) {
        (3, _) | (_, 1) => input,
        (_, 2) => pixel(channels),
        _ => pixel(1),
    };
    let b = tensors.add(second, element, zeros[1]);
    let makes_b = if second == input {
        Operator::Scale { positive: words(&[numbers.multiplier()]), negative: &[], shift: numbers.within(0, 5) as u8 }
    } else {
        Operator::MaxPool { window: Window::WHOLE }
    };
    let (makes_b, b) = match makes_b {
        Operator::MaxPool { .. } if second.channels != channels => {
            // The pixel of one channel is the first of the sample's pixels, as seen through a convolution.
            let sizes = Sizes {
                input,
                output: second,
                kernel: Size::square(1),
                stride: Size::square(1),
                dilation: Size::square(1),
                padding: Size::square(0),
                groups: 1,
            };
            let weights: Vec<i8> = (0..channels).map(|_| numbers.within(-9, 9) as i8).collect();
            let constants = kept(plain(sizes, &weights, &[0], &[1 << 29]).unwrap());
            let (layout, window) = (FilterLayout::Plain, Window::POINT);
            (Operator::Convolution { window, groups: 1, layout, shift: 0, drop: 0, constants }, b)
        }
        Operator::MaxPool { .. } => {
            tensors.0[usize::from(b)].zero = tensors.get(a).zero;
            (makes_b, b)
        }
        _ => (makes_b, b),
    };
    let output_extent = if kind == 3 { Extent { channels: 2 * channels, ..input } } else { input };
    let out = tensors.add(output_extent, element, zeros[2]);
    let operator = match kind {
        1 => {
            let mut factor = || numbers.within(-(1 << 21), 1 << 21) as i32;
            Operator::Add { factors: [factor(), factor()], shift: numbers.within(0, 25) as u8 }
        }
        2 => {
            let most = if element == Element::Int8 { 12 } else { 0 };
            Operator::Multiply { multiplier: numbers.multiplier(), shift: numbers.within(0, most) as u8 }
        }
        _ => Operator::Concatenate,
    };
    let first = Step { operator: makes_b, inputs: [a, Step::NO_INPUT], output: b };
    let step = Step { operator, inputs: [a, b], output: out };
    let (last, output_tensor) = finish(&mut tensors, out);
    let bytes = file(&tensors, &[first, step, last], form(element), output_tensor);
    let sample = numbers.elements(&tensors.get(a));
    let written = run_sample(&bytes, &sample, element);
    let [a, b, out] = [a, b, out].map(|index| tensors.get(index));
    let input = input_of(&sample, element);
    let second = elements_of(&written[0], element);
    prop_assert_eq!(&second, &output(&first.operator, (&a, &input), None, &b));
    let expected = output(&step.operator, (&a, &input), Some((&b, &second)), &out);
    prop_assert_eq!(elements_of(&written[1], element), expected, "{:?}", step.operator);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_convolution_is_its_definition(seed: u64) {
        if let Some(case) = convolution(&mut Numbers::new(seed)) {
            case.check()?;
        }
    }

    #[test]
    fn pooling_is_its_definition(seed: u64) {
        pooling(&mut Numbers::new(seed)).check()?;
    }

    #[test]
    fn tables_padding_and_scales_are_their_definitions(seed: u64) {
        pointwise(&mut Numbers::new(seed)).check()?;
    }

    #[test]
    fn sums_products_and_concatenations_are_their_definitions(seed: u64) {
        check_of_two(&mut Numbers::new(seed))?;
    }
}

#[test]
fn pixels_go_through_the_table_of_their_channel() {
    let mut tensors = Tensors::default();
    let input = tensors.add(Extent { height: 1, width: 2, channels: 2 }, Element::Int8, 0);
    let (last, output) = finish(&mut tensors, input);
    let table = |add: u8| core::array::from_fn(|x| (x as u8).wrapping_add(add));
    let form = InputForm::Uint8 { tables: kept(vec![table(0x80), table(1)]) };
    let written = run(&file(&tensors, &[last], form, output), Sample::Uint8(&[0, 0, 255, 126]));
    // The last step gives 2⁷ times the element.
    let expected = [-128i64, 1, 127, 127].map(|x| x << 7);
    assert_eq!(elements_of(&written[0], Element::Int32), expected);
}

#[test]
fn a_series_is_centered_scaled_and_saturated() {
    let mut tensors = Tensors::default();
    let input = tensors.add(Extent { height: 1, width: 5, channels: 1 }, Element::Int8, -3);
    let (last, output) = finish(&mut tensors, input);
    // (x − 100) / 256: 2¹⁴ · 2¹⁰ / 2³².
    let form = InputForm::Int16 { offsets: words(&[100]), multipliers: words(&[1 << 10]) };
    let written = run(&file(&tensors, &[last], form, output), Sample::Int16(&[100, 356, -156, 32_767, -32_768]));
    // The last step takes the zero point away: what is left are the values themselves, cut at −128 + 3 and 127 + 3.
    assert_eq!(elements_of(&written[0], Element::Int32), [0i64, 1, -1, 128, -125].map(|x| x << 7));
}
