//! Which sound an encoder's samples are features of.

use super::{Tensors, file, finish, words};
use cognate::ModelDigest;
use cognate::encoder::{
    Element, Encoder, EncoderContents, EncoderError, Extent, InputForm, Step, WriteError, operators,
};
use cognate::frontend::{Fit, SoundForm};

const SOUND: SoundForm = SoundForm {
    rate: 16_000,
    window: 400,
    hop: 160,
    transform: 512,
    bands: 40,
    low: 20,
    high: 8000,
    relative: false,
    fit: Fit::Start,
};

/// An encoder of three rows of 40 features.
fn network() -> (Tensors, Vec<Step<'static>>, u16, InputForm<'static>) {
    let mut tensors = Tensors::default();
    let input = tensors.add(Extent { height: 3, width: 40, channels: 1 }, Element::Int16, 0);
    let (step, output) = finish(&mut tensors, input);
    let form = InputForm::Int16 { offsets: words(&[0]), multipliers: words(&[1 << 18]) };
    (tensors, vec![step], output, form)
}

/// With the input in another element and form, where these are given.
fn written(sound: SoundForm, input: Option<(Element, InputForm<'_>)>) -> Result<Vec<u8>, WriteError> {
    let (mut tensors, steps, output, form) = network();
    let (element, input_form) = input.unwrap_or((Element::Int16, form));
    tensors.0[0].element = element;
    let contents = EncoderContents {
        digest: ModelDigest::new([3; 16]),
        input_form,
        sound: Some(sound),
        input: 0,
        output,
        exponent: -7,
        tensors: &tensors.0,
        steps: &steps,
    };
    let mut bytes = vec![0; contents.encoded_len()];
    contents.encode(&mut bytes).map(|_| bytes)
}

#[test]
fn an_encoder_says_which_sound_it_takes_or_none() {
    for fit in Fit::ALL {
        let sound = SoundForm { fit, ..SOUND };
        let bytes = written(sound, None).unwrap();
        assert_eq!(Encoder::<{ operators::ALL }>::new_checked(&bytes).unwrap().sound(), Some(sound));
    }
    let sound = SoundForm { relative: true, ..SOUND };
    let bytes = written(sound, None).unwrap();
    assert_eq!(Encoder::<{ operators::ALL }>::new_checked(&bytes).unwrap().sound(), Some(sound));
    let bytes = written(SOUND, None).unwrap();
    assert_eq!(SOUND.points(3), 720);
    let (tensors, steps, output, form) = network();
    let silent = file(&tensors, &steps, form, output);
    assert_eq!(Encoder::<{ operators::ALL }>::new_checked(&silent).unwrap().sound(), None);
    assert!(silent.len() < bytes.len());
}

#[test]
fn a_sound_that_the_samples_cannot_be_of_is_refused() {
    let input = WriteError::Contents(EncoderError::Input);
    for sound in [
        SoundForm { window: 1, hop: 1, ..SOUND },
        SoundForm { window: 513, ..SOUND },
        SoundForm { transform: 500, ..SOUND },
        SoundForm { hop: 0, ..SOUND },
        SoundForm { hop: 401, ..SOUND },
        SoundForm { bands: 0, ..SOUND },
        SoundForm { bands: 50, ..SOUND },
        SoundForm { low: 8000, ..SOUND },
        SoundForm { high: 8001, ..SOUND },
    ] {
        assert_eq!(written(sound, None), Err(input), "{sound:?}");
    }
    assert_eq!(written(SoundForm { window: 1 << 16, transform: 1 << 16, ..SOUND }, None), Err(WriteError::TooLarge));
    // Of pixels there is none, nor of elements that are taken as they are.
    for form in [InputForm::Int8, InputForm::Uint8 { tables: &[[0; 256]] }] {
        assert_eq!(written(SOUND, Some((Element::Int8, form))), Err(input));
    }
}
