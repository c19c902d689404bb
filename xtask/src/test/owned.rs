//! What can be tested of the boards that people own without one: that the application builds, fits, and is where the core or the
//! boot ROM looks for it, and for one of them that it runs.

use super::fixture::{self, Bundle};
use super::rig::{SAMPLES, TIMEOUT};
use super::summary::Summary;
use crate::board::Board;
use crate::firmware::{self, Flash};
use crate::in_repository;
use crate::qemu::{self, Ending};
use crate::region::Region;
use crate::sizes::Sizes;
use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};
use std::fs;
use std::path::{Path, PathBuf};

/// Each of these boards.
pub fn run(boards: &[Board], summary: &mut Summary) {
    for board in boards.iter().copied() {
        let name = |what: &str| format!("{}: {what}", board.name());
        let built = summary.step(&name("the application is built, fits, and is laid out for its start"), || {
            let elf = build(board)?;
            println!("{}", Sizes::of(&elf)?);
            laid_out(board, &elf)?;
            Ok(elf)
        });
        if let (Board::Stm32F411EDisco, Some(elf)) = (board, built) {
            let what = name("the application decides on a relative that QEMU emulates, and refuses a damaged bundle");
            summary.step(&what, || on_a_relative(board, &elf));
        }
    }
}

fn build(board: Board) -> Result<PathBuf> {
    let folder = in_repository("target/qemu-tests").join(board.name());
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let [bundle_path, rows_path] = ["bundle", "probes"].map(|name| folder.join(name));
    fs::write(&bundle_path, Bundle::ANNA.encode()?)?;
    fs::write(&rows_path, fixture::rows(SAMPLES.map(|(who, time)| fixture::sample(who, time))))?;
    firmware::build_one(board, "demo", &Flash { bundle: Some(bundle_path), probes: Some(rows_path) })
}

/// The vectors are where the core begins, the first two of them a stack in RAM and code in flash, and whatever the boot ROM wants
/// is in front of them or behind.
fn laid_out(board: Board, elf: &Path) -> Result<()> {
    let bytes = fs::read(elf)?;
    let file = object::File::parse(&*bytes)?;
    let section = |name: &str| {
        let section = file.section_by_name(name).with_context(|| format!("there is no section {name}"))?;
        Ok::<_, anyhow::Error>((section.address(), section.data()?))
    };
    let flash: u64 = match board {
        Board::Stm32F411EDisco => 0x0800_0000,
        Board::Pico | Board::Pico2 => 0x1000_0000,
        _ => 0,
    };
    let begin = if board == Board::Pico { flash + 256 } else { flash };
    let (vectors, words) = section(".vector_table")?;
    ensure!(vectors == begin, "the vectors are at {vectors:#x}, not at {begin:#x}");
    let [stack, reset] = *words.as_chunks().0.first_chunk().context("there are no vectors")?;
    let [stack, reset] = [stack, reset].map(|word| u64::from(u32::from_le_bytes(word)));
    let (text, code) = section(".text")?;
    ensure!((0x2000_0000..=0x2008_0000).contains(&stack), "the stack begins at {stack:#x}");
    ensure!(
        (text..text + code.len() as u64).contains(&reset) && reset % 2 == 1,
        "the first instruction is at {reset:#x}"
    );
    if board == Board::Pico {
        let (address, second_stage) = section(".boot2")?;
        ensure!(address == flash, "the second stage is at {address:#x}");
        let (of, sum) = second_stage.split_last_chunk().context("the second stage is empty")?;
        ensure!(of.len() == 252 && crc(of) == u32::from_le_bytes(*sum), "the boot ROM would refuse the second stage");
    }
    if board == Board::Pico2 {
        let (address, block) = section(".start_block")?;
        let last = address + block.len() as u64;
        ensure!(block.len() == 20 && address % 4 == 0, "the image definition is not one");
        ensure!((vectors + words.len() as u64..=flash + 4096).contains(&last) && last <= text, "it is at {address:#x}");
    }
    Ok(())
}

/// The checksum that an RP2040 wants of its second stage: CRC-32/MPEG-2.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    })
}

/// Nobody reads its log there, but it ends with 0 only when every sample got a decision, and with 1 when the bundle is damaged.
fn on_a_relative(board: Board, elf: &Path) -> Result<()> {
    let ended = qemu::run_text(board, elf, TIMEOUT)?.0;
    ensure!(ended == Ending::Exited(0), "it ended with {ended:?}");
    let mut damaged = Bundle::ANNA.encode()?;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let bytes = fs::read(elf)?;
    let path = in_repository("target/qemu-tests").join(board.name()).join("with-damaged-bundle");
    fs::write(&path, Region::of_bundle(&bytes)?.flash(bytes, &damaged)?)?;
    let ended = qemu::run_text(board, &path, TIMEOUT)?.0;
    ensure!(ended == Ending::Exited(1), "with a damaged bundle it ended with {ended:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_the_one_of_the_catalog() {
        assert_eq!(super::crc(b"123456789"), 0x0376_e6e7);
    }
}
