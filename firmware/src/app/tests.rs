use super::*;
use crate::fixture::{
    ANNA, BORIS, MODEL, STRANGER, anna, boris, bundle, bundle_with, bundle_with_nobody, encoder, threshold, view,
};
use crate::{Encoding, Frames};
use cognate::encoder::{Arena, operators};
use cognate::quality::LEAST_SAMPLES;
use cognate::quality::Refusal;
use cognate::{BackEnd, BackEndError, EmbeddingError, GalleryError, ModelDigest};
use embedded_hal_mock::eh1::MockError;
use embedded_hal_mock::eh1::digital::{Mock as Pin, State, Transaction};
use std::io::ErrorKind;
use std::string::ToString;
use std::vec::Vec;

fn recognizer<const N: usize>(bytes: &[u8]) -> Recognizer<'_, 3, N> {
    Recognizer::new(&view(bytes)).expect("the dimension is 3")
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
    let events = run(app(&bytes, pins, samples(&[anna(1), STRANGER]), ()));
    assert_eq!(events.iter().filter_map(decided).collect::<Vec<_>>(), [Some(ANNA), None]);
}

#[test]
fn pixels_are_decided_about_when_the_bundle_has_an_encoder() {
    let bytes = bundle_with(|contents| contents.encoder = Some(encoder().leak()));
    let encoder = view(&bytes).int8_encoder::<{ operators::SCALE }>().expect("it is valid").expect("it is there");
    let frames = Frames::new(&encoder, &[250, 26, 0, 0, 26, 250]);
    let mut arena = Arena::<32>::new();
    let source = Encoding::new(encoder, arena.bytes(), frames, ()).expect("there is enough memory");
    use State::{High, Low};
    let pins = Pins {
        accept: output(&[Low, High, Low, Low]),
        reject: output(&[Low, Low, High, Low]),
        enroll: button(&[false; 3]),
    };
    let mut app = App::new(recognizer::<8>(&bytes), pins, source, ()).expect("the encoder is the bundle's");
    assert_eq!(decided(&app.step().expect("it decides")), Some(Some(ANNA)));
    assert_eq!(decided(&app.step().expect("it decides")), Some(None));
    assert_eq!(app.step(), Ok(Event::End));
    done(&mut app.pins);
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
    let shown = [boris(0), boris(1), boris(2), boris(3), boris(4), anna(1)];
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
    let shown: Vec<_> = (0..count as u8).map(boris).collect();
    let events = run(app(&bytes, pins, samples(&shown), ()));
    events[count]
}

#[test]
fn too_few_samples_enroll_nobody() {
    for found in 1..LEAST_SAMPLES {
        let few = Refusal::TooFewSamples { found, needed: LEAST_SAMPLES };
        assert_eq!(after_collecting(found), Event::EnrollmentRefused(EnrollError::Quality(few)));
    }
    assert_eq!(after_collecting(LEAST_SAMPLES), Event::Enrolled(BORIS));
}

#[test]
fn samples_beyond_the_most_are_not_kept() {
    // One more than the gallery's capacity would hold if all of them were kept.
    assert_eq!(after_collecting(ENROLL_MOST + 1), Event::Enrolled(BORIS));
}

/// Holding the button for BORIS, then once more for somebody else: what the two releases say.
fn after_enrolling_boris_and(more: &[[f32; 3]]) -> [Event; 2] {
    let bytes = bundle();
    let shown = [&[0, 1, 2, 3, 4, 5].map(boris), more].concat();
    let mut levels = std::vec![true; 6];
    levels.push(false);
    levels.extend(std::vec![true; more.len()]);
    levels.extend([false, false]);
    let (accept, reject) = (any_output(shown.len() + 1), any_output(shown.len() + 1));
    let events = run(app(&bytes, Pins { accept, reject, enroll: button(&levels) }, samples(&shown), ()));
    [events[6], events[7 + more.len()]]
}

#[test]
fn each_reason_to_refuse_an_enrollment_is_an_event() {
    let strangers = [STRANGER, [-0.2, 0.12, 1.0], [-0.2, 0.14, 1.0]];
    let full = EnrollError::Gallery(GalleryError::Full { capacity: 8, needed: 9 });
    assert_eq!(after_enrolling_boris_and(&strangers), [Event::Enrolled(BORIS), Event::EnrollmentRefused(full)]);
    let refusal = |more: [[f32; 3]; 3]| match after_enrolling_boris_and(&more) {
        [Event::Enrolled(BORIS), Event::EnrollmentRefused(EnrollError::Quality(refusal))] => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal([STRANGER, [0.3; 3], STRANGER]), Refusal::Constant { sample: 1 });
    let clipped = refusal([[1.0, -1.0, 0.0], STRANGER, STRANGER]);
    assert_eq!(clipped, Refusal::Clipped { sample: 0, elements: 2, most: 1 });
    assert!(matches!(refusal([STRANGER; 3]), Refusal::Duplicate { first: 0, second: 1, .. }));
    assert!(matches!(refusal([strangers[0], boris(0), strangers[2]]), Refusal::Inconsistent { sample: 1, .. }));
    let close = refusal([6, 7, 8].map(boris));
    assert!(matches!(close, Refusal::TooClose { other, .. } if other.subject == BORIS), "{close}");
}

