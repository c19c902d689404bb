//! Is this who it claims to be? Verification in five lines, with a threshold that somebody chose.
//!
//! `cargo run --example verify`

use cognate::{Embedding, Gallery, ModelDigest, Policy, Score, Search, Space, SubjectId, Template};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An encoder's outputs. A model that was exported has its digest in the bundle.
    let (enrolled, sample, other) = ([0.9, 0.1, 0.2, 0.1], [0.8, 0.2, 0.2, 0.1], [0.1, 0.9, -0.3, 0.4]);
    let space = Space::full(ModelDigest::new([7; 16]));
    let template = |values| Embedding::new(values).map(|embedding| Template::new(&embedding, space));

    let mut gallery = Gallery::<4, 8>::new(space, SubjectId::FIRST);
    let anna = gallery.enroll(&[template(enrolled)?])?;
    let policy = Policy::new(Score::from_ratio(9, 10));
    let is_anna = Search::new(&[&gallery]).verify(&template(sample)?, anna, &policy)?;
    let is_not = Search::new(&[&gallery]).verify(&template(other)?, anna, &policy)?;

    println!("a sample of Anna: {}, score {}", if is_anna.accepted { "accepted" } else { "rejected" }, is_anna.score);
    println!("of somebody else: {}, score {}", if is_not.accepted { "accepted" } else { "rejected" }, is_not.score);
    assert!(is_anna.accepted && !is_not.accepted);
    Ok(())
}
