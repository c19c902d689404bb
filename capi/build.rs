//! Takes the sizes that are types in the core from the environment.

use std::path::PathBuf;
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let dimension = number("COGNATE_DIMENSION", 64, 1..=1024)?;
    let encoder_dimension = number("COGNATE_ENCODER_DIMENSION", dimension, 1..=1024)?;
    let capacity = number("COGNATE_CAPACITY", 16, 1..=4096)?;
    let page = number("COGNATE_FLASH_PAGE", 4096, 64..=1 << 20)?;
    let word = number("COGNATE_FLASH_WORD", 4, 1..=256)?;
    let source = format!(
        "/// Elements of a template.\npub const COGNATE_DIMENSION: usize = {dimension};\n\
         /// Elements of an encoder's output.\npub const COGNATE_ENCODER_DIMENSION: usize = {encoder_dimension};\n\
         /// Templates that can be enrolled on the device.\npub const COGNATE_CAPACITY: usize = {capacity};\n\
         /// Bytes that the flash erases at once.\npub const COGNATE_FLASH_PAGE: usize = {page};\n\
         /// Bytes that the flash writes at once.\npub const COGNATE_FLASH_WORD: usize = {word};\n"
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: build with cargo")?);
    fs::write(out.join("configuration.rs"), source)?;
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

fn number(variable: &str, default: usize, allowed: std::ops::RangeInclusive<usize>) -> Result<usize> {
    println!("cargo::rerun-if-env-changed={variable}");
    let Some(value) = env::var_os(variable) else { return Ok(default) };
    let value = value.to_string_lossy();
    let number = value.parse().ok().filter(|number| allowed.contains(number));
    let (least, most) = (allowed.start(), allowed.end());
    number.ok_or_else(|| format!("{variable}={value}: give a whole number from {least} to {most}").into())
}
