//! An update that is cut anywhere leaves the old bundle or the new one in use, and never one that is older.

use super::{public_key, sign, signing_key};
use crate::flash::{Cut, FlashError, MockFlash, Moment};
use crate::support::bundle;
use cognate::signature::{SignatureError, SignedBundle, Slot, Slots, SlotsError};
use embedded_storage::nor_flash::NorFlash;

const KEY: u8 = 7;

fn signed(version: u32) -> Vec<u8> {
    // Of different lengths, so that one never fits over the other.
    let name = "Anna ".repeat(version as usize % 7 + 1);
    sign(bundle(&name), version, &signing_key(KEY))
}

/// The version in use after a start; 0 where none can be used.
fn version_in_use<const WORD: usize, const PAGE: usize>(flash: &mut MockFlash<WORD, PAGE>) -> u32 {
    let memory = flash.bytes().to_vec();
    let mut slots = Slots::new(flash).unwrap();
    open(&mut slots, &memory).map_or(0, |bundle| bundle.version().number())
}

fn open<'a, F: NorFlash>(slots: &mut Slots<F>, memory: &'a [u8]) -> Result<SignedBundle<'a>, SignatureError> {
    let places = [Slot::A, Slot::B].map(|slot| slots.range(slot));
    let slices = places.map(|range| &memory[range.start as usize..range.end as usize]);
    slots.open(slices, &public_key(&signing_key(KEY)))
}

/// What a device does: starts, and receives an update in pieces from where it stopped.
fn update<const WORD: usize, const PAGE: usize>(
    flash: &mut MockFlash<WORD, PAGE>,
    bytes: &[u8],
    restart: bool,
) -> Result<(), SlotsError<FlashError>> {
    let memory = flash.bytes().to_vec();
    let mut slots = Slots::new(&mut *flash)?;
    let _ = open(&mut slots, &memory);
    if restart {
        slots.begin()?;
    }
    let mut from = slots.resume()? as usize;
    while from < bytes.len() {
        let piece = &bytes[from..bytes.len().min(from + 64)];
        from = slots.write(from as u32, piece)? as usize;
    }
    let slot = slots.receiving()?;
    let (range, least) = (slots.range(slot), slots.version().next().unwrap());
    let memory = flash.bytes().to_vec();
    let received = &memory[range.start as usize..range.end as usize];
    let bundle = SignedBundle::new_checked(received, &public_key(&signing_key(KEY)), least);
    let bundle = bundle.map_err(|_| SlotsError::Geometry)?;
    let before = flash.bytes().to_vec();
    let mut slots = Slots::new(flash)?;
    let _ = open(&mut slots, &before);
    slots.commit(slot, &bundle)
}

#[test]
fn an_update_goes_to_the_other_slot_and_back() {
    let mut flash = MockFlash::<4, 256>::new(10);
    assert_eq!(version_in_use(&mut flash), 0);
    // More than a page of marks holds.
    for version in 1..=80 {
        update(&mut flash, &signed(version), true).unwrap();
        assert_eq!(version_in_use(&mut flash), version);
    }
    let wear = flash.wear();
    assert!(wear[8] + wear[9] <= 2, "a page of marks is erased every 32 updates: {wear:?}");
}

#[test]
fn no_older_bundle_comes_back() {
    let mut flash = MockFlash::<8, 256>::new(10);
    for version in [3, 5] {
        update(&mut flash, &signed(version), true).unwrap();
    }
    for older in [1, 3, 5, 4] {
        assert!(update(&mut flash, &signed(older), true).is_err(), "version {older}");
        assert_eq!(version_in_use(&mut flash), 5);
    }
    // The one in use is damaged, and the other slot has version 4, whole.
    let whole = flash.clone();
    let memory = whole.bytes().to_vec();
    let mut slots = Slots::new(whole).unwrap();
    open(&mut slots, &memory).unwrap();
    let active = slots.active().unwrap();
    let place = slots.range(active).start as usize + 60;
    flash.damage(|bytes| bytes[place] ^= 1);
    assert_eq!(version_in_use(&mut flash), 0, "the slot beside it has an older one");
    update(&mut flash, &signed(6), true).unwrap();
    assert_eq!(version_in_use(&mut flash), 6);
}

