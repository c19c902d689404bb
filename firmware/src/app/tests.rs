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

/// The first that is enrolled by the button.
const BORIS: SubjectId = SubjectId::FIRST_ON_DEVICE;

/// A bundle with ANNA and a threshold of 0.9.
fn bundle() -> Vec<u8> {
    bundle_of(&[Subject { id: ANNA, name: "Anna" }], &[EnrolledTemplate { subject: ANNA, code: &[127, 13, 0] }])
}

fn bundle_of(subjects: &[Subject<'_>], templates: &[EnrolledTemplate<'_>]) -> Vec<u8> {
    let rate = Rate::from_parts_per_billion(10_000_000).expect("one percent is a rate");
    let threshold =
        ThresholdEntry { fmr: rate, threshold: Score::from_ratio(9, 10), comparisons: 1000, fmr_upper_bound: rate };
    let contents = BundleContents {
        dimension: 3,
        model: MODEL,
        thresholds: &[threshold],
        operating_point: 0,
        subjects,
        next_subject: SubjectId::new(9),
        templates,
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

    fn model(&self) -> ModelDigest {
        MODEL
    }

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

/// What a pin is expected to be told, in order: low when a sample has come, and perhaps high for the decision about it.
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

/// A pin that does this once, and fails.
fn broken(transactions: &[Transaction]) -> Pin {
    let (last, before) = transactions.split_last().expect("something must fail");
    let error = MockError::Io(ErrorKind::NotConnected);
    Pin::new(&[before, &[last.clone().with_error(error)]].concat())
}

fn app<'a, Count: Meter>(
    bytes: &'a [u8],
    pins: Pins<Pin, Pin, Pin>,
    samples: Samples,
    meter: Count,
) -> TestApp<'a, Count> {
    App::new(recognizer(bytes), pins, samples, meter).expect("the model is the bundle's")
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
fn a_known_sample_accepts_a_stranger_rejects_and_both_are_low_in_between() {
    use State::{High, Low};
    let bytes = bundle();
    let pins = Pins {
        accept: output(&[Low, High, Low, Low]),
        reject: output(&[Low, Low, High, Low]),
        enroll: button(&[false; 3]),
    };
    let events = run(app(&bytes, pins, samples(&[ANNA_SAMPLE, STRANGER]), ()));
    assert_eq!(events.iter().filter_map(decided).collect::<Vec<_>>(), [Some(ANNA), None]);
}

#[test]
fn holding_the_button_enrolls_a_subject_with_an_id_that_no_bundle_has() {
    use State::{High, Low};
    let bytes = bundle();
    let pins = Pins {
        accept: output(&[Low, Low, Low, Low, Low, High, Low, High, Low]),
        reject: output(&[Low, High, Low, Low, Low, Low, Low, Low]),
        enroll: button(&[false, true, true, true, false, false, false, false]),
    };
    let shown = [BORIS_SAMPLE, BORIS_SAMPLE, BORIS_SAMPLE, BORIS_SAMPLE, BORIS_SAMPLE, ANNA_SAMPLE];
    let events = run(app(&bytes, pins, samples(&shown), ()));
    assert_eq!(decided(&events[0]), Some(None));
    assert_eq!(events[1..4], [Event::Collected(1), Event::Collected(2), Event::Collected(3)]);
    assert_eq!(events[4], Event::Enrolled(BORIS));
    assert_eq!(decided(&events[5]), Some(Some(BORIS)));
    assert_eq!(decided(&events[6]), Some(Some(ANNA)));
}

/// The event of releasing the button after so many samples.
fn after_collecting(count: usize) -> Event {
    let bytes = bundle();
    let mut levels = std::vec![true; count];
    levels.extend([false, false]);
    let pins = Pins { accept: any_output(count + 1), reject: any_output(count + 1), enroll: button(&levels) };
    let events = run(app(&bytes, pins, samples(&std::vec![BORIS_SAMPLE; count]), ()));
    events[count]
}

#[test]
fn too_few_samples_enroll_nobody() {
    for found in 1..ENROLL_LEAST {
        assert_eq!(after_collecting(found), Event::EnrollmentRefused(EnrollError::TooFewSamples { found }));
    }
    assert_eq!(after_collecting(ENROLL_LEAST), Event::Enrolled(BORIS));
}

#[test]
fn samples_beyond_the_most_are_not_kept() {
    // One more than the gallery's capacity would hold if all of them were kept.
    assert_eq!(after_collecting(ENROLL_MOST + 1), Event::Enrolled(BORIS));
}

#[test]
fn a_subject_that_does_not_fit_is_refused_whole() {
    let bytes = bundle();
    let mut levels = std::vec![true; 6];
    levels.push(false);
    levels.extend([true, true, true, false, false]);
    let pins = Pins { accept: any_output(10), reject: any_output(10), enroll: button(&levels) };
    let events = run(app(&bytes, pins, samples(&[BORIS_SAMPLE; 9]), ()));
    assert_eq!(events[6], Event::Enrolled(BORIS));
    let full = GalleryError::Full { capacity: 8, needed: 9 };
    assert_eq!(events[10], Event::EnrollmentRefused(EnrollError::Gallery(full)));
}

#[test]
fn a_failed_sample_shows_nothing_and_the_next_one_is_decided() {
    use State::{High, Low};
    let bytes = bundle();
    let pins = Pins {
        accept: output(&[Low, High, Low, Low, High]),
        reject: output(&[Low, Low, Low]),
        enroll: button(&[false; 3]),
    };
    let list = std::vec![Some(ANNA_SAMPLE), None, Some(ANNA_SAMPLE)];
    let mut app = app(&bytes, pins, Samples(list.into_iter()), ());
    assert_eq!(app.step().as_ref().map(decided), Ok(Some(Some(ANNA))));
    assert_eq!(app.step(), Err(AppError::Source("no sample")));
    assert_eq!(app.step().as_ref().map(decided), Ok(Some(Some(ANNA))));
    done(&mut app.pins);
}

/// A sample that looks at a pin when it is asked for: the decision before must still be on show.
#[test]
fn a_decision_stays_on_show_until_the_next_sample_has_come() {
    use core::cell::Cell;

    struct Led<'a>(&'a Cell<bool>);
    impl embedded_hal::digital::ErrorType for Led<'_> {
        type Error = core::convert::Infallible;
    }
    impl OutputPin for Led<'_> {
        fn set_low(&mut self) -> Result<(), Self::Error> {
            self.0.set(false);
            Ok(())
        }
        fn set_high(&mut self) -> Result<(), Self::Error> {
            self.0.set(true);
            Ok(())
        }
    }
    struct Watching<'a>(Samples, &'a Cell<bool>, Vec<bool>);
    impl SampleSource<3> for &mut Watching<'_> {
        type Error = &'static str;
        fn model(&self) -> ModelDigest {
            MODEL
        }
        fn next_sample(&mut self) -> Result<Option<Embedding<3>>, &'static str> {
            self.2.push(self.1.get());
            self.0.next_sample()
        }
    }

    let (bytes, accept, reject) = (bundle(), Cell::new(false), Cell::new(false));
    let mut source = Watching(samples(&[ANNA_SAMPLE, STRANGER]), &accept, Vec::new());
    let mut enroll = button(&[false; 3]);
    let pins = Pins { accept: Led(&accept), reject: Led(&reject), enroll: &mut enroll };
    let mut app = App::new(recognizer::<8>(&bytes), pins, &mut source, ()).expect("the model is the bundle's");
    let shown = [(true, false), (false, true), (false, false)].map(|_| {
        app.step().expect("nothing is broken");
        (accept.get(), reject.get())
    });
    assert_eq!(shown, [(true, false), (false, true), (false, false)]);
    assert_eq!(source.2, [false, true, false]);
    enroll.done();
}

