//! Compares losses on characters of an alphabet that training never showed: each alphabet is left out in turn.
//!
//! ```text
//! cargo run --release -p cognate-train --example losses -- --data target/glyphs
//! ```
//!
//! The data are those of the example `glyph_data`. `--only NAME` runs one row of the table, `--steps N` shortens the runs,
//! `--seeds N` repeats each with other seeds. A row is printed when it is done; `--json` prints one object a run, too.
//!
//! Rows with labels learn from the characters of the other four alphabets, each character a class. Rows without labels learn
//! from the same images, each a class of its own. The last five rows learn from the digits 0–4, without labels: there one image in
//! five is of the anchor's class, which the debiased loss is made for. They are judged twice: on other images of 0–4, as Chuang et
//! al. judge on the classes that were learned from, and on 5–9.

mod judge;
#[path = "../train_glyphs/sheets.rs"]
mod sheets;

use std::error::Error;
use std::path::{Path, PathBuf};

use cognate_train::{Augment, BatchConfig, Labeled, Loss, Samples, TrainConfig, train};
use judge::Figures;

/// What a row of the table learns from.
#[derive(Clone, Copy, PartialEq)]
enum Learns {
    /// Characters with their labels.
    Labels,
    /// The same images without.
    Images,
    /// Digits without labels.
    Digits,
}

/// A row of the table.
struct Row {
    name: &'static str,
    learns: Learns,
    loss: Loss,
    augment: Augment,
    mixup: Option<f32>,
}

fn rows() -> Vec<Row> {
    let labeled = |name, loss| Row { name, learns: Learns::Labels, loss, augment: Augment::default(), mixup: None };
    let images = |name, loss| Row { learns: Learns::Images, ..labeled(name, loss) };
    let digits = |name, loss| Row { learns: Learns::Digits, ..labeled(name, loss) };
    let nt_xent = Loss::NtXent { temperature: 0.2 };
    let debiased = |prior| Loss::Debiased { temperature: 0.2, prior };
    vec![
        labeled("contrastive", Loss::Contrastive { margin: 1.0 }),
        labeled("triplet", Loss::Triplet { margin: 0.2 }),
        labeled("n-pair", Loss::NPair { regularization: 0.002 }),
        labeled("supervised", Loss::Supervised { temperature: 0.1 }),
        images("nt-xent", nt_xent),
        images("debiased", debiased(0.01)),
        Row { augment: Augment::None, ..images("nt-xent, no augmentation", nt_xent) },
        Row { augment: Augment::None, mixup: Some(0.6), ..images("nt-xent, mixup", nt_xent) },
        digits("nt-xent, digits", nt_xent),
        digits("debiased, digits, prior 0.1", debiased(0.1)),
        digits("debiased, digits, prior 0.2", debiased(0.2)),
        // The temperature of Chuang et al.
        digits("nt-xent, digits, temperature 0.5", Loss::NtXent { temperature: 0.5 }),
        digits("debiased, digits, temperature 0.5", Loss::Debiased { temperature: 0.5, prior: 0.1 }),
    ]
}

impl Row {
    /// 128 views a batch, whatever they are made of.
    fn config(&self, steps: usize, seed: u64) -> TrainConfig {
        let in_pairs = matches!(self.loss, Loss::NPair { .. });
        let batch = match self.learns {
            Learns::Labels if in_pairs => BatchConfig { classes: 64, samples: 2, instances: 0, ..Default::default() },
            Learns::Labels => BatchConfig { classes: 32, samples: 4, instances: 0, ..Default::default() },
            Learns::Images | Learns::Digits => BatchConfig { classes: 0, instances: 64, ..Default::default() },
        };
        let batch = BatchConfig { turned: self.learns == Learns::Labels, mixup: self.mixup, ..batch };
        TrainConfig { seed, steps, loss: self.loss, batch, augment: self.augment, ..TrainConfig::default() }
    }
}

/// What is trained on, and what the encoder is judged on, by name.
struct Fold {
    labeled: Labeled,
    instances: Samples,
    judged: Vec<(String, Labeled)>,
}

