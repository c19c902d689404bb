//! A door that knows a few people and meets strangers: open-set identification by the rate at which a stranger may be taken
//! for anybody enrolled, and a sample between two people, which is for nobody to decide.
//!
//! `cargo run --example door`

use cognate::policy::{Calibration, Rate, ThresholdEntry, ThresholdTable};
use cognate::{
    Decision, Embedding, Fusion, Gallery, GalleryError, ModelDigest, Policy, Scan, Score, Search, Space, SubjectId,
    Template,
};

/// Elements of an embedding.
const D: usize = 16;

const SPACE: Space = Space::full(ModelDigest::new([7; 16]));

/// A sample of a person, a little different each time; two people have little in common.
fn sample(person: usize, time: usize) -> Template<D> {
    template(std::array::from_fn(|index| own(person, index) + 0.1 * ((index * 7 + time * 5) % 4) as f32))
}

fn own(person: usize, index: usize) -> f32 {
    if index % 4 == person { 1.0 } else { 0.0 }
}

fn template(values: [f32; D]) -> Template<D> {
    Template::new(&Embedding::new(values).expect("it is finite and not zero"), SPACE)
}

/// What calibration found: the score that one in a hundred, a thousand, ten thousand impostors reaches.
fn thresholds() -> Option<[[u8; ThresholdEntry::BYTES]; 3]> {
    let rate = Rate::from_parts_per_billion;
    let entry = |fmr, threshold| ThresholdEntry { fmr, threshold, comparisons: 100_000, fmr_upper_bound: fmr };
    let entry = |fmr, percent| Some(entry(rate(fmr)?, Score::from_ratio(percent, 100)).to_bytes());
    Some([entry(10_000_000, 50)?, entry(1_000_000, 65)?, entry(100_000, 80)?])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entries = thresholds().ok_or("a rate above a whole")?;
    let calibration = Calibration { fusion: Fusion::Maximum, templates: 3, normalization: None };
    let table = ThresholdTable::new(&entries, calibration).ok_or("thresholds out of order")?;
    let one_percent = Rate::from_parts_per_billion(10_000_000).ok_or("a rate above a whole")?;

    let mut gallery = Gallery::<D, 6>::new(SPACE, SubjectId::FIRST);
    let anna = gallery.enroll(&[0, 1, 2].map(|time| sample(0, time)))?;
    let boris = gallery.enroll(&[0, 1, 2].map(|time| sample(1, time)))?;

    let galleries: [&dyn Scan; 1] = [&gallery];
    let search = Search::new(&galleries);
    // It has to be made anew when somebody is enrolled or removed: the threshold rises with the number of people.
    let policy = Policy::identification(table, one_percent, &search)?.with_margin(1 << 20);
    let between = std::array::from_fn(|index| own(0, index) + own(1, index));
    for (who, probe) in
        [("Anna", sample(0, 3)), ("Boris", sample(1, 3)), ("a stranger", sample(2, 0)), ("a blend", template(between))]
    {
        let decision = search.identify(&probe, &policy)?;
        match decision {
            Decision::Known(evidence) => println!("{who}: known as {}, {}", evidence.best.subject, evidence.best.score),
            Decision::Ambiguous(_) => println!("{who}: as much like one as like another, look again"),
            Decision::Unknown(_) => println!("{who}: nobody enrolled"),
        }
        let expected = match who {
            "Anna" => Some(anna),
            "Boris" => Some(boris),
            _ => None,
        };
        assert_eq!(decision.subject(), expected, "{who}");
        assert_eq!(matches!(decision, Decision::Ambiguous(_)), who == "a blend");
    }

    // What does not fit is an error, and nothing has changed.
    let full = gallery.enroll(&[sample(3, 0)]);
    assert_eq!(full, Err(GalleryError::Full { capacity: 6, needed: 7 }));
    println!("one more: {}", full.err().ok_or("it was enrolled")?);
    Ok(())
}
