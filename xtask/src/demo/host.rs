//! The host's decisions.

use super::tool::Tool;
use super::{BUNDLE, ENROLLED, PROBES_NPY};
use crate::decision::{Decision, Simulated, Verdict};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What `cognate simulate --json` prints for a probe.
#[derive(Deserialize)]
pub struct Outcome {
    #[serde(flatten)]
    simulated: Simulated,
    /// The score of the probe's own subject; none for a stranger.
    pub own_score: Option<i32>,
    /// The scores of all other subjects.
    pub others: Vec<Other>,
    f32_verdict: Verdict,
    f32_subject: Option<u32>,
}

/// The score of a subject that the probe is not of.
#[derive(Deserialize)]
pub struct Other {
    /// Raw.
    pub score: i32,
}

impl Outcome {
    /// The decision, as the device must make it.
    pub fn decision(&self) -> Decision {
        self.simulated.decision()
    }

    /// Whether the cosine of the `f32` embeddings decides otherwise than the device: known or not, or as whom.
    pub fn flips(&self, device: &Decision) -> bool {
        let known = self.f32_verdict == Verdict::Known;
        self.f32_verdict != device.verdict || (known && self.f32_subject != device.subject())
    }
}

/// The last line of `cognate simulate --json`.
#[derive(Deserialize)]
struct Last {
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    probes: usize,
    threshold: i32,
    identification_threshold: i32,
}

/// The host's side of the comparison.
pub struct Host {
    /// One outcome a probe.
    pub outcomes: Vec<Outcome>,
    /// The bundle's threshold for verification, raw.
    pub threshold: i32,
    /// The one for identification among those whom the bundle has enrolled.
    pub identification_threshold: i32,
}

/// Lets the host decide about every probe.
///
/// # Errors
/// When the tool fails or prints something else than is expected.
pub fn simulate(tool: &Tool) -> Result<Host> {
    let text = tool.output(&["simulate", BUNDLE, PROBES_NPY, "--enrolled", ENROLLED, "--json"])?;
    parse(&text).context("`cognate simulate --json` did not print what is expected")
}

fn parse(text: &str) -> Result<Host> {
    let (outcomes, last) = text.trim_end().rsplit_once('\n').context("too few lines")?;
    let outcomes: Vec<Outcome> = outcomes.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let Last { summary } = serde_json::from_str(last)?;
    ensure!(summary.probes == outcomes.len(), "{} lines for {} probes", outcomes.len(), summary.probes);
    let Summary { threshold, identification_threshold, .. } = summary;
    Ok(Host { outcomes, threshold, identification_threshold })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Candidate;

    const LINE: &str = r#"{"probe":0,"file":"5.png","label":"5","verdict":"known","subject":1,"name":"5","score":8000000,
        "runner_up":4,"runner_up_score":2000000,"own_score":8000000,"others":[{"subject":4,"score":2000000}],
        "right":true,"f32_verdict":"known","f32_subject":1}"#;

    fn printed(outcomes: usize, summary: usize) -> String {
        let line = LINE.replace('\n', "");
        format!(
            "{}{{\"summary\":{{\"probes\":{summary},\"threshold\":7000000,\"identification_threshold\":7500000}}}}\n",
            format!("{line}\n").repeat(outcomes)
        )
    }

    #[test]
    fn every_probe_is_read() {
        let host = parse(&printed(3, 3)).unwrap();
        assert_eq!((host.outcomes.len(), host.threshold, host.identification_threshold), (3, 7_000_000, 7_500_000));
        let runner_up = Some(Candidate { subject: 4, score: 2_000_000 });
        let best = Some(Candidate { subject: 1, score: 8_000_000 });
        assert_eq!(host.outcomes[0].decision(), Decision { verdict: Verdict::Known, best, runner_up });
    }

    #[test]
    fn what_a_filter_passed_over_is_null() {
        let line = r#"{"verdict":"unknown","subject":null,"score":null,"runner_up":null,"runner_up_score":null,
            "own_score":null,"others":[],"f32_verdict":"unknown","f32_subject":null}"#;
        let outcome: Outcome = serde_json::from_str(line).unwrap();
        assert_eq!(outcome.decision(), Decision { verdict: Verdict::Unknown, best: None, runner_up: None });
    }

    #[test]
    fn a_missing_line_is_noticed() {
        assert!(parse(&printed(2, 3)).is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn a_flip_is_another_verdict_or_another_known_subject() {
        let outcome = &parse(&printed(1, 1)).unwrap().outcomes[0];
        let decision = outcome.decision();
        let other = Some(Candidate { subject: 2, score: 0 });
        assert!(!outcome.flips(&decision));
        assert!(outcome.flips(&Decision { verdict: Verdict::Unknown, ..decision }));
        assert!(outcome.flips(&Decision { verdict: Verdict::Ambiguous, ..decision }));
        assert!(outcome.flips(&Decision { best: other, ..decision }));
    }
}
