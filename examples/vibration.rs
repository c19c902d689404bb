//! Predictive maintenance: the states of a machine in which it is known to be well are enrolled as signatures; a state that is
//! near none of them is reported, before anybody has seen the fault that it comes from.
//!
//! The embedding is made by hand here: the strength of the vibration at 16 frequencies. An encoder makes a better one.
//!
//! `cargo run --example vibration`

use cognate::{
    Decision, Embedding, EmbeddingError, Gallery, ModelDigest, Policy, Score, Search, Space, SubjectId, Template,
};
use std::f32::consts::TAU;

/// Frequencies that are looked at: 1 to 16 turns in a window.
const D: usize = 16;
/// Samples of a window.
const WINDOW: usize = 128;

const SPACE: Space = Space::full(ModelDigest::new([9; 16]));

/// A window of vibration: frequencies with their strength, and some noise.
fn window(tones: &[(f32, f32)], time: usize) -> [f32; WINDOW] {
    std::array::from_fn(|index| {
        let phase = TAU * (index + 17 * time) as f32 / WINDOW as f32;
        let noise = ((index * 31 + time * 7) % 11) as f32 - 5.0;
        tones.iter().map(|(frequency, strength)| strength * (frequency * phase).sin()).sum::<f32>() + 0.02 * noise
    })
}

/// The strength at each frequency (Goertzel's sums, written out).
fn signature(window: &[f32; WINDOW]) -> Result<Template<D>, EmbeddingError> {
    let strengths = std::array::from_fn(|frequency| {
        let phase = |index: usize| TAU * ((frequency + 1) * index) as f32 / WINDOW as f32;
        let sum =
            |wave: fn(f32) -> f32| window.iter().enumerate().map(|(index, x)| x * wave(phase(index))).sum::<f32>();
        sum(f32::sin).hypot(sum(f32::cos))
    });
    Embedding::new(strengths).map(|embedding| Template::new(&embedding, SPACE))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (idle, under_load) = ([(2.0, 1.0), (4.0, 0.3)], [(3.0, 1.0), (6.0, 0.6), (9.0, 0.2)]);
    let worn_bearing = [(3.0, 1.0), (6.0, 0.6), (9.0, 0.2), (13.0, 0.9)];

    let mut states = Gallery::<D, 16>::new(SPACE, SubjectId::FIRST);
    for tones in [&idle[..], &under_load[..]] {
        let samples = (0..3).map(|time| signature(&window(tones, time))).collect::<Result<Vec<_>, _>>()?;
        states.enroll_centroid(&samples)?;
    }

    let policy = Policy::new(Score::from_ratio(95, 100));
    for (name, tones, is_well) in
        [("idle", &idle[..], true), ("under load", &under_load[..], true), ("worn bearing", &worn_bearing[..], false)]
    {
        let decision = Search::new(&[&states]).identify(&signature(&window(tones, 7))?, &policy)?;
        let score = decision.evidence().ok_or("no state is enrolled")?.best.score;
        let verdict = if matches!(decision, Decision::Known(_)) { "as it should be" } else { "look at the machine" };
        println!("{name}: {verdict}, nearest known state {score}");
        assert_eq!(decision.subject().is_some(), is_well, "{name}");
    }

    // A sensor that came loose gives nothing to compare, and that is no verdict either.
    let silence = signature(&[0.0; WINDOW]);
    assert_eq!(silence, Err(EmbeddingError::Zero));
    println!("no vibration at all: {}", silence.err().ok_or("it has a signature")?);
    Ok(())
}
