//! Who is enrolled, kept in flash, and attempts, counted there: what a store and a guard take beside a gallery. No log;
//! `cargo xtask size` measures it, `cargo xtask test` looks at its symbols.
#![no_std]
#![no_main]

use cognate::gallery::Gallery;
use cognate::guard::{Guard, Limits};
use cognate::store::{Area, Receipt, Store};
use cognate::{ModelDigest, Space, SubjectId, Template};
use cognate_firmware::board::Port;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

const DIMENSION: usize = 128;
const CAPACITY: usize = 16;

/// A template's code, four elements a word.
static CODE: [Port<u32>; DIMENSION / 4] = [const { Port::new(0) }; DIMENSION / 4];
/// What to do: see [`run`].
static COMMAND: Port<u32> = Port::new(0);
/// Whom it is about.
static SUBJECT: Port<u32> = Port::new(0);
/// Seconds.
static NOW: Port<u32> = Port::new(0);
/// What came of it.
static RESULT: Port<u32> = Port::new(0);

type Kept = Store<Outside, DIMENSION, CAPACITY>;

#[cortex_m_rt::entry]
fn main() -> ! {
    let space = Space::full(ModelDigest::new([COMMAND.read() as u8; 16]));
    let gallery = Gallery::new(space, SubjectId::FIRST_ON_DEVICE);
    let store = Store::open(Outside, Area { begin: 0, pages: 8 }, gallery);
    let guard = Guard::open(Outside, Area { begin: 8 * 4096, pages: 2 }, Limits::FIDO);
    let opened = store.ok().zip(guard.ok()).and_then(|((store, report), guard)| {
        RESULT.write(report.damage.places);
        cortex_m::singleton!(: (Kept, Guard<Outside>) = (store, guard))
    });
    let Some((store, guard)) = opened else {
        loop {
            cortex_m::asm::wfi();
        }
    };
    loop {
        RESULT.write(run(store, guard, space).unwrap_or(u32::MAX));
    }
}

/// One command; `None` when it failed.
fn run(store: &mut Kept, guard: &mut Guard<Outside>, space: Space) -> Option<u32> {
    let subject = SubjectId::new(SUBJECT.read());
    match COMMAND.read() {
        0 => store.enroll(&[template(space)?]).ok().map(SubjectId::number),
        1 => store.add(subject, &[template(space)?]).ok().map(|()| 0),
        2 => match store.remove(subject).ok()? {
            Receipt::Erased { pages, .. } => Some(pages.bytes.end),
            Receipt::Hidden { .. } => None,
        },
        3 => store.hide(subject).ok().map(|_| 0),
        4 => {
            let attempt = guard.begin(NOW.read().into()).ok()?;
            if store.gallery().contains(subject) {
                guard.accept(attempt).ok()?;
            } else {
                guard.reject(attempt, NOW.read().into());
            }
            Some(guard.wrong())
        }
        5 => guard.wait(NOW.read().into()).ok().map(|seconds| seconds as u32),
        _ => None,
    }
}

fn template(space: Space) -> Option<Template<DIMENSION>> {
    let mut code = [0; DIMENSION];
    let elements = CODE.iter().flat_map(|word| word.read().to_le_bytes());
    code.iter_mut().zip(elements).for_each(|(place, element)| *place = element.cast_signed());
    Template::from_code(code, space).ok()
}

/// Where the flash's controller would be: a word at a time through a port.
struct Outside;

static ADDRESS: Port<u32> = Port::new(0);
static WORD: Port<u32> = Port::new(0);

impl ErrorType for Outside {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Outside {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        for (at, bytes) in (offset..).step_by(4).zip(bytes.as_chunks_mut().0) {
            ADDRESS.write(at);
            *bytes = WORD.read().to_le_bytes();
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        10 * 4096
    }
}

impl NorFlash for Outside {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        ADDRESS.write(from);
        WORD.write(to);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        for (at, bytes) in (offset..).step_by(4).zip(bytes.as_chunks().0) {
            ADDRESS.write(at);
            WORD.write(u32::from_le_bytes(*bytes));
        }
        Ok(())
    }
}
