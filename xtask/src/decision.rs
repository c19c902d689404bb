//! A decision as firmware and host tool report it.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::str::{FromStr, SplitWhitespace};

/// A subject's id and raw score.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The subject.
    pub subject: u32,
    /// Its score, raw.
    pub score: i32,
}

/// What a decision comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The best subject's score reached the threshold, ahead of all others.
    Known,
    /// It reached the threshold, and another subject is too close behind.
    Ambiguous,
    /// It did not.
    Unknown,
}

/// A decision about one probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What it comes to.
    pub verdict: Verdict,
    /// The most alike subject; none when a filter passed over all of them.
    pub best: Option<Candidate>,
    /// The most alike of the others.
    pub runner_up: Option<Candidate>,
}

impl Decision {
    /// The subject that the probe is known as.
    pub fn subject(&self) -> Option<u32> {
        self.best.filter(|_| self.verdict == Verdict::Known).map(|best| best.subject)
    }

    /// The line of a firmware's log that [`Decision::parse`] reads.
    pub fn line(&self, probe: usize) -> String {
        let verdict = match self.verdict {
            Verdict::Known => "known",
            Verdict::Ambiguous => "ambiguous",
            Verdict::Unknown => "unknown",
        };
        let candidate = |candidate: Option<Candidate>| match candidate {
            Some(Candidate { subject, score }) => format!("{subject} {score}"),
            None => "- -".to_owned(),
        };
        format!("decision {probe} {verdict} {} {}", candidate(self.best), candidate(self.runner_up))
    }

    /// The probe's number and the decision of a line of the firmware's log; `None` for a line that is something else.
    ///
    /// `decision PROBE known|ambiguous|unknown BEST SCORE RUNNER_UP SCORE`, with `- -` for a candidate that does not exist.
    ///
    /// # Errors
    /// When the line begins as a decision does and does not go on as one.
    pub fn parse(line: &str) -> Result<Option<(usize, Self)>> {
        let Some(rest) = line.strip_prefix("decision ") else { return Ok(None) };
        parse(&mut rest.split_whitespace()).with_context(|| format!("not a decision: {line:?}")).map(Some)
    }
}

/// What a line of `cognate simulate --json` says of a decision.
#[derive(Deserialize)]
pub struct Simulated {
    verdict: Verdict,
    subject: Option<u32>,
    score: Option<i32>,
    runner_up: Option<u32>,
    runner_up_score: Option<i32>,
}

impl Simulated {
    /// The decision, as the device must make it.
    pub fn decision(&self) -> Decision {
        let candidate = |subject: Option<u32>, score: Option<i32>| {
            subject.zip(score).map(|(subject, score)| Candidate { subject, score })
        };
        Decision {
            verdict: self.verdict,
            best: candidate(self.subject, self.score),
            runner_up: candidate(self.runner_up, self.runner_up_score),
        }
    }
}

impl From<cognate::Decision> for Decision {
    fn from(decision: cognate::Decision) -> Self {
        let verdict = match decision {
            cognate::Decision::Known(_) => Verdict::Known,
            cognate::Decision::Ambiguous(_) => Verdict::Ambiguous,
            cognate::Decision::Unknown(_) => Verdict::Unknown,
        };
        let candidate = |m: cognate::Match| Candidate { subject: m.subject.number(), score: m.score.raw() };
        let evidence = decision.evidence();
        Self {
            verdict,
            best: evidence.map(|evidence| candidate(evidence.best)),
            runner_up: evidence.and_then(|evidence| evidence.runner_up).map(candidate),
        }
    }
}

fn parse(words: &mut SplitWhitespace<'_>) -> Result<(usize, Decision)> {
    let probe = number(words.next())?;
    let verdict = match words.next() {
        Some("known") => Verdict::Known,
        Some("ambiguous") => Verdict::Ambiguous,
        Some("unknown") => Verdict::Unknown,
        other => bail!("a verdict of {other:?}"),
    };
    let mut candidate = || match (words.next(), words.next()) {
        (Some("-"), Some("-")) => Ok(None),
        (subject, score) => candidate(subject, score).map(Some),
    };
    let (best, runner_up) = (candidate()?, candidate()?);
    if let Some(more) = words.next() {
        bail!("more than expected: {more:?}");
    }
    Ok((probe, Decision { verdict, best, runner_up }))
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
        let best = Some(Candidate { subject: 3, score: 7_012_345 });
        let runner_up = Some(Candidate { subject: 5, score: -1_203_456 });
        for (line, decision) in [
            ("17 known 3 7012345 5 -1203456", Decision { verdict: Verdict::Known, best, runner_up }),
            ("17 ambiguous 3 7012345 5 -1203456", Decision { verdict: Verdict::Ambiguous, best, runner_up }),
            ("17 unknown 3 7012345 - -", Decision { verdict: Verdict::Unknown, best, runner_up: None }),
            ("17 unknown - - - -", Decision { verdict: Verdict::Unknown, best: None, runner_up: None }),
        ] {
            let line = format!("decision {line}");
            assert_eq!(decision.line(17), line);
            assert_eq!(Decision::parse(&line).unwrap(), Some((17, decision)));
        }
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
            "1 known - 3 - -",
        ] {
            assert!(Decision::parse(&format!("decision {rest}")).is_err(), "{rest}");
        }
    }
}
