//! Log lines that the host reads as well as people do.

use cognate::{Decision, Match};

/// Logs a decision as one line, which `cargo xtask` compares with the host's:
///
/// ```text
/// decision PROBE known|ambiguous|unknown BEST SCORE RUNNER_UP SCORE
/// ```
///
/// Subjects are ids and scores are raw; a candidate that does not exist is `- -`.
pub fn decision(probe: u32, decision: &Decision) {
    let verdict = match decision {
        Decision::Known(_) => "known",
        Decision::Ambiguous(_) => "ambiguous",
        Decision::Unknown(_) => "unknown",
    };
    let evidence = decision.evidence();
    let best = Candidate(evidence.map(|evidence| evidence.best));
    let runner_up = Candidate(evidence.and_then(|evidence| evidence.runner_up));
    defmt::info!("decision {=u32} {=str} {} {}", probe, verdict, best, runner_up);
}

/// A subject and its score, if there is one.
struct Candidate(Option<Match>);

impl defmt::Format for Candidate {
    fn format(&self, f: defmt::Formatter<'_>) {
        match &self.0 {
            Some(Match { subject, score }) => defmt::write!(f, "{=u32} {=i32}", subject.number(), score.raw()),
            None => defmt::write!(f, "- -"),
        }
    }
}
