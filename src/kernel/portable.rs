//! The definition of every kernel, in plain Rust for any core.

use super::codes::Place;
use super::{Codes, Finish, Layout, Probe};

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
    // Eight at a time, written out so that it stays so when it is built for size: on a core without DSP instructions it saves
    // an instruction and a half an element, and then many more.
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let add = |sum: i32, x: i8, y: i8| sum.wrapping_add(i32::from(x) * i32::from(y));
    let mut sum = 0;
    for (&[a, b, c, d, e, f, g, h], &[i, j, k, l, m, n, o, p]) in a.iter().zip(b) {
        sum = add(add(add(add(sum, a, i), b, j), c, k), d, l);
        sum = add(add(add(add(sum, e, m), f, n), g, o), h, p);
    }
    a_rest.iter().zip(b_rest).fold(sum, |sum, (x, y)| add(sum, *x, *y))
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
    match codes.place(row) {
        Place::Plain(code) => dot(code, probe.code),
        Place::Block(block, lane) => gathered_dot(codes.layout(), block, lane, probe),
    }
}

/// The same for a row of a block, gathered element by element.
#[cold]
#[inline(never)]
pub(super) fn gathered_dot(layout: Layout, block: &[i8], lane: usize, probe: &Probe<'_>) -> i32 {
    probe.code.iter().enumerate().fold(0i32, |sum, (index, element)| {
        sum.wrapping_add(i32::from(layout.get(block, lane, index)) * i32::from(*element))
    })
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