#[test]
fn a_button_that_cannot_be_read_takes_the_last_decision_off() {
    use State::{High, Low};
    let bytes = bundle();
    let pins = Pins {
        accept: output(&[Low, High, Low]),
        reject: output(&[Low, Low]),
        enroll: broken(&[Transaction::get(Low), Transaction::get(Low)]),
    };
    let mut app = app(&bytes, pins, samples(&[ANNA_SAMPLE, ANNA_SAMPLE]), ());
    assert_eq!(app.step().as_ref().map(decided), Ok(Some(Some(ANNA))));
    assert_eq!(app.step(), Err(AppError::Pin(Line::Enroll)));
    done(&mut app.pins);
}

#[test]
fn an_output_that_cannot_go_low_is_named_and_the_other_one_still_does() {
    let bytes = bundle();
    for line in [Line::Accept, Line::Reject] {
        // Both are lowered for the sample, and once more for the error.
        let stuck = [Transaction::set(State::Low), Transaction::set(State::Low)]
            .map(|transaction| transaction.with_error(MockError::Io(ErrorKind::NotConnected)));
        let driven = |here| if line == here { Pin::new(&stuck) } else { any_output(2) };
        let pins = Pins { accept: driven(Line::Accept), reject: driven(Line::Reject), enroll: button(&[false]) };
        let mut app = app(&bytes, pins, samples(&[ANNA_SAMPLE]), ());
        assert_eq!(app.step(), Err(AppError::Pin(line)));
        done(&mut app.pins);
    }
}