#[test]
fn an_enrollment_that_no_threshold_supports_is_refused_and_decisions_go_on() {
    let bytes = bundle_with(|contents| contents.fpir = crate::fixture::rate(20_000_000));
    let pins = Pins {
        accept: output(&[State::Low, State::Low, State::Low, State::Low, State::High, State::Low]),
        reject: any_output(5),
        enroll: button(&[true, true, true, false, false, false]),
    };
    let events = run(app(&bytes, pins, samples(&[boris(0), boris(1), boris(2), anna(1)]), ()));
    assert!(matches!(events[3], Event::EnrollmentRefused(EnrollError::Policy(_))), "{:?}", events[3]);
    assert_eq!(decided(&events[4]), Some(Some(ANNA)));
}

#[test]
fn a_sample_between_two_subjects_rejects_with_an_event_of_its_own() {
    use State::{High, Low};
    let bytes = bundle_with(|contents| {
        contents.thresholds = const { &[threshold(10_000_000, 50)] };
        contents.margin = 1 << 20;
    });
    let pins = Pins {
        accept: output(&[Low, Low, Low, Low, Low]),
        reject: output(&[Low, Low, Low, Low, High, Low]),
        enroll: button(&[true, true, true, false, false, false]),
    };
    let events = run(app(&bytes, pins, samples(&[boris(0), boris(1), boris(2), [0.9, 1.0, 0.0]]), ()));
    let Event::Ambiguous(evidence) = events[4] else { panic!("{:?}", events[4]) };
    assert_eq!((evidence.best.subject, evidence.runner_up.map(|other| other.subject)), (BORIS, Some(ANNA)));
}

/// The bundle of a back end that subtracts a mean of one half from the first element.
#[test]
fn a_sample_of_which_the_back_end_leaves_nothing_is_an_error_and_the_next_one_is_decided() {
    use State::{High, Low};
    const MEAN: [[u8; 4]; 3] = [[0, 0, 8, 0], [0; 4], [0; 4]];
    let bytes = bundle_with(|contents| contents.back_end = BackEnd::new(MODEL, [20, -20], 0, &MEAN, &[]));
    let the_mean = [0.5, 0.0, 0.0];
    for (pressed, accepted) in [(false, &[Low, Low, Low, High][..]), (true, &[Low, Low, Low])] {
        let pins =
            Pins { accept: output(accepted), reject: output(&[Low, Low, Low]), enroll: button(&[pressed, pressed]) };
        let mut app = app(&bytes, pins, samples(&[the_mean, [1.5, 0.1, 0.0]]), ());
        let nothing = RecognizeError::BackEnd(BackEndError::Embedding(EmbeddingError::Zero));
        assert_eq!(app.step(), Err(AppError::Sample(nothing)));
        let next = app.step().expect("it is a sample");
        assert_eq!(if pressed { Some(Some(ANNA)) } else { decided(&next) }, Some(Some(ANNA)));
        assert!(!pressed || next == Event::Collected(1), "what failed is not collected");
        done(&mut app.pins);
    }
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
    let list = std::vec![Some(anna(1)), None, Some(anna(1))];
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
    let mut source = Watching(samples(&[anna(1), STRANGER]), &accept, Vec::new());
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
    let mut app = app(&bytes, pins, samples(&[anna(1), anna(1)]), ());
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
        let mut app = app(&bytes, pins, samples(&[anna(1)]), ());
        assert_eq!(app.step(), Err(AppError::Pin(line)));
        done(&mut app.pins);
    }
}

#[test]
fn an_output_that_cannot_go_high_is_named_and_both_are_lowered() {
    let bytes = bundle();
    for (line, sample) in [(Line::Accept, anna(1)), (Line::Reject, STRANGER)] {
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
    let bytes = bundle_with_nobody();
    let pins = Pins {
        accept: output(&[Low, Low, Low, Low, Low, High, Low, Low]),
        reject: output(&[Low, High, Low, Low, Low, Low, Low, High, Low]),
        enroll: button(&[false, true, true, true, false, false, false, false]),
    };
    let shown = [boris(0), boris(1), boris(2), boris(3), boris(4), STRANGER];
    let events = run(app(&bytes, pins, samples(&shown), ()));
    assert_eq!(events[0], Event::NobodyEnrolled);
    assert_eq!(events[4], Event::Enrolled(BORIS));
    assert_eq!(events[5..7].iter().filter_map(decided).collect::<Vec<_>>(), [Some(BORIS), None]);
}

#[test]
fn errors_say_what_to_do() {
    let error: AppError<&str> = AppError::Pin(Line::Reject);
    assert_eq!(error.to_string(), "the Reject pin failed: check the board");
    let error = EnrollError::Quality(Refusal::TooFewSamples { found: 1, needed: LEAST_SAMPLES });
    assert_eq!(error.to_string(), "1 of 3 samples: one bad sample would not be noticed; take more");
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
    let counting = app(&bytes, pins, samples(&[boris(0), boris(1)]), &counted);
    run(counting);
    assert_eq!((counted.borrow().begun, counted.borrow().ended), (0, 0));

    let pins = Pins {
        accept: output(&[State::Low, State::High, State::Low]),
        reject: any_output(2),
        enroll: button(&[false; 2]),
    };
    run(app(&bytes, pins, samples(&[anna(1)]), &counted));
    assert_eq!((counted.borrow().begun, counted.borrow().ended), (1, 1));
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
    assert_eq!(mismatch, UnusableBundle::Encoder { expected: ModelDigest::new([8; 16]), found: MODEL });
    done(&mut unused);
}