#[test]
fn pieces_come_in_order_and_may_come_twice() {
    let mut flash = MockFlash::<4, 256>::new(10);
    let bytes = signed(2);
    let mut slots = Slots::new(&mut flash).unwrap();
    assert_eq!(slots.begin(), Err(SlotsError::NotOpen));
    let erased = vec![0xff; 2560];
    assert_eq!(open(&mut slots, &erased).map(|_| ()), Err(SignatureError::Bundle(cognate::BundleError::NotABundle)));
    slots.begin().unwrap();
    assert_eq!(slots.write(0, &bytes[..64]), Ok(64));
    assert_eq!(slots.write(0, &bytes[..64]), Ok(64), "its acknowledgment was lost");
    assert_eq!(slots.write(128, &bytes[128..160]), Err(SlotsError::Piece { expected: 64 }));
    assert_eq!(slots.write(60, &bytes[60..80]), Err(SlotsError::Piece { expected: 64 }));
    assert_eq!(slots.write(64, &[0; 4096]), Err(SlotsError::TooLarge));
    assert_eq!(slots.write(u32::MAX, &[0; 2]), Err(SlotsError::TooLarge));
    assert_eq!(slots.resume(), Ok(64));
    // After a reset the page that was begun comes again.
    let mut slots = Slots::new(&mut flash).unwrap();
    open(&mut slots, &erased).map(|_| ()).unwrap_err();
    assert_eq!(slots.resume(), Ok(0));
    for (piece, bytes) in bytes.chunks(64).enumerate() {
        slots.write(piece as u32 * 64, bytes).unwrap();
    }
    assert_eq!(version_in_use(&mut flash), 2, "before the first mark, whatever was flashed");
}

#[test]
fn flash_that_cannot_hold_slots_is_refused() {
    assert!(matches!(Slots::new(MockFlash::<4, 256>::new(3)), Err(SlotsError::Geometry)));
    assert!(matches!(Slots::new(MockFlash::<128, 256>::new(8)), Err(SlotsError::Geometry)));
    assert!(matches!(Slots::new(MockFlash::<1, 8>::new(64)), Err(SlotsError::Geometry)));
}

/// Cuts an update at every operation, in every way, and then what follows it at every operation, too.
fn cut_everywhere<const WORD: usize, const PAGE: usize>(pages: usize) -> usize {
    let mut start = MockFlash::<WORD, PAGE>::new(pages);
    for version in 1..=3 {
        update(&mut start, &signed(version), true).unwrap();
    }
    let operations = |flash: &MockFlash<WORD, PAGE>, restart| {
        let mut flash = flash.clone();
        let before = flash.operations();
        update(&mut flash, &signed(4), restart).unwrap();
        before..flash.operations()
    };
    let moments = [0, 1, 2, 3].map(Moment::Within).into_iter().chain([Moment::Before, Moment::After]);
    let mut cuts = 0;
    for operation in operations(&start, true) {
        for moment in moments.clone() {
            let mut flash = start.clone();
            flash.cut_at(Cut { operation, moment });
            update(&mut flash, &signed(4), true).unwrap_err();
            flash.restart();
            let after = version_in_use(&mut flash);
            assert!(after == 3 || after == 4, "{after} after a cut {moment:?} operation {operation}");
            cuts += 1;
            if after == 4 {
                continue;
            }
            // The host goes on from where the device says. A second cut, at a moment that the first decides.
            let mut again = flash.clone();
            let left = again.operations() + (operation * 7 + cuts as u64) % 40;
            again.cut_at(Cut { operation: left, moment: Moment::Within(operation) });
            let _ = update(&mut again, &signed(4), false);
            again.restart();
            let after = version_in_use(&mut again);
            assert!(after == 3 || after == 4, "{after} after a second cut");
            // Resumed, it ends; where the first piece was torn into something else, from the beginning.
            for flash in [&mut flash, &mut again] {
                if version_in_use(flash) == 3 && update(flash, &signed(4), false).is_err() {
                    update(flash, &signed(4), true).unwrap();
                }
                assert_eq!(version_in_use(flash), 4);
            }
        }
    }
    cuts
}

#[test]
fn an_update_that_is_cut_leaves_the_old_bundle_or_the_new_one() {
    let cuts = cut_everywhere::<1, 256>(10)
        + cut_everywhere::<4, 256>(10)
        + cut_everywhere::<8, 128>(18)
        + cut_everywhere::<32, 512>(6);
    println!("{cuts} cuts");
    assert!(cuts > 3000, "{cuts}");
}
