//! The core alone, to see how large it is and that nothing in it can panic: templates, a gallery in RAM, verification and
//! identification by a table of thresholds. No log, no bundle; `cargo xtask size` measures it, `cargo xtask test` looks at its
//! symbols. Whoever wants to use it writes into its RAM with a debugger.
#![no_std]
#![no_main]

use cognate::policy::{Calibration, Rate, ThresholdEntry, ThresholdTable};
use cognate::{
    Decision, Embedding, Fusion, Gallery, ModelDigest, Policy, Scan, Score, Search, Space, SubjectId, Template,
    Verification,
};
use cognate_firmware::board::Port;

const DIMENSION: usize = 128;
const CAPACITY: usize = 16;
/// Templates of a subject that the thresholds are for.
const TEMPLATES: u16 = 3;

const SPACE: Space = Space::full(ModelDigest::new(*b"a reference size"));

/// Where an encoder would put its output.
static VALUES: [Port<f32>; DIMENSION] = [const { Port::new(0.0) }; DIMENSION];
/// What to do: see [`run`].
static COMMAND: Port<u32> = Port::new(0);
/// Whom to remove, or who the sample is claimed to be.
static SUBJECT: Port<u32> = Port::new(0);
/// What came of it.
static RESULT: [Port<u32>; 4] = [const { Port::new(0) }; 4];

type Entries = [[u8; ThresholdEntry::BYTES]; 3];

/// False match rates of 1 %, 0.1 % and 0.01 %.
static THRESHOLDS: [[Port<u32>; ThresholdEntry::BYTES / 4]; 3] = [
    [Port::new(10_000_000), Port::new(3_000_000), Port::new(10_000), Port::new(11_000_000)],
    [Port::new(1_000_000), Port::new(4_000_000), Port::new(10_000), Port::new(1_500_000)],
    [Port::new(100_000), Port::new(5_000_000), Port::new(10_000), Port::new(300_000)],
];

/// The rate that verification is to hold.
const FMR: Option<Rate> = Rate::from_parts_per_billion(1_000_000);
/// The rate that identification is to hold.
const FPIR: Option<Rate> = Rate::from_parts_per_billion(10_000_000);

#[cortex_m_rt::entry]
fn main() -> ! {
    let gallery = cortex_m::singleton!(: Gallery<DIMENSION, CAPACITY> = Gallery::new(SPACE, SubjectId::FIRST));
    if let Some(gallery) = gallery {
        loop {
            let result = run(gallery).unwrap_or([u32::MAX; 4]);
            RESULT.iter().zip(result).for_each(|(place, word)| place.write(word));
        }
    }
    // It is taken once, so that this is never reached.
    loop {
        cortex_m::asm::wfi();
    }
}

/// One command; `None` when it failed.
fn run(gallery: &mut Gallery<DIMENSION, CAPACITY>) -> Option<[u32; 4]> {
    let (command, subject) = (COMMAND.read(), SubjectId::new(SUBJECT.read()));
    if command == 0 {
        return gallery.remove(subject).ok().map(|removed| [removed as u32, 0, 0, 0]);
    }
    let sample = template()?;
    if command == 1 {
        return gallery.enroll(&[sample]).ok().map(|subject| [subject.number(), 0, 0, 0]);
    }
    let entries = entries();
    let calibration = Calibration { fusion: Fusion::Maximum, templates: TEMPLATES, normalization: None };
    let table = ThresholdTable::new(&entries, calibration)?;
    let galleries: [&dyn Scan; 1] = [gallery];
    let search = Search::new(&galleries);
    match command {
        2 => verify(&search, table, &sample, subject),
        3 => identify(&search, table, &sample),
        _ => None,
    }
}

fn template() -> Option<Template<DIMENSION>> {
    let mut values = [0.0; DIMENSION];
    values.iter_mut().zip(&VALUES).for_each(|(value, port)| *value = port.read());
    Embedding::new(values).ok().map(|embedding| Template::new(&embedding, SPACE))
}

fn entries() -> Entries {
    let mut entries = Entries::default();
    for (entry, ports) in entries.iter_mut().zip(&THRESHOLDS) {
        let words = entry.as_chunks_mut().0.iter_mut().zip(ports);
        words.for_each(|(word, port)| *word = port.read().to_le_bytes());
    }
    entries
}

fn verify(
    search: &Search<'_>,
    table: ThresholdTable<'_>,
    probe: &Template<DIMENSION>,
    claimed: SubjectId,
) -> Option<[u32; 4]> {
    let policy = Policy::verification(table, FMR?).ok()?;
    let Verification { accepted, score, false_match_rate } = search.verify(probe, claimed, &policy).ok()?;
    Some([u32::from(accepted), raw(score), false_match_rate?.parts_per_billion(), 0])
}

fn identify(search: &Search<'_>, table: ThresholdTable<'_>, probe: &Template<DIMENSION>) -> Option<[u32; 4]> {
    let policy = Policy::identification(table, FPIR?, search).ok()?;
    let decision = search.identify(probe, &policy).ok()?;
    let evidence = decision.evidence()?;
    let rate = evidence.false_positive_rate?.parts_per_billion();
    Some([
        u32::from(matches!(decision, Decision::Known(_))),
        evidence.best.subject.number(),
        raw(evidence.best.score),
        rate,
    ])
}

const fn raw(score: Score) -> u32 {
    score.raw().cast_unsigned()
}
