//! The core alone, to see how large it is and that nothing in it can panic: templates, a gallery in RAM, verification and
//! identification by a table of thresholds. No log, no bundle; `cargo xtask size` measures it, `cargo xtask test` looks at its
//! symbols. Whoever wants to use it writes into its RAM with a debugger.
#![no_std]
#![no_main]

use cognate::{Gallery, SubjectId};
use cognate_firmware::reference::{CAPACITY, DIMENSION, Outcome, SPACE, answer, command, decide, template};

#[cortex_m_rt::entry]
fn main() -> ! {
    let gallery = cortex_m::singleton!(: Gallery<DIMENSION, CAPACITY> = Gallery::new(SPACE, SubjectId::FIRST));
    if let Some(gallery) = gallery {
        loop {
            answer(run(gallery));
        }
    }
    // It is taken once, so that this is never reached.
    loop {
        cortex_m::asm::wfi();
    }
}

fn run(gallery: &mut Gallery<DIMENSION, CAPACITY>) -> Outcome {
    let (command, subject) = command();
    if command == 0 {
        return gallery.remove(subject).ok().map(|removed| [removed as u32, 0, 0, 0]);
    }
    let sample = template()?;
    if command == 1 {
        return gallery.enroll(&[sample]).ok().map(|subject| [subject.number(), 0, 0, 0]);
    }
    decide(gallery, command, &sample, subject)
}
