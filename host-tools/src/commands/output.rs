//! What commands share: printing, and checks of where they write.

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};
use cognate::{CodeForm, Score};
use cognate_host::embeddings::Embeddings;
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of what went wrong.
const FAILED: u8 = 1;
/// The exit code of what the evidence or a limit forbids. 2 is clap's, for a command line that makes no sense.
const REFUSED: u8 = 3;

static QUIET: AtomicBool = AtomicBool::new(false);

/// From here on neither progress nor notes are shown.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether `--quiet` was given.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Says on the standard error what was done, unless that is not wanted.
pub fn note(text: &str) {
    if !is_quiet() {
        eprintln!("{text}");
    }
}

/// Says on the standard error what should be looked at.
pub fn warn(text: &str) {
    say(AnsiColor::Yellow, "warning", text);
}

/// Says on the standard error why there is no result, and returns the exit code that scripts can tell apart.
pub fn report(error: &anyhow::Error) -> ExitCode {
    say(AnsiColor::Red, "error", &format!("{error:#}"));
    ExitCode::from(if error.is::<Refused>() { REFUSED } else { FAILED })
}

/// Colored where the standard error is a terminal and `NO_COLOR` is not set.
fn say(color: AnsiColor, what: &str, text: &str) {
    let style = Style::new().bold().fg_color(Some(color.into()));
    anstream::eprintln!("{style}{what}{style:#}: {text}");
}

/// What the evidence or a limit forbids: nothing is broken, and other data or other options would do.
#[derive(Debug)]
struct Refused(anyhow::Error);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Refused {}

/// An error that ends the command with the exit code for refusals.
pub fn refused(error: impl Into<anyhow::Error>) -> anyhow::Error {
    Refused(error.into()).into()
}

/// Prints to the standard output. A reader that has seen enough, such as `head`, is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("the standard output cannot be written"),
    }
}

/// Prints one JSON object, if `--json` was given.
pub fn print_if(json: bool, object: &serde_json::Value) -> anyhow::Result<()> {
    if json { print(&format!("{object}\n")) } else { Ok(()) }
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
pub fn progress_bar(total: usize, things: &str) -> ProgressBar {
    if is_quiet() {
        return ProgressBar::hidden();
    }
    let template = format!("{{bar:20}} {{human_pos}} of {{human_len}} {things}, {{rate}}/s, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template is well formed");
    // Its own key shows four decimals, of millions too.
    let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
        let rate = state.per_sec();
        let written = if rate < 10.0 { write!(out, "{rate:.1}") } else { write!(out, "{}", HumanCount(rate as u64)) };
        // It goes to a string.
        written.unwrap_or_default();
    });
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
