use super::*;
use cognate::bundle::{BundleContents, EnrolledTemplate, Rate, Subject, ThresholdEntry};
use cognate::{BundleView, ModelDigest, Score};
use embedded_hal_mock::eh1::MockError;
use embedded_hal_mock::eh1::digital::{Mock as Pin, State, Transaction};
use std::io::ErrorKind;
use std::string::ToString;
use std::vec::Vec;

const MODEL: ModelDigest = ModelDigest::new([7; 16]);

/// The bundle's subject.
const ANNA: SubjectId = SubjectId::new(4);
const ANNA_SAMPLE: [f32; 3] = [1.0, 0.1, 0.0];
/// Comes in by the button.
const BORIS_SAMPLE: [f32; 3] = [0.1, 1.0, 0.0];
const STRANGER: [f32; 3] = [-0.2, 0.1, 1.0];

/// A bundle with ANNA and a threshold of 0.9, whose next subject is 9.
fn bundle() -> Vec<u8> {
    let rate = Rate::from_parts_per_billion(10_000_000).expect("one percent is a rate");
    let threshold =
        ThresholdEntry { fmr: rate, threshold: Score::from_ratio(9, 10), comparisons: 1000, fmr_upper_bound: rate };
    let contents = BundleContents {
        dimension: 3,
        model: MODEL,
        thresholds: &[threshold],
        operating_point: 0,
        subjects: &[Subject { id: ANNA, name: "Anna" }],
        next_subject: SubjectId::new(9),
        templates: &[EnrolledTemplate { subject: ANNA, code: &[127, 13, 0] }],
    };
    let mut bytes = std::vec![0; contents.encoded_len().expect("it fits")];
    contents.encode(&mut bytes).expect("it is valid");
    bytes
}

fn recognizer<const N: usize>(bytes: &[u8]) -> Recognizer<'_, 3, N> {
    let view = BundleView::new_checked(bytes).expect("the writer checked it");
    Recognizer::new(&view).expect("the dimension is 3")
}

/// Samples from a list, `None` for one that fails.
struct Samples(std::vec::IntoIter<Option<[f32; 3]>>);

impl SampleSource<3> for Samples {
    type Error = &'static str;

    fn next_sample(&mut self) -> Result<Option<Embedding<3>>, &'static str> {
        match self.0.next() {
            None => Ok(None),
            Some(None) => Err("no sample"),
            Some(Some(values)) => Embedding::new(values).map(Some).map_err(|_| "no embedding"),
        }
    }
}

fn samples(list: &[[f32; 3]]) -> Samples {
    Samples(list.iter().copied().map(Some).collect::<Vec<_>>().into_iter())
}

/// What a pin is expected to be told, in order: its levels before and after each sample.
fn output(levels: &[State]) -> Pin {
    Pin::new(&levels.iter().map(|level| Transaction::set(*level)).collect::<Vec<_>>())
}

fn button(levels: &[bool]) -> Pin {
    let state = |pressed| if pressed { State::High } else { State::Low };
    Pin::new(&levels.iter().map(|pressed| Transaction::get(state(*pressed))).collect::<Vec<_>>())
}

/// Whatever it is told.
fn any_output(count: usize) -> Pin {
    output(&std::vec![State::Low; count])
}

type TestApp<'a, Count = ()> = App<'a, 3, 8, Pin, Pin, Pin, Samples, Count>;

/// Runs until the samples end and returns every event; each pin must then have seen exactly what it expects.
fn run<Count: Meter>(mut app: TestApp<'_, Count>) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        events.push(app.step().expect("the pins and the samples are good"));
        if events.last() == Some(&Event::End) {
            break;
        }
    }
    done(&mut app.pins);
    events
}

fn done(pins: &mut Pins<Pin, Pin, Pin>) {
    for pin in [&mut pins.accept, &mut pins.reject, &mut pins.enroll] {
        pin.done();
    }
}

fn decided(event: &Event) -> Option<Option<SubjectId>> {
    match event {
        Event::Decided(decision) => Some(decision.subject()),
        _ => None,
    }
}

#[test]
fn a_known_sample_accepts_a_stranger_rejects_and_both_are_low_between() {
    use State::{High, Low};
    let bytes = bundle();
    let pins = Pins {
        accept: output(&[Low, High, Low, Low]),
        reject: output(&[Low, Low, High, Low]),
        enroll: button(&[false; 3]),
    };
    let events = run(App::new(recognizer(&bytes), pins, samples(&[ANNA_SAMPLE, STRANGER]), ()));
    assert_eq!(events.iter().filter_map(decided).collect::<Vec<_>>(), [Some(ANNA), None]);
}

#[test]
fn holding_the_button_enrolls_a_subject_with_the_bundles_next_id() {
    use State::{High, Low};
    let bytes = bundle();
    let pins = Pins {
        accept: output(&[Low, Low, Low, Low, Low, High, Low, High, Low]),
        reject: output(&[Low, High, Low, Low, Low, Low, Low, Low]),
        enroll: button(&[false, true, true, true, false, false, false, false]),
    };
    let shown = [BORIS_SAMPLE, BORIS_SAMPLE, BORIS_SAMPLE, BORIS_SAMPLE, BORIS_SAMPLE, ANNA_SAMPLE];
    let events = run(App::new(recognizer(&bytes), pins, samples(&shown), ()));
    let boris = SubjectId::new(9);
    assert_eq!(decided(&events[0]), Some(None));
    assert_eq!(events[1..4], [Event::Collected(1), Event::Collected(2), Event::Collected(3)]);
    assert_eq!(events[4], Event::Enrolled(boris));
    assert_eq!(decided(&events[5]), Some(Some(boris)));
    assert_eq!(decided(&events[6]), Some(Some(ANNA)));
}

