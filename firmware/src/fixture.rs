//! Bundles and samples for the tests of recognizer and application: three elements, so that a person can follow.

use cognate::bundle::{BundleContents, EnrolledTemplate, Subject};
use cognate::encoder::{Element, EncoderContents, Extent, InputForm, Operator, Step, Tensor};
use cognate::frontend::SoundForm;
use cognate::kernel::Layout;
use cognate::policy::{Rate, ThresholdEntry};
use cognate::{BundleView, Fusion, ModelDigest, Score, Space, SubjectId};
use std::vec::Vec;

/// The model of the templates, which is the encoder too unless there is a back end.
pub const MODEL: ModelDigest = ModelDigest::new([7; 16]);

/// The bundle's subject.
pub const ANNA: SubjectId = SubjectId::new(4);
/// The first that is enrolled on the device.
pub const BORIS: SubjectId = SubjectId::FIRST_ON_DEVICE;

/// Samples of people, a little different each time.
pub const fn anna(time: u8) -> [f32; 3] {
    [1.0, 0.1, 0.02 * time as f32]
}

/// Comes in by the button.
pub const fn boris(time: u8) -> [f32; 3] {
    [0.1, 1.0, 0.02 * time as f32]
}

/// Never enrolled.
pub const STRANGER: [f32; 3] = [-0.2, 0.1, 1.0];

/// A threshold in hundredths for a rate in parts per billion.
pub const fn threshold(fmr: u32, hundredths: i32) -> ThresholdEntry {
    let rate = rate(fmr);
    ThresholdEntry {
        fmr: rate,
        threshold: Score::from_ratio(hundredths, 100),
        comparisons: 1000,
        fmr_upper_bound: rate,
    }
}

pub const fn rate(parts_per_billion: u32) -> Rate {
    Rate::from_parts_per_billion(parts_per_billion).expect("at most a whole")
}

static THRESHOLDS: [ThresholdEntry; 1] = [threshold(10_000_000, 90)];
static SUBJECTS: [Subject<'_>; 1] = [Subject { id: ANNA, name: "Anna" }];
static TEMPLATES: [EnrolledTemplate<'_>; 1] = [EnrolledTemplate { subject: ANNA, code: &[127, 13, 0] }];

/// A bundle with ANNA, a threshold of 0.9 with a false match rate of 1 %, and half of all strangers allowed; changed.
pub fn bundle_with(change: impl FnOnce(&mut BundleContents<'static>)) -> Vec<u8> {
    let mut contents = BundleContents {
        dimension: 3,
        space: Space::full(MODEL),
        layout: Layout::Rows,
        thresholds: &THRESHOLDS,
        operating_point: 0,
        fpir: rate(500_000_000),
        margin: 0,
        fusion: Fusion::Maximum,
        calibrated_templates: 1,
        subjects: &SUBJECTS,
        next_subject: SubjectId::new(9),
        templates: &TEMPLATES,
        back_end: None,
        cohort: None,
        revealed: None,
        filter: false,
        encoder: None,
    };
    change(&mut contents);
    let mut bytes = std::vec![0; contents.encoded_len().expect("it fits")];
    contents.encode(&mut bytes).expect("it is valid");
    bytes
}

/// An encoder of [`MODEL`] that takes three pixels for the three elements of an embedding.
pub fn encoder() -> Vec<u8> {
    let extent = Extent { height: 1, width: 1, channels: 3 };
    let pixels = Tensor { extent, element: Element::Int8, zero: i8::MIN, offset: 0 };
    let elements = Tensor { extent, element: Element::Int32, zero: 0, offset: 16 };
    let scale = Operator::Scale { positive: &[(1i32 << 30).to_le_bytes()], negative: &[], shift: 10 };
    let contents = EncoderContents {
        digest: MODEL,
        input_form: InputForm::Uint8 { tables: &[core::array::from_fn(|pixel| pixel as u8 ^ 0x80)] },
        sound: None,
        input: 0,
        output: 1,
        exponent: -8,
        tensors: &[pixels, elements],
        steps: &[Step { operator: scale, inputs: [0, Step::NO_INPUT], output: 1 }],
    };
    let mut bytes = std::vec![0; contents.encoded_len()];
    contents.encode(&mut bytes).expect("it is valid");
    bytes
}

/// An encoder of [`MODEL`] that takes so many features of a sound for the elements of an embedding.
pub fn sound_encoder<const N: usize>(sound: Option<SoundForm>) -> Vec<u8> {
    let extent = Extent { height: 1, width: 1, channels: N };
    let features = Tensor { extent, element: Element::Int16, zero: 0, offset: 0 };
    let elements = Tensor { extent, element: Element::Int32, zero: 0, offset: 64 };
    let scale = Operator::Scale { positive: &[(1i32 << 30).to_le_bytes()], negative: &[], shift: 10 };
    let contents = EncoderContents {
        digest: MODEL,
        // By 2¹⁴ · 2¹⁸ · 2⁻³², as they are.
        input_form: InputForm::Int16 { offsets: &[[0; 4]], multipliers: &[(1i32 << 18).to_le_bytes()] },
        sound,
        input: 0,
        output: 1,
        exponent: -8,
        tensors: &[features, elements],
        steps: &[Step { operator: scale, inputs: [0, Step::NO_INPUT], output: 1 }],
    };
    let mut bytes = std::vec![0; contents.encoded_len()];
    contents.encode(&mut bytes).expect("it is valid");
    bytes
}

/// The bundle as it is.
pub fn bundle() -> Vec<u8> {
    bundle_with(|_| ())
}

/// The bundle with nobody.
pub fn bundle_with_nobody() -> Vec<u8> {
    bundle_with(|contents| (contents.subjects, contents.templates) = (&[], &[]))
}

pub fn view(bytes: &[u8]) -> BundleView<'_> {
    BundleView::new_checked(bytes).expect("the writer checked it")
}
