//! `cognate analogy`

use super::output::{percent, print, progress_bar};
use anyhow::Context;
use clap::ArgGroup;
use cognate_host::file::{self, FileError};
use cognate_host::words::Vectors;
use cognate_host::words::analogy::{Questions, Section};
use cognate_host::words::bias::{Bias, Lists};
use cognate_host::words::device::{DeviceWords, MOST_NEAREST};
use cognate_host::words::neighbors::{Expression, Neighbors};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cognate analogy vectors.txt.gz questions-words.txt
  cognate analogy vectors.txt.gz --near paris --count 5
  cognate analogy vectors.txt.gz --near 'king - man + woman'
  cognate analogy vectors.txt --targets he,man,boy she,woman,girl --attributes career,office home,family
  cognate analogy vectors.txt --targets @flowers.txt @insects.txt --attributes @pleasant.txt @unpleasant.txt --json";

/// Asks embeddings of words for analogies, neighbors and bias, in f32 and by the device's arithmetic
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group(ArgGroup::new("asked").args(["questions", "near", "targets"]).required(true).multiple(true)))]
pub struct Args {
    /// Vectors in word2vec's text form, which may be compressed by gzip
    vectors: PathBuf,
    /// Analogies: four words a line, a line `: name` before each section
    questions: Option<PathBuf>,
    /// The words most alike to a word, or to a sum of words with + and - between them
    #[arg(long, value_name = "EXPRESSION", allow_hyphen_values = true)]
    near: Option<String>,
    /// How many neighbors to show
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=MOST_NEAREST as i64))]
    count: u8,
    /// Two lists of words, each with commas between them or @FILE, for the association test (WEAT): whether the first goes with
    /// the first of --attributes, and the second with the second
    #[arg(long, num_args = 2, value_names = ["WORDS", "WORDS"], requires = "attributes")]
    targets: Option<Vec<String>>,
    /// Two lists of words that the targets may go with
    #[arg(long, num_args = 2, value_names = ["WORDS", "WORDS"], requires = "targets")]
    attributes: Option<Vec<String>>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let vectors = Vectors::read(&args.vectors)?;
    let questions = args.questions.as_ref().map(|path| Questions::read(path, &vectors)).transpose()?;
    let near = args.near.as_ref().map(|text| Expression::parse(text, &vectors).context("--near")).transpose()?;
    let lists = lists(args, &vectors)?;
    let of_vectors = |problem| FileError::new(&args.vectors, problem);
    let device = DeviceWords::new(&vectors).map_err(of_vectors)?;
    let neighbors = near.map(|near| near.nearest(&vectors, &device, args.count.into())).transpose();
    let neighbors = neighbors.map_err(of_vectors)?;
    let bias = lists.map(|lists| lists.probe(&vectors, &device)).transpose().map_err(of_vectors)?;
    let sections = questions.map(|questions| {
        let bar = progress_bar(questions.len(), "questions");
        let sections = questions.ask(&vectors, &device, &|answered| bar.inc(answered as u64));
        bar.finish_and_clear();
        sections
    });
    let sections = sections.transpose().map_err(of_vectors)?;
    if args.json {
        let object = json!({
            "words": vectors.words().len(),
            "dimension": vectors.dimension(),
            "neighbors": neighbors,
            "bias": bias,
            "analogies": sections.map(|sections| json!({ "total": total(&sections), "sections": sections })),
        });
        return print(&format!("{object}\n"));
    }
    let mut text = format!("{} words, {} elements\n", vectors.words().len(), vectors.dimension());
    if let Some(neighbors) = &neighbors {
        text += &neighbors_text(neighbors);
    }
    if let Some(bias) = &bias {
        text += &bias_text(bias);
    }
    if let Some(sections) = &sections {
        text += &sections_text(sections);
    }
    print(&text)
}

fn lists(args: &Args, vectors: &Vectors) -> anyhow::Result<Option<Lists>> {
    let (Some(targets), Some(attributes)) = (&args.targets, &args.attributes) else { return Ok(None) };
    let lists: Vec<Vec<String>> =
        targets.iter().chain(attributes).map(|text| list(text)).collect::<anyhow::Result<_>>()?;
    let [x, y, a, b] = lists.as_slice() else { unreachable!("each of the two takes two lists") };
    Ok(Some(Lists::new([x, y], [a, b], vectors)?))
}

/// Words with commas between them, or those of a file.
fn list(text: &str) -> anyhow::Result<Vec<String>> {
    let words = match text.strip_prefix('@') {
        Some(path) => String::from_utf8_lossy(&file::read(Path::new(path))?).into_owned(),
        None => text.to_owned(),
    };
    let is_between = |letter: char| letter == ',' || letter.is_whitespace();
    Ok(words.split(is_between).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

fn total(sections: &[Section]) -> Section {
    let sum = |count: fn(&Section) -> usize| sections.iter().map(count).sum();
    Section {
        name: "all".to_owned(),
        asked: sum(|section| section.asked),
        skipped: sum(|section| section.skipped),
        right_f32: sum(|section| section.right_f32),
        right_device: sum(|section| section.right_device),
        other_answers: sum(|section| section.other_answers),
    }
}

fn sections_text(sections: &[Section]) -> String {
    let widest = sections.iter().map(|section| section.name.chars().count()).max().unwrap_or(0).max("section".len());
    let mut text = format!(
        "\n{:<widest$}  {:>6}  {:>16}  {:>16}  {:>13}  {:>7}\n",
        "section", "asked", "right in f32", "on the device", "other answers", "skipped"
    );
    for section in sections.iter().chain([&total(sections)]) {
        let share = |right: usize| {
            let asked = section.asked.max(1);
            format!("{right} {:>9}", percent(right as f64 / asked as f64))
        };
        writeln!(
            text,
            "{:<widest$}  {:>6}  {:>16}  {:>16}  {:>13}  {:>7}",
            section.name,
            section.asked,
            share(section.right_f32),
            share(section.right_device),
            section.other_answers,
            section.skipped
        )
        .expect("a string takes it");
    }
    text
}

fn neighbors_text(neighbors: &Neighbors) -> String {
    let mut text =
        format!("\n{:>4}  {:<24}  {:>7}  {:<24}  {:>7}\n", "", "in f32", "cosine", "on the device", "cosine");
    for (rank, (exact, device)) in neighbors.f32.iter().zip(&neighbors.device).enumerate() {
        let columns = (&exact.word, exact.cosine, &device.word, device.cosine);
        writeln!(text, "{:>4}  {:<24}  {:>7.4}  {:<24}  {:>7.4}", rank + 1, columns.0, columns.1, columns.2, columns.3)
            .expect("a string takes it");
    }
    text
}

fn bias_text(bias: &Bias) -> String {
    let of = if bias.exact { "all" } else { "drawn" };
    let mut text = format!("\n{:<14}  {:>11}  {:>8}\n", "association", "effect size", "p-value");
    for (name, effect) in [("in f32", bias.f32), ("on the device", bias.device)] {
        writeln!(text, "{name:<14}  {:>11.4}  {:>8.6}", effect.size, effect.p_value).expect("a string takes it");
    }
    writeln!(text, "one-sided, over {} partitions ({of})", bias.partitions).expect("a string takes it");
    text
}
