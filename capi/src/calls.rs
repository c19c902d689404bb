//! What C calls. Every pointer may be null, which is an error; one that is not null has to point to what its type says, for as
//! long as its comment says. A recognizer is used by one thread at a time.
#![allow(unsafe_code)]
#![expect(clippy::missing_safety_doc, reason = "the comments are the header's, and the module says what holds for all")]

use crate::configuration::COGNATE_BUILD;
use crate::encoder::BundleEncoder;
use crate::flash::Flash;
use crate::memory::{self, EncoderMemory, RecognizerMemory};
use crate::recognizer::Recognizer;
use crate::status::Status;
use crate::values::{Decision, Template, Verification};
use core::ffi::c_char;

fn outcome(result: Result<(), Status>) -> Status {
    result.err().unwrap_or(Status::Ok)
}

fn check_build(build: u64) -> Result<(), Status> {
    if build == COGNATE_BUILD { Ok(()) } else { Err(Status::Build) }
}

/// What a status says and what to do about it, in English. Never null.
#[unsafe(no_mangle)]
pub extern "C" fn cognate_status_text(status: u32) -> *const c_char {
    let known = usize::try_from(status).ok().and_then(|number| Status::ALL.get(number));
    known.copied().unwrap_or(Status::Other).text().as_ptr()
}

/// Opens a recognizer: checks every byte of a bundle once, and reads it in place from then on. Whoever is enrolled is lost by a
/// reset.
///
/// `build` is COGNATE_BUILD. `bundle` is read until cognate_close, and must not change; it may go on after the bundle, as a region
/// of flash does, and is searched fastest at a multiple of 4 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_open(
    build: u64,
    recognizer: *mut RecognizerMemory,
    bundle: *const u8,
    bundle_bytes: usize,
) -> Status {
    outcome(check_build(build).and_then(|()| {
        // SAFETY: the caller keeps the bytes as they are for as long as the recognizer is open.
        let bundle = unsafe { memory::elements(bundle, bundle_bytes)? };
        let value = Recognizer::open(bundle)?;
        // SAFETY: as the module says.
        unsafe { memory::put(recognizer, value) }
    }))
}

/// The same with a store in flash: whoever is enrolled outlasts resets and power cuts. What is stored is read, or a store begun
/// in erased flash.
///
/// `flash` is copied; its context and functions are used until cognate_close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_open_stored(
    build: u64,
    recognizer: *mut RecognizerMemory,
    bundle: *const u8,
    bundle_bytes: usize,
    flash: *const Flash,
) -> Status {
    // SAFETY: what this function's caller promises is what that one asks for.
    outcome(check_build(build).and_then(|()| unsafe { open_stored(recognizer, bundle, bundle_bytes, flash, false) }))
}

/// The same, but begins the store anew, whatever is stored: after a factory reset, or for another model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_renew_stored(
    build: u64,
    recognizer: *mut RecognizerMemory,
    bundle: *const u8,
    bundle_bytes: usize,
    flash: *const Flash,
) -> Status {
    // SAFETY: as for `cognate_open_stored`.
    outcome(check_build(build).and_then(|()| unsafe { open_stored(recognizer, bundle, bundle_bytes, flash, true) }))
}

unsafe fn open_stored(
    recognizer: *mut RecognizerMemory,
    bundle: *const u8,
    bundle_bytes: usize,
    flash: *const Flash,
    anew: bool,
) -> Result<(), Status> {
    // SAFETY: the caller keeps the bytes as they are for as long as the recognizer is open.
    let bundle = unsafe { memory::elements(bundle, bundle_bytes)? };
    // SAFETY: as the module says.
    let flash = *unsafe { memory::elements(flash, 1)? }.first().ok_or(Status::NullPointer)?;
    let value = Recognizer::open_stored(bundle, flash, anew)?;
    // SAFETY: as the module says.
    unsafe { memory::put(recognizer, value) }
}

/// Closes a recognizer and overwrites its memory. What is stored stays stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_close(recognizer: *mut RecognizerMemory) -> Status {
    // SAFETY: as the module says.
    outcome(unsafe { memory::clear(recognizer) })
}

/// Makes the template of an embedding of COGNATE_ENCODER_DIMENSION elements, to be enrolled with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_make_template(
    recognizer: *mut RecognizerMemory,
    embedding: *const f32,
    elements: usize,
    made: *mut Template,
) -> Status {
    let run = || {
        // SAFETY: as the module says, for the three of them.
        let (recognizer, embedding) = unsafe { (memory::get(recognizer)?, memory::elements(embedding, elements)?) };
        let template = recognizer.template(embedding)?;
        // SAFETY: as above.
        unsafe { memory::give(made, template) }
    };
    outcome(run())
}

