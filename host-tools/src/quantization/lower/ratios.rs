//! Ratios of scales as the core's multipliers and shifts.

/// A ratio as mulhi(x << shift, multiplier), with the least shift that keeps the multiplier below 2³¹.
pub(super) fn multiplier(ratio: f64) -> (i32, u8) {
    let (multipliers, shift) = multipliers(&[ratio]);
    (i32::from_le_bytes(multipliers[0]), shift)
}

pub(super) fn multipliers(ratios: &[f64]) -> (Vec<[u8; 4]>, u8) {
    multipliers_from(ratios, 0)
}

/// The same with one shift for all, and that at least `least`.
pub(super) fn multipliers_from(ratios: &[f64], least: u8) -> (Vec<[u8; 4]>, u8) {
    let greatest = ratios.iter().fold(0.0, |greatest: f64, ratio| greatest.max(ratio.abs()));
    let scaled = |ratio: f64, shift: u8| (ratio * 2f64.powi(32 - i32::from(shift))).round();
    let shift = (least..31).find(|&shift| scaled(greatest, shift) < 2f64.powi(31)).unwrap_or(31);
    (ratios.iter().map(|&ratio| (scaled(ratio, shift) as i32).to_le_bytes()).collect(), shift)
}

/// The ratios of a sum as factors of at most 2²¹, with the shift that goes with them.
pub(super) fn factors(ratios: [f64; 2]) -> ([i32; 2], u8) {
    let greatest = ratios[0].max(ratios[1]);
    let fits = |shift: &u8| (greatest * 2f64.powi(i32::from(*shift))).round() <= f64::from(1 << 21);
    let shift = (0..=31).rev().find(fits).unwrap_or(0);
    (ratios.map(|ratio| (ratio * 2f64.powi(i32::from(shift))).round().min(f64::from(1 << 21)) as i32), shift)
}
