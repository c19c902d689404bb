//! How long a training step takes: NT-Xent on 64 pairs of 28 × 28, the shipped encoder, nothing augmented.
//!
//! `cargo run --release -p cognate-train --example step -- 50` prints milliseconds a step of so many. `training_step.py` in
//! `host-tools/witness/` measures TensorFlow's on the same core beside it.

use std::error::Error;
use std::time::Instant;

use cognate_train::{Augment, BatchConfig, Labeled, Loss, Samples, TrainConfig, train};

const SIDE: usize = 28;
const PAIRS: usize = 64;
/// Until memory is there and caches are warm.
const BEFORE: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let steps: usize = std::env::args().nth(1).ok_or("say how many steps to measure")?.parse()?;
    // What is in the pictures is no matter.
    let pixels: Vec<u8> = (0..PAIRS * SIDE * SIDE).map(|index| ((index * 2_654_435_761) >> 16) as u8).collect();
    let images = Samples::of_pixels(SIDE, SIDE, &pixels)?;
    let nobody = Labeled::new(Samples::of_pixels(SIDE, SIDE, &[])?, Vec::new())?;
    let batch = BatchConfig { classes: 0, instances: PAIRS, ..BatchConfig::default() };
    let config = TrainConfig {
        steps: BEFORE + steps,
        loss: Loss::NtXent { temperature: 0.2 },
        batch,
        augment: Augment::None,
        ..TrainConfig::default()
    };
    let mut begin = None;
    let mut milliseconds = f64::NAN;
    train(&nobody, &images, &config, &mut |progress| {
        if progress.step == BEFORE {
            begin = Some(Instant::now());
        } else if let Some(begin) = begin {
            milliseconds = begin.elapsed().as_secs_f64() * 1e3 / (progress.step - BEFORE) as f64;
        }
    })?;
    println!("{milliseconds:.1} ms a step");
    Ok(())
}
