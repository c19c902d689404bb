//! Trains the glyph encoder on what the example `glyph_data` wrote, and judges one.
//!
//! ```text
//! cargo run --release -p cognate-train --example train_glyphs -- \
//!     --data target/glyphs --seed 1 --out models/glyphs.onnx
//! cargo run --release -p cognate-train --example train_glyphs -- \
//!     --judge data/digits --model models/glyphs.onnx
//! ```
//!
//! `--steps N` shortens a training run for a trial. `--leave-out ALPHABET` trains another encoder, for one-shot classification: on the
//! larger drawings of all alphabets but one, and no digits, for `host-tools/witness/one_shot.py` to judge on that one.

mod judge;
mod sheets;

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use cognate_train::{
    Augment, BatchConfig, Block, ImageAugment, Layer, NetConfig, Progress, Recipe, TrainConfig, train,
};

/// Steps of the encoder that is shipped; the last tenth rounds as a device does.
const STEPS: usize = 4000;

const USAGE: &str = "usage: train_glyphs --data DIR --seed N --out FILE [--steps N] [--leave-out ALPHABET]\n\
                     or:    train_glyphs --judge DIR --model FILE";

fn main() -> Result<(), Box<dyn Error>> {
    let args = parse(std::env::args().skip(1))?;
    let value = |name: &str| args.get(name).ok_or(format!("{name} is missing; {USAGE}"));
    if let Some(folder) = args.get("--judge") {
        return judge::judge(Path::new(folder), Path::new(value("--model")?));
    }
    let steps = args.get("--steps").map_or(Ok(STEPS), |steps| steps.parse())?;
    let seed = value("--seed")?.parse()?;
    let left_out = args.get("--leave-out").map(String::as_str);
    let recipe = if left_out.is_some() { one_shot() } else { TrainConfig::default() };
    let config = TrainConfig { seed, steps, quantization_aware: steps / 10, ..recipe };
    run(Path::new(value("--data")?), Path::new(value("--out")?), &config, left_out)
}

/// For drawings of 40 × 40 pixels and no digits: 91,908 parameters and 2.86 M MACs.
fn one_shot() -> TrainConfig {
    let block = |channels, stride| Block::from(Layer::full(channels, [3; 2], [stride; 2]));
    TrainConfig {
        net: NetConfig { blocks: vec![block(20, 2), block(32, 2), block(60, 1), block(32, 2)], ..NetConfig::default() },
        batch: BatchConfig { classes: 64, instances: 0, ..BatchConfig::default() },
        // As far for its size as in 28 × 28 pixels.
        augment: Augment::Image(ImageAugment { shift: 3.5, elastic: 1.4, ..ImageAugment::default() }),
        ..TrainConfig::default()
    }
}

/// Reads `--name value` pairs.
fn parse(words: impl Iterator<Item = String>) -> Result<HashMap<String, String>, String> {
    let words: Vec<String> = words.collect();
    let (pairs, rest) = words.as_chunks();
    let known = ["--data", "--seed", "--out", "--steps", "--leave-out", "--judge", "--model"];
    match pairs.iter().find(|[name, _]| !known.contains(&name.as_str())) {
        None if rest.is_empty() => Ok(pairs.iter().cloned().map(|[name, value]| (name, value)).collect()),
        _ => Err(USAGE.into()),
    }
}

/// Trains on the characters with their labels and, where no alphabet is left out, on the digits as instances.
fn run(data: &Path, out: &Path, config: &TrainConfig, left_out: Option<&str>) -> Result<(), Box<dyn Error>> {
    let wanted = |subject: &str| left_out.is_none_or(|alphabet| subject.split('/').next() != Some(alphabet));
    let folder = data.join(if left_out.is_some() { "fine" } else { "characters" });
    let all = sheets::read(&folder)?;
    let characters = all.only(wanted);
    if left_out.is_some() && all.subjects.len() == characters.subjects.len() {
        return Err("there is no alphabet of this name to leave out".into());
    }
    let characters = characters.labeled()?;
    let digits = match left_out {
        Some(_) => all.only(|_| false).images()?,
        None => sheets::read(&data.join("digits"))?.images()?,
    };
    let start = Instant::now();
    let mut tell = |progress: Progress| {
        if progress.step.is_multiple_of(100) || progress.step == progress.steps {
            let Progress { step, steps, loss, rate, .. } = progress;
            let seconds = start.elapsed().as_secs();
            println!("step {step} of {steps}: loss {loss:.3}, rate {rate:.5}, {seconds} s");
        }
    };
    let encoder = train(&characters, &digits, config, &mut tell)?;
    fs::write(out, encoder.to_onnx(&Recipe::new(&characters, &digits, config)))?;
    println!("wrote {}", out.display());
    Ok(())
}
