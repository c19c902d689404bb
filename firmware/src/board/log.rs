//! Log lines that the host reads as well as people do.

use cognate::{Decision, Match};

/// Logs a decision as one line, which `cargo xtask` compares with the host's:
///
/// ```text
/// decision PROBE known|unknown BEST SCORE RUNNER_UP SCORE
/// ```
///
/// Subjects are ids and scores are raw; a runner-up that does not exist is `- -`.
pub fn decision(probe: u32, decision: &Decision) {
    let verdict = match decision {
        Decision::Known(_) => "known",
        Decision::Unknown(_) => "unknown",
    };
    let ranking = decision.ranking();
    let (best, score) = parts(&ranking.best);
    match &ranking.runner_up {
        Some(runner_up) => {
            let (other, other_score) = parts(runner_up);
            defmt::info!(
                "decision {=u32} {=str} {=u32} {=i32} {=u32} {=i32}",
                probe,
                verdict,
                best,
                score,
                other,
                other_score
            );
        }
        None => defmt::info!("decision {=u32} {=str} {=u32} {=i32} - -", probe, verdict, best, score),
    }
}

const fn parts(candidate: &Match) -> (u32, i32) {
    (candidate.subject.number(), candidate.score.raw())
}
