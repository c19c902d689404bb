//! The figures for a person to read.

use super::run::Figure;
use crate::board::Board;
use std::fmt::Write;

/// What is measured.
pub const KERNELS: [&str; 11] = [
    "scan_all",
    "identify",
    "scan_dot",
    "scan_best",
    "verify",
    "search_verify",
    "naive_i8",
    "naive_f32",
    "naive_f32_micromath",
    "signature",
    "signature_digest",
];

/// What it is, and what stands beside it.
fn explanation(kernel: &str) -> &'static str {
    match kernel {
        "scan_all" => "every cosine, the best template",
        "identify" => "every cosine, the best subject and the runner-up",
        "scan_dot" => "every dot product, the greatest",
        "scan_best" => "the best subject at or above 0.5, with a filter where the core has kernels for it",
        "verify" => "one template, both as stored",
        "search_verify" => "one template, through a search",
        "naive_i8" => "otherwise: a plain loop over rows of i8, the greatest dot product",
        "naive_f32" => "otherwise: f32 cosines with libm::sqrtf, rows in RAM",
        "naive_f32_micromath" => "otherwise: f32 cosines with micromath's invsqrt, rows in RAM",
        _ => "",
    }
}

/// A table of one board.
pub fn of(board: Board, figures: &[Figure]) -> String {
    let mut table = String::new();
    let k = figures.first().map_or(0.0, |figure| figure.k);
    let kernels = figures.first().map_or("", |figure| &figure.kernels);
    // Writing to a string does not fail.
    let _ = writeln!(table, "{} ({}), kernels {kernels}, {k} instructions a tick", board.name(), board.core());
    let _ = writeln!(
        table,
        "instructions a MAC, executed in QEMU (not cycles, not time); a MAC is an element of a template"
    );
    let _ = writeln!(
        table,
        "{:<20} {:<13} {:>9} {:>10} {:>8}  what",
        "kernel", "variant", "templates", "instr/MAC", "refined"
    );
    for name in KERNELS.into_iter().filter(|name| !name.starts_with("signature")) {
        let what = explanation(name);
        for figure in figures.iter().filter(|figure| figure.kernel == name) {
            let refined = figure.rows_refined.map_or(String::new(), |refined| format!("{refined:.1}"));
            let wrong = if figure.equal_to_portable { "" } else { "  WRONG ANSWER" };
            let Figure { variant, templates, instructions_per_mac, .. } = figure;
            let _ = writeln!(
                table,
                "{name:<20} {variant:<13} {templates:>9} {instructions_per_mac:>10.3} {refined:>8}  {what}{wrong}"
            );
        }
    }
    if let Some((at_first, a_byte)) = signature(figures) {
        let _ = writeln!(table, "a signed bundle is checked in {at_first:.0} instructions and {a_byte:.1} a byte");
    }
    if let Some(figure) = figures.first() {
        let _ = writeln!(table, "data: {}", figure.data);
    }
    table
}

/// Instructions of a signature's check, and for each byte of the bundle.
fn signature(figures: &[Figure]) -> Option<(f64, f64)> {
    let of = |name| figures.iter().find(|figure| figure.kernel == name);
    Some((of("signature")?.instructions, of("signature_digest")?.instructions_per_mac))
}