/// The event of releasing the button after so many samples.
fn after_collecting(count: usize) -> Event {
    let bytes = bundle();
    let mut levels = std::vec![true; count];
    levels.extend([false, false]);
    let pins = Pins { accept: any_output(count + 1), reject: any_output(count + 1), enroll: button(&levels) };
    let events = run(App::new(recognizer(&bytes), pins, samples(&std::vec![BORIS_SAMPLE; count]), ()));
    events[count]
}

#[test]
fn too_few_samples_enroll_nobody() {
    for found in 1..ENROLL_LEAST {
        assert_eq!(after_collecting(found), Event::EnrollmentRefused(EnrollError::TooFewSamples { found }));
    }
    assert_eq!(after_collecting(ENROLL_LEAST), Event::Enrolled(SubjectId::new(9)));
}

#[test]
fn samples_beyond_the_most_are_not_kept() {
    // One more than the gallery's capacity would hold if all of them were kept.
    assert_eq!(after_collecting(ENROLL_MOST + 1), Event::Enrolled(SubjectId::new(9)));
}

#[test]
fn a_subject_that_does_not_fit_is_refused_whole() {
    let bytes = bundle();
    let mut levels = std::vec![true; 6];
    levels.push(false);
    levels.extend([true, true, true, false, false]);
    let pins = Pins { accept: any_output(10), reject: any_output(10), enroll: button(&levels) };
    let events = run(App::new(recognizer(&bytes), pins, samples(&[BORIS_SAMPLE; 9]), ()));
    assert_eq!(events[6], Event::Enrolled(SubjectId::new(9)));
    let full = GalleryError::Full { capacity: 8, needed: 9 };
    assert_eq!(events[10], Event::EnrollmentRefused(EnrollError::Gallery(full)));
}

#[test]
fn a_failed_sample_shows_nothing_and_the_next_one_is_decided() {
    use State::{High, Low};
    let bytes = bundle();
    let pins = Pins { accept: output(&[Low, Low, High]), reject: output(&[Low, Low]), enroll: button(&[false; 2]) };
    let list = std::vec![None, Some(ANNA_SAMPLE)];
    let mut app: TestApp<'_> = App::new(recognizer(&bytes), pins, Samples(list.into_iter()), ());
    assert_eq!(app.step(), Err(AppError::Source("no sample")));
    assert_eq!(app.step().as_ref().map(decided), Ok(Some(Some(ANNA))));
    done(&mut app.pins);
}

#[test]
fn a_broken_pin_is_named_and_the_other_output_still_goes_low() {
    let broken = |transaction: Transaction| Pin::new(&[transaction.with_error(MockError::Io(ErrorKind::NotConnected))]);
    let bytes = bundle();
    for line in [Line::Accept, Line::Reject, Line::Enroll] {
        // Nothing is driven when the button cannot be read.
        let outputs = usize::from(line != Line::Enroll);
        let driven = |here| if line == here { broken(Transaction::set(State::Low)) } else { any_output(outputs) };
        let enroll = if line == Line::Enroll { broken(Transaction::get(State::Low)) } else { button(&[false]) };
        let pins = Pins { accept: driven(Line::Accept), reject: driven(Line::Reject), enroll };
        let mut app: TestApp<'_> = App::new(recognizer(&bytes), pins, samples(&[ANNA_SAMPLE]), ());
        assert_eq!(app.step(), Err(AppError::Pin(line)));
        done(&mut app.pins);
    }
}

#[test]
fn errors_say_what_to_do() {
    let error: AppError<&str> = AppError::Pin(Line::Reject);
    assert_eq!(error.to_string(), "the Reject pin failed: check the board");
    let error = EnrollError::TooFewSamples { found: 1 };
    assert_eq!(error.to_string(), "1 samples are not enough: hold the button for at least 3");
}

#[test]
fn the_meter_counts_decisions_and_nothing_else() {
    #[derive(Default)]
    struct Counted {
        begun: u32,
        ended: u32,
    }
    impl Meter for &core::cell::RefCell<Counted> {
        fn begin(&mut self) {
            self.borrow_mut().begun += 1;
        }
        fn end(&mut self) {
            self.borrow_mut().ended += 1;
        }
    }
    let (bytes, counted) = (bundle(), core::cell::RefCell::default());
    let pins = Pins { accept: any_output(3), reject: any_output(3), enroll: button(&[true, true, false, false]) };
    let app = App::new(recognizer(&bytes), pins, samples(&[BORIS_SAMPLE, BORIS_SAMPLE]), &counted);
    run(app);
    assert_eq!((counted.borrow().begun, counted.borrow().ended), (0, 0));

    let pins = Pins {
        accept: output(&[State::Low, State::High, State::Low]),
        reject: any_output(2),
        enroll: button(&[false; 2]),
    };
    run(App::new(recognizer(&bytes), pins, samples(&[ANNA_SAMPLE]), &counted));
    assert_eq!((counted.borrow().begun, counted.borrow().ended), (1, 1));
}

#[test]
fn a_bundle_of_another_dimension_is_refused() {
    let bytes = bundle();
    let view = BundleView::new_checked(&bytes).expect("the writer checked it");
    let mismatch = Recognizer::<'_, 4, 8>::new(&view).err().expect("three is not four");
    assert_eq!((mismatch.expected, mismatch.found), (4, 3));
}
