//! What commands share: printing, and checks of where they write.

use anyhow::{Context, bail};
use cognate::{CodeForm, Score};
use cognate_host::embeddings::Embeddings;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Prints to the standard output. A reader that has seen enough, such as `head`, is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("the standard output cannot be written"),
    }
}

/// Checks that embeddings can go to a path: its name ends in `.npy`, and neither it nor the `.csv` beside it is one
/// of the files that are read.
pub fn check_embeddings_output(output: &Path, inputs: &[&Path]) -> anyhow::Result<()> {
    if output.extension().is_none_or(|extension| extension != "npy") {
        bail!("{}: embeddings are written as .npy, with a .csv beside: end the name in .npy", output.display());
    }
    check_output(output, inputs)?;
    check_output(&Embeddings::labels_path(output), inputs)
}

/// Checks that an output is not one of the files that are read.
pub fn check_output(output: &Path, inputs: &[&Path]) -> anyhow::Result<()> {
    match inputs.iter().find(|input| is_same_file(input, output)) {
        Some(input) => bail!("{}: writing here would destroy an input: choose another name", input.display()),
        None => Ok(()),
    }
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// A bar on the standard error; hidden when that is no terminal.
pub fn progress_bar(total: usize, things: &str, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let template = format!("{{bar:40}} {{pos}}/{{len}} {things}, {{per_sec}}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template is well formed");
    ProgressBar::new(total as u64).with_style(style)
}

/// A score of templates of this form: minus a squared distance in a Euclidean space, a cosine in others.
pub fn show_score(score: Score, form: CodeForm) -> String {
    if form.is_cosine() { score.to_string() } else { score.raw().to_string() }
}

/// A fraction as a percentage with three decimals.
pub fn percent(fraction: f64) -> String {
    format!("{:.3} %", fraction * 100.0)
}
