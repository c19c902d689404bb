use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::vec::Vec;

/// Sizes with all windows that begin within the padded input, and some beyond it.
fn shapes() -> impl Strategy<Value = Shape> {
    let size = |most: usize| (1..=most, 1..=most).prop_map(|(height, width)| Size { height, width });
    let padding = (0usize..4, 0usize..4).prop_map(|(height, width)| Size { height, width });
    let channels = (1usize..4, 1usize..7, 1usize..7, any::<bool>()).prop_map(|(groups, inputs, outputs, depthwise)| {
        if depthwise {
            (groups * inputs, groups * inputs, groups * inputs)
        } else {
            (groups * inputs, groups * outputs, groups)
        }
    });
    let sizes = (size(6), channels, size(4), size(3), size(2), padding, size(5));
    sizes.prop_filter_map("a shape", |(input, (inputs, outputs, groups), kernel, stride, dilation, padding, output)| {
        let extent = |size: Size, channels| Extent { height: size.height, width: size.width, channels };
        let (input, output) = (extent(input, inputs), extent(output, outputs));
        Shape::new(Sizes { input, output, kernel, stride, dilation, padding, groups })
    })
}

/// A shape, its input, weights, biases and multipliers.
type Case = (Shape, Vec<i8>, Vec<i8>, Vec<i32>, Vec<i32>);

fn cases() -> impl Strategy<Value = Case> {
    shapes().prop_flat_map(|shape| {
        let Sizes { input, output, .. } = *shape.sizes();
        let weights = output.channels * shape.depth();
        let biases = vec(-1_000_000..1_000_000, output.channels);
        let multipliers = vec(0..=i32::MAX, output.channels);
        (Just(shape), vec(any::<i8>(), input.elements()), vec(-127..=127i8, weights), biases, multipliers)
    })
}

/// Every output by its definition in 64 bits, element by element.
fn expected((shape, input, weights, biases, multipliers): &Case, zero: i64, rescale: Rescale) -> Vec<i64> {
    let Sizes { input: extent, output, kernel, stride, dilation, padding, groups } = *shape.sizes();
    let (inputs, outputs) = (extent.channels / groups, output.channels / groups);
    let at = |y: isize, x: isize, channel: usize| {
        let inside = (0..extent.height as isize).contains(&y) && (0..extent.width as isize).contains(&x);
        if !inside {
            return zero;
        }
        i64::from(input[(y as usize * extent.width + x as usize) * extent.channels + channel])
    };
    let mut values = Vec::new();
    for (y, x) in (0..output.height).flat_map(|y| (0..output.width).map(move |x| (y, x))) {
        for channel in 0..output.channels {
            let mut sum = i64::from(biases[channel]);
            for (ky, kx) in (0..kernel.height).flat_map(|y| (0..kernel.width).map(move |x| (y, x))) {
                for index in 0..inputs {
                    let y = (y * stride.height + ky * dilation.height) as isize - padding.height as isize;
                    let x = (x * stride.width + kx * dilation.width) as isize - padding.width as isize;
                    let weight = weights[((channel * kernel.height + ky) * kernel.width + kx) * inputs + index];
                    sum += at(y, x, channel / outputs * inputs + index) * i64::from(weight);
                }
            }
            let product = (sum << rescale.shift) * i64::from(multipliers[channel]);
            values.push(((product + (1 << 31)) >> 32) + i64::from(rescale.zero));
        }
    }
    values
}

proptest! {
    /// The definition, through every layout, is what it is in 64 bits.
    #[test]
    fn every_layout_gives_the_sums_of_64_bits(case in cases(), zero: i8, shift in 0u32..4, offset in -128..=127) {
        let (shape, input, weights, biases, multipliers) = &case;
        let rescale = Rescale { shift, zero: offset };
        let expected = expected(&case, zero.into(), rescale);
        let constants = Constants { weights, biases, multipliers };
        for layout in FilterLayout::ALL {
            let Some(length) = Filter::bytes_of(shape, layout) else { continue };
            let mut bytes = std::vec![0; length];
            let filter = pack(*shape, layout, &constants, &mut bytes).unwrap();
            let layer = Layer { filter, input_zero: zero, rescale };
            let mut scratch = std::vec![0; scratch_bytes(shape, layout)];
            let mut int32 = std::vec![0; expected.len()];
            convolve(&layer, input, &mut scratch, &mut Output::Int32(&mut int32));
            prop_assert!(int32.iter().map(|value| i64::from(*value)).eq(expected.iter().copied()), "{layout:?}");
            let mut int16 = std::vec![0; expected.len()];
            convolve(&layer, input, &mut scratch, &mut Output::Int16(&mut int16));
            let saturated = expected.iter().map(|value| (*value).clamp(-0x8000, 0x7fff) as i16);
            prop_assert!(saturated.eq(int16.iter().copied()), "{layout:?}");
            let mut int8 = std::vec![0; expected.len()];
            convolve(&layer, input, &mut scratch, &mut Output::Int8(&mut int8));
            let saturated = expected.iter().map(|value| (*value).clamp(-128, 127) as i8);
            prop_assert!(saturated.eq(int8.iter().copied()), "{layout:?}");
        }
    }

    /// What is read back is what was laid out.
    #[test]
    fn constants_are_read_as_they_were_written((shape, _, weights, biases, multipliers) in cases()) {
        let constants = Constants { weights: &weights, biases: &biases, multipliers: &multipliers };
        for layout in FilterLayout::ALL {
            let Some(length) = Filter::bytes_of(&shape, layout) else { continue };
            let mut bytes = std::vec![0; length];
            let filter = pack(shape, layout, &constants, &mut bytes).unwrap();
            let kernel = shape.sizes().kernel;
            let mut read = Vec::new();
            for channel in 0..shape.sizes().output.channels {
                prop_assert_eq!(filter.bias(channel), biases[channel]);
                prop_assert_eq!(filter.multiplier(channel), multipliers[channel]);
                for (y, x) in (0..kernel.height).flat_map(|y| (0..kernel.width).map(move |x| (y, x))) {
                    read.extend((0..shape.group_inputs()).map(|input| filter.weight(channel, y, x, input)));
                }
            }
            prop_assert_eq!(&read, &weights);
        }
    }

    /// Any bytes of the right length are a filter, and whatever they hold, nothing goes out of range.
    #[test]
    fn any_bytes_are_a_filter(shape in shapes(), seed: u64, zero: i8) {
        let mut state = seed;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        for layout in FilterLayout::ALL {
            let Some(length) = Filter::bytes_of(&shape, layout) else { continue };
            let bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
            let filter = Filter::new(shape, layout, &bytes).unwrap();
            let input: Vec<i8> = (0..shape.sizes().input.elements()).map(|_| byte() as i8).collect();
            let mut out = std::vec![0; shape.sizes().output.elements()];
            let layer = Layer { filter, input_zero: zero, rescale: Rescale { shift: 31, zero: i32::MAX } };
            convolve(&layer, &input, &mut [], &mut Output::Int8(&mut out));
            prop_assert!(Filter::new(shape, layout, &bytes[..length - 1]).is_none());
        }
    }
}