/// Enrolls a new subject by 3 to 8 templates, all of them or, on an error, none, and gives its id, which is never given again.
/// They are looked at first: COGNATE_STATUS_SAMPLE_… says why they should not be enrolled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_enroll(
    recognizer: *mut RecognizerMemory,
    templates: *const Template,
    count: usize,
    subject: *mut u32,
) -> Status {
    let run = || {
        // SAFETY: as the module says, for the three of them.
        let (recognizer, templates) = unsafe { (memory::get(recognizer)?, memory::elements(templates, count)?) };
        // SAFETY: as above. Before anybody is enrolled whose id could then not be told.
        unsafe { memory::give(subject, 0)? };
        let enrolled = recognizer.enroll(templates)?;
        // SAFETY: as above.
        unsafe { memory::give(subject, enrolled) }
    };
    outcome(run())
}

/// Removes a subject. With a store its templates are erased from flash before this returns, and a subject of the bundle is never
/// found again; without one, a subject of the bundle is COGNATE_STATUS_UNKNOWN_SUBJECT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_remove(recognizer: *mut RecognizerMemory, subject: u32) -> Status {
    // SAFETY: as the module says.
    outcome(unsafe { memory::get(recognizer) }.and_then(|recognizer| recognizer.remove(subject)))
}

/// Identification: who an embedding is, if anyone who is enrolled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_identify(
    recognizer: *mut RecognizerMemory,
    embedding: *const f32,
    elements: usize,
    decision: *mut Decision,
) -> Status {
    let run = || {
        // SAFETY: as the module says, for the three of them.
        let (recognizer, embedding) = unsafe { (memory::get(recognizer)?, memory::elements(embedding, elements)?) };
        let decided = recognizer.identify(embedding)?.into();
        // SAFETY: as above.
        unsafe { memory::give(decision, decided) }
    };
    outcome(run())
}

/// Verification: whether an embedding is a subject's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_verify(
    recognizer: *mut RecognizerMemory,
    embedding: *const f32,
    elements: usize,
    subject: u32,
    verification: *mut Verification,
) -> Status {
    let run = || {
        // SAFETY: as the module says, for the three of them.
        let (recognizer, embedding) = unsafe { (memory::get(recognizer)?, memory::elements(embedding, elements)?) };
        let verified = recognizer.verify(embedding, subject)?.into();
        // SAFETY: as above.
        unsafe { memory::give(verification, verified) }
    };
    outcome(run())
}

/// How many templates are enrolled on the device, of COGNATE_CAPACITY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_enrolled_templates(recognizer: *mut RecognizerMemory, count: *mut usize) -> Status {
    let run = || {
        // SAFETY: as the module says, for both.
        let recognizer = unsafe { memory::get(recognizer)? };
        // SAFETY: as above.
        unsafe { memory::give(count, recognizer.templates()) }
    };
    outcome(run())
}

/// Opens the encoder in a recognizer's bundle, once: it is checked from end to end, and read in place until it is closed or the
/// bundle's bytes change. The recognizer may be closed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_encoder_open(
    encoder: *mut EncoderMemory,
    recognizer: *mut RecognizerMemory,
) -> Status {
    let run = || {
        // SAFETY: as the module says.
        let opened = BundleEncoder::open(unsafe { memory::get(recognizer)? }.bundle())?;
        // SAFETY: as the module says.
        unsafe { memory::put(encoder, opened) }
    };
    outcome(run())
}

/// Closes an encoder and overwrites its memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_encoder_close(encoder: *mut EncoderMemory) -> Status {
    // SAFETY: as the module says.
    outcome(unsafe { memory::clear(encoder) })
}

/// Bytes of a sample, as the encoder takes it: pixels, or int16 elements of a series or of features.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_encoder_sample_bytes(encoder: *mut EncoderMemory, bytes: *mut usize) -> Status {
    // SAFETY: as the module says, for both.
    let run = || unsafe { memory::give(bytes, memory::get(encoder)?.sample_bytes()) };
    outcome(run())
}

/// Bytes of memory that the encoder needs to run, at a multiple of COGNATE_ARENA_ALIGNMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_encoder_arena_bytes(encoder: *mut EncoderMemory, bytes: *mut usize) -> Status {
    // SAFETY: as the module says, for both.
    let run = || unsafe { memory::give(bytes, memory::get(encoder)?.arena_bytes()) };
    outcome(run())
}

/// Encodes a sample, in memory of the caller that may be used for something else afterwards. Elements of 2 bytes begin at a
/// multiple of 2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cognate_encode(
    encoder: *mut EncoderMemory,
    sample: *const u8,
    sample_bytes: usize,
    arena: *mut u8,
    arena_bytes: usize,
    embedding: *mut f32,
    elements: usize,
) -> Status {
    let run = || {
        // SAFETY: as the module says, for all four.
        let (encoder, sample) = unsafe { (memory::get(encoder)?, memory::elements(sample, sample_bytes)?) };
        // SAFETY: as above; the caller gives three places that do not overlap.
        let (arena, embedding) =
            unsafe { (memory::elements_mut(arena, arena_bytes)?, memory::elements_mut(embedding, elements)?) };
        encoder.encode(sample, arena, embedding)
    };
    outcome(run())
}
