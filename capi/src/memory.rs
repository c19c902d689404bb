//! Pointers of C become references here, or an error.
#![allow(unsafe_code)]

use crate::configuration::{COGNATE_ENCODER_WORDS, COGNATE_RECOGNIZER_WORDS};
use crate::encoder::BundleEncoder;
use crate::recognizer::Recognizer;
use crate::status::Status;
use core::mem::MaybeUninit;
use core::{ptr, slice};

/// Memory of a recognizer, which the caller declares, static for one: `static cognate_recognizer recognizer;`. Zeros are a
/// recognizer that is closed. Its content is the library's, and it must not be copied.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RecognizerMemory {
    /// The library's.
    words: [u64; COGNATE_RECOGNIZER_WORDS],
}

/// Memory of a bundle's encoder, as that of a recognizer.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct EncoderMemory {
    /// The library's.
    words: [u64; COGNATE_ENCODER_WORDS],
}

/// Memory of C that a value lives in.
pub(crate) trait Room: Sized {
    /// The value.
    type Value: Sized;

    /// Zeros: closed.
    const EMPTY: Self;
}

impl Room for RecognizerMemory {
    type Value = Recognizer;

    const EMPTY: Self = Self { words: [0; COGNATE_RECOGNIZER_WORDS] };
}

impl Room for EncoderMemory {
    type Value = BundleEncoder;

    const EMPTY: Self = Self { words: [0; COGNATE_ENCODER_WORDS] };
}

/// What is in such memory: a mark that says that there is a value, and the value.
#[repr(C)]
struct Slot<Value> {
    mark: u32,
    value: MaybeUninit<Value>,
}

/// Memory that holds something else has it by chance only.
const MARK: u32 = 0x0c09_7a7e;

const fn fits<R: Room>() {
    assert!(size_of::<Slot<R::Value>>() <= size_of::<R>(), "the header's memory is too small: change its formula");
    assert!(align_of::<Slot<R::Value>>() <= align_of::<R>(), "the header's memory is not aligned for this");
}

/// The slot in such memory.
fn slot<R: Room>(room: *mut R) -> Result<*mut Slot<R::Value>, Status> {
    const { fits::<R>() };
    if room.is_null() {
        Err(Status::NullPointer)
    } else if room.is_aligned() {
        Ok(room.cast())
    } else {
        Err(Status::Alignment)
    }
}

/// Puts a value into memory, whatever is there.
///
/// # Safety
/// `room` is null or points to such memory that nothing else uses for as long as this runs.
pub(crate) unsafe fn put<R: Room>(room: *mut R, value: R::Value) -> Result<(), Status> {
    let slot = slot(room)?;
    // SAFETY: the memory is the caller's to write, aligned and large enough (`slot`). No value in it has anything to drop.
    unsafe {
        ptr::write(&raw mut (*slot).value, MaybeUninit::new(value));
        ptr::write(&raw mut (*slot).mark, MARK);
    }
    Ok(())
}

/// The value in memory.
///
/// # Safety
/// As for [`put`], for as long as the reference is used; the memory is what [`put`] left, or was never written, or is zeros.
pub(crate) unsafe fn get<'a, R: Room>(room: *mut R) -> Result<&'a mut R::Value, Status> {
    let slot = slot(room)?;
    // SAFETY: aligned and the caller's. A word has no invalid values.
    if unsafe { ptr::read(&raw const (*slot).mark) } != MARK {
        return Err(Status::Closed);
    }
    // SAFETY: with the mark there is a value, which `put` wrote before it.
    Ok(unsafe { (*slot).value.assume_init_mut() })
}

/// Overwrites memory with zeros: nothing of what was in it stays.
///
/// # Safety
/// As for [`put`].
pub(crate) unsafe fn clear<R: Room>(room: *mut R) -> Result<(), Status> {
    slot(room)?;
    // SAFETY: aligned and the caller's; volatile, because templates must go even when nobody reads them again.
    unsafe { ptr::write_volatile(room, R::EMPTY) };
    Ok(())
}

/// Elements to read. None at all may be anywhere.
///
/// # Safety
/// `elements` is null or points to so many elements, which nothing writes for as long as the reference is used.
pub(crate) unsafe fn elements<'a, T>(elements: *const T, count: usize) -> Result<&'a [T], Status> {
    check(elements, count)?;
    // SAFETY: not null, aligned, and no longer than memory can be; that it is there, the caller says.
    Ok(if count == 0 { &[] } else { unsafe { slice::from_raw_parts(elements, count) } })
}

/// Elements to write.
///
/// # Safety
/// As for [`elements`], and nothing else reads or writes them.
pub(crate) unsafe fn elements_mut<'a, T>(elements: *mut T, count: usize) -> Result<&'a mut [T], Status> {
    check(elements, count)?;
    // SAFETY: as in `elements`.
    Ok(if count == 0 { &mut [] } else { unsafe { slice::from_raw_parts_mut(elements, count) } })
}

fn check<T>(elements: *const T, count: usize) -> Result<(), Status> {
    if count == 0 {
        return Ok(());
    }
    if elements.is_null() {
        return Err(Status::NullPointer);
    }
    let in_range = count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if elements.is_aligned() && in_range { Ok(()) } else { Err(Status::Alignment) }
}

/// Puts a result where the caller wants it.
///
/// # Safety
/// `place` is null or points to memory for a value that nothing else uses.
pub(crate) unsafe fn give<T>(place: *mut T, value: T) -> Result<(), Status> {
    check(place, 1)?;
    // SAFETY: not null, aligned, and the caller's to write.
    unsafe { ptr::write(place, value) };
    Ok(())
}
