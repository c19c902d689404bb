//! RAM that the optimizer knows nothing of, in place of a sensor and an actuator.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;

/// A word that something outside of the program may write and read: every access happens, and none is computed beforehand.
#[repr(transparent)]
pub struct Port<T>(UnsafeCell<T>);

// SAFETY: every access is a volatile one of a word, which neither a debugger nor an interrupt can tear.
unsafe impl Sync for Port<u32> {}
// SAFETY: as for `u32`.
unsafe impl Sync for Port<f32> {}

impl<T: Copy> Port<T> {
    /// A word with this value.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// What it holds now.
    #[must_use]
    pub fn read(&self) -> T {
        // SAFETY: the cell is this word, aligned, and any value of it is a `T`.
        unsafe { self.0.get().read_volatile() }
    }

    /// Puts a value in.
    pub fn write(&self, value: T) {
        // SAFETY: the cell is this word, and aligned.
        unsafe { self.0.get().write_volatile(value) }
    }
}
