//! What the reference builds decide by, `match-only` and `kept`: a table of thresholds, and samples that somebody else writes into
//! RAM. Apart, so that the one has what the other has, and nothing else beside its store.

use crate::board::Port;
use cognate::policy::{Calibration, Rate, ThresholdEntry, ThresholdTable};
use cognate::{
    Decision, Embedding, Fusion, Gallery, ModelDigest, Policy, Scan, Score, Search, Space, SubjectId, Template,
    Verification,
};

/// Elements of a template.
pub const DIMENSION: usize = 128;
/// Templates that can be enrolled.
pub const CAPACITY: usize = 16;
/// Templates of a subject that the thresholds are for.
const TEMPLATES: u16 = 3;

/// What templates are of.
pub const SPACE: Space = Space::full(ModelDigest::new(*b"a reference size"));

/// Where an encoder would put its output.
static VALUES: [Port<f32>; DIMENSION] = [const { Port::new(0.0) }; DIMENSION];
/// What to do: each build has its own.
static COMMAND: Port<u32> = Port::new(0);
/// Whom to remove, or who the sample is claimed to be.
static SUBJECT: Port<u32> = Port::new(0);
/// What came of it.
static RESULT: [Port<u32>; 4] = [const { Port::new(0) }; 4];

/// What came of a command; `None` when it failed.
pub type Outcome = Option<[u32; 4]>;

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

/// The command, and whom it is about.
#[must_use]
pub fn command() -> (u32, SubjectId) {
    (COMMAND.read(), SubjectId::new(SUBJECT.read()))
}

/// Says what came of it.
pub fn answer(outcome: Outcome) {
    RESULT.iter().zip(outcome.unwrap_or([u32::MAX; 4])).for_each(|(place, word)| place.write(word));
}

/// Command 2 is verification, 3 identification. Inlined, as a firmware's own code would be, which knows its calibration.
#[must_use]
#[inline(always)]
pub fn decide(
    gallery: &Gallery<DIMENSION, CAPACITY>,
    command: u32,
    sample: &Template<DIMENSION>,
    claimed: SubjectId,
) -> Outcome {
    let entries = entries();
    let calibration = Calibration { fusion: Fusion::Maximum, templates: TEMPLATES, normalization: None };
    let table = ThresholdTable::new(&entries, calibration)?;
    let galleries: [&dyn Scan; 1] = [gallery];
    let search = Search::new(&galleries);
    match command {
        2 => verify(&search, table, sample, claimed),
        3 => identify(&search, table, sample),
        _ => None,
    }
}

/// The template of what an encoder would have put out.
#[must_use]
pub fn template() -> Option<Template<DIMENSION>> {
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

#[inline(always)]
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

#[inline(always)]
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