struct Args {
    data: PathBuf,
    digits: PathBuf,
    only: Option<String>,
    steps: usize,
    seeds: u64,
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = parse(std::env::args().skip(1))?;
    println!(
        "percent                        runs      EER         5-way error   20-way error  (mean, and spread over runs)"
    );
    let mut found = false;
    for row in rows().into_iter().filter(|row| args.only.as_ref().is_none_or(|only| only == row.name)) {
        found = true;
        // Alphabets make one line, the two sets of digits a line each.
        let mut lines: [Vec<Figures>; 2] = Default::default();
        for seed in 1..=args.seeds {
            for fold in folds(&args, row.learns)? {
                let encoder = train(&fold.labeled, &fold.instances, &row.config(args.steps, seed), &mut |_| ())?;
                for ((name, judged), line) in fold.judged.iter().zip(&mut lines) {
                    let figures = judge::judge(&encoder, judged, seed);
                    if args.json {
                        println!("{}", figures.json(row.name, name, seed, args.steps));
                    }
                    line.push(figures);
                }
            }
        }
        for line in lines.iter().filter(|line| !line.is_empty()) {
            println!("{:30} {:4} {}", row.name, line.len(), Figures::line(line));
        }
    }
    if found { Ok(()) } else { Err("there is no row of this name; without --only all are printed".into()) }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, Box<dyn Error>> {
    const USAGE: &str = "usage: losses --data DIR [--digits DIR] [--only NAME] [--steps N] [--seeds N] [--json]";
    let mut args =
        Args { data: PathBuf::new(), digits: "data/digits".into(), only: None, steps: 1000, seeds: 1, json: false };
    while let Some(name) = words.next() {
        if name == "--json" {
            args.json = true;
            continue;
        }
        let value = words.next().ok_or(USAGE)?;
        match name.as_str() {
            "--data" => args.data = value.into(),
            "--digits" => args.digits = value.into(),
            "--only" => args.only = Some(value),
            "--steps" => args.steps = value.parse()?,
            "--seeds" => args.seeds = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    if args.data.as_os_str().is_empty() { Err(USAGE.into()) } else { Ok(args) }
}

/// Each alphabet left out in turn, or the digits.
fn folds(args: &Args, learns: Learns) -> Result<Vec<Fold>, Box<dyn Error>> {
    if learns == Learns::Digits {
        return Ok(vec![digits(args)?]);
    }
    let characters = sheets::read(&args.data.join("characters"))?;
    let alphabet = |subject: &str| subject.split('/').next().unwrap_or_default().to_owned();
    let mut names: Vec<String> = characters.subjects.iter().map(|subject| alphabet(subject)).collect();
    names.dedup();
    let fold = |name: String| {
        let others = characters.only(|subject| alphabet(subject) != name);
        let judged = characters.only(|subject| alphabet(subject) == name).labeled()?;
        let (labeled, instances) = match learns {
            Learns::Labels => (others.labeled()?, characters.only(|_| false).images()?),
            _ => (characters.only(|_| false).labeled()?, others.images()?),
        };
        Ok(Fold { labeled, instances, judged: vec![(name, judged)] })
    };
    names.into_iter().map(fold).collect()
}

/// The digits 0–4 to learn from, other images of these and 5–9 to be judged on.
fn digits(args: &Args) -> Result<Fold, Box<dyn Error>> {
    let learned = sheets::read(&args.data.join("digits"))?;
    let judged = sheets::read(Path::new(&args.digits))?;
    let is_learned = |subject: &str| ["0", "1", "2", "3", "4"].contains(&subject);
    Ok(Fold {
        labeled: learned.only(|_| false).labeled()?,
        instances: learned.images()?,
        judged: vec![
            ("digits 0–4".into(), judged.only(is_learned).labeled()?),
            ("digits 5–9".into(), judged.only(|subject| !is_learned(subject)).labeled()?),
        ],
    })
}