#[test]
fn what_leaves_its_bits_is_refused() {
    let dense = |inputs| Shape::dense(inputs, 2).unwrap();
    let try_pack = |shape: Shape, layout, weights: &[i8], biases: &[i32; 2]| {
        let mut bytes = std::vec![0; Filter::bytes_of(&shape, layout).unwrap()];
        let constants = Constants { weights, biases, multipliers: &[1; 2] };
        pack(shape, layout, &constants, &mut bytes).map(|_| ())
    };
    // 516 · 127 · 128 + 127 is the last below 2²³.
    let shape = dense(516);
    let weights = std::vec![127; 2 * 516];
    assert_eq!(try_pack(shape, FilterLayout::Pairs, &weights, &[127, i32::MAX / 2]), Ok(()));
    let beyond = try_pack(shape, FilterLayout::Pairs, &weights, &[512, 0]);
    assert_eq!(beyond, Err(PackError::Bound { channel: 0 }));
    assert_eq!(try_pack(shape, FilterLayout::Singles, &weights, &[512, 0]), Ok(()));
    // The second of two channels has all 32 bits.
    let most = i32::MAX - 516 * 127 * 128;
    assert_eq!(try_pack(shape, FilterLayout::Pairs, &weights, &[0, most]), Ok(()));
    for layout in FilterLayout::ALL {
        assert_eq!(try_pack(shape, layout, &weights, &[0, most + 1]), Err(PackError::Sum { channel: 1 }));
    }
    // −128 beside another negative weight is no halfword.
    assert_eq!(try_pack(dense(1), FilterLayout::Pairs, &[-128, -1], &[0, 0]), Err(PackError::Bound { channel: 0 }));
    assert_eq!(try_pack(dense(1), FilterLayout::Pairs, &[-127, -128], &[0, 0]), Ok(()));
    assert_eq!(try_pack(dense(2), FilterLayout::Plain, &[1; 3], &[0, 0]), Err(PackError::Length));
}

#[test]
fn sizes_that_do_not_fit_together_are_no_shape() {
    let sizes = *Shape::dense(4, 6).unwrap().sizes();
    assert!(Shape::new(Sizes { groups: 2, ..sizes }).is_some());
    let wrong = [
        Sizes { groups: 0, ..sizes },
        Sizes { groups: 4, ..sizes },
        Sizes { groups: 3, ..sizes },
        Sizes { kernel: Size::square(0), ..sizes },
        Sizes { kernel: Size::square(256), ..sizes },
        Sizes { stride: Size { height: 0, width: 1 }, ..sizes },
        Sizes { dilation: Size { height: 1, width: 0 }, ..sizes },
        Sizes { padding: Size::square(256), ..sizes },
        Sizes { input: Extent { height: 0, ..sizes.input }, ..sizes },
        Sizes { output: Extent { height: usize::MAX, ..sizes.output }, ..sizes },
        Sizes { input: Extent { height: 1 << 14, width: 1 << 13, ..sizes.input }, ..sizes },
    ];
    for sizes in wrong {
        assert_eq!(Shape::new(sizes), None, "{sizes:?}");
    }
}

#[test]
fn tensors_of_another_length_are_left_alone() {
    let shape = Shape::dense(1, 2).unwrap();
    let mut bytes = [0; 32];
    let length = Filter::bytes_of(&shape, FilterLayout::Plain).unwrap();
    let constants = Constants { weights: &[1, 2], biases: &[3, 4], multipliers: &[1 << 30; 2] };
    let filter = pack(shape, FilterLayout::Plain, &constants, &mut bytes[..length]).unwrap();
    let layer = Layer { filter, input_zero: 0, rescale: Rescale { shift: 2, zero: 0 } };
    for (input, expected) in [(&[5i8][..], [8, 14]), (&[5, 5][..], [-1, -1]), (&[][..], [-1, -1])] {
        let mut out = [-1; 2];
        convolve(&layer, input, &mut [], &mut Output::Int8(&mut out));
        assert_eq!(out, expected);
    }
}
