//! Whether an encoder fits a board.

use cognate_host::budget::{Board, Budget, Place};

/// What `cargo xtask demo` measures of its firmware on mps2-an386, without the arena.
const APPLICATION_BYTES: usize = 35_828 - 24_576;

/// The length of a region in a linker script.
fn length(script: &str, region: &str) -> usize {
    let is_region = |line: &&str| line.split_once(':').is_some_and(|(name, _)| name.trim() == region);
    let line = script.lines().find(is_region).unwrap_or_else(|| panic!("no region {region}"));
    let length = line.rsplit("LENGTH = ").next().unwrap_or_default().trim();
    let unit = match length.chars().last() {
        Some('K') => 1 << 10,
        Some('M') => 1 << 20,
        _ => 1,
    };
    length.trim_end_matches(['K', 'M']).parse::<usize>().unwrap() * unit
}

#[test]
fn boards_have_what_their_linker_scripts_give() {
    for board in Board::ALL {
        let path = format!("{}/../firmware/boards/{}.x", env!("CARGO_MANIFEST_DIR"), board.name);
        let script = std::fs::read_to_string(path).unwrap();
        let found = ["BUNDLE", "RAM", "MODEL", "ARENA"].map(|region| length(&script, region));
        assert_eq!(found, [board.flash, board.memory, board.model, board.arena], "{}", board.name);
    }
}

#[test]
fn what_is_too_large_for_the_application_may_have_a_place_beside_it() {
    let [microbit, .., m55] = Board::ALL;
    let budget = |flash_bytes, arena_bytes| Budget {
        board: None,
        encoder_bytes: flash_bytes,
        flash_bytes,
        arena_bytes,
        application_bytes: APPLICATION_BYTES,
        template_bytes: 0,
        macs: 0,
        instructions: 0,
        layers: Vec::new(),
    };
    let place = |model_beside, arena_beside| Ok(Place { model_beside, arena_beside });
    assert_eq!(budget(1 << 20, 1 << 17).check(&m55), place(false, false));
    assert_eq!(budget((1 << 20) + 1, 1 << 17).check(&m55), place(true, false));
    assert_eq!(budget(1 << 20, 2 << 20).check(&m55), place(false, true));
    let error = budget(1 << 20, (2 << 20) + 1).check(&m55).unwrap_err().to_string();
    assert!(error.contains("bytes of memory, and mps3-an547 has 2097152"), "{error}");
    let error = budget((96 << 10) + 1, 0).check(&microbit).unwrap_err().to_string();
    assert!(error.contains("98305 bytes of flash for a bundle, and microbit has 98304"), "{error}");
    assert!(budget(0, (16 << 10) - APPLICATION_BYTES + 1).check(&microbit).is_err());
}
