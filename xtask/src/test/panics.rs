//! Looks for what a firmware would panic with among its symbols.

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol};
use std::fs;
use std::path::Path;

/// Parts of names. `core` panics by functions that say so, `panic_bounds_check` and many more, and by some whose names end in
/// `_fail` or `_failed`; the handler is `rust_begin_unwind`. What a later `core` adds will hardly be called otherwise.
const PARTS: [&str; 5] = ["panic", "_fail", "unwind", "ord_violation", "already_borrowed"];

/// What panics in the dependencies of each reference build, and can only become less: none of the core's own functions does.
/// `ed25519-compact`
/// indexes slices in its SHA-512 and its scalars, `hmac-sha256` in its blocks, `cobs` in what it writes.
pub const KNOWN: [(&str, &[&str]); 2] = [
    ("signed", &["panic_bounds_check", "slice_index_fail", "panic_fmt"]),
    ("linked", &["panic_bounds_check", "slice_index_fail", "panic_fmt"]),
];

/// Fails when a panicking function is linked into a firmware that is not one of those known, or it is not one of this project.
///
/// # Errors
/// Names the functions.
pub fn expect_only(elf: &Path, known: &[&str]) -> Result<()> {
    let bytes = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let file = object::File::parse(&*bytes)?;
    let names: Vec<_> = file.symbols().filter_map(|symbol| symbol.name().ok()).collect();
    ensure!(names.iter().any(|name| name.contains("cognate")), "{} has no symbols of the core", elf.display());
    let found: Vec<_> =
        panicking(&names).into_iter().filter(|name| !known.iter().any(|known| name.ends_with(known))).collect();
    ensure!(found.is_empty(), "{} can panic: {}", elf.display(), found.join(", "));
    Ok(())
}

/// The names that a panic has. They are mangled, in which every part of a path stays readable.
fn panicking<'a>(names: &[&'a str]) -> Vec<&'a str> {
    names.iter().copied().filter(|name| PARTS.iter().any(|part| name.contains(part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_panic_is_found() {
        let names = [
            "_RNvNtCsbVmWuQkWNYO_4core9panicking9panic_fmt",
            "_RNvNtNtCscoi5Cl9D7Ug_4core9panicking11panic_const23panic_const_div_by_zero",
            "_RNvNtCscoi5Cl9D7Ug_4core9panicking18panic_bounds_check",
            "_RNvNtCscoi5Cl9D7Ug_4core6option13expect_failed",
            "_RNvNtCscoi5Cl9D7Ug_4core6result13unwrap_failed",
            "_RNvNtNtCscoi5Cl9D7Ug_4core5slice5index16slice_index_fail",
            "_RNvNvNtCscoi5Cl9D7Ug_4core5slice20copy_from_slice_impl17len_mismatch_fail",
            "_ZN4core5slice4sort6shared9smallsort22panic_on_ord_violation17h0123456789abcdefE",
            "_RNvCs5VvU3gBHqUZ_7___rustc17rust_begin_unwind",
            "_defmt_panic",
            "_RNvNtCscoi5Cl9D7Ug_4core9somewhere17panic_of_tomorrow",
        ];
        assert_eq!(panicking(&names), names);
    }

    #[test]
    fn what_does_not_panic_is_not_found() {
        let names = [
            "_RNvNtNtNtCsbVmWuQkWNYO_7cognate6kernel3dsp5pairs13seek_in_turns",
            "_RNvNtCs9FuP94phBab_17compiler_builtins3mem6memcpy",
            "HardFault_",
            "_stack_start",
        ];
        assert!(panicking(&names).is_empty());
    }
}
