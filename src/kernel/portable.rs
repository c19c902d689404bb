//! The definition of every kernel, in plain Rust for any core.

use super::{Codes, Finish, Probe};

/// The dot product of two codes of the same length, at most [`MAX_DIMENSION`](crate::MAX_DIMENSION) elements.
///
/// It fits: 1024 · 128² = 2²⁴. Elements beyond the shorter slice do not count.
///
/// ```
/// assert_eq!(cognate::kernel::portable::dot(&[127, -3], &[2, 10]), 224);
/// ```
#[must_use]
pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    let shorter = a.len().min(b.len());
    let (a, b) = (a.get(..shorter).unwrap_or_default(), b.get(..shorter).unwrap_or_default());
    // Four at a time: on a core without DSP instructions it saves about an instruction an element.
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let product = |x: i8, y: i8| i32::from(x) * i32::from(y);
    let four = |&[a, b, c, d]: &[i8; 4], &[e, f, g, h]: &[i8; 4]| {
        let [first, second, third, fourth] = [product(a, e), product(b, f), product(c, g), product(d, h)];
        first.wrapping_add(second).wrapping_add(third).wrapping_add(fourth)
    };
    let whole = a.iter().zip(b).fold(0i32, |sum, (a, b)| sum.wrapping_add(four(a, b)));
    a_rest.iter().zip(b_rest).fold(whole, |sum, (x, y)| sum.wrapping_add(product(*x, *y)))
}

/// The squared Euclidean distance of two codes of the same length, at most [`MAX_DIMENSION`](crate::MAX_DIMENSION)
/// elements: at most 1024 · 255² < 2²⁷.
///
/// ```
/// assert_eq!(cognate::kernel::portable::squared_distance(&[127, -3], &[124, 1]), 25);
/// ```
#[must_use]
pub fn squared_distance(a: &[i8], b: &[i8]) -> u32 {
    let difference = |(&x, &y): (&i8, &i8)| i32::from(x) - i32::from(y);
    a.iter().zip(b).map(difference).fold(0u32, |sum, d| sum.wrapping_add(d.wrapping_mul(d).cast_unsigned()))
}

/// The dot product of a row, in whatever layout, and a probe.
#[must_use]
pub fn row_dot(codes: &Codes<'_>, row: usize, probe: &Probe<'_>) -> i32 {
    match codes.plain_row(row) {
        Some(code) => dot(code, probe.code),
        None => gathered_dot(codes, row, probe),
    }
}

/// The same for a row whose elements lie apart from each other: slow, and not where a kernel is expected to be.
#[cold]
#[inline(never)]
pub(super) fn gathered_dot(codes: &Codes<'_>, row: usize, probe: &Probe<'_>) -> i32 {
    let pairs = codes.row(row).zip(probe.code);
    pairs.fold(0i32, |sum, (x, &y)| sum.wrapping_add(i32::from(x) * i32::from(y)))
}

/// ⌊(a · b + 2³¹) / 2³²⌋: the upper half of the product, rounded, as SMMULR and VRMULH give it.
#[must_use]
pub const fn multiply_high(a: i32, b: i32) -> i32 {
    ((a as i64 * b as i64 + (1 << 31)) >> 32) as i32
}

/// What orders rows as their similarity does: `docs/fixed-point.md` derives it.
#[must_use]
pub const fn key(dot: i32, factor: u32, finish: Finish) -> i32 {
    match finish {
        Finish::Dot => dot,
        Finish::Cosine { shift } => multiply_high(dot.wrapping_shl(shift), factor.cast_signed()),
        Finish::Distance { norm } => dot.wrapping_mul(2).wrapping_sub_unsigned(factor).wrapping_sub_unsigned(norm),
    }
}
