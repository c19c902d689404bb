//! Flashes something else into a region of a built firmware.

use anyhow::{Context, Result, ensure};
use object::elf::{FileHeader32, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{LittleEndian, Object, ObjectSymbol, U32};

/// What is before the probes in their region: their length.
pub const PROBES_BEGIN: usize = 16;

/// A region of flash, as the linker script lays it out.
pub struct Region {
    /// Its first address.
    pub start: u32,
    /// Its bytes.
    pub length: usize,
}

impl Region {
    /// The bundle's.
    ///
    /// # Errors
    /// When the file is not ELF, or does not say where it is.
    pub fn of_bundle(elf: &[u8]) -> Result<Self> {
        Self::between(elf, "_bundle_start", "_bundle_end")
    }

    /// The one of the probes: their length as a `u32`, and from byte 16 on themselves (`firmware/src/board/flash.rs`).
    fn of_probes(elf: &[u8]) -> Result<Self> {
        Self::between(elf, "_probes_start", "_probes_end")
    }

    /// The one of the keys, in the firmware that has one.
    ///
    /// # Errors
    /// As [`Region::of_bundle`].
    pub fn of_keys(elf: &[u8]) -> Result<Self> {
        Self::between(elf, "_keys_start", "_keys_end")
    }

    /// The one that encoders are loaded into, beside the application's memory.
    ///
    /// # Errors
    /// As [`Region::of_bundle`].
    pub fn of_model(elf: &[u8]) -> Result<Self> {
        Self::between(elf, "_model_start", "_model_end")
    }

    fn between(elf: &[u8], start: &str, end: &str) -> Result<Self> {
        let file = object::File::parse(elf)?;
        let address = |name| {
            let symbol = file.symbol_by_name(name).with_context(|| format!("the firmware has no symbol {name}"))?;
            u32::try_from(symbol.address()).with_context(|| format!("{name} is beyond 32 bits"))
        };
        let (start, end) = (address(start)?, address(end)?);
        let length = end.checked_sub(start).context("a region ends before it begins")?;
        Ok(Self { start, length: length as usize })
    }

    /// The ELF file with these samples as its probes.
    ///
    /// # Errors
    /// When the file is not of this firmware, or they do not fit.
    pub fn flash_probes(elf: Vec<u8>, probes: &[u8]) -> Result<Vec<u8>> {
        let region = Self::of_probes(&elf)?;
        let mut bytes = u32::try_from(probes.len())?.to_le_bytes().to_vec();
        bytes.resize(PROBES_BEGIN, 0);
        bytes.extend_from_slice(probes);
        region.flash(elf, &bytes).context("the probes")
    }

    /// The ELF file with these bytes in the region, in place of what was linked there. They are put at the end of the file,
    /// and the segment made to name them: the program, which has seen the bundle that it was built with, stays as it is.
    ///
    /// # Errors
    /// When nothing was linked into the region, or they do not fit into it.
    pub fn flash(&self, mut elf: Vec<u8>, bytes: &[u8]) -> Result<Vec<u8>> {
        ensure!(bytes.len() <= self.length, "{} bytes do not fit into a region of {}", bytes.len(), self.length);
        let entry = self.program_header(&elf)?;
        let offset = u32::try_from(elf.len())?;
        let length = u32::try_from(bytes.len())?;
        // Of a program header of 32 bits: p_offset, p_filesz and p_memsz.
        for (field, value) in [(4, offset), (16, length), (20, length)] {
            let place = elf.get_mut(entry + field..).and_then(<[u8]>::first_chunk_mut).context("the file is cut")?;
            *place = value.to_le_bytes();
        }
        elf.extend_from_slice(bytes);
        Ok(elf)
    }

    /// Where in the file the header of the region's segment is.
    fn program_header(&self, elf: &[u8]) -> Result<usize> {
        let header = FileHeader32::<LittleEndian>::parse(elf)?;
        let segments = header.program_headers(LittleEndian, elf)?;
        let is_here = |segment: &&object::elf::ProgramHeader32<_>| {
            segment.p_type(LittleEndian) == PT_LOAD && segment.p_paddr(LittleEndian) == self.start
        };
        let index =
            segments.iter().position(|segment| is_here(&segment)).context("nothing is linked into the region")?;
        let first: U32<LittleEndian> = header.e_phoff;
        Ok(first.get(LittleEndian) as usize + index * usize::from(header.e_phentsize(LittleEndian)))
    }
}
