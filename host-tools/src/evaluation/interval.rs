//! How sure a counted rate is.

use serde::Serialize;
use statrs::function::beta::ln_beta;

/// The confidence of every interval and bound.
pub const CONFIDENCE: f64 = 0.95;

/// An interval of a rate.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The two-sided 95 % interval of a rate of which `errors` were seen in `trials` independent ones (Clopper and Pearson, 1934).
#[must_use]
pub fn clopper_pearson(errors: u64, trials: u64) -> Interval {
    let tail = (1.0 - CONFIDENCE) / 2.0;
    // The lower end is a whole less the upper end of the others.
    let low = if errors == 0 { 0.0 } else { 1.0 - upper_end(trials.saturating_sub(errors), trials, tail) };
    Interval { low, high: upper_end(errors, trials, tail) }
}

impl Interval {
    /// The same, but for what no rate is.
    pub(super) fn within_rates(self) -> Self {
        Self { low: self.low.clamp(0.0, 1.0), high: self.high.clamp(0.0, 1.0) }
    }
}

/// The upper end of the one-sided 95 % interval.
#[must_use]
pub fn upper_bound(errors: u64, trials: u64) -> f64 {
    upper_end(errors, trials, 1.0 - CONFIDENCE)
}

/// The rate at which so few errors are as unlikely as `tail`.
fn upper_end(errors: u64, trials: u64, tail: f64) -> f64 {
    if errors >= trials {
        return 1.0;
    }
    if errors == 0 {
        // (1 − rate)^trials = tail
        return -(tail.ln() / trials as f64).exp_m1();
    }
    let beta = Beta::new(errors + 1, trials - errors);
    let (mut low, mut high) = (errors as f64 / trials as f64, 1.0);
    let mut rate = low + 2.0 * (low * (1.0 - low) / trials as f64).sqrt();
    // Newton's steps, and halves of the bracket where they lead out of it.
    for _ in 0..100 {
        let beyond = beta.cumulative(rate) - (1.0 - tail);
        if beyond > 0.0 {
            high = rate
        } else {
            low = rate
        }
        let step = beyond / beta.density(rate);
        if step.abs() <= 1e-15 * rate || high - low <= 1e-15 * high {
            break;
        }
        let next = rate - step;
        rate = if next > low && next < high { next } else { f64::midpoint(low, high) };
    }
    rate
}

/// The beta distribution, for counts up to billions. Libraries stop the fraction below after a fixed number of terms, or take
/// minutes for a quantile of so many; it needs about as many terms as the root of the counts.
struct Beta {
    a: f64,
    b: f64,
    log_beta: f64,
}

impl Beta {
    fn new(a: u64, b: u64) -> Self {
        let (a, b) = (a as f64, b as f64);
        Self { a, b, log_beta: ln_beta(a, b) }
    }

    fn density(&self, x: f64) -> f64 {
        ((self.a - 1.0) * x.ln() + (self.b - 1.0) * (-x).ln_1p() - self.log_beta).exp()
    }

    fn cumulative(&self, x: f64) -> f64 {
        if x <= 0.0 || x >= 1.0 {
            return x.clamp(0.0, 1.0);
        }
        let factor = (self.a * x.ln() + self.b * (-x).ln_1p() - self.log_beta).exp();
        // Each fraction converges fast on its side of the mean.
        if x < (self.a + 1.0) / (self.a + self.b + 2.0) {
            factor * fraction(self.a, self.b, x) / self.a
        } else {
            1.0 - factor * fraction(self.b, self.a, 1.0 - x) / self.b
        }
    }
}

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun, 1964, 26.5.8), by Lentz's method (1976).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const MOST_TERMS: u32 = 1_000_000;
    let not_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut numerator = 1.0;
    let mut denominator = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = denominator;
    for term in 1..MOST_TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for coefficient in [even, odd] {
            denominator = 1.0 / not_zero(1.0 + coefficient * denominator);
            numerator = not_zero(1.0 + coefficient / numerator);
            change = numerator * denominator;
            value *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// The comparisons without any error that it takes to claim a rate with 95 % confidence: three over the rate (Hanley and
/// Lippman-Hand, 1983).
#[must_use]
pub fn comparisons_needed(rate: f64) -> u64 {
    // A rate of decimals is not quite itself in binary: 3 / 0.001 is 3000.
    (3.0 / rate * (1.0 - 1e-12)).ceil() as u64
}
