//! cognate for C: a static library with the header `include/cognate.h`; `docs/c.md` is the guide.
//!
//! ```text
//! calls.rs ─► memory.rs: pointers become references, or an error ─► recognizer.rs, encoder.rs: safe
//! ```
//!
//! Every call returns a [`Status`]; none panics. What is `unsafe` is in `calls.rs`, `memory.rs` and `flash.rs`, where pointers of
//! C are used.
#![cfg_attr(target_os = "none", no_std)]

mod calls;
mod configuration;
mod encoder;
mod flash;
mod memory;
mod recognizer;
mod status;
mod values;

pub use calls::*;
pub use configuration::*;
pub use flash::Flash;
pub use memory::{EncoderMemory, RecognizerMemory};
pub use status::Status;
pub use values::{Decision, Match, Template, Verdict, Verification};

/// No path leads here, which `cargo xtask test` sees by the symbols of the firmware in C.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
