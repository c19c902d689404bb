//! What came out, for people and as JSON.

use super::device::Device;
use super::host::{Host, Outcome};
use crate::decision::Decision;
use crate::in_repository;
use anyhow::{Context, Result, ensure};
use cognate::BundleView;
use serde::Serialize;
use std::fmt;

/// The figures of a demo. Rates are fractions.
#[derive(Serialize)]
pub struct Figures {
    /// Probes, strangers included.
    probes: usize,
    /// The part of the genuine probes whose own subject's score is below the threshold (1:1).
    fnmr: f64,
    /// The part of all comparisons of a genuine probe with another enrolled subject that reach the threshold (1:1).
    fmr: f64,
    /// The part of the strangers whom the device knows as somebody.
    stranger_accepts: f64,
    /// Decisions of which verdict, subjects or scores differ between host and device.
    pub host_device_mismatches: usize,
    /// Decisions of the device that the cosine of the `f32` embeddings makes otherwise.
    f32_flips: usize,
    /// Instructions of an embedding: from pixels to the encoder's output.
    instructions_per_embedding: u64,
    /// Instructions of a decision: from the embedding to the verdict.
    instructions_per_decision: u64,
    /// Bytes of flash that a template takes.
    template_bytes: usize,
    /// Bytes of flash of code and constants, without bundle and probes.
    text_bytes: u64,
    /// Bytes of RAM: static data and the deepest stack.
    ram_bytes: u64,
    #[serde(skip)]
    counts: Counts,
    #[serde(skip)]
    board: String,
    #[serde(skip)]
    encoder: String,
}

/// The whole numbers behind the rates.
#[derive(Default)]
struct Counts {
    genuine: Share,
    others: Share,
    strangers: Share,
}

/// Some of a number.
#[derive(Clone, Copy, Default)]
struct Share {
    part: usize,
    whole: usize,
}

impl Share {
    fn count(&mut self, is_part: bool) {
        self.part += usize::from(is_part);
        self.whole += 1;
    }

    fn rate(self) -> f64 {
        if self.whole == 0 { 0.0 } else { self.part as f64 / self.whole as f64 }
    }
}

impl Counts {
    /// Counts a probe. The device's verdict counts; scores of subjects that are neither best nor runner-up come from
    /// the host, whose arithmetic is the same.
    fn add(&mut self, outcome: &Outcome, device: &Decision, threshold: i32) {
        let Some(own_score) = outcome.own_score else {
            return self.strangers.count(device.subject().is_some());
        };
        self.genuine.count(own_score < threshold);
        for other in &outcome.others {
            self.others.count(other.score >= threshold);
        }
    }
}

impl Figures {
    /// Compares the two sides and counts.
    ///
    /// # Errors
    /// When the device did not decide about every probe, or by other thresholds, or its bundle cannot be read.
    pub fn new(host: &Host, device: &Device) -> Result<Self> {
        let (probes, decided) = (host.outcomes.len(), device.decisions.len());
        ensure!(probes == decided, "the device decided about {decided} of {probes} probes");
        let (verification, identification) = (host.threshold, host.identification_threshold);
        let thresholds = format!("threshold {verification} for verification, {identification} for identification");
        ensure!(device.bundle.ends_with(&thresholds), "the host has {thresholds}, the device: {}", device.bundle);
        let pairs = || host.outcomes.iter().zip(&device.decisions);
        let mut counts = Counts::default();
        for (outcome, decision) in pairs() {
            counts.add(outcome, decision, host.threshold);
        }
        Ok(Self {
            probes,
            fnmr: counts.genuine.rate(),
            fmr: counts.others.rate(),
            stranger_accepts: counts.strangers.rate(),
            host_device_mismatches: mismatches(&host.outcomes, &device.decisions),
            f32_flips: pairs().filter(|(outcome, decision)| outcome.flips(decision)).count(),
            instructions_per_embedding: device.instructions_per_embedding,
            instructions_per_decision: device.instructions_per_decision,
            template_bytes: template_bytes()?,
            text_bytes: device.sizes.code_and_constants(),
            ram_bytes: device.sizes.static_ram() + device.peak_stack,
            counts,
            encoder: device.encoder.clone(),
            board: format!("{} ({})", device.board.name(), device.board.core()),
        })
    }
}

