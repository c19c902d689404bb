//! The application: samples in, pins and events out.

use crate::{EnrollError, RecognizeError, Recognizer, SampleSource, UnusableBundle};
use cognate::{Decision, Embedding, Evidence, MatchError, SubjectId, Template};
use core::fmt;
use embedded_hal::digital::{InputPin, OutputPin};
use heapless::Vec;

/// The most samples of one subject. Those after them are not kept.
pub const ENROLL_MOST: usize = 8;

/// The pins of the application. High means accept, reject, and button pressed.
#[derive(Clone, Debug)]
pub struct Pins<Accept, Reject, Enroll> {
    /// High from a sample that is known until the next sample has come, or something fails.
    pub accept: Accept,
    /// High from a sample that is not known, or not for sure, until the next sample has come, or something fails.
    pub reject: Reject,
    /// Held while the samples of a new subject are shown, read once a step.
    pub enroll: Enroll,
}

/// Counts what something costs: a cycle or instruction counter around a decision alone, or an embedding. `()` counts nothing.
pub trait Meter {
    /// It begins.
    fn begin(&mut self);
    /// It has been made, or could not be.
    fn end(&mut self);
}

impl Meter for () {
    fn begin(&mut self) {}
    fn end(&mut self) {}
}

/// What a step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// A sample is somebody's, or nobody's, and the pins show it.
    Decided(Decision),
    /// A sample was rejected, for it is like more than one subject: show another.
    Ambiguous(Evidence),
    /// A sample was rejected, for nobody is enrolled yet.
    NobodyEnrolled,
    /// A sample was taken for the subject being enrolled: how many there are now, up to [`ENROLL_MOST`].
    Collected(usize),
    /// The button was released, and the samples became a subject with this id.
    Enrolled(SubjectId),
    /// The button was released, and nobody was enrolled.
    EnrollmentRefused(EnrollError),
    /// There are no more samples.
    End,
}

/// The application on its pins, for samples of `IN` elements, with a gallery of `N` templates of `D` elements in RAM.
pub struct App<'a, const D: usize, const N: usize, Accept, Reject, Enroll, Source, Count = (), const IN: usize = D> {
    recognizer: Recognizer<'a, D, N, IN>,
    pins: Pins<Accept, Reject, Enroll>,
    source: Source,
    meter: Count,
    collected: Vec<Template<D>, ENROLL_MOST>,
}

impl<'a, const D: usize, const N: usize, Accept, Reject, Enroll, Source, Count, const IN: usize>
    App<'a, D, N, Accept, Reject, Enroll, Source, Count, IN>
where
    Accept: OutputPin,
    Reject: OutputPin,
    Enroll: InputPin,
    Source: SampleSource<IN>,
    Count: Meter,
{
    /// An application that has not seen a sample. The pins are driven from the first sample on.
    ///
    /// # Errors
    /// [`UnusableBundle::Encoder`] when the samples come from another model than the one that the bundle is for.
    pub fn new(
        recognizer: Recognizer<'a, D, N, IN>,
        pins: Pins<Accept, Reject, Enroll>,
        source: Source,
        meter: Count,
    ) -> Result<Self, UnusableBundle> {
        let (expected, found) = (source.model(), recognizer.encoder());
        if expected != found {
            return Err(UnusableBundle::Encoder { expected, found });
        }
        Ok(Self { recognizer, pins, source, meter, collected: Vec::new() })
    }

    /// The counter of decisions.
    pub const fn meter(&self) -> &Count {
        &self.meter
    }

    /// Where the samples come from.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// Handles one sample, or the release of the button. While it waits for the sample, the pins show the decision before.
    ///
    /// # Errors
    /// [`AppError`]; neither output is left high, as far as they can be driven, and the next step goes on with the next
    /// sample.
    pub fn step(&mut self) -> Result<Event, AppError<Source::Error>> {
        let event = self.handle_next();
        if event.is_err() {
            // A decision must not stay on show when something is broken. The error that came first is the one to report.
            let _ = self.show_nothing();
        }
        event
    }

    fn handle_next(&mut self) -> Result<Event, AppError<Source::Error>> {
        let enrolling = self.pins.enroll.is_high().map_err(|_| AppError::Pin(Line::Enroll))?;
        if !enrolling && !self.collected.is_empty() {
            return Ok(self.finish_enrollment());
        }
        let sample = self.source.next_sample().map_err(AppError::Source)?;
        self.show_nothing()?;
        match sample {
            None => Ok(Event::End),
            Some(sample) if enrolling => self.collect(&sample),
            Some(sample) => self.decide(&sample),
        }
    }

    fn collect(&mut self, sample: &Embedding<IN>) -> Result<Event, AppError<Source::Error>> {
        let template = self.recognizer.template(sample).map_err(RecognizeError::BackEnd).map_err(AppError::Sample)?;
        // A full collection refuses the sample, and the event tells the number that is kept.
        let _ = self.collected.push(template);
        Ok(Event::Collected(self.collected.len()))
    }

    fn finish_enrollment(&mut self) -> Event {
        let enrolled = self.recognizer.enroll(&self.collected);
        self.collected.clear();
        enrolled.map_or_else(Event::EnrollmentRefused, Event::Enrolled)
    }

    fn decide(&mut self, sample: &Embedding<IN>) -> Result<Event, AppError<Source::Error>> {
        self.meter.begin();
        let decision = self.recognizer.decide(sample);
        self.meter.end();
        match decision {
            Ok(known @ Decision::Known(_)) => self.accept(Event::Decided(known)),
            Ok(unknown @ Decision::Unknown(_)) => self.reject(Event::Decided(unknown)),
            Ok(Decision::Ambiguous(evidence)) => self.reject(Event::Ambiguous(evidence)),
            // A device may begin with nobody enrolled: that is nobody's sample, and no fault.
            Err(RecognizeError::Match(MatchError::EmptyGallery)) => self.reject(Event::NobodyEnrolled),
            Err(error) => Err(AppError::Sample(error)),
        }
    }

    fn accept(&mut self, event: Event) -> Result<Event, AppError<Source::Error>> {
        self.pins.accept.set_high().map(|()| event).map_err(|_| AppError::Pin(Line::Accept))
    }

    fn reject(&mut self, event: Event) -> Result<Event, AppError<Source::Error>> {
        self.pins.reject.set_high().map(|()| event).map_err(|_| AppError::Pin(Line::Reject))
    }

    fn show_nothing(&mut self) -> Result<(), AppError<Source::Error>> {
        // Both are tried, so that one broken line cannot leave the other one high.
        let accept = self.pins.accept.set_low().map_err(|_| AppError::Pin(Line::Accept));
        let reject = self.pins.reject.set_low().map_err(|_| AppError::Pin(Line::Reject));
        accept.and(reject)
    }
}

/// A pin of the application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Line {
    /// [`Pins::accept`].
    Accept,
    /// [`Pins::reject`].
    Reject,
    /// [`Pins::enroll`].
    Enroll,
}

/// Why a step failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AppError<Source> {
    /// A pin could not be driven or read: check the board.
    Pin(Line),
    /// The source could not give the sample.
    Source(Source),
    /// The sample is no template, or could not be decided about.
    Sample(RecognizeError),
}

impl<Source: fmt::Display> fmt::Display for AppError<Source> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pin(line) => write!(f, "the {line:?} pin failed: check the board"),
            Self::Source(error) => error.fmt(f),
            Self::Sample(error) => error.fmt(f),
        }
    }
}

impl<Source: fmt::Debug + fmt::Display> core::error::Error for AppError<Source> {}

#[cfg(test)]
mod tests;
