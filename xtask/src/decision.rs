//! A decision as firmware and host tool report it.

use anyhow::{Context, Result, bail};
use std::str::{FromStr, SplitWhitespace};

/// A subject's id and raw score.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The subject.
    pub subject: u32,
    /// Its score, raw.
    pub score: i32,
}

/// A decision about one probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Whether the best subject's score reached the threshold.
    pub known: bool,
    /// The most alike subject.
    pub best: Candidate,
    /// The most alike of the others.
    pub runner_up: Option<Candidate>,
}

impl Decision {
    /// The probe's number and the decision of a line of the firmware's log; `None` for a line that is something else.
    ///
    /// `decision PROBE known|unknown BEST SCORE RUNNER_UP SCORE`, with `- -` for a runner-up that does not exist.
    ///
    /// # Errors
    /// When the line begins as a decision does and does not go on as one.
    pub fn parse(line: &str) -> Result<Option<(usize, Self)>> {
        let Some(rest) = line.strip_prefix("decision ") else { return Ok(None) };
        parse(&mut rest.split_whitespace()).with_context(|| format!("not a decision: {line:?}")).map(Some)
    }
}

fn parse(words: &mut SplitWhitespace<'_>) -> Result<(usize, Decision)> {
    let probe = number(words.next())?;
    let known = match words.next() {
        Some("known") => true,
        Some("unknown") => false,
        other => bail!("a verdict of {other:?}"),
    };
    let best = candidate(words.next(), words.next())?;
    let runner_up = match (words.next(), words.next()) {
        (Some("-"), Some("-")) => None,
        (subject, score) => Some(candidate(subject, score)?),
    };
    if let Some(more) = words.next() {
        bail!("more than expected: {more:?}");
    }
    Ok((probe, Decision { known, best, runner_up }))
}

fn candidate(subject: Option<&str>, score: Option<&str>) -> Result<Candidate> {
    Ok(Candidate { subject: number(subject)?, score: number(score)? })
}

fn number<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(word: Option<&str>) -> Result<T> {
    let word = word.context("it ends too early")?;
    word.parse().with_context(|| format!("{word:?} is not a number in range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_the_firmware_writes_it() {
        let best = Candidate { subject: 3, score: 7_012_345 };
        let runner_up = Some(Candidate { subject: 5, score: -1_203_456 });
        let line = "decision 17 known 3 7012345 5 -1203456";
        assert_eq!(Decision::parse(line).unwrap(), Some((17, Decision { known: true, best, runner_up })));
        let alone = "decision 0 unknown 3 7012345 - -";
        assert_eq!(Decision::parse(alone).unwrap(), Some((0, Decision { known: false, best, runner_up: None })));
        assert_eq!(Decision::parse("peak_stack 1234").unwrap(), None);
    }

    #[test]
    fn a_line_that_is_almost_a_decision_is_an_error() {
        for rest in [
            "",
            "1 known",
            "1 maybe 2 3 4 5",
            "1 known 2 3 4",
            "1 known 2 3 4 5 6",
            "x known 2 3 4 5",
            "1 known 2 3 - 5",
        ] {
            assert!(Decision::parse(&format!("decision {rest}")).is_err(), "{rest}");
        }
    }
}
