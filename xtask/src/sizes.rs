//! What a firmware takes of flash and RAM.

use anyhow::{Context, Result};
use object::{Object, ObjectSection};
use std::path::Path;
use std::{fmt, fs};

/// The sizes of a firmware, without what is not the program: the bundle, the probes, and the strings of the log, which
/// stay on the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// `.vector_table`, `.text` and `.rodata`: code and constants in flash.
    pub text: u64,
    /// `.data`: initial values, in flash and in RAM.
    pub data: u64,
    /// `.bss` and `.uninit`: in RAM.
    pub bss: u64,
}

impl Sizes {
    /// Reads them from an ELF file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not ELF.
    pub fn of(elf: &Path) -> Result<Self> {
        let bytes = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
        let file = object::File::parse(&*bytes).with_context(|| format!("{} is not an ELF file", elf.display()))?;
        let size = |names: &[&str]| names.iter().filter_map(|name| file.section_by_name(name)).map(|s| s.size()).sum();
        Ok(Self {
            text: size(&[".vector_table", ".text", ".rodata"]),
            data: size(&[".data"]),
            bss: size(&[".bss", ".uninit"]),
        })
    }

    /// RAM that is taken from the start; the stack comes on top.
    pub const fn static_ram(&self) -> u64 {
        self.data + self.bss
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, data, bss } = self;
        write!(
            f,
            "code and constants {text} B, initialized data {data} B, zeroed data {bss} B (without bundle, probes and stack)"
        )
    }
}
