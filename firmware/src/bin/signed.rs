//! What checks a signed bundle in flash, and receives the next one in two slots: `cargo xtask size` compares it with `checked`.
//! No log.
#![no_std]
#![no_main]

use cognate::signature::{PublicKey, SignedBundle, Slots};
use cognate_firmware::board::{self, Outside, Port};

/// The pinned key: the first of RFC 8032's tests.
static KEY: [Port<u32>; PublicKey::BYTES / 4] = [
    Port::new(0x0198_5ad7),
    Port::new(0xb70a_b182),
    Port::new(0xd3fe_4bd5),
    Port::new(0x3a07_64c9),
    Port::new(0xf372_e10e),
    Port::new(0x2523_a6da),
    Port::new(0x681a_02af),
    Port::new(0x1a51_07f7),
];
/// What to do: see [`run`].
static COMMAND: Port<u32> = Port::new(0);
/// Where a piece goes.
static OFFSET: Port<u32> = Port::new(0);
/// A piece.
static PIECE: [Port<u32>; 16] = [const { Port::new(0) }; 16];
/// What came of it.
static RESULT: Port<u32> = Port::new(0);

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut slots = Slots::new(Outside);
    loop {
        let result = slots.as_mut().ok().and_then(run);
        RESULT.write(result.unwrap_or(u32::MAX));
    }
}

/// One command; `None` when it failed.
fn run(slots: &mut Slots<Outside>) -> Option<u32> {
    let mut key = [0; PublicKey::BYTES];
    let words = key.as_chunks_mut().0.iter_mut().zip(&KEY);
    words.for_each(|(bytes, word)| *bytes = word.read().to_le_bytes());
    let key = PublicKey::new(key);
    match COMMAND.read() {
        0 => {
            let (a, b) = board::bundle().split_at_checked(board::bundle().len() / 2)?;
            let signed = slots.open([a, b], &key).ok()?;
            Some(signed.view().subjects().count() as u32)
        }
        1 => slots.begin().ok().map(|()| 0),
        2 => slots.resume().ok(),
        3 => {
            let mut piece = [0; 64];
            let words = piece.as_chunks_mut().0.iter_mut().zip(&PIECE);
            words.for_each(|(bytes, word)| *bytes = word.read().to_le_bytes());
            slots.write(OFFSET.read(), &piece).ok()
        }
        4 => {
            let slot = slots.receiving().ok()?;
            let signed = SignedBundle::new_checked(board::bundle(), &key, slots.version().next()?).ok()?;
            slots.commit(slot, &signed).ok().map(|()| signed.version().number())
        }
        _ => None,
    }
}
