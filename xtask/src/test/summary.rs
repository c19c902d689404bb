//! What was done and how it went.

use anyhow::Result;
use std::fmt;
use std::time::{Duration, Instant};

/// The steps so far.
#[derive(Default)]
pub struct Summary {
    steps: Vec<Step>,
}

struct Step {
    name: String,
    passed: bool,
    time: Duration,
}

impl Summary {
    /// Runs a step, prints how it goes, and remembers it. Returns what it made, if it passed.
    pub fn step<T>(&mut self, name: &str, run: impl FnOnce() -> Result<T>) -> Option<T> {
        println!("\n==> {name}");
        let began = Instant::now();
        let outcome = run().inspect_err(|error| eprintln!("FAILED: {name}: {error:#}"));
        self.steps.push(Step { name: name.to_owned(), passed: outcome.is_ok(), time: began.elapsed() });
        outcome.ok()
    }

    /// Steps that passed.
    pub fn passed(&self) -> usize {
        self.steps.iter().filter(|step| step.passed).count()
    }

    /// Steps that did not.
    pub fn failed(&self) -> usize {
        self.steps.len() - self.passed()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:width$}  result  seconds", "step")?;
        for Step { name, passed, time } in &self.steps {
            let result = if *passed { "ok" } else { "FAILED" };
            writeln!(f, "{name:width$}  {result:6}  {:7.1}", time.as_secs_f32())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_counted_and_shown() {
        let mut summary = Summary::default();
        assert_eq!(summary.step("good", || Ok(1)), Some(1));
        assert_eq!(summary.step("bad", || -> Result<()> { anyhow::bail!("broken") }), None);
        assert_eq!((summary.passed(), summary.failed()), (1, 1));
        assert!(summary.to_string().contains("bad   FAILED"), "{summary}");
    }
}
