//! Every other core: the portable kernels alone, a row after the other.

use super::layers::{Layer, Output};
use super::{Finish, Group, Probe, Rows};
use core::marker::PhantomData;
use core::ops::Range;

pub(super) use super::coarse::seek_portable as seek_coarse;
pub(crate) use super::portable::multiply_high;
pub(super) use super::portable::{dot, gathered_dot};
pub(super) use super::seek_rows;

/// What a log calls these kernels.
pub const NAME: &str = "portable";

/// Whether a filter plane is looked at. A host does it because that is where it is tested; for a core it would be slower than
/// to score all.
pub(crate) const FILTERS: bool = !cfg!(target_os = "none");

/// A probe needs no other form than the one it is stored in.
pub type Lane = ();

/// The dot product of a row as it is stored and a probe.
pub(super) fn row_dot(code: &[i8], probe: &Probe<'_>) -> i32 {
    dot(code, probe.code)
}

/// There is nothing to spread.
pub(super) const fn spread(_: &[i8], _: &mut [Lane], _: Finish) {}

/// No layout has a kernel of its own: there are no such blocks.
#[derive(Debug)]
pub(super) enum Blocks<'a> {
    #[expect(dead_code, reason = "there is none")]
    None(core::convert::Infallible, PhantomData<&'a ()>),
}

impl<'a> Blocks<'a> {
    pub(super) const fn new(_: &Rows<'a>, _: &Probe<'a>, _: Range<usize>) -> Option<Self> {
        None
    }

    pub(super) const fn next(&mut self, _: i32) -> Option<Group> {
        None
    }
}

/// Every layer goes the portable way.
pub(super) const fn convolve(_: &Layer<'_>, _: &[i8], _: &mut [u8], _: &mut Output<'_>) -> bool {
    false
}