#[test]
fn an_output_that_cannot_go_high_is_named_and_both_are_lowered() {
    let bytes = bundle();
    for (line, sample) in [(Line::Accept, ANNA_SAMPLE), (Line::Reject, STRANGER)] {
        let stuck = || {
            let failing = Transaction::set(State::High).with_error(MockError::Io(ErrorKind::NotConnected));
            Pin::new(&[Transaction::set(State::Low), failing, Transaction::set(State::Low)])
        };
        let driven = |here| if line == here { stuck() } else { any_output(2) };
        let pins = Pins { accept: driven(Line::Accept), reject: driven(Line::Reject), enroll: button(&[false]) };
        let mut app = app(&bytes, pins, samples(&[sample]), ());
        assert_eq!(app.step(), Err(AppError::Pin(line)));
        done(&mut app.pins);
    }
}

#[test]
fn a_device_that_begins_with_nobody_rejects_until_the_button_enrolls() {
    use State::{High, Low};
    let bytes = bundle_of(&[], &[]);
    let pins = Pins {
        accept: output(&[Low, Low, Low, Low, Low, High, Low, Low]),
        reject: output(&[Low, High, Low, Low, Low, Low, Low, High, Low]),
        enroll: button(&[false, true, true, true, false, false, false, false]),
    };
    let shown = [BORIS_SAMPLE, BORIS_SAMPLE, BORIS_SAMPLE, BORIS_SAMPLE, BORIS_SAMPLE, STRANGER];
    let events = run(app(&bytes, pins, samples(&shown), ()));
    assert_eq!(events[0], Event::NobodyEnrolled);
    assert_eq!(events[4], Event::Enrolled(BORIS));
    assert_eq!(events[5..7].iter().filter_map(decided).collect::<Vec<_>>(), [Some(BORIS), None]);
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
    let counting = app(&bytes, pins, samples(&[BORIS_SAMPLE, BORIS_SAMPLE]), &counted);
    run(counting);
    assert_eq!((counted.borrow().begun, counted.borrow().ended), (0, 0));

    let pins = Pins {
        accept: output(&[State::Low, State::High, State::Low]),
        reject: any_output(2),
        enroll: button(&[false; 2]),
    };
    run(app(&bytes, pins, samples(&[ANNA_SAMPLE]), &counted));
    assert_eq!((counted.borrow().begun, counted.borrow().ended), (1, 1));
}

#[test]
fn a_bundle_of_another_dimension_is_refused() {
    let bytes = bundle();
    let view = BundleView::new_checked(&bytes).expect("the writer checked it");
    let mismatch = Recognizer::<'_, 4, 8>::new(&view).err().expect("three is not four");
    assert_eq!(mismatch, BundleMismatch::Dimension { expected: 4, found: 3 });
}

#[test]
fn a_bundle_of_another_model_is_refused() {
    struct Other;
    impl SampleSource<3> for Other {
        type Error = ();
        fn model(&self) -> ModelDigest {
            ModelDigest::new([8; 16])
        }
        fn next_sample(&mut self) -> Result<Option<Embedding<3>>, ()> {
            Ok(None)
        }
    }
    let bytes = bundle();
    let pins = Pins { accept: any_output(0), reject: any_output(0), enroll: button(&[]) };
    let mut unused = pins.clone();
    let mismatch = App::new(recognizer::<8>(&bytes), pins, Other, ()).err().expect("seven is not eight");
    assert_eq!(mismatch, BundleMismatch::Model { expected: ModelDigest::new([8; 16]), found: MODEL });
    done(&mut unused);
}
