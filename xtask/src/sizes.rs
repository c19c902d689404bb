//! What a firmware takes of flash and RAM, and `cargo xtask size`.

use crate::board::Board;
use crate::firmware;
use anyhow::{Context, Result};
use object::{Object, ObjectSection};
use serde::Serialize;
use std::path::Path;
use std::{fmt, fs};

/// The sizes of a firmware, without what is not the program: the bundle, the probes, and the strings of the log, which
/// stay on the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// `.vector_table`: in flash, its length is the device's.
    pub vector_table: u64,
    /// `.text`: code in flash.
    pub text: u64,
    /// `.rodata`: constants in flash.
    pub rodata: u64,
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
            vector_table: size(&[".vector_table"]),
            text: size(&[".text"]),
            rodata: size(&[".rodata"]),
            data: size(&[".data"]),
            bss: size(&[".bss", ".uninit"]),
        })
    }

    /// Code and constants: what the program takes of flash, but for initial values.
    pub const fn code_and_constants(&self) -> u64 {
        self.vector_table + self.text + self.rodata
    }

    /// RAM that is taken from the start; the stack comes on top.
    pub const fn static_ram(&self) -> u64 {
        self.data + self.bss
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "code and constants {} B, initialized data {} B, zeroed data {} B (without bundle, probes and stack)",
            self.code_and_constants(),
            self.data,
            self.bss
        )
    }
}

/// What a reference build takes, as `cargo xtask size --json` prints it.
#[derive(Serialize)]
struct Reference {
    board: &'static str,
    core: &'static str,
    build: &'static str,
    /// The optimization that it is built with.
    opt_level: &'static str,
    /// `.text`: code alone.
    text: u64,
    /// `.vector_table`, in flash beside it.
    vector_table: u64,
    rodata: u64,
    /// `.data` and `.bss`; the stack comes on top.
    ram: u64,
    ram_holds: &'static str,
}

/// `cargo xtask size`: builds the references for each board and prints what they take.
///
/// # Errors
/// When one does not build.
pub fn run(json: bool, board: Option<Board>) -> Result<()> {
    let boards = board.map_or(Board::EMULATED.to_vec(), |board| vec![board]);
    let mut references = Vec::new();
    for board in boards {
        references.extend(of_board(board)?);
    }
    if !json {
        println!("core  build         text  vectors  rodata  RAM (.data + .bss)");
    }
    for reference in references {
        if json {
            println!("{}", serde_json::to_string(&reference)?);
        } else {
            let Reference { core, build, text, vector_table, rodata, ram, ram_holds, .. } = reference;
            println!("{core:<5} {build:<12} {text:>5}  {vector_table:>7}  {rodata:>6}  {ram:>5}  {ram_holds}");
        }
    }
    Ok(())
}

fn of_board(board: Board) -> Result<Vec<Reference>> {
    let elfs = firmware::build_references(board)?;
    let mut references = Vec::new();
    for (build, ram_holds) in firmware::REFERENCES.into_iter().zip([
        "a gallery of 16 templates of 128 elements; 0.5 KiB of input",
        "the same gallery, what a store and a guard keep beside it; what both cost is the difference to the row before",
        "the same gallery with a filter plane; statistics, three samples, the view of the bundle; an arena; 0.5 KiB of input",
        "nothing: what checks a bundle, for the next row to be compared with",
        "the state of two slots; what a signed bundle costs is the difference to the row before",
        "the buffers of a link: two frames, two payloads, a piece; what a link costs is this row without its vectors",
        "an arena, of which the encoder says how much it needs",
        "the same",
    ]) {
        let sizes = Sizes::of(elfs.get(build).with_context(|| format!("{build} was not built"))?)?;
        references.push(Reference {
            board: board.name(),
            core: board.short_core(),
            build,
            opt_level: firmware::opt_level(build),
            text: sizes.text,
            vector_table: sizes.vector_table,
            rodata: sizes.rodata,
            ram: sizes.static_ram(),
            ram_holds,
        });
    }
    Ok(references)
}
