//! What a firmware's log says.

use crate::decision::Decision;
use crate::qemu::Line;
use anyhow::{Context, Result, ensure};

/// The decisions, which must be numbered without a gap.
///
/// # Errors
/// When a line is almost a decision, or one is missing.
pub fn decisions(lines: &[Line]) -> Result<Vec<Decision>> {
    let mut decisions = Vec::new();
    for line in lines {
        if let Some((probe, decision)) = Decision::parse(&line.message)? {
            ensure!(probe == decisions.len(), "a decision about probe {probe} where {} is next", decisions.len());
            decisions.push(decision);
        }
    }
    Ok(decisions)
}

/// The number behind a word in the log.
///
/// # Errors
/// When nothing is, or something else.
pub fn number(lines: &[Line], word: &str) -> Result<u64> {
    after(lines, word)?.parse().with_context(|| format!("`{word}` is not followed by a number"))
}

/// What is behind a word in the log.
///
/// # Errors
/// When the word is not in it.
pub fn after<'a>(lines: &'a [Line], word: &str) -> Result<&'a str> {
    let found = lines.iter().find_map(|line| line.message.strip_prefix(word));
    found.with_context(|| format!("the firmware's log has no `{word}`"))
}
