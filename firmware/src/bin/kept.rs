//! What `match-only` has, with its gallery in a store and its attempts counted by a guard: what both cost is the difference to it.
//! No log.
#![no_std]
#![no_main]

use cognate::gallery::{Adaptation, Kind};
use cognate::guard::{Guard, Limits};
use cognate::store::{Area, Receipt, Store};
use cognate::{Evidence, Gallery, Match, Scan, Score, SubjectId};
use cognate_firmware::board::{Outside, Port};
use cognate_firmware::reference::{CAPACITY, DIMENSION, Outcome, SPACE, answer, command, decide, template};

type Kept = Store<Outside, DIMENSION, CAPACITY>;

/// Where both are.
const STORE: Area = Area { begin: 0, pages: Kept::LEAST_PAGES };
const GUARD: Area = Area { begin: Kept::LEAST_PAGES * 4096, pages: 2 };

/// Seconds, as a clock would count them.
static SECONDS: Port<u32> = Port::new(0);

struct Device {
    store: Kept,
    guard: Guard<Outside>,
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let device = open();
    if let Some(device) = device {
        loop {
            answer(device.run());
        }
    }
    answer(None);
    loop {
        cortex_m::asm::wfi();
    }
}

fn open() -> Option<&'static mut Device> {
    let empty = || Gallery::new(SPACE, SubjectId::FIRST_ON_DEVICE);
    let guard = Guard::open(Outside, GUARD, Limits::FIDO).ok()?;
    let store = match Store::open(Outside, STORE, empty()) {
        Ok((store, report)) if report.damage.is_none() => store,
        _ => Store::renew(Outside, STORE, empty()).ok()?.0,
    };
    cortex_m::singleton!(: Device = Device { store, guard })
}

impl Device {
    fn run(&mut self) -> Outcome {
        let (command, subject) = command();
        match command {
            0 => return self.store.remove(subject).ok().map(|receipt| receipt_of(&receipt)),
            4 => return self.store.hide(subject).ok().map(|receipt| receipt_of(&receipt)),
            5 => return self.store.revert(subject).ok().map(|erased| [u32::from(erased.is_some()), 0, 0, 0]),
            6 => return self.guard.unlock().ok().map(|()| [0; 4]),
            _ => {}
        }
        let sample = template()?;
        match command {
            1 => self.store.enroll(&[sample]).ok().map(|subject| [subject.number(), 0, 0, 0]),
            2 | 3 => {
                let attempt = self.guard.begin(SECONDS.read().into()).ok()?;
                let outcome = decide(self.store.gallery(), command, &sample, subject);
                match outcome {
                    Some([1, ..]) => self.guard.accept(attempt).ok()?,
                    _ => self.guard.reject(attempt, SECONDS.read().into()),
                }
                outcome
            }
            7 => self.store.add(subject, &[sample]).ok().map(|()| [0; 4]),
            8 => {
                const LIMITS: Adaptation = Adaptation {
                    least_score: Score::from_ratio(9, 10),
                    least_margin: 1 << 20,
                    inertia: 4,
                    least_likeness: Score::from_ratio(8, 10),
                };
                let best = Match { subject, score: Score::from_ratio(95, 100) };
                let sure = Evidence { best, runner_up: None, false_positive_rate: None };
                let adapted = self.store.adapt(&sure, &sample, &LIMITS).ok()?;
                Some([adapted.subject.number(), adapted.likeness.raw().cast_unsigned(), 0, 0])
            }
            9 => {
                let backup = core::iter::once((subject, Kind::Enrolled, sample));
                let erased = self.store.restore(backup).ok()?;
                Some([erased.bytes.start, erased.bytes.end, erased.stubborn, self.store.gallery().subjects() as u32])
            }
            _ => None,
        }
    }
}

fn receipt_of(receipt: &Receipt) -> [u32; 4] {
    match receipt {
        Receipt::Erased { subject, templates, pages } => {
            [subject.number(), *templates as u32, pages.bytes.start, pages.bytes.end]
        }
        Receipt::Hidden { subject } => [subject.number(), 0, 0, 0],
    }
}
