//! Sines, logarithms and powers for tables, where `core` has none. They run in the compiler.

use core::f64::consts::{LN_2, PI};

/// sin(2π · turns), for −1 ≤ turns ≤ 1, to some 2⁻⁴⁸: Taylor's series of an angle of at most π/2.
pub(super) const fn sine(turns: f64) -> f64 {
    // Into −¼..¼ of a turn.
    let mut turns = turns;
    if turns > 0.5 {
        turns -= 1.0;
    } else if turns < -0.5 {
        turns += 1.0;
    }
    if turns > 0.25 {
        turns = 0.5 - turns;
    } else if turns < -0.25 {
        turns = -0.5 - turns;
    }
    let x = 2.0 * PI * turns;
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while n < 24.0 {
        term = -term * x * x / ((n + 1.0) * (n + 2.0));
        sum += term;
        n += 2.0;
    }
    sum
}

/// cos(2π · turns), for 0 ≤ turns ≤ ½.
pub(super) const fn cosine(turns: f64) -> f64 {
    sine(0.25 - turns)
}

/// ln x, for x ≥ 1: by powers of two and the series of artanh.
pub(super) const fn logarithm(x: f64) -> f64 {
    let (mut x, mut powers) = (x, 0.0);
    while x > 1.5 {
        x /= 2.0;
        powers += 1.0;
    }
    let ratio = (x - 1.0) / (x + 1.0);
    let (mut power, mut sum, mut n) = (ratio, 0.0, 1.0);
    while n < 40.0 {
        sum += power / n;
        power *= ratio * ratio;
        n += 2.0;
    }
    powers * LN_2 + 2.0 * sum
}

/// The nearest whole number, for magnitudes that fit.
pub(super) const fn nearest(x: f64) -> i64 {
    if x < 0.0 { (x - 0.5) as i64 } else { (x + 0.5) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn they_are_those_of_std() {
        let turns: Vec<f64> = (-1000..=1000).map(|step| f64::from(step) / 1000.0).collect();
        for turns in turns {
            assert!((sine(turns) - (2.0 * PI * turns).sin()).abs() < 1e-14, "{turns}");
            if (0.0..=0.5).contains(&turns) {
                assert!((cosine(turns) - (2.0 * PI * turns).cos()).abs() < 1e-14, "{turns}");
            }
        }
        for x in 1..5000 {
            let x = f64::from(x) / 7.0 + 1.0;
            assert!((logarithm(x) - x.ln()).abs() < 1e-13, "{x}");
        }
    }
}
