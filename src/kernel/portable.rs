//! The definition of every kernel, in plain Rust for any core.

/// The dot product of two codes of the same length, at most [`MAX_DIMENSION`](crate::MAX_DIMENSION) elements.
///
/// It fits: 1024 · 128² = 2²⁴. Elements beyond the shorter slice do not count.
///
/// ```
/// assert_eq!(cognate::kernel::dot(&[127, -3], &[2, 10]), 224);
/// ```
#[must_use]
pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).fold(0i32, |sum, (&x, &y)| sum.wrapping_add(i32::from(x) * i32::from(y)))
}

/// The squared Euclidean distance of two codes of the same length, at most [`MAX_DIMENSION`](crate::MAX_DIMENSION)
/// elements: at most 1024 · 255² < 2²⁷.
///
/// ```
/// assert_eq!(cognate::kernel::squared_distance(&[127, -3], &[124, 1]), 25);
/// ```
#[must_use]
pub fn squared_distance(a: &[i8], b: &[i8]) -> u32 {
    // |a|² + |b|² − 2·dot, so that a core with a fast dot product has a fast distance; never negative.
    let distance = dot(a, a).wrapping_add(dot(b, b)).wrapping_sub(dot(a, b).wrapping_mul(2));
    distance.unsigned_abs()
}