/// Decisions that differ in anything: verdict, subjects, raw scores.
fn mismatches(outcomes: &[Outcome], decisions: &[Decision]) -> usize {
    outcomes.iter().zip(decisions).filter(|(outcome, decision)| outcome.decision() != **decision).count()
}

fn template_bytes() -> Result<usize> {
    let bytes =
        std::fs::read(in_repository(super::BUNDLE)).with_context(|| format!("cannot read {}", super::BUNDLE))?;
    Ok(BundleView::new_checked(&bytes)?.gallery().template_bytes())
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { genuine, others, strangers } = self.counts;
        let probes = format!("{}: {} genuine, {} strangers", self.probes, genuine.whole, strangers.whole);
        let rows = [
            ("board, in QEMU", self.board.clone()),
            ("probes", probes),
            ("FNMR", genuine.to_string()),
            ("FMR", others.to_string()),
            ("stranger accept rate", strangers.to_string()),
            ("host/device mismatches", self.host_device_mismatches.to_string()),
            ("decisions unlike f32 cosine", self.f32_flips.to_string()),
            ("encoder", self.encoder.clone()),
            ("instructions an embedding", self.instructions_per_embedding.to_string()),
            ("instructions a decision", self.instructions_per_decision.to_string()),
            ("bytes a template", self.template_bytes.to_string()),
            ("flash of the firmware", format!("{} B of code and constants", self.text_bytes)),
            ("RAM of the firmware", format!("{} B with the deepest stack", self.ram_bytes)),
        ];
        rows.iter().try_for_each(|(name, value)| writeln!(f, "{name:<29}{value}"))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} % ({} of {})", 100.0 * self.rate(), self.part, self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Candidate, Verdict};

    fn outcome(own_score: &str, others: &[i32]) -> Outcome {
        let others: Vec<String> = others.iter().map(|score| format!("{{\"score\":{score}}}")).collect();
        let text = format!(
            r#"{{"verdict":"known","subject":1,"score":9,"runner_up":null,"runner_up_score":null,"own_score":{own_score},
            "others":[{}],"f32_verdict":"known","f32_subject":1}}"#,
            others.join(",")
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn genuine_probes_and_strangers_are_counted_apart() {
        let best = Some(Candidate { subject: 1, score: 9 });
        let decision = |verdict| Decision { verdict, best, runner_up: None };
        let mut counts = Counts::default();
        counts.add(&outcome("6", &[4, 5]), &decision(Verdict::Known), 5);
        counts.add(&outcome("4", &[1, 2]), &decision(Verdict::Known), 5);
        counts.add(&outcome("null", &[9, 9, 9]), &decision(Verdict::Known), 5);
        counts.add(&outcome("null", &[1, 1, 1]), &decision(Verdict::Unknown), 5);
        counts.add(&outcome("null", &[9, 9, 1]), &decision(Verdict::Ambiguous), 5);
        assert_eq!((counts.genuine.part, counts.genuine.whole), (1, 2));
        assert_eq!((counts.others.part, counts.others.whole), (1, 4));
        assert_eq!((counts.strangers.part, counts.strangers.whole), (1, 3));
    }

    #[test]
    fn one_unit_of_a_score_is_a_mismatch() {
        let outcomes = [outcome("6", &[4]), outcome("6", &[4])];
        let same = outcomes[0].decision();
        let best = same.best.map(|best| Candidate { score: best.score + 1, ..best });
        let other = Decision { best, ..same };
        assert_eq!(mismatches(&outcomes, &[same, same]), 0);
        assert_eq!(mismatches(&outcomes, &[same, other]), 1);
        assert_eq!(mismatches(&outcomes, &[Decision { verdict: Verdict::Unknown, ..same }, other]), 2);
    }
}
