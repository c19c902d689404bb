mod hearing;

use super::*;
use crate::Meter;
use crate::fixture::{MODEL, encoder};
use cognate::EmbeddingError;
use cognate::encoder::{Arena, Encoder, EncoderError, RunError, Sample, StepError, operators};
use std::string::ToString;
use std::vec::Vec;

/// Samples from a list, `None` for one that fails.
struct Pixels(std::vec::IntoIter<Option<Vec<u8>>>, Vec<u8>);

fn pixels(samples: &[Option<&[u8]>]) -> Pixels {
    let samples: Vec<_> = samples.iter().map(|sample| sample.map(<[u8]>::to_vec)).collect();
    Pixels(samples.into_iter(), Vec::new())
}

impl Capture for Pixels {
    type Error = &'static str;

    fn next_sample(&mut self) -> Result<Option<Sample<'_>>, &'static str> {
        match self.0.next() {
            None => Ok(None),
            Some(None) => Err("no picture"),
            Some(Some(sample)) => {
                self.1 = sample;
                Ok(Some(Sample::Uint8(&self.1)))
            }
        }
    }
}

/// Counts that something began and ended, in turns.
#[derive(Default)]
struct Turns {
    begun: u32,
    ended: u32,
}

impl Meter for Turns {
    fn begin(&mut self) {
        assert_eq!(self.begun, self.ended);
        self.begun += 1;
    }

    fn end(&mut self) {
        self.ended += 1;
        assert_eq!(self.begun, self.ended);
    }
}

#[test]
fn pixels_become_the_embeddings_of_the_encoders_model() {
    let bytes = encoder();
    let encoder = Encoder::<{ operators::ALL }>::new_checked(&bytes).expect("it is valid");
    let mut arena = Arena::<32>::new();
    let sensor = pixels(&[Some(&[255, 0, 2]), None, Some(&[1, 2]), Some(&[0; 3]), Some(&[1, 2, 3])]);
    let mut source = Encoding::new(encoder, arena.bytes(), sensor, Turns::default()).expect("there is enough memory");
    assert_eq!(SampleSource::<3>::model(&source), MODEL);
    // The pixel · 2¹⁰ · 2³⁰⁻³² · 2⁻⁸.
    assert_eq!(source.next_sample(), Ok(Embedding::new([255.0, 0.0, 2.0]).ok()));
    // After each error comes the next sample.
    assert_eq!(SampleSource::<3>::next_sample(&mut source), Err(EncodeError::Sensor("no picture")));
    let length = RunError::SampleLength { expected: 3, found: 2 };
    assert_eq!(SampleSource::<3>::next_sample(&mut source), Err(EncodeError::Run(length)));
    assert_eq!(SampleSource::<3>::next_sample(&mut source), Err(EncodeError::Embedding(EmbeddingError::Zero)));
    assert_eq!(source.next_sample(), Ok(Embedding::new([1.0, 2.0, 3.0]).ok()));
    assert_eq!(SampleSource::<3>::next_sample(&mut source), Ok(None));
    // The one that the sensor did not give was not encoded.
    assert_eq!(source.meter().ended, 4);
}

#[test]
fn an_encoder_of_another_dimension_gives_no_embedding() {
    let bytes = encoder();
    let encoder = Encoder::<{ operators::ALL }>::new_checked(&bytes).expect("it is valid");
    let mut arena = Arena::<32>::new();
    let mut source = Encoding::new(encoder, arena.bytes(), pixels(&[Some(&[1; 3])]), ()).expect("it is enough");
    let error = EncodeError::Embedding(EmbeddingError::Length { expected: 4, found: 3 });
    assert_eq!(SampleSource::<4>::next_sample(&mut source), Err(error));
}

#[test]
fn too_little_memory_is_refused_before_the_first_sample() {
    let bytes = encoder();
    let encoder = Encoder::<{ operators::ALL }>::new_checked(&bytes).expect("it is valid");
    let mut arena = Arena::<64>::new();
    let refused = |arena: &mut [u8]| Encoding::new(encoder, arena, pixels(&[]), ()).err();
    assert_eq!(refused(&mut arena.bytes()[..31]), Some(RunError::ArenaTooSmall { needed: 32, found: 31 }));
    assert_eq!(refused(&mut arena.bytes()[4..]), Some(RunError::ArenaAlignment));
    assert_eq!(refused(arena.bytes()), None);
    let error = EncodeError::<&str>::Run(RunError::ArenaTooSmall { needed: 32, found: 31 });
    assert_eq!(error.to_string(), "the arena has 31 bytes and the encoder needs 32: give it more");
}

#[test]
fn an_encoder_whose_operators_are_not_linked_is_refused() {
    let bytes = encoder();
    let error = Encoder::<{ operators::CONVOLUTION }>::new_checked(&bytes).err();
    assert_eq!(error, Some(EncoderError::Step { index: 0, error: StepError::NotLinked { operator: 8 } }));
}

#[test]
fn recorded_pixels_come_in_order_and_end() {
    let bytes = encoder();
    let encoder = Encoder::<{ operators::ALL }>::new_checked(&bytes).expect("it is valid");
    let mut frames = Frames::new(&encoder, &[1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(frames.next_sample(), Ok(Some(Sample::Uint8(&[1, 2, 3]))));
    assert_eq!(frames.next_sample(), Ok(Some(Sample::Uint8(&[4, 5, 6]))));
    assert_eq!(frames.next_sample(), Err(FramesError::Incomplete { frame: 2, found: 1, expected: 3 }));
    assert_eq!(frames.next_sample(), Ok(None));
    assert_eq!(Frames::new(&encoder, &[]).next_sample(), Ok(None));
}

#[test]
fn what_was_recorded_is_embeddings_or_what_an_encoder_takes() {
    let bytes = encoder();
    let encoder = Encoder::<{ operators::ALL }>::new_checked(&bytes).expect("it is valid");
    let rows: Vec<u8> =
        MODEL.as_bytes().iter().copied().chain([3.0f32, 4.0, 5.0].map(f32::to_le_bytes).concat()).collect();
    let mut arena = Arena::<32>::new();
    let raw = Encoding::new(encoder, arena.bytes(), Frames::new(&encoder, &[3, 4, 5, 6]), ()).expect("it is enough");
    let mut embeddings: Recorded<'_, '_, 3> = Recorded::Embeddings(Rows::new(&rows).expect("the model is there"));
    let mut raw: Recorded<'_, '_, 3> = Recorded::Raw(raw);
    for source in [&mut embeddings, &mut raw] {
        assert_eq!(source.model(), MODEL);
        assert_eq!(source.next_sample(), Ok(Embedding::new([3.0, 4.0, 5.0]).ok()));
    }
    assert_eq!(embeddings.next_sample(), Ok(None));
    let cut = FramesError::Incomplete { frame: 1, found: 1, expected: 3 };
    assert_eq!(raw.next_sample(), Err(RecordedError::Encode(EncodeError::Sensor(cut))));
}
